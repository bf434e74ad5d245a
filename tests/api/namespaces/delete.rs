use accolade::auth::Role;
use serde_json::{Value, json};

use crate::app::TestApp;

#[actix_web::test]
async fn an_owner_deletes_a_namespace() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    app.namespace("compilers", &grace, Role::Owner).await;

    let response = app.delete(&grace, "/namespaces/Compilers").await;

    assert_eq!(response.status, 204);
    assert!(response.body.is_empty());
    assert_eq!(app.get(&grace, "/namespaces/1").await.status, 404);
    assert_eq!(app.delete(&grace, "/namespaces/1").await.status, 404);
}

#[actix_web::test]
async fn all_below_it_goes_too() {
    let app = TestApp::new().await;
    let (root, ada) = (app.root(), app.user("ada").await);
    let compilers = app.namespace("compilers", &root, Role::Owner).await;
    let llvm = app
        .namespace_of("llvm", Some(compilers), "private", &root, Role::Owner)
        .await;
    let achievement = app.achievement(llvm, "First merge").await;
    let award = app.accepted(achievement, &ada).await;

    assert_eq!(app.delete(&root, "/namespaces/compilers").await.status, 204);

    for path in [
        format!("/namespaces/{llvm}"),
        format!("/achievements/{achievement}"),
        format!("/user-achievements/{award}"),
    ] {
        assert_eq!(app.get(&root, &path).await.status, 404, "{path}");
    }
    let badges = app.get(&ada, "/users/ada/badges").await;
    assert_eq!(badges.nodes("/count"), Vec::<Value>::new());
}

#[actix_web::test]
async fn those_above_and_beside_it_stay() {
    let app = TestApp::new().await;
    let root = app.root();
    let compilers = app.namespace("compilers", &root, Role::Owner).await;
    for path in ["llvm", "llvm2"] {
        app.namespace_of(path, Some(compilers), "private", &root, Role::Owner)
            .await;
    }

    app.delete(&root, "/namespaces/compilers%2Fllvm").await;

    let left = app.get(&root, "/namespaces").await;
    assert_eq!(left.nodes("/fullPath"), ["compilers", "compilers/llvm2"]);
}

#[actix_web::test]
async fn its_path_is_free_again() {
    let app = TestApp::new().await;
    let first = app.namespace("compilers", &app.root(), Role::Owner).await;

    app.delete(&app.root(), "/namespaces/compilers").await;

    let body = json!({ "path": "Compilers", "name": "A" });
    let second = app.post(&app.root(), "/namespaces", body).await;
    assert_eq!(second.status, 201);
    assert_ne!(second.id(), first);
}

#[actix_web::test]
async fn an_unknown_namespace_is_not_found() {
    let app = TestApp::new().await;

    for namespace in ["99", "nowhere"] {
        let path = format!("/namespaces/{namespace}");

        assert_eq!(app.delete(&app.root(), &path).await.status, 404);
    }
}
