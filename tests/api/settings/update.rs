use accolade::auth::Role;
use serde_json::json;

use crate::app::TestApp;

#[actix_web::test]
async fn an_administrator_updates_the_settings() {
    let app = TestApp::fresh().await;

    let body = json!({ "autoAccept": true, "usersCreateNamespaces": false });
    let response = app.patch(&app.root(), "/settings", body.clone()).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json, body);
    assert_eq!(app.get(&app.root(), "/settings").await.json, body);
}

#[actix_web::test]
async fn what_is_absent_or_null_stays() {
    let app = TestApp::fresh().await;
    let changed = json!({ "autoAccept": true, "usersCreateNamespaces": false });
    app.patch(&app.root(), "/settings", changed.clone()).await;

    for body in [
        json!({}),
        json!({ "autoAccept": null, "usersCreateNamespaces": null }),
        json!({ "autoAccept": true }),
        json!({ "usersCreateNamespaces": false, "autoAccept": null }),
    ] {
        let response = app.patch(&app.root(), "/settings", body).await;

        assert_eq!(response.status, 200);
        assert_eq!(response.json, changed);
    }
}

#[actix_web::test]
async fn auto_accept_leaves_earlier_awards_as_they_are() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let earlier = app.award(achievement, &ada).await;

    let body = json!({ "autoAccept": true });
    app.patch(&app.root(), "/settings", body).await;
    let later = app.award(achievement, &ada).await;

    for (id, status) in [(earlier, "pending"), (later, "accepted")] {
        let path = format!("/user-achievements/{id}");
        assert_eq!(app.get(&ada, &path).await.json["status"], status);
    }
}

#[actix_web::test]
async fn every_violation_is_reported_at_once_and_changes_nothing() {
    let app = TestApp::fresh().await;
    let before = app.get(&app.root(), "/settings").await.json;

    let body = json!({ "autoAccept": "on", "usersCreateNamespaces": 0, "auto_accept": true });
    let response = app.patch(&app.root(), "/settings", body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(
        fields,
        ["autoAccept", "auto_accept", "usersCreateNamespaces"]
    );
    assert_eq!(app.get(&app.root(), "/settings").await.json, before);
}
