use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp};

async fn create(app: &TestApp, body: Value) -> Response {
    app.post(&app.root(), "/users", body).await
}

async fn named(app: &TestApp, username: &str) -> Response {
    let body = json!({ "username": username, "email": "somebody@example.com" });
    create(app, body).await
}

#[actix_web::test]
async fn an_administrator_creates_a_user() {
    let app = TestApp::new().await;

    let body = json!({
        "username": "Ada.L",
        "email": " ada@example.com ",
        "name": " Ada Lovelace ",
        "password": "analytical engine",
        "admin": true,
    });
    let response = create(&app, body).await;

    assert_eq!(response.status, 201);
    assert_eq!(
        response.header("location"),
        Some("https://accolade.test/users/2")
    );
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 2,
      "username": "Ada.L",
      "name": "Ada Lovelace",
      "email": "ada@example.com",
      "admin": true,
      "state": "active",
      "privateProfile": false,
      "achievementsEnabled": true,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/@Ada.L"
    }
    "#);
    assert_eq!(app.get(&app.root(), "/users/2").await.json, response.json);
}

#[actix_web::test]
async fn what_is_left_out_has_a_default() {
    let app = TestApp::new().await;
    let nulls = json!({
        "username": "bob", "email": "b@example.com", "name": null, "password": null, "admin": null,
    });

    for body in [
        json!({ "username": "ada", "email": "a@example.com" }),
        nulls,
    ] {
        let response = create(&app, body).await;

        assert_eq!(response.status, 201);
        assert_eq!(response.json["name"], response.json["username"]);
        assert_eq!(response.json["admin"], false);
    }
}

#[actix_web::test]
async fn a_username_has_letters_digits_and_three_signs() {
    let app = TestApp::new().await;
    let longest = "a".repeat(255);
    let usernames = [
        "a", "Ada", "1a", "a1", "a.b_c-d", "_", "1_000", "1e5", "0x1", "9-9", &longest,
    ];

    for username in usernames {
        let response = named(&app, username).await;

        assert_eq!(response.status, 201, "{username}");
        assert_eq!(response.json["username"], username);
        let path = format!("/users/{username}");
        assert_eq!(app.get(&app.root(), &path).await.id(), response.id());
    }
}

#[actix_web::test]
async fn a_username_that_looks_like_a_negative_number_is_one() {
    let app = TestApp::new().await;

    let response = named(&app, "-5").await;

    // A sign makes it no id: it has a non-digit.
    assert_eq!(response.status, 201);
    let found = app.get(&app.root(), "/users/-5").await;
    assert_eq!(found.status, 200);
    assert_eq!(found.json, response.json);
}

#[actix_web::test]
async fn other_usernames_are_invalid() {
    let app = TestApp::new().await;
    let too_long = "a".repeat(256);
    let usernames = [
        "", " ", "5", "0042", "a b", " a", "a/b", "a@b", "a\0", "a\n", "ada!", "@ada", "+5", "é",
        "ада", &too_long,
    ];

    for username in usernames {
        let response = named(&app, username).await;

        assert_eq!(response.status, 422, "{username:?}");
        assert_eq!(response.fields(), ["username"]);
    }
}

#[actix_web::test]
async fn a_username_is_taken_without_regard_to_case() {
    let app = TestApp::new().await;
    named(&app, "Ada").await;

    for username in ["ada", "ADA", "Ada"] {
        let response = named(&app, username).await;

        assert_eq!(response.status, 409, "{username}");
    }
}

#[actix_web::test]
async fn a_mail_address_must_look_like_one() {
    let app = TestApp::new().await;
    let too_long = format!("{}@example.com", "a".repeat(250));
    let emails = [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a da@example.com",
        "ada@example.com\nBcc: b@c.d",
        &too_long,
    ];

    for email in emails {
        let body = json!({ "username": "ada", "email": email });
        let response = create(&app, body).await;

        assert_eq!(response.status, 422, "{email:?}");
        assert_eq!(response.fields(), ["email"]);
    }
}

#[actix_web::test]
async fn every_violation_is_reported_at_once_and_creates_nobody() {
    let app = TestApp::new().await;

    let body = json!({ "username": "1", "email": "", "name": " ", "admin": 1, "id": 7 });
    let response = create(&app, body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["admin", "email", "id", "name", "username"]);
    let users = app.get(&app.root(), "/users").await;
    assert_eq!(users.nodes("/username"), ["root"]);
}

#[actix_web::test]
async fn a_password_is_never_shown() {
    let app = TestApp::new().await;

    let body =
        json!({ "username": "ada", "email": "a@example.com", "password": "analytical engine" });
    let response = create(&app, body).await;

    let text = String::from_utf8(response.body).unwrap();
    assert!(!text.contains("password") && !text.contains("analytical"));
}
