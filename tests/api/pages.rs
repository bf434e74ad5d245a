//! The pages, in a real browser without JavaScript.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::server::Server;
use crate::tools::{browse, mails};

/// A server with an award to Ada, and the address of her mail's link.
async fn story() -> (Server, String, String) {
    let server = Server::start().await;
    server.print(&[
        "user",
        "create",
        "root",
        "--email",
        "root@example.com",
        "--name",
        "Grace Hopper",
        "--admin",
    ]);
    let root = server.print(&["token", "create", "root"]);
    server.print(&[
        "user",
        "create",
        "ada",
        "--email",
        "ada@example.com",
        "--name",
        "Ada <script>alert(1)</script>",
    ]);
    let post = async |path: &str, body: Value| {
        let (status, json) = server.call(Method::POST, &root, path, body).await.unwrap();
        assert!(status < 300, "{json}");
    };
    post(
        "/namespaces",
        json!({ "path": "compilers", "name": "Compilers" }),
    )
    .await;
    post(
        "/namespaces/compilers/achievements",
        json!({ "name": "First <b>merge</b>", "description": "A first change" }),
    )
    .await;
    post(
        "/achievements/1/award",
        json!({ "username": "ada", "awardMessage": "\"Well\" <i>done</i>" }),
    )
    .await;
    let mut token = None;
    for _ in 0..100 {
        token = mails(&server.file("mail"))
            .first()
            .map(|mail| mail.tokens()[0].clone());
        if token.is_some() {
            break;
        }
        actix_web::rt::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let link = format!(
        "http://{}/-/awarded_achievements/{}/accept",
        server.address(),
        token.expect("a mail")
    );
    (server, root, link)
}

async fn status(server: &Server, root: &str) -> Value {
    let (_, json) = server
        .call(Method::GET, root, "/user-achievements/1", Value::Null)
        .await
        .unwrap();
    json["status"].clone()
}

/// What must hold of every page.
fn check(page: &Value, server: &Server) {
    assert_eq!(page["violations"], json!([]), "axe finds fault with it");
    assert_eq!(page["overflows"], false, "it is wider than a phone");
    let own = format!("http://{}/", server.address());
    for address in page["loaded"].as_array().unwrap() {
        assert!(
            address.as_str().unwrap().starts_with(&own),
            "{address} is not ours"
        );
    }
}

#[actix_web::test]
async fn opening_the_link_shows_the_award_and_accepts_nothing() {
    let (server, root, link) = story().await;

    for scheme in ["light", "dark"] {
        let page = browse(&link, &server.file(&format!("{scheme}.png")), scheme, None).await;

        check(&page, &server);
        let text = page["text"].as_str().unwrap();
        for part in [
            "Grace Hopper of a private namespace awarded you",
            "First <b>merge</b>",
            "\"Well\" <i>done</i>",
            "Ada <script>",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }
    assert_eq!(status(&server, &root).await, "pending");
}

#[actix_web::test]
async fn pressing_accept_with_the_keyboard_accepts() {
    let (server, root, link) = story().await;

    let page = browse(&link, &server.file("accepted.png"), "light", Some("Accept")).await;

    check(&page, &server);
    assert!(
        page["text"]
            .as_str()
            .unwrap()
            .contains("on your profile now"),
        "{page}"
    );
    assert_eq!(status(&server, &root).await, "accepted");
}

#[actix_web::test]
async fn pressing_decline_declines_and_accepting_after_all_accepts() {
    let (server, root, link) = story().await;

    let declined = browse(&link, &server.file("declined.png"), "dark", Some("Decline")).await;
    let between = status(&server, &root).await;
    let accepted = browse(
        &link,
        &server.file("accepted.png"),
        "dark",
        Some("Accept after all"),
    )
    .await;

    check(&declined, &server);
    assert!(
        declined["text"].as_str().unwrap().contains("You declined"),
        "{declined}"
    );
    assert_eq!(between, "declined");
    assert!(
        accepted["text"]
            .as_str()
            .unwrap()
            .contains("on your profile now"),
        "{accepted}"
    );
    assert_eq!(status(&server, &root).await, "accepted");
}

#[actix_web::test]
async fn a_link_that_is_none_is_a_page_that_says_so() {
    let (server, _, link) = story().await;

    let page = browse(
        &link.replace("/accept", "x/accept"),
        &server.file("none.png"),
        "light",
        None,
    )
    .await;

    check(&page, &server);
    assert_eq!(page["status"], 404);
    assert!(
        page["text"]
            .as_str()
            .unwrap()
            .contains("There is nothing here"),
        "{page}"
    );
}

#[actix_web::test]
async fn a_page_is_nobody_elses_to_frame_keep_or_learn_the_address_of() {
    let (_server, _, link) = story().await;

    let answer = actix_test::Client::default()
        .get(&link)
        .send()
        .await
        .unwrap();

    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert!(
        header("content-security-policy")
            .starts_with("default-src 'none'; img-src 'self'; style-src 'self';")
    );
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("cache-control"), "no-store");
}
