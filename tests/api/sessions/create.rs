use chrono::{DateTime, Utc};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, Response, TestApp, User};

const PASSWORD: &str = "analytical engine";

/// With ada, who has a password.
async fn with_password() -> TestApp {
    let app = TestApp::new().await;
    let body = json!({ "username": "ada", "email": "ada@example.com", "password": PASSWORD });
    assert_eq!(app.post(&app.root(), "/users", body).await.status, 201);
    app
}

async fn sign_in(app: &TestApp, username: &str, password: &str) -> Response {
    let body = json!({ "username": username, "password": password });
    app.post(ANONYMOUS, "/sessions", body).await
}

/// The user with the token of a session.
fn session(response: &Response) -> User {
    let token = response.json["accessToken"].as_str().unwrap().to_owned();
    let username = "ada".into();
    User {
        id: 2,
        username,
        token,
    }
}

#[actix_web::test]
async fn a_user_signs_in() {
    let app = with_password().await;

    let response = sign_in(&app, "ada", PASSWORD).await;

    assert_eq!(response.status, 201);
    assert_json_snapshot!(response.json, {
        ".accessToken" => "[token]",
        ".expiresAt" => "[in 12 hours]",
    }, @r#"
    {
      "accessToken": "[token]",
      "tokenType": "Bearer",
      "expiresAt": "[in 12 hours]"
    }
    "#);
    let user = app.get(&session(&response), "/user").await;
    assert_eq!(user.json["username"], "ada");
}

#[actix_web::test]
async fn a_session_lives_12_hours() {
    let app = with_password().await;

    let response = sign_in(&app, "ada", PASSWORD).await;

    let expires_at = response.json["expiresAt"].as_str().unwrap();
    let expires_at = DateTime::parse_from_rfc3339(expires_at).unwrap().to_utc();
    let seconds = (expires_at - Utc::now()).num_seconds();
    assert!((12 * 3600 - 60..=12 * 3600).contains(&seconds), "{seconds}");
}

#[actix_web::test]
async fn the_username_is_taken_in_any_case() {
    let app = with_password().await;

    assert_eq!(sign_in(&app, "ADA", PASSWORD).await.status, 201);
}

#[actix_web::test]
async fn wrong_credentials_are_refused_alike() {
    let app = with_password().await;
    app.user("bob").await;
    let cases = [
        ("ada", "Analytical engine"),
        ("ada", "analytical engine "),
        ("ada", ""),
        ("nobody", PASSWORD),
        ("", PASSWORD),
        ("ada\0", PASSWORD),
        // Who has no password cannot sign in with one.
        ("bob", ""),
        ("bob", PASSWORD),
        ("bob", "nobody's password"),
    ];
    let mut answers = Vec::new();

    for (username, password) in cases {
        let response = sign_in(&app, username, password).await;

        assert_eq!(response.status, 401, "{username} {password}");
        answers.push(response.json);
    }
    // Nobody learns which usernames exist.
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[actix_web::test]
async fn a_blocked_user_cannot_sign_in() {
    let app = with_password().await;
    app.patch(&app.root(), "/users/ada", json!({ "state": "blocked" }))
        .await;

    let right = sign_in(&app, "ada", PASSWORD).await;
    let wrong = sign_in(&app, "ada", "wrong password").await;

    // Only who knows the password learns that the account is blocked.
    assert_eq!(right.status, 403);
    assert_eq!(wrong.status, 401);
}

#[actix_web::test]
async fn the_sessions_of_a_blocked_user_are_refused() {
    let app = with_password().await;
    let ada = session(&sign_in(&app, "ada", PASSWORD).await);

    for (state, status) in [("blocked", 401), ("active", 200)] {
        let body = json!({ "state": state });
        app.patch(&app.root(), "/users/ada", body).await;

        assert_eq!(app.get(&ada, "/user").await.status, status);
        assert_eq!(app.get(&ada, "/namespaces").await.status, status);
    }
}

#[actix_web::test]
async fn a_new_password_replaces_the_old_one() {
    let app = with_password().await;

    let body = json!({ "password": "difference engine" });
    app.patch(&app.root(), "/users/ada", body).await;

    assert_eq!(sign_in(&app, "ada", PASSWORD).await.status, 401);
    assert_eq!(sign_in(&app, "ada", "difference engine").await.status, 201);
}

#[actix_web::test]
async fn sessions_are_independent() {
    let app = with_password().await;

    let first = session(&sign_in(&app, "ada", PASSWORD).await);
    let second = session(&sign_in(&app, "ada", PASSWORD).await);

    assert_eq!(app.get(&first, "/user").await.status, 200);
    assert_eq!(app.get(&second, "/user").await.status, 200);
}

#[actix_web::test]
async fn every_violation_is_reported_at_once() {
    let app = with_password().await;

    for body in [json!({}), json!({ "username": 1, "password": [] })] {
        let response = app.post(ANONYMOUS, "/sessions", body).await;

        assert_eq!(response.status, 422);
        assert_eq!(response.fields(), ["username", "password"]);
    }
}

#[actix_web::test]
async fn a_session_is_no_personal_access_token() {
    let app = with_password().await;
    let ada = session(&sign_in(&app, "ada", PASSWORD).await);

    let tokens = app.get(&ada, "/personal-access-tokens").await;

    assert_eq!(tokens.nodes("/id"), Vec::<Value>::new());
}
