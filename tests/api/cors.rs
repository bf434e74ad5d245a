//! Pages of other origins: what a browser lets them ask and read (the Fetch standard's CORS protocol).

use std::collections::BTreeSet;

use accolade::auth::Role;
use accolade::config::Config;
use accolade::time::now;
use accolade::tokens::{Acceptance, LINK_LIFE};
use actix_test::Client;
use actix_web::http::Method;
use actix_web::web::{self, Html};
use actix_web::{App, Responder};
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};
use crate::server::Server;
use crate::tools::run_in_page;

const LISTED: &str = "https://app.example.com";
const SECOND: &str = "http://localhost:5173";
const STRANGER: &str = "https://evil.example.com";

/// What no browser may take for a listed one.
const STRANGERS: [&str; 9] = [
    STRANGER,
    "null",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example.com",
    "https://evil-app.example.com",
    "https://APP.example.com",
    "https://app.example.com/",
    "*",
];

/// The namespace 1 with the achievement 1, whose award 1 ada has accepted.
struct World {
    app: TestApp,
    link: String,
}

impl World {
    async fn new() -> Self {
        let mut config = Config::new("https://accolade.test").unwrap();
        config.origins = vec![LISTED.into(), SECOND.into()];
        Self::with(config).await
    }

    async fn with(config: Config) -> Self {
        let app = TestApp::with(config).await;
        let on = json!({ "enabled": true });
        app.put(&app.root(), "/feature-flags/achievements", on)
            .await;
        let ada = app.user("ada").await;
        let compilers = app
            .public_namespace("compilers", &app.root(), Role::Owner)
            .await;
        let achievement = app.achievement(compilers, "First merge").await;
        let award = app.accepted(achievement, &ada).await;
        assert_eq!((compilers, achievement, award), (1, 1, 1));
        let acceptance = Acceptance {
            user_achievement_id: award,
            user_id: ada.id,
        };
        let keys = &app.accolade.keys;
        let link = keys.sign_acceptance(&acceptance, now(), now() + LINK_LIFE);
        Self {
            link: link.unwrap(),
            app,
        }
    }

    /// Every operation of the contract, at an address where there is something: with its method and
    /// whether it is a public read.
    async fn operations(&self) -> Vec<(Method, String, bool)> {
        let contract = self.app.get(None, "/openapi.json").await.json;
        let mut operations = Vec::new();
        for (path, item) in contract["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let public = operation["security"]
                    .as_array()
                    .unwrap()
                    .contains(&json!({}));
                let path = path
                    .replace("{user}", "ada")
                    .replace("{namespace}", "compilers")
                    .replace("{name}", "achievements")
                    .replace("{id}", "1")
                    .replace("{token}", &self.link);
                let method: Method = method.to_uppercase().parse().unwrap();
                operations.push((method.clone(), path, public && method == Method::GET));
            }
        }
        operations
    }

    async fn public_reads(&self) -> Vec<String> {
        let operations = self.operations().await.into_iter();
        let reads: Vec<_> = operations.filter(|(.., public)| *public).collect();
        assert_eq!(reads.len(), 11);
        reads.into_iter().map(|(_, path, _)| path).collect()
    }

    /// Asks as a page of the origin does.
    async fn ask(&self, origin: &str, method: Method, user: Option<&User>, path: &str) -> Response {
        let token = user.map(|user| format!("Bearer {}", user.token));
        let mut headers = vec![("Origin", origin)];
        headers.extend(token.iter().map(|token| ("Authorization", token.as_str())));
        self.app.send(method, path, &headers, Vec::new()).await
    }

    /// Asks whether a page of the origin may ask.
    async fn preflight(&self, origin: &str, method: &Method, path: &str) -> Response {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", method.as_str()),
            (
                "Access-Control-Request-Headers",
                "authorization,if-none-match",
            ),
        ];
        let preflight = self.app.send(Method::OPTIONS, path, &headers, Vec::new());
        preflight.await
    }
}

/// Who may read the answer.
fn readers(response: &Response) -> Option<&str> {
    let credentials = response.header("access-control-allow-credentials");
    assert_eq!(credentials, None);
    assert!(
        response
            .headers
            .get_all("access-control-allow-origin")
            .count()
            <= 1
    );
    response.header("access-control-allow-origin")
}

/// The names that a header lists, in lower case.
fn list(response: &Response, name: &str) -> BTreeSet<String> {
    let values = response.headers.get_all(name);
    let names = values.flat_map(|value| value.to_str().unwrap().split(','));
    names.map(|name| name.trim().to_lowercase()).collect()
}

fn assert_exposed(response: &Response, what: &str) {
    let exposed = list(response, "access-control-expose-headers");
    for name in ["etag", "link", "location", "retry-after"] {
        assert!(exposed.contains(name), "{what}: {name}");
    }
}

