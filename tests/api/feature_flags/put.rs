use accolade::auth::Role;
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, TestApp};

async fn turn(app: &TestApp, enabled: bool) {
    let path = "/feature-flags/achievements";
    let body = json!({ "enabled": enabled });
    assert_eq!(app.put(&app.root(), path, body).await.status, 200);
}

#[actix_web::test]
async fn an_administrator_turns_a_feature_on_and_off() {
    let app = TestApp::fresh().await;

    for enabled in [true, true, false, false, true] {
        let path = "/feature-flags/achievements";
        let body = json!({ "enabled": enabled });
        let response = app.put(&app.root(), path, body).await;

        assert_eq!(response.status, 200);
        let expected = json!({ "name": "achievements", "enabled": enabled });
        assert_eq!(response.json, expected);
        let list = app.get(&app.root(), "/feature-flags").await;
        assert_eq!(list.json["nodes"], json!([expected]));
    }
}

#[actix_web::test]
async fn an_unknown_feature_is_not_found() {
    let app = TestApp::fresh().await;

    for name in ["badges", "Achievements", "achievements%20", "1"] {
        let path = format!("/feature-flags/{name}");
        let response = app
            .put(&app.root(), &path, json!({ "enabled": true }))
            .await;

        assert_eq!(response.status, 404, "{name}");
    }
}

#[actix_web::test]
async fn every_violation_is_reported_at_once() {
    let app = TestApp::fresh().await;

    let body = json!({ "enabled": "yes", "name": "achievements" });
    let response = app
        .put(&app.root(), "/feature-flags/achievements", body)
        .await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["enabled", "name"]);
}

/// Every achievements operation, as it succeeds or is refused while the feature is on.
fn operations() -> Vec<(Method, &'static str, Value)> {
    let (name, ids) = (json!({ "name": "B" }), json!({ "userAchievementIds": [] }));
    vec![
        (Method::GET, "/namespaces/1/achievements", Value::Null),
        (Method::POST, "/namespaces/1/achievements", name.clone()),
        (Method::GET, "/achievements/1", Value::Null),
        (Method::PATCH, "/achievements/1", name),
        (
            Method::POST,
            "/achievements/1/award",
            json!({ "userId": 1 }),
        ),
        (
            Method::GET,
            "/achievements/1/user-achievements",
            Value::Null,
        ),
        (Method::GET, "/achievements/1/users", Value::Null),
        (Method::GET, "/user-achievements/1", Value::Null),
        (Method::PATCH, "/user-achievements/1", json!({})),
        (Method::POST, "/user-achievements/1/accept", Value::Null),
        (Method::POST, "/user-achievements/1/decline", Value::Null),
        (Method::POST, "/user-achievements/1/revoke", Value::Null),
        (Method::GET, "/users/root/user-achievements", Value::Null),
        (Method::GET, "/users/root/badges", Value::Null),
        (Method::PUT, "/user-achievements/priorities", ids),
        (Method::DELETE, "/user-achievements/1", Value::Null),
        (Method::DELETE, "/achievements/1", Value::Null),
    ]
}

#[actix_web::test]
async fn while_it_is_off_every_achievements_operation_is_not_found_and_says_why() {
    let app = TestApp::new().await;
    let compilers = app
        .public_namespace("compilers", &app.root(), Role::Owner)
        .await;
    let achievement = app.achievement(compilers, "First merge").await;
    app.accepted(achievement, &app.root()).await;
    let unknown = app.get(&app.root(), "/achievements/99").await.json;
    turn(&app, false).await;

    for (method, path, body) in operations() {
        let response = app.call(method.clone(), &app.root(), path, body).await;

        assert_eq!(response.status, 404, "{method} {path}");
        let detail = response.json["detail"].as_str().unwrap();
        assert!(detail.to_lowercase().contains("achievements"), "{detail}");
        assert_ne!(response.json["detail"], unknown["detail"]);
        assert_ne!(response.json["type"], unknown["type"]);
    }
    let badges = app.get(ANONYMOUS, "/users/root/badges").await;
    assert_eq!(badges.status, 404);
    assert_ne!(badges.json["type"], unknown["type"]);
}

#[actix_web::test]
async fn what_does_not_exist_is_also_answered_with_the_feature_being_off() {
    let app = TestApp::fresh().await;

    for path in [
        "/namespaces/nowhere/achievements",
        "/achievements/99",
        "/achievements/99/users",
        "/user-achievements/99",
        "/users/nobody/badges",
        "/users/nobody/user-achievements",
    ] {
        let response = app.get(&app.root(), path).await;

        assert_eq!(response.status, 404, "{path}");
        let detail = response.json["detail"].as_str().unwrap();
        assert!(
            detail.to_lowercase().contains("achievements"),
            "{path} {detail}"
        );
    }
}

#[actix_web::test]
async fn nothing_is_lost_while_it_is_off() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let award = app.accepted(achievement, &ada).await;
    let before = app.get(&ada, "/users/ada/user-achievements").await.json;

    turn(&app, false).await;
    turn(&app, true).await;

    assert_eq!(before["nodes"][0]["id"], award);
    let after = app.get(&ada, "/users/ada/user-achievements").await.json;
    assert_eq!(after, before);
}

#[actix_web::test]
async fn all_else_works_while_it_is_off() {
    let app = TestApp::fresh().await;
    app.namespace("compilers", &app.root(), Role::Owner).await;

    for path in [
        "/user",
        "/users",
        "/namespaces",
        "/namespaces/1/members",
        "/settings",
        "/openapi.json",
    ] {
        assert_eq!(app.get(&app.root(), path).await.status, 200, "{path}");
    }
}
