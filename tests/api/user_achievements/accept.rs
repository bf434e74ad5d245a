use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User, next_moment};

/// With the achievement 1 and somebody to award it to, who may see its namespace.
async fn with_achievement() -> (TestApp, User) {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &ada, Role::Guest).await;
    app.achievement(compilers, "First merge").await;
    (app, ada)
}

async fn accept(app: &TestApp, user: &User, award: i64) -> Response {
    let path = format!("/user-achievements/{award}/accept");
    app.post(user, &path, Value::Null).await
}

#[actix_web::test]
async fn the_recipient_accepts_an_award() {
    let (app, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;

    let response = accept(&app, &ada, award).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, {
        ".awardedAt" => "[now]",
        ".acceptedAt" => "[now]",
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
    "#);
    let profile = app.get(&ada, "/users/ada/user-achievements").await;
    assert_eq!(profile.nodes("/id"), [award]);
}

#[actix_web::test]
async fn accepting_again_answers_the_same() {
    let (app, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;
    let first = accept(&app, &ada, award).await;
    next_moment().await;

    let second = accept(&app, &ada, award).await;

    assert_eq!(second.status, 200);
    assert_eq!(second.json, first.json);
}

#[actix_web::test]
async fn a_declined_award_can_be_accepted_later() {
    let (app, ada) = with_achievement().await;
    let award = app.declined(1, &ada).await;

    let response = accept(&app, &ada, award).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json["status"], "accepted");
    assert_eq!(response.json["showOnProfile"], true);
    assert!(response.json["acceptedAt"].is_string());
}

#[actix_web::test]
async fn a_revoked_award_cannot_be_accepted() {
    let (app, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;
    let path = format!("/user-achievements/{award}");
    app.post(&app.root(), &format!("{path}/revoke"), Value::Null)
        .await;

    let response = accept(&app, &ada, award).await;

    assert_eq!(response.status, 409);
    let after = app.get(&ada, &path).await.json;
    assert_eq!(after["status"], "revoked");
    assert_eq!(after.get("acceptedAt"), None);
}

#[actix_web::test]
async fn an_unknown_award_is_not_found() {
    let (app, ada) = with_achievement().await;

    assert_eq!(accept(&app, &ada, 9).await.status, 404);
}

#[actix_web::test]
async fn an_award_is_accepted_while_the_profile_is_closed() {
    let (app, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;
    let closed = json!({ "privateProfile": true, "achievementsEnabled": false });
    app.patch(&ada, "/user", closed).await;

    let response = accept(&app, &ada, award).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json["status"], "accepted");
}
