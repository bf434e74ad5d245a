//! How many requests a caller or an address may send, and who is counted as which.

use std::time::Duration;

use accolade::config::Config;
use actix_test::Client;
use actix_web::http::Method;
use actix_web::rt::time::sleep;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, Response, TestApp, User};
use crate::server::Server;

const PASSWORD: &str = "analytical engine";

/// The service with other settings, and the user ada.
async fn limited(change: impl FnOnce(&mut Config)) -> (TestApp, User) {
    let mut config = Config::new("https://accolade.test").unwrap();
    change(&mut config);
    let app = TestApp::with(config).await;
    let user = json!({ "username": "bob", "email": "bob@example.com", "password": PASSWORD });
    app.post(&app.root(), "/users", user).await;
    let ada = app.user("ada").await;
    (app, ada)
}

/// Behind a proxy that runs on this machine.
fn behind_a_proxy(config: &mut Config) {
    config.rate_limit = 2;
    config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
}

/// The statuses of so many requests at once.
async fn burst(app: &TestApp, user: Option<&User>, path: &str, count: usize) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..count {
        statuses.push(app.get(user, path).await.status);
    }
    statuses
}

/// The status of a request that a proxy sends on with these headers `X-Forwarded-For`.
async fn forwarded(app: &TestApp, from: &[&str]) -> u16 {
    let request = Client::default().get(format!("http://{}/namespaces", app.address()));
    let request = from.iter().fold(request, |request, from| {
        request.append_header(("X-Forwarded-For", *from))
    });
    request.send().await.unwrap().status().as_u16()
}

async fn sign_in(app: &TestApp, username: &str, password: &str, from: &str) -> Response {
    let body = json!({ "username": username, "password": password }).to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("X-Forwarded-For", from),
    ];
    app.send(Method::POST, "/sessions", &headers, body.into())
        .await
}

/// How long it says to wait.
fn wait(response: &Response) -> u64 {
    assert_eq!(response.status, 429);
    assert_eq!(response.json["type"], "/problems/rate-limited");
    let seconds = response.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    seconds
}

#[actix_web::test]
async fn a_caller_sends_so_many_requests_at_once_and_no_more() {
    let (app, ada) = limited(|config| config.rate_limit = 5).await;

    let statuses = burst(&app, Some(&ada), "/user", 5).await;
    let refused = app.get(&ada, "/user").await;

    assert_eq!(statuses, [200; 5]);
    // One of five comes back every 12 seconds.
    let seconds = wait(&refused);
    assert!((6..=12).contains(&seconds), "{seconds}");
}

#[actix_web::test]
async fn after_the_seconds_that_it_is_told_a_caller_is_heard_again() {
    let (app, ada) = limited(|config| config.rate_limit = 20).await;
    let mut response = app.get(&ada, "/user").await;
    while response.status == 200 {
        response = app.get(&ada, "/user").await;
    }

    sleep(Duration::from_secs(wait(&response))).await;

    assert_eq!(app.get(&ada, "/user").await.status, 200);
}

#[actix_web::test]
async fn one_caller_does_not_use_up_what_is_anothers() {
    let (app, ada) = limited(|config| config.rate_limit = 2).await;
    let carol = app.user("carol").await;

    let statuses = burst(&app, Some(&ada), "/user", 3).await;

    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(app.get(&carol, "/user").await.status, 200);
    // Nor what is everybody's at the same address.
    assert_eq!(app.get(ANONYMOUS, "/namespaces").await.status, 200);
}

#[actix_web::test]
async fn a_caller_is_the_same_with_another_token_and_on_every_path() {
    let (app, ada) = limited(|config| config.rate_limit = 2).await;
    let name = json!({ "name": "Bot" });
    let made = app.post(&ada, "/personal-access-tokens", name).await;
    let bot = User {
        token: made.json["token"].as_str().unwrap().into(),
        ..ada.clone()
    };

    let second = app.get(&bot, "/users/ada").await;

    assert_eq!((made.status, second.status), (201, 200));
    for path in ["/user", "/namespaces", "/nowhere", "/problems"] {
        for user in [&ada, &bot] {
            wait(&app.get(user, path).await);
        }
    }
}

#[actix_web::test]
async fn administrators_are_not_limited_unless_they_are() {
    let (app, _) = limited(|config| config.rate_limit = 2).await;
    let statuses = burst(&app, Some(&app.root()), "/user", 20).await;
    assert_eq!(statuses, [200; 20]);

    let (app, ada) = limited(|config| config.admin_rate_limit = 3).await;
    // The first made bob.
    let statuses = burst(&app, Some(&app.root()), "/user", 3).await;
    assert_eq!(statuses, [200, 200, 429]);
    let statuses = burst(&app, Some(&ada), "/user", 20).await;
    assert_eq!(statuses, [200; 20]);
}

