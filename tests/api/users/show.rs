use insta::assert_json_snapshot;

use crate::app::{ANONYMOUS, TestApp};

#[actix_web::test]
async fn a_user_is_shown_to_everyone() {
    let app = TestApp::new().await;
    app.user("ada").await;

    let response = app.get(ANONYMOUS, "/users/ada").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 2,
      "username": "ada",
      "name": "ada",
      "state": "active",
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/@ada"
    }
    "#);
}

#[actix_web::test]
async fn a_user_is_found_by_id_and_by_username_in_any_case() {
    let app = TestApp::new().await;
    let ada = app.user("Ada").await;

    for user in [
        ada.id.to_string(),
        "ada".into(),
        "ADA".into(),
        "%61da".into(),
    ] {
        let response = app.get(ANONYMOUS, &format!("/users/{user}")).await;

        assert_eq!(response.json["username"], "Ada", "{user}");
    }
}

#[actix_web::test]
async fn an_unknown_user_is_not_found() {
    let app = TestApp::new().await;

    for user in ["99", "nobody"] {
        let response = app.get(ANONYMOUS, &format!("/users/{user}")).await;

        assert_eq!(response.status, 404);
    }
}
