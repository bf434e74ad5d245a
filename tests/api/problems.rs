//! The kinds of failures: each `type` leads to a page that says what to do.

use std::collections::BTreeSet;

use accolade::auth::Role;
use accolade::problems::{PROBLEM_TYPES, ProblemType};
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, FORM, Response, TestApp, User};

/// What a reader sees of a page of ours.
fn text(page: &Response) -> String {
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let html = String::from_utf8(page.body.clone()).unwrap();
    let pieces = html.split('<').map(|piece| match piece.split_once('>') {
        Some((_, text)) => text,
        None => piece,
    });
    let text = pieces.collect::<String>();
    let entities = [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ];
    entities
        .iter()
        .fold(text, |text, (entity, sign)| text.replace(entity, sign))
}

#[actix_web::test]
async fn every_type_has_a_page_that_says_what_to_do() {
    let app = TestApp::fresh().await;

    for kind in &PROBLEM_TYPES {
        let page = app
            .get(ANONYMOUS, &format!("/problems/{}", kind.name))
            .await;

        assert_eq!(page.status, 200, "{}", kind.name);
        let text = text(&page);
        assert!(text.contains(kind.title), "{}: {text}", kind.name);
        assert!(text.contains(&kind.status.to_string()), "{text}");
        let advice = kind.advice.replace('`', "");
        assert!(text.contains(&advice), "{}: {text}", kind.name);
    }
}

#[actix_web::test]
async fn one_page_lists_every_type() {
    let app = TestApp::fresh().await;

    let page = app.get(ANONYMOUS, "/problems").await;

    assert_eq!(page.status, 200);
    let html = String::from_utf8(page.body.clone()).unwrap();
    let links = html.split("href=\"/problems/").skip(1);
    let links: BTreeSet<_> = links.map(|link| link.split('"').next().unwrap()).collect();
    let names: BTreeSet<_> = PROBLEM_TYPES.iter().map(|kind| kind.name).collect();
    assert_eq!(links, names);
    let text = text(&page);
    assert!(PROBLEM_TYPES.iter().all(|kind| text.contains(kind.title)));
}

#[test]
fn the_types_are_ordered_and_each_is_there_once() {
    let statuses: Vec<_> = PROBLEM_TYPES.iter().map(|kind| kind.status).collect();
    let names: BTreeSet<_> = PROBLEM_TYPES.iter().map(|kind| kind.name).collect();
    let titles: BTreeSet<_> = PROBLEM_TYPES.iter().map(|kind| kind.title).collect();

    assert!(statuses.is_sorted());
    assert!(statuses.iter().all(|status| (400..600).contains(status)));
    assert_eq!(names.len(), PROBLEM_TYPES.len());
    assert_eq!(titles.len(), PROBLEM_TYPES.len());
    // A cell of a table would end there.
    assert!(PROBLEM_TYPES.iter().all(|kind| !kind.advice.contains('|')));
}

#[actix_web::test]
async fn what_is_no_type_is_not_found() {
    let app = TestApp::fresh().await;

    for name in [
        "nonsense",
        "NOT-FOUND",
        "not-found/",
        "",
        "%00",
        "..%2Fuser",
    ] {
        let response = app.get(ANONYMOUS, &format!("/problems/{name}")).await;

        assert_eq!(response.status, 404, "{name}");
        assert_eq!(response.json["type"], "/problems/not-found");
    }
}

#[actix_web::test]
async fn the_pages_are_only_read() {
    let app = TestApp::fresh().await;

    for path in ["/problems", "/problems/not-found"] {
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let response = app.call(method, ANONYMOUS, path, Value::Null).await;

            assert_eq!(response.status, 405, "{path}");
            assert_eq!(response.json["type"], "/problems/method-not-allowed");
            assert_eq!(response.header("allow"), Some("GET, HEAD"));
        }
        let head = app.call(Method::HEAD, ANONYMOUS, path, Value::Null).await;
        assert_eq!(head.status, 200, "{path}");
        assert!(head.body.is_empty());
    }
}

#[test]
fn the_readme_lists_every_type() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let readme = readme.unwrap();
    let row = |kind: &ProblemType| {
        let ProblemType {
            name,
            status,
            title,
            advice,
        } = kind;
        format!("| `/problems/{name}` | {status} | {title} | {advice} |")
    };

    let listed: Vec<_> = readme
        .lines()
        .filter(|line| line.starts_with("| `/problems/"))
        .collect();

    let expected: Vec<_> = PROBLEM_TYPES.iter().map(row).collect();
    assert_eq!(listed, expected);
}

/// With the namespace 1 of root, the achievement 1, and its award 1 to ada.
async fn world() -> (TestApp, User) {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app
        .public_namespace("compilers", &ada, Role::Developer)
        .await;
    let achievement = app.achievement(compilers, "First merge").await;
    app.accepted(achievement, &ada).await;
    (app, ada)
}

