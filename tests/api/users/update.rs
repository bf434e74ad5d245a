use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{ANONYMOUS, TestApp};

#[actix_web::test]
async fn an_administrator_updates_a_user() {
    let app = TestApp::new().await;
    app.user("ada").await;

    let body = json!({
        "name": "Ada Lovelace",
        "email": "countess@example.com",
        "password": "analytical engine",
        "admin": true,
        "state": "blocked",
        "privateProfile": true,
        "achievementsEnabled": false,
    });
    let response = app.patch(&app.root(), "/users/ADA", body).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 2,
      "username": "ada",
      "name": "Ada Lovelace",
      "email": "countess@example.com",
      "admin": true,
      "state": "blocked",
      "privateProfile": true,
      "achievementsEnabled": false,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/@ada"
    }
    "#);
    assert_eq!(app.get(&app.root(), "/users/2").await.json, response.json);
}

#[actix_web::test]
async fn what_is_absent_or_null_stays() {
    let app = TestApp::new().await;
    app.user("ada").await;
    let body = json!({ "admin": true, "state": "blocked", "privateProfile": true });
    let mut expected = app.patch(&app.root(), "/users/ada", body).await.json;
    let nulls = json!({
        "name": null, "email": null, "password": null, "admin": null, "state": null,
        "privateProfile": null, "achievementsEnabled": null,
    });

    for body in [json!({}), nulls] {
        let response = app.patch(&app.root(), "/users/ada", body).await;

        assert_eq!(response.status, 200);
        expected["updatedAt"] = response.json["updatedAt"].clone();
        assert_eq!(response.json, expected);
    }
}

#[actix_web::test]
async fn a_null_password_stays_the_password() {
    let app = TestApp::new().await;
    app.user("ada").await;
    let session = json!({ "username": "ada", "password": "analytical engine" });
    for password in [json!("analytical engine"), json!(null)] {
        let body = json!({ "password": password });
        app.patch(&app.root(), "/users/ada", body).await;
    }

    let response = app.post(ANONYMOUS, "/sessions", session).await;

    assert_eq!(response.status, 201);
}

#[actix_web::test]
async fn the_tokens_of_a_blocked_user_are_refused() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    for (state, status) in [("blocked", 401), ("active", 200)] {
        let body = json!({ "state": state });
        app.patch(&app.root(), "/users/ada", body).await;

        // Also where none is needed.
        for path in ["/user", "/namespaces", "/users/root/badges"] {
            assert_eq!(app.get(&ada, path).await.status, status, "{path}");
        }
    }
}

#[actix_web::test]
async fn every_violation_is_reported_at_once_and_changes_nothing() {
    let app = TestApp::new().await;
    app.user("ada").await;
    let before = app.get(&app.root(), "/users/ada").await.json;

    let body = json!({
        "name": "a".repeat(256), "email": "@", "password": "", "admin": "no", "state": "gone",
        "privateProfile": 0, "achievementsEnabled": [], "username": "countess",
    });
    let response = app.patch(&app.root(), "/users/ada", body).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields().len(), 8, "{}", response.json);
    assert_eq!(app.get(&app.root(), "/users/ada").await.json, before);
}

#[actix_web::test]
async fn an_unknown_user_is_not_found() {
    let app = TestApp::new().await;

    for user in ["99", "nobody"] {
        let path = format!("/users/{user}");
        let response = app.patch(&app.root(), &path, json!({ "name": "A" })).await;

        assert_eq!(response.status, 404);
    }
}

#[actix_web::test]
async fn a_mail_address_is_one_by_the_contract() {
    let app = TestApp::new().await;
    app.user("ada").await;

    for (email, status) in [
        (" ada@example.com ", 200),
        ("Ada.Lovelace+1@ma-il.example", 200),
        ("ada@xn--exmple-cua.com", 200),
        ("ada@ex|mple.com", 422),
        ("ada@exa_mple.com", 422),
        ("ada@-example.com", 422),
        ("ada@example..com", 422),
        ("ada@[127.0.0.1]", 422),
        ("ad\u{e4}@example.com", 422),
        ("ada@ex\u{e4}mple.com", 422),
    ] {
        let body = json!({ "email": email });
        let response = app.patch(&app.root(), "/users/ada", body).await;

        assert_eq!(response.status, status, "{email}");
    }
}
