use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp};

/// With the namespaces `comp` (1), `comp/llvm` (2), `comp/llvm/comp` (3), and `compilers` (4).
async fn with_namespaces() -> TestApp {
    let app = TestApp::new().await;
    let root = app.root();
    for (path, parent) in [
        ("comp", None),
        ("llvm", Some(1)),
        ("comp", Some(2)),
        ("compilers", None),
    ] {
        app.namespace_of(path, parent, "private", &root, Role::Owner)
            .await;
    }
    app
}

async fn update(app: &TestApp, namespace: &str, body: Value) -> Response {
    app.patch(&app.root(), &format!("/namespaces/{namespace}"), body)
        .await
}

async fn full_paths(app: &TestApp) -> Vec<Value> {
    let mut paths = Vec::new();
    for id in 1..=4 {
        let namespace = app.get(&app.root(), &format!("/namespaces/{id}")).await;
        paths.push(namespace.json["fullPath"].clone());
    }
    paths
}

#[actix_web::test]
async fn an_owner_updates_a_namespace() {
    let app = with_namespaces().await;

    let body = json!({
        "path": "LLVM-2", "name": " LLVM 2 ", "description": " The second ", "visibility": "public",
    });
    let response = update(&app, "comp%2Fllvm", body).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 2,
      "parentId": 1,
      "path": "LLVM-2",
      "fullPath": "comp/LLVM-2",
      "name": "LLVM 2",
      "description": "The second",
      "visibility": "public",
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/groups/comp/LLVM-2/-/achievements"
    }
    "#);
    assert_eq!(
        app.get(&app.root(), "/namespaces/2").await.json,
        response.json
    );
}

#[actix_web::test]
async fn what_is_absent_or_null_stays() {
    let app = with_namespaces().await;
    let body = json!({ "description": "What compiles", "visibility": "internal" });
    let mut expected = update(&app, "1", body).await.json;
    let nulls = json!({ "path": null, "name": null, "description": null, "visibility": null });

    for body in [json!({}), nulls] {
        let response = update(&app, "1", body).await;

        assert_eq!(response.status, 200);
        expected["updatedAt"] = response.json["updatedAt"].clone();
        assert_eq!(response.json, expected);
    }
}

#[actix_web::test]
async fn an_empty_string_clears_the_description() {
    let app = with_namespaces().await;
    update(&app, "1", json!({ "description": "What compiles" })).await;

    let response = update(&app, "1", json!({ "description": "" })).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json.get("description"), None);
}

#[actix_web::test]
async fn renaming_a_path_renames_those_below() {
    let app = with_namespaces().await;

    let response = update(&app, "1", json!({ "path": "Tools" })).await;

    assert_eq!(response.status, 200);
    let expected = ["Tools", "Tools/llvm", "Tools/llvm/comp", "compilers"];
    assert_eq!(full_paths(&app).await, expected);
    for (path, status) in [
        ("tools%2Fllvm%2Fcomp", 200),
        ("comp%2Fllvm%2Fcomp", 404),
        ("comp", 404),
    ] {
        let path = format!("/namespaces/{path}");
        assert_eq!(app.get(&app.root(), &path).await.status, status, "{path}");
    }
}

#[actix_web::test]
async fn renaming_one_in_the_middle_leaves_those_above() {
    let app = with_namespaces().await;

    update(&app, "2", json!({ "path": "a-much-longer-path" })).await;

    let expected = [
        "comp",
        "comp/a-much-longer-path",
        "comp/a-much-longer-path/comp",
        "compilers",
    ];
    assert_eq!(full_paths(&app).await, expected);
}

#[actix_web::test]
async fn the_achievements_of_a_renamed_namespace_follow_it() {
    let app = with_namespaces().await;
    let achievement = app.achievement(3, "First merge").await;

    update(&app, "1", json!({ "path": "tools" })).await;

    let path = format!("/achievements/{achievement}");
    let response = app.get(&app.root(), &path).await;
    assert_eq!(response.json["namespace"]["fullPath"], "tools/llvm/comp");
    let list = app
        .get(&app.root(), "/namespaces/tools%2Fllvm%2Fcomp/achievements")
        .await;
    assert_eq!(list.nodes("/id"), [achievement]);
}

#[actix_web::test]
async fn a_path_can_change_case() {
    let app = with_namespaces().await;

    let response = update(&app, "1", json!({ "path": "COMP" })).await;

    assert_eq!(response.status, 200);
    let expected = ["COMP", "COMP/llvm", "COMP/llvm/comp", "compilers"];
    assert_eq!(full_paths(&app).await, expected);
}

#[actix_web::test]
async fn a_path_that_is_taken_changes_nothing() {
    let app = with_namespaces().await;
    let before = app.get(&app.root(), "/namespaces/1").await.json;

    let body = json!({ "path": "Compilers", "name": "Changed" });
    let response = update(&app, "1", body).await;

    assert_eq!(response.status, 409);
    assert_eq!(app.get(&app.root(), "/namespaces/1").await.json, before);
    let expected = ["comp", "comp/llvm", "comp/llvm/comp", "compilers"];
    assert_eq!(full_paths(&app).await, expected);
}

#[actix_web::test]
async fn every_violation_is_reported_at_once_and_changes_nothing() {
    let app = with_namespaces().await;
    let before = app.get(&app.root(), "/namespaces/1").await.json;

    let body = json!({
        "path": "42", "name": " ", "description": "a\0", "visibility": "Public", "parentId": 4,
    });
    let response = update(&app, "1", body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(
        fields,
        ["description", "name", "parentId", "path", "visibility"]
    );
    assert_eq!(app.get(&app.root(), "/namespaces/1").await.json, before);
}

#[actix_web::test]
async fn an_unknown_namespace_is_not_found() {
    let app = with_namespaces().await;

    for namespace in ["99", "nowhere"] {
        let response = update(&app, namespace, json!({ "name": "A" })).await;

        assert_eq!(response.status, 404);
    }
}
