use insta::assert_json_snapshot;

use crate::app::TestApp;

#[actix_web::test]
async fn you_are_shown_to_yourself() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let response = app.get(&ada, "/user").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 2,
      "username": "ada",
      "name": "ada",
      "email": "ada@example.com",
      "admin": false,
      "state": "active",
      "privateProfile": false,
      "achievementsEnabled": true,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/@ada"
    }
    "#);
    assert_eq!(app.get(&ada, "/users/ada").await.json, response.json);
}
