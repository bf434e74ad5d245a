use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{TestApp, User, next_moment};

/// With the achievement 1 of a namespace that everybody sees.
async fn with_achievement() -> (TestApp, User) {
    let app = TestApp::new().await;
    let compilers = app
        .public_namespace("compilers", &app.root(), Role::Owner)
        .await;
    app.achievement(compilers, "First merge").await;
    let ada = app.user("ada").await;
    (app, ada)
}

#[actix_web::test]
async fn a_profile_lists_its_awards() {
    let (app, ada) = with_achievement().await;
    app.accepted(1, &ada).await;

    let response = app.get(&ada, "/users/ada/user-achievements").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, {
        ".nodes[].awardedAt" => "[now]",
        ".nodes[].acceptedAt" => "[now]",
        ".pageInfo.endCursor" => "[cursor]",
    }, @r#"
    {
      "nodes": [
        {
          "id": 1,
          "achievement": {
            "id": 1,
            "namespace": {
              "id": 1,
              "fullPath": "compilers",
              "name": "compilers",
              "webUrl": "https://accolade.test/groups/compilers/-/achievements"
            },
            "name": "First merge",
            "webUrl": "https://accolade.test/groups/compilers/-/achievements"
          },
          "user": {
            "id": 2,
            "username": "ada",
            "name": "ada",
            "webUrl": "https://accolade.test/@ada"
          },
          "status": "accepted",
          "showOnProfile": true,
          "awardedAt": "[now]",
          "awardedByUser": {
            "id": 1,
            "username": "root",
            "name": "root",
            "webUrl": "https://accolade.test/@root"
          },
          "acceptedAt": "[now]"
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
async fn the_user_is_named_by_id_or_by_username_in_any_case() {
    let (app, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;

    for user in [ada.id.to_string(), "ada".into(), "ADA".into()] {
        let path = format!("/users/{user}/user-achievements");

        assert_eq!(app.get(&ada, &path).await.nodes("/id"), [award]);
    }
}

#[actix_web::test]
async fn a_profile_without_awards_is_empty() {
    let (app, ada) = with_achievement().await;

    let response = app.get(&ada, "/users/ada/user-achievements").await;

    let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(response.json, empty);
}

#[actix_web::test]
async fn awards_are_in_the_order_of_priority_then_of_award() {
    let (app, ada) = with_achievement().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(app.award(1, &ada).await);
        next_moment().await;
    }
    // Accepted the other way round: it is the time of the award that counts.
    for id in ids.iter().rev() {
        let body = json!({ "showOnProfile": true });
        app.patch(&ada, &format!("/user-achievements/{id}"), body)
            .await;
    }

    let order = json!({ "userAchievementIds": [ids[3], ids[1]] });
    app.put(&ada, "/user-achievements/priorities", order).await;

    let response = app.get(&ada, "/users/ada/user-achievements").await;
    let expected = [3, 1, 0, 2, 4].map(|index: usize| ids[index]);
    assert_eq!(response.nodes("/id"), expected);
    let priorities = [json!(0), json!(1), json!(null), json!(null), json!(null)];
    assert_eq!(response.nodes("/priority"), priorities);
}

#[actix_web::test]
async fn only_accepted_and_shown_ones_are_on_the_profile() {
    let (app, ada) = with_achievement().await;
    let accepted = app.accepted(1, &ada).await;
    let pending = app.award(1, &ada).await;
    let declined = app.declined(1, &ada).await;
    let hidden = app.hidden(1, &ada).await;
    app.revoked(1, &ada).await;

    let path = "/users/ada/user-achievements";
    let profile = app.get(&ada, path).await;
    let all = app.get(&ada, &format!("{path}?includeHidden=true")).await;

    assert_eq!(profile.nodes("/id"), [accepted]);
    assert_eq!(all.nodes("/id"), [accepted, pending, declined, hidden]);
}

#[actix_web::test]
async fn awards_are_filtered_by_status() {
    let (app, ada) = with_achievement().await;
    let accepted = app.accepted(1, &ada).await;
    let pending = app.award(1, &ada).await;
    let declined = app.declined(1, &ada).await;
    let hidden = app.hidden(1, &ada).await;
    app.revoked(1, &ada).await;
    let cases = [
        ("accepted", vec![accepted, hidden]),
        ("pending", vec![pending]),
        ("declined", vec![declined]),
        ("revoked", vec![]),
    ];

    for (status, ids) in cases {
        let path = format!("/users/ada/user-achievements?includeHidden=true&status={status}");

        assert_eq!(app.get(&ada, &path).await.nodes("/id"), ids, "{status}");
    }
}

#[actix_web::test]
async fn the_awards_of_an_unknown_user_are_not_found() {
    let (app, _) = with_achievement().await;

    for user in ["99", "nobody"] {
        let path = format!("/users/{user}/user-achievements");

        assert_eq!(app.get(&app.root(), &path).await.status, 404);
    }
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let (app, ada) = with_achievement().await;

    let query = "includeHidden=maybe&status=lost&limit=0&after=!&offset=3";
    let path = format!("/users/ada/user-achievements?{query}");
    let response = app.get(&ada, &path).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    let expected = ["after", "includeHidden", "limit", "offset", "status"];
    assert_eq!(fields, expected);
}
