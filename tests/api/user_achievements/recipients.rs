use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{TestApp, User, next_moment};

/// With the achievement 1 of a namespace that everybody sees.
async fn with_achievement() -> (TestApp, User, User) {
    let app = TestApp::new().await;
    let compilers = app
        .public_namespace("compilers", &app.root(), Role::Owner)
        .await;
    app.achievement(compilers, "First merge").await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    (app, ada, bob)
}

#[actix_web::test]
async fn an_achievement_lists_its_awards() {
    let (app, ada, _) = with_achievement().await;
    app.declined(1, &ada).await;

    let path = "/achievements/1/user-achievements";
    let response = app.get(&app.root(), path).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".nodes[].acceptLinkExpiresAt" => "[later]",
        ".nodes[].awardedAt" => "[now]",
        ".nodes[].declinedAt" => "[now]",
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
          "status": "declined",
          "showOnProfile": false,
          "awardedAt": "[now]",
          "awardedByUser": {
            "id": 1,
            "username": "root",
            "name": "root",
            "webUrl": "https://accolade.test/@root"
          },
          "declinedAt": "[now]",
          "acceptLinkExpiresAt": "[later]",
          "mailStatus": "queued"
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
async fn the_oldest_award_comes_first_whatever_its_priority() {
    let (app, ada, bob) = with_achievement().await;
    let mut ids = Vec::new();
    for user in [&bob, &ada, &bob, &ada] {
        ids.push(app.accepted(1, user).await);
        next_moment().await;
    }

    let order = json!({ "userAchievementIds": [ids[3], ids[1]] });
    app.put(&ada, "/user-achievements/priorities", order).await;

    let path = "/achievements/1/user-achievements";
    let response = app.get(&app.root(), path).await;
    assert_eq!(response.nodes("/id"), ids);
}

#[actix_web::test]
async fn maintainers_filter_by_status() {
    let (app, ada, bob) = with_achievement().await;
    let pending = app.award(1, &ada).await;
    let accepted = app.accepted(1, &ada).await;
    let hidden = app.hidden(1, &bob).await;
    let declined = app.declined(1, &bob).await;
    let revoked = app.revoked(1, &ada).await;
    let path = "/achievements/1/user-achievements";
    let all = app.get(&app.root(), path).await.nodes("/id");
    assert_eq!(all, [pending, accepted, hidden, declined, revoked]);

    for (status, ids) in [
        ("pending", vec![pending]),
        ("accepted", vec![accepted, hidden]),
        ("declined", vec![declined]),
        ("revoked", vec![revoked]),
    ] {
        let response = app
            .get(&app.root(), &format!("{path}?status={status}"))
            .await;

        assert_eq!(response.nodes("/id"), ids, "{status}");
    }
}

#[actix_web::test]
async fn an_achievement_that_was_never_awarded_lists_nothing() {
    let (app, ..) = with_achievement().await;

    let path = "/achievements/1/user-achievements";
    let response = app.get(&app.root(), path).await;

    let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(response.json, empty);
}

#[actix_web::test]
async fn the_awards_of_an_unknown_achievement_are_not_found() {
    let (app, ..) = with_achievement().await;

    let path = "/achievements/9/user-achievements";

    assert_eq!(app.get(&app.root(), path).await.status, 404);
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let (app, ..) = with_achievement().await;

    let path = "/achievements/1/user-achievements?status=lost&limit=abc&after=%00";
    let response = app.get(&app.root(), path).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["status", "limit", "after"]);
}
