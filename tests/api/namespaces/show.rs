use accolade::auth::Role;
use insta::assert_json_snapshot;

use crate::app::TestApp;

/// With the namespace `Compilers/LLVM`.
async fn with_namespaces() -> TestApp {
    let app = TestApp::new().await;
    let compilers = app.namespace("Compilers", &app.root(), Role::Owner).await;
    app.namespace_of(
        "LLVM",
        Some(compilers),
        "internal",
        &app.root(),
        Role::Owner,
    )
    .await;
    app
}

#[actix_web::test]
async fn a_namespace_is_shown() {
    let app = with_namespaces().await;

    let response = app.get(&app.root(), "/namespaces/2").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 2,
      "parentId": 1,
      "path": "LLVM",
      "fullPath": "Compilers/LLVM",
      "name": "LLVM",
      "visibility": "internal",
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/groups/Compilers/LLVM/-/achievements"
    }
    "#);
}

#[actix_web::test]
async fn it_is_found_by_id_and_by_full_path_in_any_case() {
    let app = with_namespaces().await;

    for namespace in [
        "2",
        "Compilers%2FLLVM",
        "compilers%2fllvm",
        "COMPILERS%2Fllvm",
    ] {
        let path = format!("/namespaces/{namespace}");

        assert_eq!(app.get(&app.root(), &path).await.id(), 2, "{namespace}");
    }
}

#[actix_web::test]
async fn a_path_that_looks_like_a_negative_number_is_one() {
    let app = TestApp::new().await;
    let namespace = app.namespace("-5", &app.root(), Role::Owner).await;

    let response = app.get(&app.root(), "/namespaces/-5").await;

    assert_eq!(response.status, 200);
    assert_eq!(response.id(), namespace);
}

#[actix_web::test]
async fn an_unknown_namespace_is_not_found() {
    let app = with_namespaces().await;

    for namespace in [
        "99",
        "nowhere",
        "LLVM",
        "compilers%2F",
        "%2Fcompilers",
        "compilers%2Fllvm%2Fx",
    ] {
        let path = format!("/namespaces/{namespace}");

        assert_eq!(app.get(&app.root(), &path).await.status, 404, "{namespace}");
    }
}
