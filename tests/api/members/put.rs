use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

/// Root gives the user the role in the namespace.
async fn put(app: &TestApp, namespace: &str, user: &str, role: &str) -> Response {
    let path = format!("/namespaces/{namespace}/members/{user}");
    app.put(&app.root(), &path, json!({ "role": role })).await
}

/// With the namespaces `compilers` (1) and `compilers/llvm` (2), which root owns.
async fn with_namespaces() -> (TestApp, User) {
    let app = TestApp::new().await;
    let root = app.root();
    app.namespace("compilers", &root, Role::Owner).await;
    app.namespace_of("llvm", Some(1), "private", &root, Role::Owner)
        .await;
    let ada = app.user("ada").await;
    (app, ada)
}

#[actix_web::test]
async fn an_owner_adds_a_member() {
    let (app, ada) = with_namespaces().await;

    let response = put(&app, "compilers%2FLLVM", "ADA", "maintainer").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]" }, @r#"
    {
      "user": {
        "id": 2,
        "username": "ada",
        "name": "ada",
        "webUrl": "https://accolade.test/@ada"
      },
      "role": "maintainer",
      "createdAt": "[now]"
    }
    "#);
    let members = app.get(&ada, "/namespaces/2/members").await;
    assert_eq!(members.nodes("/role"), ["owner", "maintainer"]);
}

#[actix_web::test]
async fn putting_a_member_again_changes_the_role() {
    let (app, ada) = with_namespaces().await;

    for role in [
        "guest",
        "planner",
        "reporter",
        "developer",
        "maintainer",
        "owner",
        "guest",
    ] {
        let response = put(&app, "1", &ada.id.to_string(), role).await;

        assert_eq!(response.status, 200, "{role}");
        let members = app.get(&app.root(), "/namespaces/1/members").await;
        assert_eq!(members.nodes("/role"), ["owner", role]);
    }
}

/// Whether the user may do what takes the Maintainer role in `compilers/llvm`.
async fn maintains(app: &TestApp, user: &User, name: &str) -> bool {
    let body = json!({ "name": name });
    let response = app.post(user, "/namespaces/2/achievements", body).await;
    response.status == 201
}

#[actix_web::test]
async fn a_role_counts_below_and_the_highest_one_wins() {
    let (app, ada) = with_namespaces().await;
    let cases = [
        ("maintainer", "guest", true),
        ("guest", "maintainer", true),
        ("owner", "developer", true),
        ("developer", "reporter", false),
        ("guest", "guest", false),
    ];

    for (index, (above, own, may)) in cases.into_iter().enumerate() {
        put(&app, "1", "ada", above).await;
        put(&app, "2", "ada", own).await;

        let name = index.to_string();
        assert_eq!(maintains(&app, &ada, &name).await, may, "{above} {own}");
    }
}

#[actix_web::test]
async fn a_role_does_not_count_above() {
    let (app, ada) = with_namespaces().await;

    put(&app, "2", "ada", "owner").await;

    assert!(maintains(&app, &ada, "A").await);
    assert_eq!(app.get(&ada, "/namespaces/1").await.status, 404);
}

#[actix_web::test]
async fn the_last_owner_stays_one() {
    let (app, _) = with_namespaces().await;
    put(&app, "1", "ada", "maintainer").await;

    let refused = put(&app, "1", "root", "maintainer").await;

    assert_eq!(refused.status, 409);
    let members = app.get(&app.root(), "/namespaces/1/members").await;
    assert_eq!(members.nodes("/role"), ["owner", "maintainer"]);
    put(&app, "1", "ada", "owner").await;
    assert_eq!(put(&app, "1", "root", "maintainer").await.status, 200);
}

#[actix_web::test]
async fn an_owner_who_inherits_is_owner_enough() {
    let (app, _) = with_namespaces().await;

    // Root, who is the only owner of `compilers/llvm`, owns `compilers` too.
    let response = put(&app, "2", "root", "guest").await;

    assert_eq!(response.status, 200);
}

#[actix_web::test]
async fn an_owner_can_be_made_owner_again() {
    let (app, _) = with_namespaces().await;

    assert_eq!(put(&app, "1", "root", "owner").await.status, 200);
}

#[actix_web::test]
async fn every_violation_is_reported_at_once() {
    let (app, _) = with_namespaces().await;
    let bodies = [
        (json!({}), vec!["role"]),
        (json!({ "role": "Owner" }), vec!["role"]),
        (
            json!({ "role": 50, "accessLevel": 50 }),
            vec!["accessLevel", "role"],
        ),
    ];

    for (body, expected) in bodies {
        let response = app
            .put(&app.root(), "/namespaces/1/members/ada", body)
            .await;

        assert_eq!(response.status, 422);
        let mut fields = response.fields();
        fields.sort();
        assert_eq!(fields, expected);
    }
    let members = app.get(&app.root(), "/namespaces/1/members").await;
    assert_eq!(members.nodes("/user/username"), [Value::from("root")]);
}

#[actix_web::test]
async fn unknown_users_and_namespaces_are_not_found() {
    let (app, _) = with_namespaces().await;

    for (namespace, user) in [
        ("1", "99"),
        ("1", "nobody"),
        ("99", "ada"),
        ("nowhere", "ada"),
    ] {
        let response = put(&app, namespace, user, "guest").await;

        assert_eq!(response.status, 404, "{namespace} {user}");
    }
}
