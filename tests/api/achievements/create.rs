use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp};

/// Creates an achievement in the namespace with the id 1.
async fn create(app: &TestApp, body: Value) -> Response {
    app.post(&app.root(), "/namespaces/1/achievements", body)
        .await
}

async fn with_namespace() -> TestApp {
    let app = TestApp::new().await;
    app.namespace("compilers", &app.root(), Role::Owner).await;
    app
}

#[actix_web::test]
async fn a_maintainer_creates_an_achievement() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;

    let path = format!("/namespaces/{compilers}/achievements");
    let body = json!({ "name": " First merge ", "description": " Landed a change\u{a0}" });
    let response = app.post(&grace, &path, body).await;

    assert_eq!(response.status, 201);
    assert_eq!(
        response.header("location").unwrap(),
        format!("https://accolade.test/achievements/{}", response.id())
    );
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 1,
      "namespace": {
        "id": 1,
        "fullPath": "compilers",
        "name": "compilers",
        "webUrl": "https://accolade.test/groups/compilers/-/achievements"
      },
      "name": "First merge",
      "description": "Landed a change",
      "userAchievementsCount": 0,
      "uniqueUsersCount": 0,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/groups/compilers/-/achievements"
    }
    "#);
}

#[actix_web::test]
async fn an_achievement_without_a_description_has_none() {
    let app = with_namespace().await;

    for (name, description) in [("A", json!(null)), ("B", json!("")), ("C", json!("  "))] {
        let body = json!({ "name": name, "description": description });
        let response = create(&app, body).await;

        assert_eq!(response.status, 201);
        assert_eq!(response.json.get("description"), None);
    }
}

#[actix_web::test]
async fn the_namespace_is_named_by_its_full_path_in_any_case() {
    let app = with_namespace().await;
    app.namespace_of("LLVM", Some(1), "private", &app.root(), Role::Owner)
        .await;

    let path = "/namespaces/Compilers%2fllvm/achievements";
    let response = app
        .post(&app.root(), path, json!({ "name": "First merge" }))
        .await;

    assert_eq!(response.status, 201);
    assert_eq!(response.json["namespace"]["fullPath"], "compilers/LLVM");
}

#[actix_web::test]
async fn it_is_not_found_in_no_namespace() {
    let app = with_namespace().await;

    for namespace in ["9", "nowhere", "compilers%2Fnowhere"] {
        let path = format!("/namespaces/{namespace}/achievements");
        let response = app.post(&app.root(), &path, json!({ "name": "A" })).await;

        assert_eq!(response.status, 404, "{namespace}");
    }
}

#[actix_web::test]
async fn every_violation_is_reported_at_once() {
    let app = with_namespace().await;

    let body = json!({ "name": " ", "description": "a".repeat(1025), "title": "A" });
    let response = create(&app, body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["description", "name", "title"]);
}

#[actix_web::test]
async fn lengths_are_counted_in_characters_after_trimming() {
    let app = with_namespace().await;
    let cases = [
        ("é".repeat(255), "🎉".repeat(1024), 201),
        (format!("  {}\t", "🎉".repeat(255)), " ".repeat(1025), 201),
        ("a".repeat(256), String::new(), 422),
        ("b".into(), "é".repeat(1025), 422),
        ("\u{3000} ".into(), String::new(), 422),
        ("\u{feff} ".into(), String::new(), 422),
    ];

    for (name, description, status) in cases {
        let body = json!({ "name": name, "description": description });

        assert_eq!(create(&app, body).await.status, status, "{name}");
    }
}

#[actix_web::test]
async fn control_characters_are_refused() {
    let app = with_namespace().await;

    for character in ["\0", "\u{7}", "\u{1b}", "\u{7f}"] {
        let text = format!("a{character}b");
        let response = create(&app, json!({ "name": text, "description": text })).await;

        assert_eq!(response.status, 422, "{character:?}");
        assert_eq!(response.fields(), ["name", "description"]);
    }
}

#[actix_web::test]
async fn a_name_is_taken_without_regard_to_case() {
    let app = with_namespace().await;
    for name in ["First merge", "Éclair", "ΔΕΛΤΑ"] {
        assert_eq!(create(&app, json!({ "name": name })).await.status, 201);
    }

    // The second `éclair` is the same to a reader, encoded with a combining accent.
    for name in [
        " first MERGE ",
        "éclair",
        "ÉCLAIR",
        "e\u{301}clair",
        "δελτα",
    ] {
        let response = create(&app, json!({ "name": name })).await;

        assert_eq!(response.status, 409, "{name}");
        assert_eq!(response.json["type"], "/problems/name-taken");
    }
}

#[actix_web::test]
async fn names_that_differ_by_an_accent_are_different() {
    let app = with_namespace().await;

    for name in ["Eclair", "Éclair"] {
        assert_eq!(create(&app, json!({ "name": name })).await.status, 201);
    }
}

#[actix_web::test]
async fn another_namespace_has_names_of_its_own() {
    let app = with_namespace().await;
    app.namespace_of("llvm", Some(1), "private", &app.root(), Role::Owner)
        .await;

    for namespace in ["compilers", "compilers%2Fllvm"] {
        let path = format!("/namespaces/{namespace}/achievements");
        let body = json!({ "name": "First merge" });

        assert_eq!(app.post(&app.root(), &path, body).await.status, 201);
    }
}
