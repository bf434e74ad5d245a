//! Tokens of an identity provider: whose they are, and which are none.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use accolade::config::Config;
use accolade::oidc::{self, KeySet};
use actix_web::http::Method;
use actix_web::rt::time::sleep;
use base64::prelude::*;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User, free_address};
use crate::provider::{AUDIENCE, Document, KEY_SET, Key, Provider, encoded, replaced, signed};
use crate::server::Server;

/// The service with a provider, where ada has an account.
struct World {
    provider: Provider,
    app: TestApp,
    ada: User,
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut oidc::Provider)) -> Self {
        Self::of(Provider::start().await, change).await
    }

    async fn of(provider: Provider, change: impl FnOnce(&mut oidc::Provider)) -> Self {
        let mut settings = provider.settings();
        change(&mut settings);
        let mut config = Config::new("https://accolade.test").unwrap();
        config.provider = Some(settings);
        let app = TestApp::with(config).await;
        let ada = app.user("ada").await;
        Self { provider, app, ada }
    }

    async fn get(&self, token: &str, path: &str) -> Response {
        let bearer = User {
            token: token.into(),
            ..self.ada.clone()
        };
        self.app.get(&bearer, path).await
    }

    /// Whom the service takes the bearer for.
    async fn username(&self, token: &str) -> String {
        let response = self.get(token, "/user").await;
        assert_eq!(response.status, 200, "{}", response.json);
        response.json["username"].as_str().unwrap().into()
    }

    /// A good token of ada, but for one claim.
    fn with_claim(&self, name: &str, value: Value) -> String {
        let claims = self.provider.claims("1001", "ada");
        self.provider.rsa.sign(&replaced(&claims, name, value))
    }

    /// A good token of ada, but for a member of its header.
    fn with_header(&self, name: &str, value: Value) -> String {
        let rsa = &self.provider.rsa;
        let header = replaced(&rsa.header(), name, value);
        rsa.sign_with(&header, &self.provider.claims("1001", "ada"))
    }

    /// Refused where a token is needed and where none is.
    async fn assert_refused(&self, token: &str, what: &str) {
        for path in ["/user", "/namespaces"] {
            let response = self.get(token, path).await;

            assert_eq!(response.status, 401, "{what}: {path}");
            assert_eq!(response.json["type"], "/problems/invalid-token", "{what}");
        }
    }

    /// Makes ada known, so that nothing is refused for another reason.
    async fn meet_ada(&self) {
        let token = self.provider.token("1001", "ada");
        assert_eq!(self.username(&token).await, "ada");
    }
}

#[actix_web::test]
async fn tokens_of_every_kind_of_key_are_accepted() {
    let world = World::new().await;
    let Provider { rsa, ec, ed, .. } = &world.provider;
    let claims = world.provider.claims("1001", "ada");

    for key in [rsa, ec, ed] {
        let token = key.sign(&claims);
        assert_eq!(world.username(&token).await, "ada", "{:?}", key.algorithm);
    }
}

#[actix_web::test]
async fn a_key_that_names_no_algorithm_may_sign_with_any_of_its_kind() {
    let world = World::new().await;
    let rsa = &world.provider.rsa;
    let key = replaced(&rsa.jwk, "alg", Value::Null);
    world.provider.publish(Document::keys([&key]));
    let claims = world.provider.claims("1001", "ada");

    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ] {
        let header = replaced(&rsa.header(), "alg", json!(algorithm));
        let token = signed(&header, &claims, &rsa.private, algorithm);
        assert_eq!(world.username(&token).await, "ada", "{algorithm:?}");
    }
}

#[actix_web::test]
async fn what_providers_write_differently_is_the_same() {
    let world = World::new().await;
    let tokens = [
        world.with_header("typ", json!("at+jwt")),
        world.with_header("typ", json!("application/at+jwt")),
        world.with_header("typ", json!("jwt")),
        world.with_header("typ", Value::Null),
        world.with_claim("aud", json!(["another", AUDIENCE])),
        world.with_claim("preferred_username", json!("ADA")),
        world.with_claim("name", Value::Null),
        world.with_claim("email", json!(1)),
        world.with_claim("nbf", json!(0)),
        world.with_claim("groups", json!(["a".repeat(2000)])),
    ];

    for token in tokens {
        assert_eq!(world.username(&token).await, "ada", "{token}");
    }
}

