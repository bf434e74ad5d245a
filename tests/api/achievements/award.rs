use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::TestApp;

#[actix_web::test]
async fn a_maintainer_awards_an_achievement() {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let achievement = app.achievement(compilers, "First merge").await;

    let path = format!("/achievements/{achievement}/award");
    let body = json!({ "userId": ada.id, "awardMessage": " Well done " });
    let response = app.post(&grace, &path, body).await;

    assert_eq!(response.status, 201);
    assert_eq!(
        response.header("location").unwrap(),
        format!("https://accolade.test/user-achievements/{}", response.id())
    );
    assert_json_snapshot!(response.json, { ".awardedAt" => "[now]" }, @r#"
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
        "webUrl": "https://accolade.test/groups/compilers/-/achievements"
      },
      "user": {
        "id": 3,
        "username": "ada",
        "name": "ada",
        "webUrl": "https://accolade.test/@ada"
      },
      "status": "pending",
      "showOnProfile": false,
      "awardMessage": "Well done",
      "awardedAt": "[now]",
      "awardedByUser": {
        "id": 2,
        "username": "grace",
        "name": "grace",
        "webUrl": "https://accolade.test/@grace"
      }
    }
    "#);
}
