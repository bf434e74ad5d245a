use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

async fn create(app: &TestApp, user: &User, body: Value) -> Response {
    app.post(user, "/namespaces", body).await
}

#[actix_web::test]
async fn a_user_creates_a_namespace() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let body = json!({
        "path": "Compilers",
        "name": " The compilers ",
        "description": " What compiles ",
        "visibility": "internal",
    });
    let response = create(&app, &ada, body).await;

    assert_eq!(response.status, 201);
    assert_eq!(
        response.header("location"),
        Some("https://accolade.test/namespaces/1")
    );
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 1,
      "path": "Compilers",
      "fullPath": "Compilers",
      "name": "The compilers",
      "description": "What compiles",
      "visibility": "internal",
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/groups/Compilers/-/achievements"
    }
    "#);
    assert_eq!(app.get(&ada, "/namespaces/1").await.json, response.json);
}

#[actix_web::test]
async fn the_creator_becomes_its_owner() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    create(&app, &ada, json!({ "path": "a", "name": "A" })).await;

    let members = app.get(&ada, "/namespaces/a/members").await;
    assert_eq!(members.nodes("/user/username"), ["ada"]);
    assert_eq!(members.nodes("/role"), ["owner"]);
}

#[actix_web::test]
async fn a_namespace_is_private_where_nothing_else_is_said() {
    let app = TestApp::new().await;
    let bare = json!({ "path": "a", "name": "A" });
    let nulls = json!({
        "path": "b", "name": "B", "visibility": null, "description": null, "parentId": null,
    });

    for body in [bare, nulls] {
        let response = create(&app, &app.root(), body).await;

        assert_eq!(response.status, 201);
        assert_eq!(response.json["visibility"], "private");
        assert_eq!(response.json.get("description"), None);
        assert_eq!(response.json.get("parentId"), None);
    }
}

#[actix_web::test]
async fn a_namespace_below_another_has_its_path_before_its_own() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;

    let body = json!({ "path": "LLVM", "name": "LLVM", "parentId": compilers });
    let llvm = create(&app, &grace, body).await;
    let body = json!({ "path": "clang", "name": "Clang", "parentId": llvm.id() });
    let clang = create(&app, &grace, body).await;

    assert_eq!(llvm.status, 201);
    assert_eq!(llvm.json["parentId"], compilers);
    assert_eq!(llvm.json["fullPath"], "compilers/LLVM");
    assert_eq!(clang.json["fullPath"], "compilers/LLVM/clang");
    assert_eq!(clang.json["path"], "clang");
    let url = "https://accolade.test/groups/compilers/LLVM/clang/-/achievements";
    assert_eq!(clang.json["webUrl"], url);
}

#[actix_web::test]
async fn a_full_path_is_taken_without_regard_to_case() {
    let app = TestApp::new().await;
    let root = app.root();
    let a = create(&app, &root, json!({ "path": "a", "name": "A" }))
        .await
        .id();
    let below = json!({ "path": "B", "name": "B", "parentId": a });
    assert_eq!(create(&app, &root, below).await.status, 201);
    let cases = [
        (json!({ "path": "A", "name": "A" }), 409),
        (json!({ "path": "b", "name": "B", "parentId": a }), 409),
        // The same path elsewhere is another full path.
        (json!({ "path": "b", "name": "B" }), 201),
        (json!({ "path": "a", "name": "A", "parentId": a }), 201),
    ];

    for (body, status) in cases {
        assert_eq!(
            create(&app, &root, body.clone()).await.status,
            status,
            "{body}"
        );
    }
}

#[actix_web::test]
async fn every_violation_is_reported_at_once() {
    let app = TestApp::new().await;

    let body = json!({
        "path": "a/b", "name": "", "parentId": "one", "description": "a".repeat(1025),
        "visibility": "secret", "fullPath": "a",
    });
    let response = create(&app, &app.root(), body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(
        fields,
        [
            "description",
            "fullPath",
            "name",
            "parentId",
            "path",
            "visibility"
        ]
    );
}

#[actix_web::test]
async fn a_path_is_like_a_username() {
    let app = TestApp::new().await;
    let cases = [
        ("a.b_c-1", 201),
        ("1a", 201),
        ("", 422),
        ("42", 422),
        ("a b", 422),
        ("a/b", 422),
        ("a\0", 422),
        ("é", 422),
    ];

    for (path, status) in cases {
        let response = create(&app, &app.root(), json!({ "path": path, "name": "A" })).await;

        assert_eq!(response.status, status, "{path:?}");
        if status == 422 {
            assert_eq!(response.fields(), ["path"]);
        }
    }
}

#[actix_web::test]
async fn an_unknown_parent_is_invalid() {
    let app = TestApp::new().await;

    for parent in [0, -1, 99] {
        let body = json!({ "path": "a", "name": "A", "parentId": parent });
        let response = create(&app, &app.root(), body).await;

        assert_eq!(response.status, 422, "{parent}");
        assert_eq!(response.fields(), ["parentId"]);
    }
}

#[actix_web::test]
async fn a_setting_leaves_top_level_namespaces_to_administrators() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let mine = create(&app, &ada, json!({ "path": "mine", "name": "Mine" }))
        .await
        .id();
    let body = json!({ "usersCreateNamespaces": false });
    app.patch(&app.root(), "/settings", body).await;

    let top = json!({ "path": "top", "name": "Top" });
    let below = json!({ "path": "below", "name": "Below", "parentId": mine });

    assert_eq!(create(&app, &ada, top.clone()).await.status, 403);
    assert_eq!(create(&app, &ada, below).await.status, 201);
    assert_eq!(create(&app, &app.root(), top).await.status, 201);
}