#[actix_web::test]
async fn requests_without_a_valid_token_count_for_their_address() {
    let (app, ada) = limited(|config| config.rate_limit = 4).await;
    let stranger = User {
        token: "nonsense".into(),
        ..ada.clone()
    };

    assert_eq!(burst(&app, None, "/namespaces", 2).await, [200; 2]);
    let statuses = burst(&app, Some(&stranger), "/namespaces", 4).await;

    assert_eq!(statuses, [401, 401, 429, 429]);
    wait(&app.get(ANONYMOUS, "/user").await);
    wait(&app.get(ANONYMOUS, "/problems").await);
    assert_eq!(app.get(&ada, "/user").await.status, 200);
}

#[actix_web::test]
async fn whoever_watches_over_the_instance_is_never_limited() {
    let (app, ada) = limited(|config| {
        config.rate_limit = 1;
        config.admin_rate_limit = 1;
    })
    .await;
    let (root, mut refused) = (app.root(), Vec::new());

    for user in [None, Some(&ada), Some(&root)] {
        // Nothing is left.
        burst(&app, user, "/user", 2).await;
        for path in ["/healthz", "/readyz", "/metrics"] {
            if burst(&app, user, path, 3).await != [200; 3] {
                refused.push(format!("{path} for {:?}", user.map(|user| &user.username)));
            }
        }
    }
    assert_eq!(refused, Vec::<String>::new());
}

#[actix_web::test]
async fn watching_over_the_instance_uses_nothing_up() {
    let (app, ada) = limited(|config| config.rate_limit = 2).await;

    for user in [None, Some(&ada)] {
        for path in ["/healthz", "/readyz", "/metrics"] {
            burst(&app, user, path, 3).await;
        }
        let statuses = burst(&app, user, "/namespaces", 2).await;

        let who = user.map(|user| &user.username);
        assert_eq!(statuses, [200; 2], "{who:?}");
    }
}

