use serde_json::json;

use crate::app::TestApp;

#[actix_web::test]
async fn an_administrator_sees_the_settings() {
    let app = TestApp::fresh().await;

    let response = app.get(&app.root(), "/settings").await;

    assert_eq!(response.status, 200);
    let defaults = json!({ "autoAccept": false, "usersCreateNamespaces": true });
    assert_eq!(response.json, defaults);
}