#[actix_web::test]
async fn a_token_without_the_id_of_its_key_is_that_of_the_only_one() {
    let world = World::new().await;
    let token = world.with_header("kid", Value::Null);
    let rsa = replaced(&world.provider.rsa.jwk, "kid", Value::Null);
    let encrypts = replaced(&world.provider.ec.jwk, "use", json!("enc"));
    world.provider.publish(Document::keys([&encrypts, &rsa]));

    assert_eq!(world.username(&token).await, "ada");
    let world = World::new().await;
    let token = world.with_header("kid", Value::Null);
    world.assert_refused(&token, "one of three").await;
}

#[actix_web::test]
async fn the_keys_are_where_the_operator_says() {
    let provider = Provider::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let keys = Document::keys([&provider.rsa.jwk]).body;
    std::fs::write(file.path(), keys).unwrap();

    let url = provider.key_set().parse().unwrap();
    let by_url = World::of(provider, |settings| {
        settings.key_set = Some(KeySet::Url(url));
    });
    let by_url = by_url.await;
    by_url.meet_ada().await;
    let by_file = World::of(by_url.provider, |settings| {
        settings.key_set = Some(KeySet::File(file.path().into()));
    });
    let by_file = by_file.await;
    by_file.meet_ada().await;

    // Once, and nothing else.
    assert_eq!(by_file.provider.asked(), ["/keys"]);
}

#[actix_web::test]
async fn a_claim_of_the_operators_choice_is_the_username() {
    let world = World::with(|settings| settings.username_claim = "login".into()).await;
    world.app.user("grace").await;

    let token = world.with_claim("login", json!("grace"));
    assert_eq!(world.username(&token).await, "grace");
    for login in [
        Value::Null,
        json!(1),
        json!(["ada"]),
        json!("a b"),
        json!(""),
    ] {
        let claims = world.provider.claims("1002", "ada");
        let token = world.provider.rsa.sign(&replaced(&claims, "login", login));
        let response = world.get(&token, "/user").await;

        assert_eq!(response.status, 401);
        assert_eq!(response.json["type"], "/problems/unknown-user");
    }
}

#[actix_web::test]
async fn an_identity_has_the_rights_of_its_user() {
    let world = World::new().await;
    let (root, ada) = (
        world.provider.token("1", "root"),
        world.provider.token("2", "ada"),
    );
    let settings = async |token| world.get(token, "/settings").await.status;

    assert_eq!((settings(&root).await, settings(&ada).await), (200, 403));
    let bearer = User {
        token: ada,
        ..world.ada.clone()
    };
    let body = json!({ "name": "Ada Lovelace" });
    assert_eq!(world.app.patch(&bearer, "/user", body).await.status, 200);
}

#[actix_web::test]
async fn a_user_is_made_at_first_sight_where_the_operator_allows_it() {
    let token = |world: &World| world.provider.token("1002", "Grace.Hopper");
    let world = World::new().await;
    let refused = world.get(&token(&world), "/user").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json["type"], "/problems/unknown-user");
    assert_eq!(world.app.get(None, "/users/grace.hopper").await.status, 404);

    let world = World::with(|settings| settings.create_users = true).await;
    let made = world.get(&token(&world), "/user").await;

    assert_eq!(made.status, 200);
    assert_eq!(made.json["username"], "Grace.Hopper");
    assert_eq!(made.json["name"], "The Grace.Hopper");
    assert_eq!(made.json["email"], "Grace.Hopper@example.org");
    assert_eq!(made.json["admin"], false);
    let again = world.get(&token(&world), "/user").await;
    assert_eq!(again.id(), made.id());
}

#[actix_web::test]
async fn nobody_is_made_of_what_no_user_can_be() {
    let world = World::with(|settings| settings.create_users = true).await;
    let claims = world.provider.claims("1002", "grace");
    let impossible = [
        ("email", Value::Null),
        ("email", json!("nowhere")),
        ("email", json!(["grace@example.org"])),
        ("preferred_username", Value::Null),
        ("preferred_username", json!("grace@example.org")),
        ("preferred_username", json!("12")),
        ("preferred_username", json!("..")),
        ("preferred_username", json!("gr\u{0}ace")),
        ("preferred_username", json!("a".repeat(256))),
    ];

    for (name, value) in impossible {
        let token = world
            .provider
            .rsa
            .sign(&replaced(&claims, name, value.clone()));
        let response = world.get(&token, "/user").await;

        assert_eq!(response.status, 401, "{name} {value}");
        assert_eq!(response.json["type"], "/problems/unknown-user");
    }
    let users = world.app.get(&world.app.root(), "/users").await;
    assert_eq!(users.nodes("/username").len(), 2);
}

#[actix_web::test]
async fn requests_that_come_first_together_are_all_answered() {
    let world = World::with(|settings| settings.create_users = true).await;
    // An application that has just signed somebody in asks for several things at once.
    for (subject, username) in [("1001", "ada"), ("1002", "grace")] {
        let token = world.provider.token(subject, username);

        let together = (0..8).map(|_| world.get(&token, "/user"));
        let answers = join_all(together).await;

        let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [200; 8], "{username}");
    }
}

