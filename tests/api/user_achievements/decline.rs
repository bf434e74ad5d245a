use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::Value;

use crate::app::{Response, TestApp, User, next_moment};

/// With the achievement 1 and somebody to award it to, who may see its namespace.
async fn with_achievement() -> (TestApp, User) {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &ada, Role::Guest).await;
    app.achievement(compilers, "First merge").await;
    (app, ada)
}

async fn decline(app: &TestApp, user: &User, award: i64) -> Response {
    let path = format!("/user-achievements/{award}/decline");
    app.post(user, &path, Value::Null).await
}

#[actix_web::test]
async fn the_recipient_declines_an_award() {
    let (app, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;

    let response = decline(&app, &ada, award).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".acceptLinkExpiresAt" => "[later]",
        ".awardedAt" => "[now]",
        ".declinedAt" => "[now]",
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
      "acceptLinkExpiresAt": "[later]"
    }
    "#);
}

#[actix_web::test]
async fn declining_again_answers_the_same() {
    let (app, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;
    let first = decline(&app, &ada, award).await;
    next_moment().await;

    let second = decline(&app, &ada, award).await;

    assert_eq!(second.status, 200);
    assert_eq!(second.json, first.json);
}

#[actix_web::test]
async fn what_is_accepted_or_revoked_cannot_be_declined() {
    let (app, ada) = with_achievement().await;

    for award in [
        app.accepted(1, &ada).await,
        app.hidden(1, &ada).await,
        app.revoked(1, &ada).await,
    ] {
        let path = format!("/user-achievements/{award}");
        let before = app.get(&ada, &path).await.json;

        assert_eq!(decline(&app, &ada, award).await.status, 409);
        assert_eq!(app.get(&ada, &path).await.json, before);
    }
}

#[actix_web::test]
async fn an_unknown_award_is_not_found() {
    let (app, ada) = with_achievement().await;

    assert_eq!(decline(&app, &ada, 9).await.status, 404);
}