#[actix_web::test]
async fn any_page_reads_what_is_public() {
    let world = World::new().await;

    for path in world.public_reads().await {
        for origin in [STRANGER, "null", LISTED] {
            for method in [Method::GET, Method::HEAD] {
                let response = world.ask(origin, method, None, &path).await;

                assert_eq!(response.status, 200, "{path}");
                assert_eq!(readers(&response), Some("*"), "{path} {origin}");
                assert_exposed(&response, &path);
            }
        }
    }
}

#[actix_web::test]
async fn any_page_is_told_that_it_has_the_newest() {
    let world = World::new().await;
    let mut tagged = 0;

    for path in world.public_reads().await {
        let response = world.ask(STRANGER, Method::GET, None, &path).await;
        let Some(tag) = response.header("etag") else {
            continue;
        };
        let headers = [("Origin", STRANGER), ("If-None-Match", tag)];
        let response = world
            .app
            .send(Method::GET, &path, &headers, Vec::new())
            .await;

        assert_eq!(response.status, 304, "{path}");
        assert_eq!(readers(&response), Some("*"), "{path}");
        assert_exposed(&response, &path);
        tagged += 1;
    }
    assert_eq!(tagged, 6);
}

#[actix_web::test]
async fn any_page_reads_why_a_public_read_fails() {
    let world = World::new().await;
    let failures = [
        ("/users/nobody", 404),
        ("/users/%FF", 404),
        ("/users/nobody/badges", 404),
        ("/users/nobody/user-achievements", 404),
        ("/namespaces/nowhere", 404),
        ("/namespaces/nowhere/achievements", 404),
        ("/achievements/9", 404),
        ("/achievements/nonsense", 404),
        ("/achievements/9/users", 404),
        ("/user-achievements/9", 404),
        ("/award-acceptances/nonsense", 404),
        ("/namespaces?limit=0", 422),
        ("/users/ada/badges?nonsense=1", 422),
        ("/users/ada/user-achievements?limit=0", 422),
        ("/achievements/1/users?limit=0", 422),
    ];

    for (path, status) in failures {
        let response = world.ask(STRANGER, Method::GET, None, path).await;

        assert_eq!(response.status, status, "{path}");
        assert_eq!(readers(&response), Some("*"), "{path}");
        assert_exposed(&response, path);
    }
}

#[actix_web::test]
async fn any_page_reads_that_its_token_is_not_valid() {
    let world = World::new().await;
    let nobody = User {
        token: "nonsense".into(),
        ..world.app.root()
    };

    let response = world
        .ask(STRANGER, Method::GET, Some(&nobody), "/users/ada/badges")
        .await;

    assert_eq!(response.status, 401);
    assert_eq!(readers(&response), Some("*"));
}

#[actix_web::test]
async fn any_page_may_send_a_token_with_a_public_read() {
    let world = World::new().await;

    for path in world.public_reads().await {
        for origin in [STRANGER, "null", LISTED] {
            for method in [Method::GET, Method::HEAD] {
                let response = world.preflight(origin, &method, &path).await;

                assert_eq!(response.status, 204, "{path}");
                assert_eq!(readers(&response), Some("*"), "{path}");
                let sent = list(&response, "access-control-allow-headers");
                // A star would not be one for this header.
                assert!(sent.contains("authorization"), "{path}");
                assert!(sent.contains("if-none-match"), "{path}");
            }
        }
    }
}

#[actix_web::test]
async fn no_strange_page_may_ask_for_anything_else() {
    let world = World::new().await;

    for (method, path, public) in world.operations().await {
        for origin in STRANGERS.into_iter().filter(|_| !public) {
            let preflight = world.preflight(origin, &method, &path).await;
            assert_eq!(readers(&preflight), None, "{method} {path} {origin}");
            let allowed = preflight.header("access-control-allow-methods");
            assert_eq!(allowed, None, "{method} {path} {origin}");
        }
    }
}

#[actix_web::test]
async fn no_strange_page_reads_any_other_answer() {
    let world = World::new().await;
    let root = world.app.root();

    for (method, path, public) in world.operations().await {
        for origin in STRANGERS.into_iter().filter(|_| !public) {
            // Without a body most of them fail, and none changes what the others need.
            let user = Some(&root).filter(|_| method != Method::DELETE);
            let response = world.ask(origin, method.clone(), user, &path).await;

            assert_eq!(readers(&response), None, "{method} {path} {origin}");
            let exposed = response.header("access-control-expose-headers");
            assert_eq!(exposed, None, "{method} {path} {origin}");
        }
    }
}

