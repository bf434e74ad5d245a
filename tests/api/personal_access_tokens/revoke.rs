use serde_json::json;

use crate::app::{TestApp, User};

/// A second token of the user, and its path.
async fn second_token(app: &TestApp, user: &User) -> (User, String) {
    let body = json!({ "name": "Bot" });
    let response = app.post(user, "/personal-access-tokens", body).await;
    let token = response.json["token"].as_str().unwrap().to_owned();
    let path = format!("/personal-access-tokens/{}", response.id());
    (
        User {
            token,
            ..user.clone()
        },
        path,
    )
}

#[actix_web::test]
async fn a_revoked_token_is_refused_at_once() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let (bot, path) = second_token(&app, &ada).await;
    assert_eq!(app.get(&bot, "/user").await.status, 200);

    let response = app.delete(&ada, &path).await;

    assert_eq!(response.status, 204);
    assert!(response.body.is_empty());
    let refused = app.get(&bot, "/user").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json["type"], "/problems/invalid-token");
    // Also where no token is needed.
    assert_eq!(app.get(&bot, "/namespaces").await.status, 401);
    assert_eq!(app.get(&ada, "/user").await.status, 200);
}

#[actix_web::test]
async fn a_token_can_revoke_itself() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let (bot, path) = second_token(&app, &ada).await;

    assert_eq!(app.delete(&bot, &path).await.status, 204);
    assert_eq!(app.get(&bot, "/user").await.status, 401);
}

#[actix_web::test]
async fn revoking_again_is_not_found() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let (_, path) = second_token(&app, &ada).await;

    assert_eq!(app.delete(&ada, &path).await.status, 204);
    assert_eq!(app.delete(&ada, &path).await.status, 404);
}

#[actix_web::test]
async fn the_token_of_another_user_is_not_found() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let (bot, path) = second_token(&app, &ada).await;

    // Administrators too: these are the user's own.
    for caller in [app.user("bob").await, app.root()] {
        assert_eq!(app.delete(&caller, &path).await.status, 404);
    }
    assert_eq!(app.get(&bot, "/user").await.status, 200);
}

#[actix_web::test]
async fn an_unknown_token_is_not_found() {
    let app = TestApp::new().await;

    let response = app.delete(&app.root(), "/personal-access-tokens/99").await;

    assert_eq!(response.status, 404);
}
