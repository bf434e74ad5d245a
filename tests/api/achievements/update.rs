use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User, next_moment};

/// With the achievements "First merge" (id 1), which has a description, and "Éclair" in a
/// namespace of grace's.
async fn with_achievements() -> (TestApp, User) {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    app.namespace("compilers", &grace, Role::Maintainer).await;
    for name in ["First merge", "Éclair"] {
        let body = json!({ "name": name, "description": "Landed a first change" });
        app.post(&grace, "/namespaces/compilers/achievements", body)
            .await;
    }
    (app, grace)
}

async fn update(app: &TestApp, body: Value) -> Response {
    app.patch(&app.root(), "/achievements/1", body).await
}

#[actix_web::test]
async fn a_maintainer_updates_an_achievement() {
    let (app, grace) = with_achievements().await;

    let body = json!({ "name": " First merge ever ", "description": " Landed it " });
    let response = app.patch(&grace, "/achievements/1", body).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 1,
      "namespace": {
        "id": 1,
        "fullPath": "compilers",
        "name": "compilers",
        "webUrl": "https://accolade.test/groups/compilers/-/achievements"
      },
      "name": "First merge ever",
      "description": "Landed it",
      "userAchievementsCount": 0,
      "uniqueUsersCount": 0,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/groups/compilers/-/achievements"
    }
    "#);
    assert_eq!(app.get(&grace, "/achievements/1").await.json, response.json);
}

#[actix_web::test]
async fn what_is_absent_or_null_stays() {
    let (app, _) = with_achievements().await;
    let bodies = [
        json!({}),
        json!({ "name": null, "description": null }),
        json!({ "name": "First merge" }),
    ];

    for body in bodies {
        let response = update(&app, body).await;

        assert_eq!(response.status, 200);
        assert_eq!(response.json["name"], "First merge");
        assert_eq!(response.json["description"], "Landed a first change");
    }
}

#[actix_web::test]
async fn an_empty_string_clears_the_description() {
    let (app, _) = with_achievements().await;

    let response = update(&app, json!({ "description": "" })).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json.get("description"), None);
    assert_eq!(response.json["name"], "First merge");
}

#[actix_web::test]
async fn it_is_stamped_with_the_time_of_the_update() {
    let (app, _) = with_achievements().await;
    let before = app.get(&app.root(), "/achievements/1").await.json;
    next_moment().await;

    let after = update(&app, json!({ "name": "Second merge" })).await.json;

    assert_eq!(after["createdAt"], before["createdAt"]);
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str());
}

#[actix_web::test]
async fn every_violation_is_reported_at_once_and_changes_nothing() {
    let (app, _) = with_achievements().await;
    let before = app.get(&app.root(), "/achievements/1").await.json;

    // An achievement belongs to one namespace for ever.
    let body = json!({ "name": "", "description": "a\0", "namespaceId": 2 });
    let response = update(&app, body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["description", "name", "namespaceId"]);
    assert_eq!(app.get(&app.root(), "/achievements/1").await.json, before);
}

#[actix_web::test]
async fn lengths_are_counted_in_characters() {
    let (app, _) = with_achievements().await;
    let cases = [
        (json!({ "name": "🎉".repeat(255) }), 200),
        (json!({ "name": "é".repeat(256) }), 422),
        (json!({ "description": "🎉".repeat(1024) }), 200),
        (json!({ "description": "a".repeat(1025) }), 422),
    ];

    for (body, status) in cases {
        assert_eq!(update(&app, body).await.status, status);
    }
}

#[actix_web::test]
async fn a_name_that_another_one_has_is_taken() {
    let (app, _) = with_achievements().await;

    let body = json!({ "name": "ÉCLAIR", "description": "Changed" });
    let response = update(&app, body).await;

    assert_eq!(response.status, 409);
    assert_eq!(response.json["type"], "/problems/name-taken");
    let shown = app.get(&app.root(), "/achievements/1").await.json;
    assert_eq!(shown["description"], "Landed a first change");
}

#[actix_web::test]
async fn its_own_name_can_change_case() {
    let (app, _) = with_achievements().await;

    let response = update(&app, json!({ "name": "FIRST MERGE" })).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json["name"], "FIRST MERGE");
}

#[actix_web::test]
async fn an_unknown_achievement_is_not_found() {
    let (app, _) = with_achievements().await;

    let response = app
        .patch(&app.root(), "/achievements/9", json!({ "name": "A" }))
        .await;

    assert_eq!(response.status, 404);
}