#[actix_web::test]
async fn a_listed_page_may_ask_for_everything() {
    let world = World::new().await;
    let sent = [
        "authorization",
        "content-type",
        "idempotency-key",
        "if-match",
        "if-none-match",
    ];

    for (method, path, public) in world.operations().await {
        for origin in [LISTED, SECOND].into_iter().filter(|_| !public) {
            let preflight = world.preflight(origin, &method, &path).await;

            assert_eq!(preflight.status, 204, "{method} {path}");
            assert_eq!(readers(&preflight), Some(origin), "{method} {path}");
            assert!(list(&preflight, "vary").contains("origin"));
            let methods = list(&preflight, "access-control-allow-methods");
            assert!(methods.contains(&method.as_str().to_lowercase()));
            let headers = list(&preflight, "access-control-allow-headers");
            assert!(sent.iter().all(|name| headers.contains(*name)));
        }
    }
}

#[actix_web::test]
async fn a_listed_page_reads_every_answer() {
    let world = World::new().await;
    let (root, ada) = (world.app.root(), world.app.user("bob").await);
    let answers = [
        (Method::GET, Some(&root), "/user", 200),
        (Method::GET, Some(&root), "/users", 200),
        (Method::POST, None, "/sessions", 415),
        (Method::GET, None, "/user", 401),
        (Method::POST, None, "/award-acceptances/nonsense", 404),
        (Method::GET, Some(&ada), "/settings", 403),
        (Method::DELETE, Some(&root), "/achievements/9", 404),
        (Method::DELETE, Some(&root), "/user", 405),
        (Method::DELETE, Some(&root), "/users/root", 409),
    ];

    for (method, user, path, status) in answers {
        for origin in [LISTED, SECOND] {
            let response = world.ask(origin, method.clone(), user, path).await;

            assert_eq!(response.status, status, "{method} {path}");
            assert_eq!(readers(&response), Some(origin), "{method} {path}");
            assert!(list(&response, "vary").contains("origin"), "{path}");
            assert_exposed(&response, path);
        }
    }
}

#[actix_web::test]
async fn a_page_that_asks_too_often_is_told_so() {
    let mut config = Config::new("https://accolade.test").unwrap();
    config.origins = vec![LISTED.into()];
    config.rate_limit = 1;
    let world = World::with(config).await;
    let bob = world.app.user("bob").await;
    world.ask(LISTED, Method::GET, Some(&bob), "/user").await;

    let answers = [
        (LISTED, "/user", Some(LISTED)),
        (STRANGER, "/user", None),
        (STRANGER, "/users/ada/badges", Some("*")),
    ];
    for (origin, path, expected) in answers {
        let response = world.ask(origin, Method::GET, Some(&bob), path).await;

        assert_eq!(response.status, 429);
        assert_eq!(readers(&response), expected, "{origin} {path}");
        assert!(response.header("retry-after").is_some());
        if expected.is_some() {
            assert_exposed(&response, path);
        }
    }
    // Browsers send no token with it, and cannot wait.
    for _ in 0..5 {
        let preflight = world.preflight(LISTED, &Method::GET, "/user").await;
        assert_eq!(preflight.status, 204);
    }
}

#[actix_web::test]
async fn an_answer_that_depends_on_the_origin_says_so_to_everyone() {
    let world = World::new().await;
    let root = world.app.root();
    let bearer = format!("Bearer {}", root.token);
    let unasked = [("Authorization", bearer.as_str())];

    let strange = world.ask(STRANGER, Method::GET, Some(&root), "/user").await;
    let own = world
        .app
        .send(Method::GET, "/user", &unasked, Vec::new())
        .await;
    let preflight = world.preflight(STRANGER, &Method::GET, "/user").await;

    // Else a cache gives the listed page what it keeps for another one.
    for response in [strange, own, preflight] {
        assert!(list(&response, "vary").contains("origin"));
    }
}

#[actix_web::test]
async fn what_is_for_people_and_operators_is_shared_with_nobody() {
    let world = World::new().await;
    let page = format!("/-/awarded_achievements/{}/accept", world.link);
    let client = Client::default();

    let mut shared = Vec::new();
    for path in [
        "/metrics",
        "/problems",
        "/problems/not-found",
        page.as_str(),
        "/-/awarded_achievements/nonsense/accept",
    ] {
        for (origin, method) in [
            (STRANGER, Method::GET),
            ("null", Method::GET),
            (LISTED, Method::GET),
            (LISTED, Method::POST),
        ] {
            let url = format!("http://{}{path}", world.app.address());
            let page = client.request(method.clone(), url);
            let page = page.insert_header(("Origin", origin)).send().await.unwrap();
            let allowed = page.headers().get("access-control-allow-origin");
            let preflight = world.preflight(origin, &method, path).await;
            if allowed.is_some() || readers(&preflight).is_some() {
                shared.push(format!("{method} {path:.30} with {origin}"));
            }
        }
    }
    assert_eq!(shared, Vec::<String>::new());
}

