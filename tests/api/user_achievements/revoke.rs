use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

/// With the achievement 1 of grace's namespace.
async fn with_achievement() -> (TestApp, User, User) {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    app.achievement(compilers, "First merge").await;
    (app, grace, ada)
}

async fn revoke(app: &TestApp, user: &User, award: i64) -> Response {
    let path = format!("/user-achievements/{award}/revoke");
    app.post(user, &path, Value::Null).await
}

#[actix_web::test]
async fn a_maintainer_revokes_an_award() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;

    let response = revoke(&app, &grace, award).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, {
        ".awardedAt" => "[now]",
        ".revokedAt" => "[now]",
    }, @r#"
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
        "id": 3,
        "username": "ada",
        "name": "ada",
        "webUrl": "https://accolade.test/@ada"
      },
      "status": "revoked",
      "showOnProfile": false,
      "awardedAt": "[now]",
      "awardedByUser": {
        "id": 1,
        "username": "root",
        "name": "root",
        "webUrl": "https://accolade.test/@root"
      },
      "mailStatus": "queued",
      "revokedAt": "[now]",
      "revokedByUser": {
        "id": 2,
        "username": "grace",
        "name": "grace",
        "webUrl": "https://accolade.test/@grace"
      }
    }
    "#);
}

#[actix_web::test]
async fn revoking_stamps_who_and_when_and_touches_nothing_else() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;
    let order = json!({ "userAchievementIds": [award] });
    app.put(&ada, "/user-achievements/priorities", order).await;
    let path = format!("/user-achievements/{award}");
    app.patch(&grace, &path, json!({ "awardMessage": "Well done" }))
        .await;
    let mut expected = app.get(&grace, &path).await.json;

    let revoked = revoke(&app, &grace, award).await.json;

    assert_eq!(revoked["revokedByUser"]["username"], "grace");
    expected["status"] = json!("revoked");
    expected["revokedAt"] = revoked["revokedAt"].clone();
    expected["revokedByUser"] = revoked["revokedByUser"].clone();
    assert_eq!(revoked, expected);
}

#[actix_web::test]
async fn a_second_revoke_is_refused_and_changes_nothing() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;
    let first = revoke(&app, &grace, award).await.json;

    let second = revoke(&app, &app.root(), award).await;

    assert_eq!(second.status, 409);
    let path = format!("/user-achievements/{award}");
    assert_eq!(app.get(&grace, &path).await.json, first);
}

#[actix_web::test]
async fn a_revoked_award_leaves_the_profile() {
    let (app, grace, ada) = with_achievement().await;
    let (first, second) = (app.accepted(1, &ada).await, app.accepted(1, &ada).await);

    revoke(&app, &grace, first).await;

    for query in [
        "",
        "?includeHidden=true",
        "?includeHidden=true&status=revoked",
    ] {
        let path = format!("/users/ada/user-achievements{query}");
        let ids = app.get(&ada, &path).await.nodes("/id");
        assert!(!ids.contains(&json!(first)), "{query}");
    }
    let badges = app.get(&ada, "/users/ada/badges").await;
    assert_eq!(badges.nodes("/count"), [1]);
    let profile = app.get(&ada, "/users/ada/user-achievements").await;
    assert_eq!(profile.nodes("/id"), [second]);
}

#[actix_web::test]
async fn awarding_again_after_a_revoke_makes_a_new_one() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;
    let revoked = revoke(&app, &grace, award).await.json;

    let again = app.award(1, &ada).await;

    assert_ne!(again, award);
    let path = format!("/user-achievements/{award}");
    assert_eq!(app.get(&grace, &path).await.json, revoked);
}

#[actix_web::test]
async fn an_unknown_award_is_not_found() {
    let (app, grace, _) = with_achievement().await;

    assert_eq!(revoke(&app, &grace, 9).await.status, 404);
}
