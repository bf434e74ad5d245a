use serde_json::json;

use crate::app::TestApp;

#[actix_web::test]
async fn achievements_are_off_in_a_fresh_database() {
    let app = TestApp::fresh().await;

    let response = app.get(&app.root(), "/feature-flags").await;

    assert_eq!(response.status, 200);
    assert_eq!(
        response.json["nodes"],
        json!([{ "name": "achievements", "enabled": false }])
    );
    assert_eq!(response.json["pageInfo"]["hasNextPage"], false);
}

#[actix_web::test]
async fn the_list_follows_what_is_turned_on() {
    let app = TestApp::new().await;

    let response = app.get(&app.root(), "/feature-flags").await;

    assert_eq!(response.nodes("/name"), ["achievements"]);
    assert_eq!(response.nodes("/enabled"), [true]);
}
