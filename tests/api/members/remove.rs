use accolade::auth::Role;

use crate::app::{TestApp, User};

/// With the namespace `compilers` (1), which root owns, and ada in it.
async fn with_member(role: Role) -> (TestApp, User) {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    app.namespace("compilers", &ada, role).await;
    (app, ada)
}

#[actix_web::test]
async fn an_owner_removes_a_member() {
    let (app, ada) = with_member(Role::Developer).await;

    let path = "/namespaces/Compilers/members/ADA";
    let response = app.delete(&app.root(), path).await;

    assert_eq!(response.status, 204);
    assert!(response.body.is_empty());
    assert_eq!(app.get(&ada, "/namespaces/1").await.status, 404);
    assert_eq!(app.delete(&app.root(), path).await.status, 404);
}

#[actix_web::test]
async fn the_last_owner_stays() {
    let (app, ada) = with_member(Role::Maintainer).await;

    let refused = app.delete(&app.root(), "/namespaces/1/members/root").await;

    assert_eq!(refused.status, 409);
    let members = app.get(&ada, "/namespaces/1/members").await;
    assert_eq!(members.nodes("/user/username"), ["root", "ada"]);
}

#[actix_web::test]
async fn one_of_two_owners_can_go() {
    let (app, ada) = with_member(Role::Owner).await;

    let first = app.delete(&ada, "/namespaces/1/members/root").await;
    let second = app.delete(&ada, "/namespaces/1/members/ada").await;

    assert_eq!(first.status, 204);
    assert_eq!(second.status, 409);
}

#[actix_web::test]
async fn an_owner_who_inherits_is_owner_enough() {
    let (app, ada) = with_member(Role::Owner).await;
    app.namespace_of("llvm", Some(1), "private", &app.root(), Role::Owner)
        .await;

    let path = "/namespaces/compilers%2Fllvm/members/root";
    let response = app.delete(&ada, path).await;

    assert_eq!(response.status, 204);
    // The role from above remains.
    let body = serde_json::json!({ "name": "LLVM 2" });
    let owner = app.patch(&ada, "/namespaces/2", body).await;
    assert_eq!(owner.status, 200);
}

#[actix_web::test]
async fn who_is_no_member_is_not_found() {
    let (app, ada) = with_member(Role::Owner).await;
    app.user("bob").await;
    // Ada is a member above, not of this one.
    app.namespace_of("llvm", Some(1), "private", &app.root(), Role::Owner)
        .await;

    for path in [
        "/namespaces/1/members/bob",
        "/namespaces/1/members/nobody",
        "/namespaces/1/members/99",
        "/namespaces/2/members/ada",
        "/namespaces/99/members/ada",
        "/namespaces/nowhere/members/ada",
    ] {
        assert_eq!(app.delete(&ada, path).await.status, 404, "{path}");
    }
}
