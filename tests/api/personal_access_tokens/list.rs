use insta::assert_json_snapshot;
use serde_json::json;

use crate::app::TestApp;

#[actix_web::test]
async fn a_user_lists_their_own_tokens() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let path = "/personal-access-tokens";
    app.post(&bob, path, json!({ "name": "Of bob" })).await;
    let body = json!({ "name": "Bot", "expiresAt": "2030-01-31T12:00:00Z" });
    app.post(&ada, path, body).await;

    let mut response = app.get(&ada, path).await;

    assert_eq!(response.status, 200);
    // When the first one is noted is told in the tests of scopes.
    response.json["nodes"][0]
        .as_object_mut()
        .unwrap()
        .remove("lastUsedAt");
    // The first token is the one that the user calls with.
    assert_json_snapshot!(response.json, {
        ".nodes[].id" => "[id]",
        ".nodes[].createdAt" => "[now]",
        ".nodes[0].expiresAt" => "[later]",
        ".pageInfo.endCursor" => "[cursor]",
    }, @r#"
    {
      "nodes": [
        {
          "id": "[id]",
          "name": "Test",
          "createdAt": "[now]",
          "expiresAt": "[later]",
          "scopes": [
            "read",
            "award",
            "manage"
          ]
        },
        {
          "id": "[id]",
          "name": "Bot",
          "createdAt": "[now]",
          "expiresAt": "2030-01-31T12:00:00.000Z",
          "scopes": [
            "read",
            "award",
            "manage"
          ]
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
async fn revoked_tokens_are_not_listed() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let path = "/personal-access-tokens";
    let token = app.post(&ada, path, json!({ "name": "Bot" })).await.id();

    app.delete(&ada, &format!("{path}/{token}")).await;

    let response = app.get(&ada, path).await;
    assert_eq!(response.nodes("/name"), ["Test"]);
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let app = TestApp::new().await;

    let path = "/personal-access-tokens?limit=1.5&after=%20";
    let response = app.get(&app.root(), path).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["limit", "after"]);
}
