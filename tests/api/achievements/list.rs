use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::TestApp;

/// With a namespace that has the achievements.
async fn with(names: &[&str]) -> TestApp {
    let app = TestApp::new().await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    for name in names {
        app.achievement(compilers, name).await;
    }
    app
}

#[actix_web::test]
async fn a_namespace_lists_its_achievements() {
    let app = with(&["First merge"]).await;
    let languages = app.namespace("languages", &app.root(), Role::Owner).await;
    app.achievement(languages, "Elsewhere").await;

    let response = app
        .get(&app.root(), "/namespaces/compilers/achievements")
        .await;

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
          "namespace": {
            "id": 1,
            "fullPath": "compilers",
            "name": "compilers",
            "webUrl": "https://accolade.test/groups/compilers/-/achievements"
          },
          "name": "First merge",
          "userAchievementsCount": 0,
          "uniqueUsersCount": 0,
          "createdAt": "[now]",
          "updatedAt": "[now]",
          "webUrl": "https://accolade.test/groups/compilers/-/achievements"
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
async fn a_namespace_without_achievements_lists_none() {
    let app = with(&[]).await;

    let response = app.get(&app.root(), "/namespaces/1/achievements").await;

    assert_eq!(response.status, 200);
    let empty = json!({ "nodes": [], "pageInfo": { "hasNextPage": false } });
    assert_eq!(response.json, empty);
}

#[actix_web::test]
async fn they_are_in_the_order_of_their_names_without_regard_to_case() {
    let app = with(&["beta", "Alpha", "Gamma", "alpha 2", "delta"]).await;

    let response = app.get(&app.root(), "/namespaces/1/achievements").await;

    let names = ["Alpha", "alpha 2", "beta", "delta", "Gamma"];
    assert_eq!(response.nodes("/name"), names);
}

#[actix_web::test]
async fn search_finds_part_of_a_name_in_any_case() {
    let app = with(&[
        "First merge",
        "Éclair maker",
        "100% done",
        "100 done",
        "a_b",
        "axb",
    ])
    .await;
    let cases = [
        ("FIRST", vec!["First merge"]),
        ("st+me", vec!["First merge"]),
        ("%C3%89CLAIR", vec!["Éclair maker"]),
        ("%C3%A9clair", vec!["Éclair maker"]),
        // What a pattern of the database means stands for itself.
        ("100%25", vec!["100% done"]),
        ("a_b", vec!["a_b"]),
        ("%5C", vec![]),
        ("none", vec![]),
    ];

    for (search, found) in cases {
        let path = format!("/namespaces/1/achievements?search={search}");

        assert_eq!(app.get(&app.root(), &path).await.nodes("/name"), found);
    }
}

#[actix_web::test]
async fn an_empty_search_finds_everything() {
    let app = with(&["Alpha", "Beta"]).await;

    let path = "/namespaces/1/achievements?search=";
    let response = app.get(&app.root(), path).await;

    assert_eq!(response.nodes("/name"), ["Alpha", "Beta"]);
}

#[actix_web::test]
async fn the_list_of_no_namespace_is_not_found() {
    let app = with(&[]).await;

    for namespace in ["9", "nowhere"] {
        let path = format!("/namespaces/{namespace}/achievements");

        assert_eq!(app.get(&app.root(), &path).await.status, 404);
    }
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let app = with(&[]).await;

    let query = format!("limit=0&after=!&search={}", "a".repeat(256));
    let path = format!("/namespaces/1/achievements?{query}");
    let response = app.get(&app.root(), &path).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["after", "limit", "search"]);
}
