use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{TestApp, next_moment};

#[actix_web::test]
async fn you_update_yourself() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let body = json!({
        "name": " Ada Lovelace ",
        "email": "countess@example.com",
        "privateProfile": true,
        "achievementsEnabled": false,
    });
    let response = app.patch(&ada, "/user", body).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 2,
      "username": "ada",
      "name": "Ada Lovelace",
      "email": "countess@example.com",
      "admin": false,
      "state": "active",
      "privateProfile": true,
      "achievementsEnabled": false,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/@ada"
    }
    "#);
    assert_eq!(app.get(&ada, "/user").await.json, response.json);
}

#[actix_web::test]
async fn what_is_absent_or_null_stays() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let body = json!({ "privateProfile": true, "achievementsEnabled": false });
    let mut expected = app.patch(&ada, "/user", body).await.json;
    let nulls =
        json!({ "name": null, "email": null, "privateProfile": null, "achievementsEnabled": null });

    for body in [json!({}), nulls] {
        let response = app.patch(&ada, "/user", body).await;

        assert_eq!(response.status, 200);
        expected["updatedAt"] = response.json["updatedAt"].clone();
        assert_eq!(response.json, expected);
    }
}

#[actix_web::test]
async fn it_is_stamped_with_the_time_of_the_update() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let before = app.get(&ada, "/user").await.json;
    next_moment().await;

    let after = app
        .patch(&ada, "/user", json!({ "name": "Ada" }))
        .await
        .json;

    assert_eq!(after["createdAt"], before["createdAt"]);
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str());
}

#[actix_web::test]
async fn every_violation_is_reported_at_once_and_changes_nothing() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let before = app.get(&ada, "/user").await.json;

    // Who is an administrator, blocked or called what is not the user's own to say.
    let body = json!({
        "name": "", "email": "ada", "privateProfile": "yes", "achievementsEnabled": 1,
        "admin": true, "state": "active", "username": "countess",
    });
    let response = app.patch(&ada, "/user", body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    let expected = [
        "achievementsEnabled",
        "admin",
        "email",
        "name",
        "privateProfile",
        "state",
        "username",
    ];
    assert_eq!(fields, expected);
    assert_eq!(app.get(&ada, "/user").await.json, before);
}

#[actix_web::test]
async fn a_name_has_up_to_255_characters() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    for (length, status) in [(1, 200), (255, 200), (256, 422)] {
        let body = json!({ "name": "🎉".repeat(length) });

        assert_eq!(app.patch(&ada, "/user", body).await.status, status);
    }
}
