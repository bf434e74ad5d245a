use accolade::auth::Role;

use crate::app::TestApp;

#[actix_web::test]
async fn an_owner_deletes_an_award() {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Owner).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let path = format!(
        "/user-achievements/{}",
        app.accepted(achievement, &ada).await
    );

    let response = app.delete(&grace, &path).await;

    assert_eq!(response.status, 204);
    assert!(response.body.is_empty());
    assert_eq!(app.get(&ada, &path).await.status, 404);
    assert_eq!(app.delete(&grace, &path).await.status, 404);
}

#[actix_web::test]
async fn it_leaves_every_list() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let award = app.accepted(achievement, &ada).await;

    let path = format!("/user-achievements/{award}");
    app.delete(&app.root(), &path).await;

    let lists = [
        "/users/ada/user-achievements?includeHidden=true".to_owned(),
        "/users/ada/badges".to_owned(),
        format!("/achievements/{achievement}/user-achievements"),
        format!("/achievements/{achievement}/users"),
    ];
    for list in lists {
        let response = app.get(&app.root(), &list).await;
        assert_eq!(response.nodes("/id").len(), 0, "{list}");
    }
}

#[actix_web::test]
async fn an_award_is_deleted_in_every_status() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    let achievement = app.achievement(compilers, "First merge").await;

    for award in [
        app.award(achievement, &ada).await,
        app.hidden(achievement, &ada).await,
        app.declined(achievement, &ada).await,
        app.revoked(achievement, &ada).await,
    ] {
        let path = format!("/user-achievements/{award}");

        assert_eq!(app.delete(&app.root(), &path).await.status, 204);
    }
}

#[actix_web::test]
async fn an_unknown_award_is_not_found() {
    let app = TestApp::new().await;

    let response = app.delete(&app.root(), "/user-achievements/9").await;

    assert_eq!(response.status, 404);
}