#[actix_web::test]
async fn what_is_no_preflight_is_a_wrong_method() {
    let world = World::new().await;

    for origin in [LISTED, STRANGER] {
        for path in ["/user", "/users/ada/badges", "/sessions"] {
            let response = world.ask(origin, Method::OPTIONS, None, path).await;

            assert_eq!(response.status, 405, "{path}");
            assert_eq!(response.json["type"], "/problems/method-not-allowed");
            assert!(!list(&response, "allow").is_empty(), "{path}");
        }
    }
}

#[actix_web::test]
async fn without_the_setting_only_public_reads_are_shared() {
    let world = World::with(Config::new("https://accolade.test").unwrap()).await;

    for (method, path, public) in world.operations().await {
        let preflight = world.preflight(LISTED, &method, &path).await;

        assert_eq!(readers(&preflight), public.then_some("*"), "{path}");
    }
}

#[actix_web::test]
async fn an_operator_lists_origins_with_commas_between() {
    let listed = format!("{LISTED},{SECOND}");
    let server = Server::start_with(&[("ACCOLADE_CORS_ORIGINS", &listed)]).await;
    let client = Client::default();
    let readers = async |origin: &str| {
        let request = client.get(format!("http://{}/user", server.address()));
        let response = request.insert_header(("Origin", origin)).send().await;
        let readers = response
            .unwrap()
            .headers()
            .get("access-control-allow-origin")
            .cloned();
        readers.map(|origin| origin.to_str().unwrap().to_owned())
    };

    assert_eq!(readers(LISTED).await.as_deref(), Some(LISTED));
    assert_eq!(readers(SECOND).await.as_deref(), Some(SECOND));
    for stranger in [STRANGER, "null", &listed] {
        assert_eq!(readers(stranger).await, None, "{stranger}");
    }
}

#[actix_web::test]
async fn what_is_no_origin_is_refused_at_the_start() {
    let server = Server::start().await;

    for origins in [
        "*",
        "null",
        "app.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://user@app.example.com",
        "https://*.example.com",
        "https://app.example.com,nonsense",
    ] {
        // The last one fails later, should the first be taken.
        let arguments = ["serve", "--cors-origins", origins, "--base-url", "nonsense"];
        let output = server.run(&arguments);

        assert_eq!(output.status.code(), Some(1), "{origins}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("ACCOLADE_CORS_ORIGINS takes origins"),
            "{origins}: {said}"
        );
    }
}

/// What fetch gives a page, or that the browser keeps it from it.
fn fetched(url: &str, options: &Value) -> String {
    format!(
        "fetch('{url}', {options}).then(
            async (answer) => ({{ status: answer.status, tag: answer.headers.get('etag'), text: await answer.text() }}),
            (error) => error.name,
        )"
    )
}

#[actix_web::test]
async fn a_browser_lets_strange_pages_read_badges_and_listed_ones_write() {
    let page = || async { Html::new("<!doctype html><title>A page</title>").customize() };
    let pages = actix_test::start(move || App::new().route("/", web::get().to(page)));
    let (listed, stranger) = (
        pages.url("/"),
        pages.url("/").replace("127.0.0.1", "localhost"),
    );
    let mut config = Config::new("https://accolade.test").unwrap();
    config.origins = vec![listed.trim_end_matches('/').into()];
    let world = World::with(config).await;
    let url = |path: &str| format!("http://{}{path}", world.app.address());
    let token = format!("Bearer {}", world.app.root().token);
    let badges = url("/users/ada/badges");

    let read = json!({ "headers": { "Authorization": &token } });
    let first = run_in_page(&stranger, &fetched(&badges, &read)).await;
    let known = json!({ "headers": { "If-None-Match": first["tag"] }, "cache": "no-store" });
    let second = run_in_page(&stranger, &fetched(&badges, &known)).await;
    let write = json!({ "method": "POST", "headers": { "Authorization": &token, "Content-Type": "application/json" },
        "body": json!({ "path": "tools", "name": "Tools" }).to_string() });
    let write = fetched(&url("/namespaces"), &write);
    let refused = run_in_page(&stranger, &write).await;
    let made = run_in_page(&listed, &write).await;

    assert_eq!(first["status"], 200, "{first}");
    assert!(first["text"].as_str().unwrap().contains("First merge"));
    assert_eq!(second["status"], 304, "{second}");
    assert_eq!(refused, "TypeError");
    // Nothing had been made.
    assert_eq!(made["status"], 201, "{made}");
}