#[actix_web::test]
async fn whoever_was_seen_once_is_known_by_the_sub() {
    let world = World::with(|settings| settings.create_users = true).await;
    world.meet_ada().await;

    let renamed = world.provider.token("1001", "countess");
    assert_eq!(world.username(&renamed).await, "ada");
    // Nor does the name of somebody else make it them.
    world.app.user("grace").await;
    let other = world.provider.token("1001", "grace");
    assert_eq!(world.username(&other).await, "ada");
    assert_eq!(world.app.get(None, "/users/countess").await.status, 404);
}

#[actix_web::test]
async fn a_username_that_the_provider_gave_away_again_is_not_theirs_here() {
    let world = World::with(|settings| settings.create_users = true).await;
    world.meet_ada().await;

    for subject in ["1002", "1001_", "01001"] {
        let token = world.provider.token(subject, "ada");
        let response = world.get(&token, "/user").await;

        assert_eq!(response.status, 401, "{subject}");
        assert_eq!(response.json["type"], "/problems/unknown-user");
    }
    world.meet_ada().await;
}

#[actix_web::test]
async fn a_blocked_user_is_refused_known_or_not() {
    let world = World::with(|settings| settings.create_users = true).await;
    world.app.user("grace").await;
    world.meet_ada().await;
    for username in ["ada", "grace"] {
        let (path, blocked) = (format!("/users/{username}"), json!({ "state": "blocked" }));
        let root = world.app.root();
        assert_eq!(world.app.patch(&root, &path, blocked).await.status, 200);
    }

    for (subject, username) in [("1001", "ada"), ("1002", "grace")] {
        let token = world.provider.token(subject, username);
        world.assert_refused(&token, username).await;
    }
    let active = json!({ "state": "active" });
    let root = world.app.root();
    world.app.patch(&root, "/users/ada", active).await;
    world.meet_ada().await;
}

#[actix_web::test]
async fn our_own_tokens_work_beside_those_of_a_provider() {
    let world = World::new().await;
    let password = "analytical engine";
    let body = json!({ "password": password });
    let root = world.app.root();
    world.app.patch(&root, "/users/ada", body).await;
    world.meet_ada().await;

    let credentials = json!({ "username": "ada", "password": password });
    let session = world.app.post(None, "/sessions", credentials).await;
    let session = session.json["accessToken"].as_str().unwrap().to_owned();
    let personal = json!({ "name": "Bot" });
    let personal = world
        .app
        .post(&world.ada, "/personal-access-tokens", personal)
        .await;
    let personal = personal.json["token"].as_str().unwrap();

    for token in [&session, personal, &world.ada.token] {
        assert_eq!(world.username(token).await, "ada");
    }
}

#[actix_web::test]
async fn a_provider_that_was_never_reached_is_waited_for() {
    let provider = Provider::start().await;
    let (token, unknown) = (provider.token("1001", "ada"), "unreachable".to_owned());
    let nowhere = free_address();
    let world = World::of(provider, |settings| {
        let url = format!("http://{nowhere}/{unknown}").parse().unwrap();
        settings.key_set = Some(KeySet::Url(url));
    })
    .await;

    for path in ["/user", "/namespaces"] {
        let response = world.get(&token, path).await;

        assert_eq!(response.status, 503);
        assert_eq!(response.json["type"], "/problems/unavailable");
        assert!(response.header("retry-after").is_some());
    }
    // Nobody else waits.
    assert_eq!(world.username(&world.ada.token).await, "ada");
    assert_eq!(world.app.get(None, "/namespaces").await.status, 200);
}

#[actix_web::test]
async fn a_provider_that_goes_away_leaves_its_keys() {
    let world = World::new().await;
    world.meet_ada().await;
    let tokens = [&world.provider.rsa, &world.provider.ec, &world.provider.ed];
    let claims = world.provider.claims("1001", "ada");
    let tokens = tokens.map(|key| key.sign(&claims));
    let unknown = world.with_header("kid", json!("unknown"));
    let World { provider, app, ada } = world;

    provider.stop().await;

    for token in tokens {
        let token = User {
            token,
            ..ada.clone()
        };
        assert_eq!(app.get(&token, "/user").await.status, 200);
    }
    let token = User {
        token: unknown,
        ..ada
    };
    assert_eq!(app.get(&token, "/user").await.status, 401);
}

