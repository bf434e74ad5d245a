use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::TestApp;

#[actix_web::test]
async fn an_award_is_shown_with_all_that_happened_to_it() {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let body = json!({ "name": "First merge", "description": "Landed a first change" });
    let path = format!("/namespaces/{compilers}/achievements");
    app.post(&grace, &path, body).await;
    let award = app.accepted(1, &ada).await;
    let path = format!("/user-achievements/{award}");
    let order = json!({ "userAchievementIds": [award] });
    app.put(&ada, "/user-achievements/priorities", order).await;
    app.post(&grace, &format!("{path}/revoke"), Value::Null)
        .await;

    let response = app.get(&grace, &path).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, {
        ".awardedAt" => "[now]",
        ".acceptedAt" => "[now]",
        ".revokedAt" => "[now]",
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
        "description": "Landed a first change",
        "webUrl": "https://accolade.test/groups/compilers/-/achievements"
      },
      "user": {
        "id": 3,
        "username": "ada",
        "name": "ada",
        "webUrl": "https://accolade.test/@ada"
      },
      "status": "revoked",
      "showOnProfile": true,
      "priority": 0,
      "awardedAt": "[now]",
      "awardedByUser": {
        "id": 1,
        "username": "root",
        "name": "root",
        "webUrl": "https://accolade.test/@root"
      },
      "acceptedAt": "[now]",
      "mailStatus": "queued",
      "revokedAt": "[now]",
      "revokedByUser": {
        "id": 2,
        "username": "grace",
        "name": "grace",
        "webUrl": "https://accolade.test/@grace"
      }
    }
    "#);
}

#[actix_web::test]
async fn an_award_outlives_who_gave_and_who_revoked_it() {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let body = json!({ "userId": ada.id, "awardMessage": "Well done" });
    let path = format!("/achievements/{achievement}/award");
    let award = app.post(&grace, &path, body).await.id();
    let path = format!("/user-achievements/{award}");
    app.post(&grace, &format!("{path}/revoke"), Value::Null)
        .await;
    let mut before = app.get(&app.root(), &path).await.json;

    assert_eq!(app.delete(&app.root(), "/users/grace").await.status, 204);

    let after = app.get(&app.root(), &path).await.json;
    let names = before.as_object_mut().unwrap();
    assert!(names.shift_remove("awardedByUser").is_some());
    assert!(names.shift_remove("revokedByUser").is_some());
    assert_eq!(after["status"], "revoked");
    assert_eq!(after, before);
}

#[actix_web::test]
async fn an_unknown_award_is_not_found() {
    let app = TestApp::new().await;

    let response = app.get(&app.root(), "/user-achievements/9").await;

    assert_eq!(response.status, 404);
}
