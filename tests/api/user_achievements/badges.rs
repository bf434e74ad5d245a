use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{ANONYMOUS, TestApp, User, next_moment};

/// With the achievements A, B and C (ids 1 to 3) of a namespace that everybody sees.
async fn with_achievements() -> (TestApp, User) {
    let app = TestApp::new().await;
    let compilers = app
        .public_namespace("compilers", &app.root(), Role::Owner)
        .await;
    for name in ["A", "B", "C"] {
        app.achievement(compilers, name).await;
    }
    let ada = app.user("ada").await;
    (app, ada)
}

#[actix_web::test]
async fn a_profile_shows_each_achievement_once() {
    let (app, ada) = with_achievements().await;
    for achievement in [2, 1, 2] {
        app.accepted(achievement, &ada).await;
        next_moment().await;
    }

    let response = app.get(ANONYMOUS, "/users/ada/badges").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, {
        ".nodes[].awardedAt" => "[now]",
        ".pageInfo.endCursor" => "[cursor]",
    }, @r#"
    {
      "nodes": [
        {
          "achievement": {
            "id": 2,
            "namespace": {
              "id": 1,
              "fullPath": "compilers",
              "name": "compilers",
              "webUrl": "https://accolade.test/groups/compilers/-/achievements"
            },
            "name": "B",
            "webUrl": "https://accolade.test/groups/compilers/-/achievements"
          },
          "count": 2,
          "awardedAt": "[now]"
        },
        {
          "achievement": {
            "id": 1,
            "namespace": {
              "id": 1,
              "fullPath": "compilers",
              "name": "compilers",
              "webUrl": "https://accolade.test/groups/compilers/-/achievements"
            },
            "name": "A",
            "webUrl": "https://accolade.test/groups/compilers/-/achievements"
          },
          "count": 1,
          "awardedAt": "[now]"
        }
      ],
      "pageInfo": {
        "hasNextPage": false,
        "endCursor": "[cursor]"
      }
    }
    "#);
}

#[actix_web::test]
async fn badges_stand_in_the_order_of_the_profile() {
    let (app, ada) = with_achievements().await;
    let mut ids = Vec::new();
    for achievement in [1, 2, 3, 1] {
        ids.push(app.accepted(achievement, &ada).await);
        next_moment().await;
    }

    // A stands where its best placed award stands, which is its second.
    let order = json!({ "userAchievementIds": [ids[2], ids[3]] });
    app.put(&ada, "/user-achievements/priorities", order).await;

    let response = app.get(&ada, "/users/ada/badges").await;
    assert_eq!(response.nodes("/achievement/name"), ["C", "A", "B"]);
    assert_eq!(response.nodes("/count"), [1, 2, 1]);
}

#[actix_web::test]
async fn a_badge_tells_when_it_was_awarded_first() {
    let (app, ada) = with_achievements().await;
    let first = app.accepted(1, &ada).await;
    next_moment().await;
    let second = app.accepted(1, &ada).await;
    let path = format!("/user-achievements/{first}");
    let awarded_at = app.get(&ada, &path).await.json["awardedAt"].clone();

    // On the profile the second one comes first.
    let order = json!({ "userAchievementIds": [second] });
    app.put(&ada, "/user-achievements/priorities", order).await;

    let response = app.get(&ada, "/users/ada/badges").await;
    assert_eq!(response.nodes("/awardedAt"), [awarded_at]);
}

#[actix_web::test]
async fn only_accepted_and_shown_awards_make_badges() {
    let (app, ada) = with_achievements().await;
    app.award(1, &ada).await;
    app.declined(1, &ada).await;
    app.hidden(1, &ada).await;
    app.revoked(1, &ada).await;
    app.hidden(2, &ada).await;
    app.accepted(2, &ada).await;

    let response = app.get(&ada, "/users/ada/badges").await;

    assert_eq!(response.nodes("/achievement/name"), ["B"]);
    assert_eq!(response.nodes("/count"), [1]);
}

#[actix_web::test]
async fn the_user_is_named_by_id_or_by_username_in_any_case() {
    let (app, ada) = with_achievements().await;
    app.accepted(1, &ada).await;

    for user in [ada.id.to_string(), "ada".into(), "ADA".into()] {
        let response = app.get(ANONYMOUS, &format!("/users/{user}/badges")).await;

        assert_eq!(response.nodes("/achievement/name"), ["A"], "{user}");
    }
}

#[actix_web::test]
async fn a_profile_without_awards_has_no_badges() {
    let (app, ada) = with_achievements().await;

    let response = app.get(&ada, "/users/ada/badges").await;

    assert_eq!(response.status, 200);
    let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(response.json, empty);
}

#[actix_web::test]
async fn pages_of_any_origin_may_show_badges() {
    let (app, _) = with_achievements().await;

    let response = app.get(ANONYMOUS, "/users/ada/badges").await;

    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

#[actix_web::test]
async fn the_badges_of_an_unknown_user_are_not_found() {
    let (app, _) = with_achievements().await;

    for user in ["99", "nobody"] {
        let path = format!("/users/{user}/badges");

        assert_eq!(app.get(&app.root(), &path).await.status, 404);
    }
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let (app, _) = with_achievements().await;

    let path = "/users/ada/badges?limit=101&after=nonsense";
    let response = app.get(ANONYMOUS, path).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["limit", "after"]);
}
