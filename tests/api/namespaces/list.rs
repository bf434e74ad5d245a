use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::{ANONYMOUS, TestApp};

#[actix_web::test]
async fn namespaces_are_listed() {
    let app = TestApp::new().await;
    let compilers = app
        .public_namespace("compilers", &app.root(), Role::Owner)
        .await;
    app.namespace_of("llvm", Some(compilers), "public", &app.root(), Role::Owner)
        .await;

    let response = app.get(ANONYMOUS, "/namespaces").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, {
        ".nodes[].createdAt" => "[now]",
        ".nodes[].updatedAt" => "[now]",
        ".pageInfo.endCursor" => "[cursor]",
    }, @r#"
    {
      "nodes": [
        {
          "id": 1,
          "path": "compilers",
          "fullPath": "compilers",
          "name": "compilers",
          "visibility": "public",
          "createdAt": "[now]",
          "updatedAt": "[now]",
          "webUrl": "https://accolade.test/groups/compilers/-/achievements"
        },
        {
          "id": 2,
          "parentId": 1,
          "path": "llvm",
          "fullPath": "compilers/llvm",
          "name": "llvm",
          "visibility": "public",
          "createdAt": "[now]",
          "updatedAt": "[now]",
          "webUrl": "https://accolade.test/groups/compilers/llvm/-/achievements"
        }
      ],
      "pageInfo": {
        "hasNextPage": false,
        "endCursor": "[cursor]"
      }
    }
    "#);
}

#[actix_web::test]
async fn they_are_in_the_order_of_their_full_paths_in_any_case() {
    let app = TestApp::new().await;
    for path in ["beta", "Alpha", "gamma", "Delta"] {
        app.namespace(path, &app.root(), Role::Owner).await;
    }

    let response = app.get(&app.root(), "/namespaces").await;

    assert_eq!(
        response.nodes("/fullPath"),
        ["Alpha", "beta", "Delta", "gamma"]
    );
}

#[actix_web::test]
async fn a_fresh_instance_has_none() {
    let app = TestApp::new().await;

    let response = app.get(&app.root(), "/namespaces").await;

    let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(response.json, empty);
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let app = TestApp::new().await;

    let response = app.get(ANONYMOUS, "/namespaces?limit=0&after=!").await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["limit", "after"]);
}
