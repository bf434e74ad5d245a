use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::TestApp;

async fn with_achievement() -> TestApp {
    let app = TestApp::new().await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    app.achievement(compilers, "First merge").await;
    app
}

#[actix_web::test]
async fn each_user_who_holds_it_is_listed_once() {
    let app = with_achievement().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for user in [&ada, &bob, &ada] {
        app.accepted(1, user).await;
    }

    let response = app.get(&app.root(), "/achievements/1/users").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".pageInfo.endCursor" => "[cursor]" }, @r#"
    {
      "nodes": [
        {
          "user": {
            "id": 2,
            "username": "ada",
            "name": "ada",
            "webUrl": "https://accolade.test/@ada"
          },
          "count": 2
        },
        {
          "user": {
            "id": 3,
            "username": "bob",
            "name": "bob",
            "webUrl": "https://accolade.test/@bob"
          },
          "count": 1
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
async fn to_maintainers_the_counts_are_those_of_the_achievement() {
    let app = with_achievement().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    app.award(1, &ada).await;
    app.hidden(1, &ada).await;
    app.declined(1, &ada).await;
    app.revoked(1, &ada).await;
    app.declined(1, &bob).await;

    let users = app.get(&app.root(), "/achievements/1/users").await;
    let achievement = app.get(&app.root(), "/achievements/1").await.json;

    assert_eq!(users.nodes("/user/username"), ["ada"]);
    assert_eq!(users.nodes("/count"), [2]);
    assert_eq!(achievement["userAchievementsCount"], 2);
    assert_eq!(achievement["uniqueUsersCount"], 1);
}

#[actix_web::test]
async fn an_achievement_that_nobody_holds_lists_nobody() {
    let app = with_achievement().await;

    let response = app.get(&app.root(), "/achievements/1/users").await;

    let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(response.json, empty);
}

#[actix_web::test]
async fn who_declined_is_listed_again_after_accepting() {
    let app = with_achievement().await;
    let ada = app.user("ada").await;
    let award = app.declined(1, &ada).await;

    let path = format!("/user-achievements/{award}/accept");
    app.post(&ada, &path, Value::Null).await;
    let response = app.get(&app.root(), "/achievements/1/users").await;

    assert_eq!(response.nodes("/count"), [1]);
}

#[actix_web::test]
async fn the_users_of_an_unknown_achievement_are_not_found() {
    let app = with_achievement().await;

    let response = app.get(&app.root(), "/achievements/9/users").await;

    assert_eq!(response.status, 404);
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let app = with_achievement().await;

    let path = "/achievements/1/users?limit=101&after=x";
    let response = app.get(&app.root(), path).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["limit", "after"]);
}
