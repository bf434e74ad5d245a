use std::time::{Duration, Instant};

use actix_web::rt::time::sleep;
use chrono::{Duration as Time, SecondsFormat, Utc};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

async fn create(app: &TestApp, user: &User, body: Value) -> Response {
    app.post(user, "/personal-access-tokens", body).await
}

/// The user with the new token.
fn with_token(user: &User, response: &Response) -> User {
    let token = response.json["token"].as_str().unwrap().to_owned();
    User {
        token,
        ..user.clone()
    }
}

fn in_seconds(seconds: i64) -> String {
    let time = Utc::now() + Time::seconds(seconds);
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[actix_web::test]
async fn a_user_creates_a_token() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let body = json!({ "name": " Release bot ", "expiresAt": "2030-01-31T14:00:00+02:00" });
    let response = create(&app, &ada, body).await;

    assert_eq!(response.status, 201);
    assert_json_snapshot!(response.json, {
        ".id" => "[id]",
        ".createdAt" => "[now]",
        ".token" => "[token]",
    }, @r#"
    {
      "id": "[id]",
      "name": "Release bot",
      "createdAt": "[now]",
      "expiresAt": "2030-01-31T12:00:00.000Z",
      "scopes": [
        "read",
        "award",
        "manage"
      ],
      "token": "[token]"
    }
    "#);
    let user = app.get(&with_token(&ada, &response), "/user").await;
    assert_eq!(user.json["username"], "ada");
}

#[actix_web::test]
async fn the_token_is_shown_once() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let created = create(&app, &ada, json!({ "name": "Bot" })).await;

    let list = app.get(&ada, "/personal-access-tokens").await;
    assert!(list.nodes("/id").contains(&created.json["id"]));
    assert!(list.nodes("/token").iter().all(Value::is_null));
    let token = created.json["token"].as_str().unwrap();
    assert!(!String::from_utf8(list.body).unwrap().contains(token));
}

#[actix_web::test]
async fn a_token_without_a_time_to_expire_expires() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    for body in [
        json!({ "name": "Bot" }),
        json!({ "name": "Bot", "expiresAt": null }),
    ] {
        let response = create(&app, &ada, body).await;

        assert_eq!(response.status, 201);
        let expires_at = response.json["expiresAt"].as_str().unwrap();
        assert!(expires_at > in_seconds(24 * 3600).as_str(), "{expires_at}");
    }
}

#[actix_web::test]
async fn an_expired_token_is_refused() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let body = json!({ "name": "Bot", "expiresAt": in_seconds(2) });
    let bot = with_token(&ada, &create(&app, &ada, body).await);
    assert_eq!(app.get(&bot, "/user").await.status, 200);

    // A token counts in whole seconds.
    let (began, mut response) = (Instant::now(), app.get(&bot, "/user").await);
    while response.status == 200 && began.elapsed() < Duration::from_secs(4) {
        sleep(Duration::from_millis(50)).await;
        response = app.get(&bot, "/user").await;
    }

    assert_eq!(response.status, 401);
    assert_eq!(response.json["type"], "/problems/invalid-token");
    assert_eq!(app.get(&bot, "/namespaces").await.status, 401);
    assert_eq!(app.get(&ada, "/user").await.status, 200);
}

#[actix_web::test]
async fn a_token_must_expire_in_the_future() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    for time in [
        in_seconds(-1),
        "1970-01-01T00:00:00Z".into(),
        "0000-01-01T00:00:00Z".into(),
    ] {
        let body = json!({ "name": "Bot", "expiresAt": time });
        let response = create(&app, &ada, body).await;

        assert_eq!(response.status, 422, "{time}");
        assert_eq!(response.fields(), ["expiresAt"]);
    }
}

#[actix_web::test]
async fn only_rfc_3339_is_a_time() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let times = [
        "",
        "tomorrow",
        "2030-01-31",
        "2030-01-31T12:00:00",
        "2030-02-30T12:00:00Z",
        "1893456000",
    ];

    for time in times {
        let body = json!({ "name": "Bot", "expiresAt": time });
        let response = create(&app, &ada, body).await;

        assert_eq!(response.status, 422, "{time}");
        assert_eq!(response.fields(), ["expiresAt"]);
    }
}

#[actix_web::test]
async fn every_violation_is_reported_at_once() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let body = json!({ "name": "a".repeat(256), "expiresAt": 5, "expires": 5 });
    let response = create(&app, &ada, body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["expires", "expiresAt", "name"]);
}

#[actix_web::test]
async fn a_time_in_the_past_is_reported_with_the_other_violations() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let body = json!({ "name": "", "expiresAt": "1999-12-31T23:59:59Z" });
    let response = create(&app, &ada, body).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["name", "expiresAt"]);
}
