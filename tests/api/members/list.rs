use accolade::auth::Role;
use insta::assert_json_snapshot;

use crate::app::TestApp;

#[actix_web::test]
async fn a_namespace_lists_its_members() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    app.namespace("compilers", &grace, Role::Planner).await;

    let response = app.get(&grace, "/namespaces/compilers/members").await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, {
        ".nodes[].createdAt" => "[now]",
        ".pageInfo.endCursor" => "[cursor]",
    }, @r#"
    {
      "nodes": [
        {
          "user": {
            "id": 1,
            "username": "root",
            "name": "root",
            "webUrl": "https://accolade.test/@root"
          },
          "role": "owner",
          "createdAt": "[now]"
        },
        {
          "user": {
            "id": 2,
            "username": "grace",
            "name": "grace",
            "webUrl": "https://accolade.test/@grace"
          },
          "role": "planner",
          "createdAt": "[now]"
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
async fn the_members_of_an_unknown_namespace_are_not_found() {
    let app = TestApp::new().await;

    for namespace in ["99", "nowhere"] {
        let path = format!("/namespaces/{namespace}/members");

        assert_eq!(app.get(&app.root(), &path).await.status, 404);
    }
}

#[actix_web::test]
async fn every_violation_of_the_query_is_reported_at_once() {
    let app = TestApp::new().await;
    app.namespace("compilers", &app.root(), Role::Owner).await;

    let path = "/namespaces/compilers/members?limit=-1&after=W10";
    let response = app.get(&app.root(), path).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields(), ["limit", "after"]);
}
