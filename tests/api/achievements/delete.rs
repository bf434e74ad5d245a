use accolade::auth::Role;
use serde_json::json;

use crate::app::TestApp;

#[actix_web::test]
async fn a_maintainer_deletes_an_achievement() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let path = format!(
        "/achievements/{}",
        app.achievement(compilers, "First merge").await
    );

    let response = app.delete(&grace, &path).await;

    assert_eq!(response.status, 204);
    assert!(response.body.is_empty());
    assert_eq!(app.get(&grace, &path).await.status, 404);
    assert_eq!(app.delete(&grace, &path).await.status, 404);
}

#[actix_web::test]
async fn its_awards_go_too() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &ada, Role::Guest).await;
    let (gone, kept) = (
        app.achievement(compilers, "Gone").await,
        app.achievement(compilers, "Kept").await,
    );
    let (award, other) = (
        app.accepted(gone, &ada).await,
        app.accepted(kept, &ada).await,
    );

    app.delete(&app.root(), &format!("/achievements/{gone}"))
        .await;

    let path = format!("/user-achievements/{award}");
    assert_eq!(app.get(&ada, &path).await.status, 404);
    let profile = app.get(&ada, "/users/ada/user-achievements").await;
    assert_eq!(profile.nodes("/id"), [json!(other)]);
    let badges = app.get(&ada, "/users/ada/badges").await;
    assert_eq!(badges.nodes("/achievement/name"), ["Kept"]);
}

#[actix_web::test]
async fn its_name_is_free_again() {
    let app = TestApp::new().await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    let first = app.achievement(compilers, "First merge").await;

    app.delete(&app.root(), &format!("/achievements/{first}"))
        .await;
    let second = app.achievement(compilers, "First merge").await;

    assert_ne!(first, second);
}

#[actix_web::test]
async fn an_unknown_achievement_is_not_found() {
    let app = TestApp::new().await;

    let response = app.delete(&app.root(), "/achievements/9").await;

    assert_eq!(response.status, 404);
}
