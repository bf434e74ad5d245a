use accolade::auth::Role;
use serde_json::{Value, json};

use crate::app::TestApp;

#[actix_web::test]
async fn an_administrator_deletes_a_user() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let response = app.delete(&app.root(), "/users/ada").await;

    assert_eq!(response.status, 204);
    assert!(response.body.is_empty());
    assert_eq!(app.get(&app.root(), "/users/ada").await.status, 404);
    assert_eq!(app.delete(&app.root(), "/users/ada").await.status, 404);
    assert_eq!(app.get(&ada, "/user").await.status, 401);
}

#[actix_web::test]
async fn what_the_user_was_awarded_goes_too() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let gone = app.accepted(achievement, &ada).await;
    let kept = app.accepted(achievement, &bob).await;

    app.delete(&app.root(), "/users/ada").await;

    let path = format!("/user-achievements/{gone}");
    assert_eq!(app.get(&app.root(), &path).await.status, 404);
    let path = format!("/achievements/{achievement}/user-achievements");
    assert_eq!(app.get(&app.root(), &path).await.nodes("/id"), [kept]);
}

#[actix_web::test]
async fn what_the_user_gave_or_revoked_stays_and_loses_the_name() {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let path = format!("/achievements/{achievement}/award");
    let given = app
        .post(&grace, &path, json!({ "userId": ada.id }))
        .await
        .id();
    let revoked = app.accepted(achievement, &ada).await;
    let path = format!("/user-achievements/{revoked}/revoke");
    app.post(&grace, &path, Value::Null).await;

    app.delete(&app.root(), "/users/grace").await;

    let read = async |id: i64| {
        app.get(&app.root(), &format!("/user-achievements/{id}"))
            .await
            .json
    };
    let (given, revoked) = (read(given).await, read(revoked).await);
    assert_eq!(given["status"], "pending");
    assert_eq!(given.get("awardedByUser"), None);
    assert_eq!(revoked["status"], "revoked");
    assert!(revoked["revokedAt"].is_string());
    assert_eq!(revoked["awardedByUser"]["username"], "root");
    assert_eq!(revoked.get("revokedByUser"), None);
}

#[actix_web::test]
async fn the_only_owner_of_a_namespace_stays() {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let body = json!({ "path": "compilers", "name": "Compilers" });
    let compilers = app.post(&grace, "/namespaces", body).await.id();
    // A Maintainer is no owner.
    app.member(compilers, &ada, Role::Maintainer).await;

    let refused = app.delete(&app.root(), "/users/grace").await;
    assert_eq!(refused.status, 409);
    assert_eq!(app.get(&grace, "/user").await.status, 200);

    app.member(compilers, &ada, Role::Owner).await;
    let deleted = app.delete(&app.root(), "/users/grace").await;
    assert_eq!(deleted.status, 204);
    let path = format!("/namespaces/{compilers}/members");
    assert_eq!(app.get(&ada, &path).await.nodes("/user/username"), ["ada"]);
}

#[actix_web::test]
async fn an_owner_who_inherits_is_owner_enough() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let body = json!({ "path": "llvm", "name": "LLVM", "parentId": compilers });
    assert_eq!(app.post(&grace, "/namespaces", body).await.status, 201);

    // Root owns what grace alone owns, from above.
    let response = app.delete(&app.root(), "/users/grace").await;

    assert_eq!(response.status, 204);
    let namespace = app.get(&app.root(), "/namespaces/compilers%2Fllvm").await;
    assert_eq!(namespace.status, 200);
}

#[actix_web::test]
async fn the_username_is_free_again_for_somebody_else() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    app.delete(&app.root(), "/users/ada").await;
    let again = app.user("ada").await;

    assert_ne!(again.id, ada.id);
    assert_eq!(app.get(&ada, "/user").await.status, 401);
}

#[actix_web::test]
async fn an_unknown_user_is_not_found() {
    let app = TestApp::new().await;

    for user in ["99", "nobody"] {
        let path = format!("/users/{user}");

        assert_eq!(app.delete(&app.root(), &path).await.status, 404);
    }
}