#[actix_web::test]
async fn made_up_keys_do_not_make_us_ask_the_provider() {
    let world = World::with(|settings| {
        let url = format!("{}/keys", settings.issuer).parse().unwrap();
        settings.key_set = Some(KeySet::Url(url));
    })
    .await;

    for _ in 0..20 {
        let tokens: Vec<_> = (0..10)
            .map(|_| world.with_header("kid", json!(fastrand::u64(..).to_string())))
            .collect();
        let answers = tokens.iter().map(|token| world.get(token, "/user"));
        for answer in join_all(answers).await {
            assert_eq!(answer.status, 401);
        }
    }
    world.meet_ada().await;

    let asked = world.provider.asked();
    assert!((1..=2).contains(&asked.len()), "{}", asked.len());
}

#[actix_web::test]
async fn after_the_interval_new_keys_are_taken_and_none_is_lost_to_nonsense() {
    let rotated = Key::ed("rotated");
    let keys = Document::keys([&rotated.jwk]);
    let published = [
        ("new keys", keys.clone(), [200, 401]),
        ("an object", Document::new("{}"), [401, 200]),
        ("an array", Document::new("[]"), [401, 200]),
        ("no list", Document::new(r#"{"keys":{}}"#), [401, 200]),
        (
            "garbage",
            Document::new("<html>Back soon</html>"),
            [401, 200],
        ),
        ("an error", keys.clone().status(500), [401, 200]),
        ("late", keys.after(Duration::from_secs(10)), [401, 200]),
    ];
    let mut worlds = Vec::new();
    for (what, document, expected) in published {
        let world =
            World::with(|settings| settings.refresh_interval = Duration::from_secs(1)).await;
        world.meet_ada().await;
        worlds.push((what, world, document, expected));
    }

    let (mut statuses, mut wanted) = (Vec::new(), Vec::new());
    for (what, world, document, expected) in worlds {
        world.provider.publish(document);
        let claims = world.provider.claims("1001", "ada");
        let (asked, began) = (world.provider.asked().len(), Instant::now());
        let mut new = world.get(&rotated.sign(&claims), "/user").await;
        while world.provider.asked().len() == asked {
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{what}: not asked again"
            );
            new = world.get(&rotated.sign(&claims), "/user").await;
        }
        let old = world.get(&world.provider.ec.sign(&claims), "/user").await;
        statuses.push((what, [new.status, old.status]));
        wanted.push((what, expected));
    }
    assert_eq!(statuses, wanted);
}

#[actix_web::test]
async fn whoever_hangs_up_does_not_keep_us_from_the_keys() {
    for first in ["", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let world = World::new().await;
        let keys = Document::keys([&world.provider.rsa.jwk]);
        world.provider.publish(keys.after(Duration::from_secs(1)));
        let unknown = world.with_header("kid", json!("unknown"));
        let request = format!(
            "{first}GET /user HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {unknown}\r\n\r\n"
        );
        let mut stranger = TcpStream::connect(world.app.address()).unwrap();

        stranger.write_all(request.as_bytes()).unwrap();
        while !world.provider.asked().contains(&KEY_SET.to_owned()) {
            sleep(Duration::from_millis(20)).await;
        }
        // What was not read makes it a reset.
        drop(stranger);

        // The answer that the stranger does not wait for is kept: there is no other request for five seconds.
        let (began, token) = (Instant::now(), world.provider.token("1001", "ada"));
        while world.get(&token, "/user").await.status != 200 {
            assert!(
                began.elapsed() < Duration::from_secs(4),
                "the keys are lost"
            );
        }
    }
}

#[actix_web::test]
async fn a_strange_key_set_is_no_reason_to_wait_or_to_trust() {
    let attacker = Provider::start().await;
    let stolen = Document::keys([&attacker.ec.jwk]).body;
    let mut large = stolen.clone();
    large.resize(1 << 20, b' ');
    let slow = Duration::from_secs(30);
    let strange = [
        ("1 MB", Document::new(large)),
        ("garbage", Document::new(vec![0xff; 1000])),
        ("nothing", Document::new("")),
        ("JSON in JSON", Document::new("[".repeat(100_000))),
        (
            "a redirect",
            Document::new("").status(302).location(attacker.key_set()),
        ),
        ("an error", Document::new(stolen.clone()).status(500)),
        ("too late", Document::new(stolen).after(slow)),
    ];

    let tried = strange.map(async |(what, document)| {
        let world = World::new().await;
        world.provider.publish(document);
        let claims = world.provider.claims("1001", "ada");
        let (good, forged) = (world.provider.rsa.sign(&claims), attacker.ec.sign(&claims));
        for token in [forged, good] {
            let began = Instant::now();
            let response = world.get(&token, "/user").await;

            assert!([401, 503].contains(&response.status), "{what}");
            assert!(began.elapsed() < Duration::from_secs(4), "{what}");
        }
    });
    join_all(tried).await;
    assert_eq!(attacker.asked(), Vec::<String>::new());
}

#[actix_web::test]
async fn a_slow_provider_keeps_nobody_waiting_for_long() {
    let world = World::new().await;
    let slow = Duration::from_millis(2600);
    let issuer = world.provider.issuer();
    let document = json!({ "issuer": issuer, "jwks_uri": world.provider.key_set() });
    let document = Document::new(document.to_string());
    world.provider.describe(document.after(slow));
    world.provider.publish(Document::new("").after(slow));
    let token = world.provider.token("1001", "ada");

    let waits = (0..4).map(async |_| {
        let began = Instant::now();
        let response = world.get(&token, "/user").await;
        assert_eq!(response.status, 503);
        began.elapsed().as_secs_f32()
    });

    let waits = join_all(waits).await;
    assert!(waits.iter().all(|wait| *wait < 5.0), "{waits:?}");
}

#[actix_web::test]
async fn discovery_is_believed_of_the_issuer_alone() {
    let world = World::new().await;
    let attacker = Provider::start().await;
    let description = |issuer: &str, keys: &str| {
        Document::new(json!({ "issuer": issuer, "jwks_uri": keys }).to_string())
    };
    let own = world.provider.issuer();
    let documents = [
        description(&attacker.issuer(), &attacker.key_set()),
        description(&format!("{own}/"), &attacker.key_set()),
        description(&own, "file:///etc/passwd"),
        description(&own, "/keys"),
        Document::new("{}"),
    ];

    for document in documents {
        let world = World::new().await;
        world.provider.describe(document);
        let claims = world.provider.claims("1001", "ada");
        let response = world.get(&attacker.ec.sign(&claims), "/user").await;

        assert_eq!(response.status, 503);
    }
    assert_eq!(attacker.asked(), Vec::<String>::new());
}

/// Other spellings of no algorithm at all.
const NONE: [&str; 6] = ["none", "None", "NONE", "nOnE", "", "null"];

#[actix_web::test]
async fn no_signature_is_not_enough() {
    let world = World::new().await;
    world.meet_ada().await;
    let claims = world.provider.claims("1001", "ada");

    for algorithm in NONE {
        let header = replaced(&world.provider.rsa.header(), "alg", json!(algorithm));
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        world
            .assert_refused(&format!("{message}."), algorithm)
            .await;
        world.assert_refused(&message, algorithm).await;
        world
            .assert_refused(&world.with_header("alg", json!(algorithm)), algorithm)
            .await;
    }
    for algorithm in [Value::Null, json!(["RS256"]), json!(1), json!("rs256")] {
        let what = algorithm.to_string();
        let token = world.with_header("alg", algorithm);
        world.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_public_key_is_no_secret_to_sign_with() {
    let world = World::new().await;
    world.meet_ada().await;
    let claims = world.provider.claims("1001", "ada");

    for key in [&world.provider.rsa, &world.provider.ec, &world.provider.ed] {
        let (pem, jwk) = (&key.public_pem, key.jwk.to_string());
        let modulus = key.jwk["n"].as_str().unwrap_or("n");
        let secrets = [pem.as_str(), pem.trim_end(), &jwk, modulus, ""];
        for (secret, algorithm) in secrets.into_iter().flat_map(|secret| {
            [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512].map(|hs| (secret, hs))
        }) {
            let private = EncodingKey::from_secret(secret.as_bytes());
            for named in [json!(algorithm), json!(key.algorithm)] {
                let header = replaced(&key.header(), "alg", named);
                let token = signed(&header, &claims, &private, algorithm);
                world.assert_refused(&token, &header.to_string()).await;
            }
        }
    }
}

#[actix_web::test]
async fn a_shared_secret_in_the_set_signs_nothing() {
    let world = World::new().await;
    let secret = EncodingKey::from_secret(b"known to everyone who reads the set");
    let jwk = json!({ "kty": "oct", "k": BASE64_URL_SAFE_NO_PAD.encode(secret.as_bytes()), "kid": "oct", "alg": "HS256" });
    let rsa = &world.provider.rsa;
    world.provider.publish(Document::keys([&rsa.jwk, &jwk]));
    world.meet_ada().await;
    let claims = world.provider.claims("1001", "ada");

    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for kid in [json!("oct"), json!("rsa"), Value::Null] {
            let header = json!({ "typ": "JWT", "alg": algorithm });
            let header = replaced(&header, "kid", kid);
            let token = signed(&header, &claims, &secret, algorithm);
            world.assert_refused(&token, &header.to_string()).await;
        }
    }
}

#[actix_web::test]
async fn tokens_for_and_of_others_are_refused() {
    let world = World::new().await;
    world.meet_ada().await;
    let issuer = world.provider.issuer();
    let claims = [
        ("aud", Value::Null),
        ("aud", json!("")),
        ("aud", json!("another")),
        ("aud", json!(format!("{AUDIENCE}/"))),
        ("aud", json!(["another", "third"])),
        ("aud", json!([])),
        ("aud", json!([[AUDIENCE]])),
        ("aud", json!({ AUDIENCE: true })),
        ("aud", json!(1)),
        ("iss", Value::Null),
        ("iss", json!("")),
        ("iss", json!("accolade")),
        ("iss", json!("https://evil.example.com")),
        ("iss", json!(format!("{issuer}/"))),
        ("iss", json!(issuer.to_uppercase())),
    ];

    for (name, value) in claims {
        let what = format!("{name} {value}");
        let token = world.with_claim(name, value);
        world.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn an_issuer_is_one_and_no_list() {
    let world = World::new().await;
    world.meet_ada().await;
    let issuer = world.provider.issuer();

    // RFC 7519, 4.1.1: a string.
    for list in [json!([issuer]), json!([issuer, "https://evil.example.com"])] {
        let token = world.with_claim("iss", list);
        world.assert_refused(&token, "a list").await;
    }
}

#[actix_web::test]
async fn a_token_is_good_within_its_time_alone() {
    let world = World::new().await;
    world.meet_ada().await;
    let now = chrono::Utc::now().timestamp();
    let claims = [
        ("exp", Value::Null),
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!((now + 3600).to_string())),
        ("exp", json!([now + 3600])),
        ("exp", json!(true)),
        ("exp", json!(1e300)),
        ("nbf", json!(now + 60)),
        ("nbf", json!(now + 86_400)),
        ("nbf", json!("0")),
    ];

    for (name, value) in claims {
        let what = format!("{name} {value}");
        let token = world.with_claim(name, value);
        world.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_token_of_nobody_is_refused() {
    let world = World::with(|settings| settings.create_users = true).await;
    world.meet_ada().await;
    let subjects = [
        Value::Null,
        json!(1001),
        json!(["1001"]),
        json!({}),
        json!(true),
    ];

    for subject in subjects {
        let what = format!("sub {subject}");
        let claims = world.provider.claims("", "grace");
        let token = world.provider.rsa.sign(&replaced(&claims, "sub", subject));
        world.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_sub_that_no_provider_may_give_is_refused() {
    let world = World::with(|settings| settings.create_users = true).await;
    let noise: String = (0..4000).map(|_| fastrand::alphanumeric()).collect();
    // OpenID Connect Core, 2: at most 255 characters of ASCII. PostgreSQL holds no NUL, and has no
    // index of what is so long.
    let subjects = ["", "10\u{0}01", &"a".repeat(256), &noise];

    let mut statuses = Vec::new();
    for (number, subject) in subjects.into_iter().enumerate() {
        let token = world.provider.token(subject, &format!("grace-{number}"));
        statuses.push(world.get(&token, "/user").await.status);
    }

    assert_eq!(statuses, [401; 4]);
}

#[actix_web::test]
async fn a_tampered_token_is_refused() {
    let world = World::new().await;
    world.meet_ada().await;
    let root = encoded(&world.provider.claims("1", "root"));

    for key in [&world.provider.rsa, &world.provider.ec, &world.provider.ed] {
        let token = key.sign(&world.provider.claims("1001", "ada"));
        let [header, claims, signature]: [&str; 3] =
            token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let zeros = "A".repeat(signature.len());
        let first = if signature.starts_with('A') { "B" } else { "A" };
        let typed = encoded(&replaced(&key.header(), "typ", json!("at+jwt")));
        for tampered in [
            format!("{header}.{root}.{signature}"),
            format!("{typed}.{claims}.{signature}"),
            format!("{header}.{claims}.{first}{}", &signature[1..]),
            format!("{header}.{claims}.{zeros}"),
            format!("{header}.{claims}.{}", &signature[4..]),
            format!("{header}.{claims}.{signature}AAAA"),
            format!("{header}.{claims}."),
            format!("{header}.{claims}"),
        ] {
            world.assert_refused(&tampered, &tampered).await;
        }
    }
}

#[actix_web::test]
async fn a_key_has_one_id() {
    let world = World::new().await;
    world.meet_ada().await;
    let ids = [
        json!("ec"),
        json!("ed"),
        json!("RSA"),
        json!("rsa "),
        json!(""),
        json!("../../../../etc/passwd"),
        json!("' OR '1'='1"),
        json!("rsa\r\nX-Kid: rsa"),
        json!("rsa\u{0}"),
        json!("http://127.0.0.1/keys"),
        json!(0),
        json!(["rsa"]),
        json!("a".repeat(64 << 10)),
        Value::Null,
    ];

    for id in ids {
        let what = format!("kid {id:.40}");
        let token = world.with_header("kid", id);
        world.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_key_that_a_token_brings_along_is_not_used() {
    let world = World::new().await;
    world.meet_ada().await;
    let attacker = Provider::start().await;
    let url = json!(attacker.key_set());
    let pem: String = attacker
        .ec
        .public_pem
        .lines()
        .filter(|line| !line.contains("--"))
        .collect();
    let brought = [
        ("jku", url.clone()),
        ("x5u", url),
        ("jwk", attacker.ec.jwk.clone()),
        ("x5c", json!([pem])),
    ];
    let claims = world.provider.claims("1001", "ada");

    for (name, value) in brought {
        for kid in [json!("ec"), json!("unknown"), Value::Null] {
            let header = replaced(&attacker.ec.header(), name, value.clone());
            let header = replaced(&header, "kid", kid);
            let token = attacker.ec.sign_with(&header, &claims);
            world.assert_refused(&token, &header.to_string()).await;
        }
    }
    assert_eq!(attacker.asked(), Vec::<String>::new());
}

#[actix_web::test]
async fn what_must_be_understood_and_is_not_is_refused() {
    let world = World::new().await;
    world.meet_ada().await;
    let headers = [
        ("crit", json!(["unknown"])),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("exp")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("secevent+jwt")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("award-acceptance+jwt")),
        ("typ", json!("")),
        ("typ", json!(["JWT"])),
    ];

    for (name, value) in headers {
        let what = format!("{name} {value}");
        let token = world.with_header(name, value);
        world.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn the_algorithm_is_the_keys() {
    let world = World::new().await;
    let other = Key::other_rsa("rs512");
    let named = replaced(&other.jwk, "alg", json!("RS512"));
    let rsa = &world.provider.rsa.jwk;
    world.provider.publish(Document::keys([rsa, &named]));
    world.meet_ada().await;
    let claims = world.provider.claims("1001", "ada");
    let signed_by = |algorithm: Algorithm| {
        let header = replaced(&other.header(), "alg", json!(algorithm));
        signed(&header, &claims, &other.private, algorithm)
    };

    for algorithm in [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::PS256,
        Algorithm::PS512,
    ] {
        world
            .assert_refused(&signed_by(algorithm), &format!("{algorithm:?}"))
            .await;
    }
    assert_eq!(world.username(&signed_by(Algorithm::RS512)).await, "ada");
}

#[actix_web::test]
async fn a_key_that_is_for_something_else_signs_nothing() {
    let others = [
        ("use", json!("enc")),
        ("alg", json!("RSA-OAEP")),
        ("alg", json!("HS256")),
        ("alg", json!("none")),
        ("n", json!("AQAB")),
        ("n", json!("not base64!")),
        ("kty", json!("EC")),
    ];

    for (name, value) in others {
        let what = format!("{name} {value}");
        let world = World::new().await;
        let rsa = replaced(&world.provider.rsa.jwk, name, value);
        let set = Document::keys([&rsa, &world.provider.ec.jwk]);
        world.provider.publish(set);
        let claims = world.provider.claims("1001", "ada");
        assert_eq!(
            world.username(&world.provider.ec.sign(&claims)).await,
            "ada"
        );

        let token = world.provider.rsa.sign(&claims);
        world.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_key_that_is_not_to_verify_with_is_not() {
    let world = World::new().await;
    let rsa = &world.provider.rsa.jwk;
    // RFC 7517, 4.3.
    let wraps = replaced(rsa, "key_ops", json!(["encrypt", "wrapKey"]));
    let wraps = replaced(&wraps, "use", Value::Null);
    let verifies = replaced(&world.provider.ec.jwk, "key_ops", json!(["verify"]));
    world.provider.publish(Document::keys([&wraps, &verifies]));
    let claims = world.provider.claims("1001", "ada");

    let verified = world.provider.ec.sign(&claims);
    assert_eq!(world.username(&verified).await, "ada");
    world
        .assert_refused(&world.provider.rsa.sign(&claims), "key_ops")
        .await;
}

#[actix_web::test]
async fn neither_of_us_signs_for_the_other() {
    let world = World::new().await;
    world.meet_ada().await;
    let file = world.app.database.directory.path().join("signing-key.pem");
    let ours = Key::of_file(&file);
    let keys = world.app.get(None, "/.well-known/jwks.json").await;
    let our_kid = &keys.json["keys"][0]["kid"];
    let theirs = world.provider.claims("1001", "ada");
    let now = chrono::Utc::now().timestamp();
    let own =
        json!({ "iss": "accolade", "aud": "accolade", "sub": "2", "iat": now, "exp": now + 60 });

    for claims in [&theirs, &own] {
        for typ in ["JWT", "at+jwt"] {
            // Signed by us with the provider's claims, and by the provider in our name.
            let header = json!({ "typ": typ, "alg": "EdDSA", "kid": our_kid });
            let by_us = signed(&header, claims, &ours, Algorithm::EdDSA);
            if claims != &own || typ == "JWT" {
                world.assert_refused(&by_us, "our key").await;
            }
            let header = replaced(&header, "kid", json!("ed"));
            let by_us = signed(&header, claims, &ours, Algorithm::EdDSA);
            world.assert_refused(&by_us, "our key under its id").await;
            let by_it = world.provider.ed.sign_with(
                &json!({ "typ": typ, "alg": "EdDSA", "kid": our_kid }),
                claims,
            );
            world.assert_refused(&by_it, "its key under our id").await;
        }
    }
    world
        .assert_refused(&world.provider.ed.sign(&own), "our claims")
        .await;
}

#[actix_web::test]
async fn an_operator_names_the_provider() {
    let provider = Provider::start().await;
    let issuer = provider.issuer();
    let server = Server::start_with(&[
        ("OIDC_ISSUER", &issuer),
        ("OIDC_AUDIENCE", AUDIENCE),
        ("OIDC_CREATE_USERS", "enabled"),
        ("OIDC_USERNAME_CLAIM", "login"),
    ])
    .await;
    let claims = replaced(&provider.claims("1001", "nobody"), "login", json!("ada"));

    let made = server
        .call(
            Method::GET,
            &provider.ec.sign(&claims),
            "/user",
            Value::Null,
        )
        .await
        .unwrap();

    assert_eq!((made.0, &made.1["username"]), (200, &json!("ada")));
    assert_eq!(
        provider.asked(),
        ["/.well-known/openid-configuration", "/keys"]
    );
}

#[actix_web::test]
async fn an_operator_says_where_the_keys_are() {
    let provider = Provider::start().await;
    let (issuer, url) = (provider.issuer(), provider.key_set());
    let file = tempfile::NamedTempFile::new().unwrap();
    let keys = Document::keys([&provider.rsa.jwk]).body;
    std::fs::write(file.path(), keys).unwrap();
    let path = file.path().to_str().unwrap();

    for place in [path, &format!("file://{path}"), &url] {
        let server = Server::start_with(&[
            ("OIDC_ISSUER", &issuer),
            ("OIDC_AUDIENCE", AUDIENCE),
            ("OIDC_JWKS", place),
        ])
        .await;
        server.print(&["user", "create", "ada", "--email", "ada@example.com"]);
        let (ada, bob) = (provider.token("1001", "ada"), provider.token("1002", "bob"));
        let status = async |token| {
            let answer = server.call(Method::GET, token, "/user", Value::Null).await;
            answer.unwrap().0
        };

        assert_eq!(
            (status(&ada).await, status(&bob).await),
            (200, 401),
            "{place}"
        );
    }
}

#[actix_web::test]
async fn half_of_a_provider_is_refused_at_the_start() {
    let server = Server::start().await;
    // The last one fails later, should the others be taken.
    let run = |settings: &[&str]| {
        let all = [&["serve"], settings, &["--base-url", "nonsense"]].concat();
        let output = server.run(&all);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };

    let issuer = ["--oidc-issuer", "https://login.example.com"];
    let halves: [&[&str]; 3] = [
        &issuer,
        &["--oidc-audience", AUDIENCE],
        &["--oidc-jwks", "/dev/null"],
    ];
    for half in halves {
        assert!(run(half).contains("set both"), "{half:?}");
    }
    assert!(!run(&[]).contains("set both"));
}

#[actix_web::test]
async fn settings_that_are_empty_are_as_if_they_were_not_given() {
    // As a compose file has them: OIDC_ISSUER: ${OIDC_ISSUER:-}
    let empty = ["OIDC_ISSUER", "OIDC_AUDIENCE", "OIDC_JWKS"].map(|name| (name, ""));
    let server = Server::start_with(&empty).await;
    let unknown = Key::ed("unknown").sign(&json!({ "exp": 4_000_000_000_u64 }));

    let answer = server
        .call(Method::GET, &unknown, "/user", Value::Null)
        .await
        .unwrap();

    assert_eq!(answer.0, 401);
}
