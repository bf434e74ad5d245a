use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::TestApp;

async fn with_users() -> TestApp {
    let app = TestApp::new().await;
    for (username, name) in [
        ("ada", "Ada Lovelace"),
        ("emile", "Émile 100%"),
        ("a_b", "Grace"),
    ] {
        let body = json!({ "username": username, "name": name, "email": "a@example.com" });
        app.post(&app.root(), "/users", body).await;
    }
    app
}

#[actix_web::test]
async fn users_are_listed() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let response = app.get(&ada, "/users").await;

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
          "username": "root",
          "name": "root",
          "state": "active",
          "createdAt": "[now]",
          "updatedAt": "[now]",
          "webUrl": "https://accolade.test/@root"
        },
        {
          "id": 2,
          "username": "ada",
          "name": "ada",
          "email": "ada@example.com",
          "admin": false,
          "state": "active",
          "privateProfile": false,
          "achievementsEnabled": true,
          "createdAt": "[now]",
          "updatedAt": "[now]",
          "webUrl": "https://accolade.test/@ada"
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
async fn search_finds_part_of_a_username_or_name_in_any_case() {
    let app = with_users().await;
    let cases = [
        ("LOVE", vec!["ada"]),
        ("Emil", vec!["emile"]),
        ("%C3%A9MILE", vec!["emile"]),
        ("100%25", vec!["emile"]),
        ("a_", vec!["a_b"]),
        ("%25%25", vec![]),
        ("example.com", vec![]),
        ("", vec!["root", "ada", "emile", "a_b"]),
    ];

    for (search, found) in cases {
        let path = format!("/users?search={search}");
        let response = app.get(&app.root(), &path).await;

        assert_eq!(response.nodes("/username"), found, "{search}");
    }
}

#[actix_web::test]
async fn search_finds_a_user_by_the_new_name() {
    let app = with_users().await;

    let body = json!({ "name": "Countess" });
    app.patch(&app.root(), "/users/ada", body).await;

    for (search, found) in [("countess", vec!["ada"]), ("lovelace", vec![])] {
        let path = format!("/users?search={search}");
        assert_eq!(app.get(&app.root(), &path).await.nodes("/username"), found);
    }
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let app = TestApp::new().await;

    let path = format!("/users?limit=&after=&search={}&page=2", "a".repeat(256));
    let response = app.get(&app.root(), &path).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["after", "limit", "page", "search"]);
}