#[actix_web::test]
async fn the_type_of_a_failure_leads_to_its_page() {
    let (app, ada) = world().await;
    let root = app.root();
    let nobody = User {
        token: "nonsense".into(),
        ..ada.clone()
    };
    let scopes = json!({ "name": "Bot", "scopes": ["read"] });
    let made = app.post(&ada, "/personal-access-tokens", scopes).await;
    let reader = User {
        token: made.json["token"].as_str().unwrap().into(),
        ..ada.clone()
    };
    let (get, post) = (Method::GET, Method::POST);
    let (patch, delete) = (Method::PATCH, Method::DELETE);
    let credentials = json!({ "username": "ada", "password": "wrong password" });
    let namesake = json!({ "username": "ADA", "email": "ada@example.com" });
    let space = json!({ "path": "compilers", "name": "A" });
    let merge = json!({ "name": "first MERGE" });
    let (name, long) = (
        json!({ "name": "A" }),
        json!({ "name": "a".repeat(1 << 20) }),
    );
    let (award, none) = (json!({ "username": "ada" }), Value::Null);
    let failures = [
        (&get, None, "/user", &none, "unauthenticated"),
        (&get, Some(&nobody), "/user", &none, "invalid-token"),
        (
            &post,
            None,
            "/sessions",
            &credentials,
            "invalid-credentials",
        ),
        (
            &post,
            Some(&ada),
            "/achievements/1/award",
            &award,
            "role-required",
        ),
        (&get, Some(&ada), "/settings", &none, "admin-required"),
        (
            &post,
            Some(&root),
            "/user-achievements/1/accept",
            &none,
            "not-recipient",
        ),
        (&patch, Some(&reader), "/user", &name, "insufficient-scope"),
        (&get, None, "/nowhere", &none, "not-found"),
        (&delete, Some(&ada), "/user", &none, "method-not-allowed"),
        (
            &post,
            Some(&root),
            "/namespaces/1/achievements",
            &merge,
            "name-taken",
        ),
        (&post, Some(&root), "/users", &namesake, "username-taken"),
        (&post, Some(&root), "/namespaces", &space, "path-taken"),
        (
            &post,
            Some(&ada),
            "/user-achievements/1/decline",
            &none,
            "not-pending",
        ),
        (
            &delete,
            Some(&root),
            "/namespaces/1/members/root",
            &none,
            "last-owner",
        ),
        (&delete, Some(&root), "/users/root", &none, "own-account"),
        (&patch, Some(&ada), "/user", &long, "too-large"),
        (&patch, Some(&ada), "/user", &none, "unsupported-media-type"),
        (
            &get,
            None,
            "/namespaces?limit=0",
            &none,
            "validation-failed",
        ),
    ];

    for (method, user, path, body, name) in failures {
        let failure = app.call(method.clone(), user, path, body.clone()).await;
        assert_leads_to(&app, &failure, name).await;
    }
}

/// That the failure is of this type, and that its page is about it.
async fn assert_leads_to(app: &TestApp, failure: &Response, name: &str) {
    assert_eq!(failure.json["type"], format!("/problems/{name}"));
    let page = app
        .get(ANONYMOUS, failure.json["type"].as_str().unwrap())
        .await;
    assert_eq!(page.status, 200, "{name}");
    let text = text(&page);
    assert!(text.contains(failure.json["title"].as_str().unwrap()));
    assert!(text.contains(&failure.status.to_string()), "{name}");
    assert_eq!(failure.json["status"], failure.status);
}

#[actix_web::test]
async fn the_type_of_a_failure_that_headers_cause_leads_to_its_page() {
    let (app, ada) = world().await;
    let bearer = format!("Bearer {}", ada.token);
    let json = ("Content-Type", "application/json");
    let (patch, put) = (Method::PATCH, Method::PUT);
    let avatar = "/achievements/1/avatar";
    let failures = [
        (&patch, "/user", vec![json], "{", "malformed-json"),
        (
            &put,
            avatar,
            vec![("Content-Type", FORM)],
            "--",
            "malformed-form",
        ),
        (
            &patch,
            "/user",
            vec![json, ("If-Match", "\"old\"")],
            "{\"name\":\"A\"}",
            "stale",
        ),
    ];

    for (method, path, mut headers, body, name) in failures {
        headers.push(("Authorization", &bearer));
        let failure = app.send(method.clone(), path, &headers, body.into()).await;
        assert_leads_to(&app, &failure, name).await;
    }
    let off = json!({ "enabled": false });
    app.put(&app.root(), "/feature-flags/achievements", off)
        .await;
    let failure = app.get(ANONYMOUS, "/achievements/1").await;
    assert_leads_to(&app, &failure, "feature-disabled").await;
}