#[actix_web::test]
async fn a_stranger_cannot_say_that_it_is_another() {
    let (app, _) = limited(|config| {
        config.rate_limit = 2;
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let claims: [&[&str]; 5] = [
        &["198.51.100.1"],
        &["198.51.100.2, 10.0.0.1"],
        &["10.0.0.1"],
        &["198.51.100.3", "10.0.0.1"],
        &["127.0.0.2"],
    ];

    let mut statuses = Vec::new();
    for claim in claims {
        statuses.push(forwarded(&app, claim).await);
    }

    assert_eq!(statuses, [200, 200, 429, 429, 429]);
}

#[actix_web::test]
async fn a_trusted_proxy_says_whose_request_it_sends_on() {
    let (app, _) = limited(behind_a_proxy).await;

    for client in ["198.51.100.1", "198.51.100.2", "2001:db8:1::1"] {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(forwarded(&app, &[client]).await);
        }
        assert_eq!(statuses, [200, 200, 429], "{client}");
    }
    // What comes from the proxy itself.
    assert_eq!(forwarded(&app, &[]).await, 200);
}

#[actix_web::test]
async fn an_ipv6_client_is_its_network_and_a_mapped_one_its_ipv4_address() {
    let clients = [
        ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::7", "2001:db8:1:3::7"],
        ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"],
    ];

    for [client, same, other] in clients {
        let (app, _) = limited(behind_a_proxy).await;
        assert_eq!(forwarded(&app, &[client]).await, 200);
        assert_eq!(forwarded(&app, &[same]).await, 200);

        assert_eq!(forwarded(&app, &[client]).await, 429, "{client}");
        assert_eq!(forwarded(&app, &[same]).await, 429, "{same}");
        assert_eq!(forwarded(&app, &[other]).await, 200, "{other}");
    }
}

#[actix_web::test]
async fn no_client_chooses_how_it_is_counted_behind_a_proxy() {
    // Whatever it sends, the proxy adds the address that it comes from: in the same header, as nginx
    // does, or in one more, as HAProxy does.
    let made_up = [
        "198.51.100.1",
        "198.51.100.1, 198.51.100.2",
        "127.0.0.1",
        "nonsense",
        "198.51.100.3, nonsense",
        "198.51.100.4, unknown, 127.0.0.1",
        "198.51.100.5,",
        "198.51.100.6:80",
        "\u{e9}",
        "",
    ];

    let mut escaped = Vec::new();
    for sent in made_up {
        let added = format!("{sent}, 203.0.113.9");
        for headers in [vec![added.as_str()], vec![sent, "203.0.113.9"]] {
            let (app, _) = limited(behind_a_proxy).await;
            assert_eq!(forwarded(&app, &["203.0.113.9"]).await, 200);
            assert_eq!(forwarded(&app, &["203.0.113.9"]).await, 200);

            if forwarded(&app, &headers).await != 429 {
                escaped.push(format!("{headers:?}"));
            }
        }
    }
    assert_eq!(escaped, Vec::<String>::new());
}

#[actix_web::test]
async fn a_proxy_is_trusted_by_its_ipv4_address_on_a_socket_of_both_kinds() {
    let (app, _) = limited(behind_a_proxy).await;
    let accolade = app.accolade.clone();
    let both = actix_test::config().listen_address("::");
    let server = actix_test::start_with(both, move || accolade::app(accolade.clone()));
    let client = Client::default();
    let status = async |from: &str| {
        let url = format!("http://127.0.0.1:{}/namespaces", server.addr().port());
        let request = client.get(url).insert_header(("X-Forwarded-For", from));
        request.send().await.unwrap().status().as_u16()
    };

    for from in ["198.51.100.1", "198.51.100.2"] {
        let statuses = [status(from).await, status(from).await, status(from).await];

        assert_eq!(statuses, [200, 200, 429], "{from}");
    }
}

#[actix_web::test]
async fn signing_in_is_limited_whether_the_password_is_right_or_wrong() {
    let (app, _) = limited(|config| config.sign_in_limit = 3).await;
    let mut statuses = Vec::new();

    for (username, password) in [
        ("bob", PASSWORD),
        ("bob", "wrong"),
        ("BOB", PASSWORD),
        ("Bob", "wrong"),
        ("bob", PASSWORD),
    ] {
        let response = sign_in(&app, username, password, "").await;
        statuses.push(response.status);
        if response.status == 429 {
            wait(&response);
        }
    }

    assert_eq!(statuses, [201, 401, 201, 429, 429]);
    // Somebody else is not kept out.
    assert_eq!(sign_in(&app, "ada", "wrong", "").await.status, 401);
}

#[actix_web::test]
async fn a_username_is_limited_wherever_it_is_tried_from() {
    let (app, _) = limited(|config| {
        config.sign_in_limit = 2;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut statuses = Vec::new();

    for from in [
        "198.51.100.1",
        "198.51.100.2",
        "198.51.100.3",
        "2001:db8::1",
    ] {
        statuses.push(sign_in(&app, "bob", "wrong", from).await.status);
    }

    assert_eq!(statuses, [401, 401, 429, 429]);
}

#[actix_web::test]
async fn from_one_address_three_times_as_many_sign_in() {
    let (app, _) = limited(|config| {
        config.sign_in_limit = 1;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let mut statuses = Vec::new();

    for username in ["a", "b", "c", "d", "e"] {
        let tried = sign_in(&app, username, "wrong", "198.51.100.1").await;
        statuses.push(tried.status);
    }

    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    let elsewhere = sign_in(&app, "d", "wrong", "198.51.100.2").await;
    assert_eq!(elsewhere.status, 401);
}

#[actix_web::test]
async fn without_limits_there_are_none() {
    let (app, ada) = limited(|_| {}).await;

    assert_eq!(burst(&app, Some(&ada), "/user", 50).await, [200; 50]);
    assert_eq!(burst(&app, None, "/namespaces", 50).await, [200; 50]);
    for _ in 0..10 {
        assert_eq!(sign_in(&app, "bob", "wrong", "").await.status, 401);
    }
}

#[actix_web::test]
async fn an_operator_sets_the_limits() {
    let server = Server::start_with(&[
        ("ACCOLADE_RATE_LIMIT", "3"),
        ("ACCOLADE_ADMIN_RATE_LIMIT", "2"),
        ("ACCOLADE_SIGN_IN_LIMIT", "1"),
        ("ACCOLADE_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"),
    ])
    .await;
    let mail = ["--email", "root@example.com", "--admin"];
    server.print(&[&["user", "create", "root"], mail.as_slice()].concat());
    let root = server.print(&["token", "create", "root"]);
    let client = Client::default();
    let from = async |address: &str, method: Method, path: &str, body: Value| {
        let url = format!("http://{}{path}", server.address());
        let request = client.request(method, url);
        let request = request.insert_header(("X-Forwarded-For", address));
        request.send_json(&body).await.unwrap().status().as_u16()
    };

    for address in ["198.51.100.1", "198.51.100.2, 10.0.0.9"] {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(from(address, Method::GET, "/namespaces", Value::Null).await);
        }
        assert_eq!(statuses, [200, 200, 200, 429], "{address}");
    }
    let mut of_root = Vec::new();
    for _ in 0..3 {
        let answer = server.call(Method::GET, &root, "/user", Value::Null).await;
        of_root.push(answer.unwrap().0);
    }
    assert_eq!(of_root, [200, 200, 429]);
    let credentials = json!({ "username": "root", "password": "wrong" });
    for (address, status) in [("198.51.100.3", 401), ("198.51.100.4", 429)] {
        let tried = from(address, Method::POST, "/sessions", credentials.clone()).await;
        assert_eq!(tried, status);
    }
}
