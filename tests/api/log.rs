//! The log: what an operator finds there by the id that a client was given.

use std::time::Duration;

use actix_test::Client;
use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use serde_json::{Value, json};

use crate::app::{FORM, form, free_address};
use crate::avatar_corpus::picture;
use crate::server::Server;

/// A server that logs in JSON, and the token of its administrator.
async fn begin(settings: &[(&str, &str)]) -> (Server, String) {
    let json = [("ACCOLADE_LOG_FORMAT", "json")];
    let server = Server::start_with(&[&json, settings].concat()).await;
    server.print(&[
        "user",
        "create",
        "root",
        "--email",
        "root@example.com",
        "--admin",
    ]);
    let root = server.print(&["token", "create", "root"]);
    (server, root)
}

/// Sends the request, and returns the answer's status and request id.
async fn send(
    server: &Server,
    token: &str,
    method: Method,
    path: &str,
    body: Vec<u8>,
    media_type: &str,
) -> (u16, String) {
    let request = Client::default().request(method, format!("http://{}{path}", server.address()));
    let request = request.bearer_auth(token).content_type(media_type);
    let request = request.timeout(Duration::from_secs(30));
    let response = request.send_body(body).await.unwrap();
    let id = |headers: &HeaderMap| {
        headers
            .get("x-request-id")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    (response.status().as_u16(), id(response.headers()))
}

/// The lines of the log that carry the request id, the span's or their own.
fn lines(server: &Server, id: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(server.file("log")).unwrap();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect(line));
    lines
        .filter(|line| line["request_id"] == id || line["span"]["request_id"] == id)
        .collect()
}

/// The cause in the only line that says that this request failed.
fn cause(server: &Server, id: &str) -> String {
    let mut failed = lines(server, id);
    failed.retain(|line| line["message"] == "request failed");
    assert_eq!(failed.len(), 1, "{failed:?}");
    failed[0]["cause"].as_str().expect("a cause").into()
}

#[actix_web::test]
async fn the_cause_of_a_500_is_found_by_the_id_that_the_client_was_given() {
    let (server, root) = begin(&[("RUST_LOG", "warn")]).await;
    server.execute("ALTER TABLE settings RENAME TO settings_elsewhere");

    let (status, id) = send(&server, &root, Method::GET, "/settings", Vec::new(), "").await;

    assert_eq!(status, 500);
    let cause = cause(&server, &id);
    assert!(cause.contains("settings"), "{cause}");
    assert!(
        cause.contains("no such table") || cause.contains("does not exist"),
        "{cause}"
    );
}

#[actix_web::test]
async fn the_cause_of_a_503_is_found_with_all_that_it_comes_from() {
    let nobody = format!("http://{}", free_address());
    let (server, root) = begin(&[
        ("RUST_LOG", "info"),
        ("AVATAR_STORE_URL", "s3://avatars"),
        ("AWS_ENDPOINT", &nobody),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("AWS_REGION", "us-east-1"),
    ])
    .await;
    let namespace = json!({ "path": "compilers", "name": "Compilers" });
    server
        .call(Method::POST, &root, "/namespaces", namespace)
        .await
        .unwrap();
    let path = "/namespaces/compilers/achievements";
    let achievement = json!({ "name": "First merge" });
    let (_, achievement) = server
        .call(Method::POST, &root, path, achievement)
        .await
        .unwrap();

    let path = format!("/achievements/{}/avatar", achievement["id"]);
    let picture = picture(image::ImageFormat::Png, 8, 8);
    let body = form(&[("avatar", &picture)]);
    let (status, id) = send(&server, &root, Method::PUT, &path, body, FORM).await;

    assert_eq!(status, 503);
    let cause = cause(&server, &id);
    assert!(cause.contains("Connection refused"), "{cause}");

    // A stranger's read of a picture asks the store too, which logs that it tries again.
    server.execute("UPDATE achievements SET avatar_key = 'key', avatar_hash = 'abc'");
    let path = "/uploads/-/system/achievements/achievement/avatar/1/abc.png";
    let url = format!("http://{}{path}", server.address());
    let read = Client::default().get(url).timeout(Duration::from_secs(30));
    let response = read.send().await.unwrap();
    assert_eq!(response.status().as_u16(), 503);
    let id = response.headers().get("x-request-id").unwrap();
    let lines = lines(&server, id.to_str().unwrap());
    let stores = |line: &&Value| line["target"].as_str().unwrap().starts_with("object_store");
    assert!(lines.iter().any(|line| stores(&line)), "{lines:?}");
}

#[actix_web::test]
async fn lines_that_a_request_logs_on_other_threads_carry_its_id() {
    let (server, root) = begin(&[("RUST_LOG", "accolade=trace")]).await;

    let namespace = json!({ "path": "compilers", "name": "Compilers" }).to_string();
    let json = "application/json";
    let (status, id) = send(
        &server,
        &root,
        Method::POST,
        "/namespaces",
        namespace.into(),
        json,
    )
    .await;

    assert_eq!(status, 201);
    let lines = lines(&server, &id);
    let queries: Vec<_> = lines
        .iter()
        .filter_map(|line| line["query"].as_str())
        .collect();
    // One of authentication, on the request's own thread with SQLite, and one of the change.
    for part in ["personal_access_tokens", "INSERT INTO namespaces"] {
        let plain = |query: &&str| query.replace(['"', '`'], "").contains(part);
        assert!(queries.iter().any(plain), "{part} is not in {queries:?}");
    }
    assert!(lines.iter().any(|line| line["message"] == "request"));
}
