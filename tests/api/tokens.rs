//! Tokens that are not what they say: each is refused, also where none is needed.

use std::path::PathBuf;
use std::time::Duration;

use accolade::tokens::Keys;
use actix_web::rt::time::sleep;
use base64::prelude::*;
use chrono::Utc;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};
use crate::provider::{Key, encoded, replaced, signed};

/// Whoever forges: with the header and the claims of ada's session, and the key that signed it.
struct Forger {
    app: TestApp,
    token: String,
    header: Value,
    claims: Value,
    key_file: PathBuf,
}

impl Forger {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let password = "analytical engine";
        let user = json!({ "username": "ada", "email": "ada@example.com", "password": password });
        app.post(&app.root(), "/users", user).await;
        let credentials = json!({ "username": "ada", "password": password });
        let session = app.post(None, "/sessions", credentials).await;
        let token = session.json["accessToken"].as_str().unwrap().to_owned();
        let mut parts = token.split('.').map(decoded);
        let path = app.database.directory.path().join("signing-key.pem");
        Self {
            header: parts.next().unwrap(),
            claims: parts.next().unwrap(),
            key_file: path,
            token,
            app,
        }
    }

    fn key(&self) -> EncodingKey {
        Key::of_file(&self.key_file)
    }

    /// Signed as the service signs, whatever the header says.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, &self.key(), Algorithm::EdDSA)
    }

    /// With that header instead.
    fn with_header(&self, name: &str, value: Value) -> String {
        self.sign(&replaced(&self.header, name, value), &self.claims)
    }

    /// With that claim instead.
    fn with_claim(&self, name: &str, value: Value) -> String {
        self.sign(&self.header, &replaced(&self.claims, name, value))
    }

    async fn get(&self, token: &str, path: &str) -> Response {
        let user = User {
            token: token.to_owned(),
            ..self.app.root()
        };
        self.app.get(&user, path).await
    }

    /// Refused where a token is needed, where none is, and where nothing is.
    async fn assert_refused(&self, token: &str, what: &str) {
        for path in [
            "/user",
            "/namespaces",
            "/users/ada",
            "/users/ada/badges",
            "/nowhere",
        ] {
            let response = self.get(token, path).await;

            assert_eq!(response.status, 401, "{what}: {path}");
            assert_eq!(response.json["type"], "/problems/invalid-token", "{what}");
        }
    }

    async fn assert_accepted(&self, token: &str) {
        let response = self.get(token, "/user").await;
        assert_eq!(response.status, 200);
        assert_eq!(response.json["username"], "ada");
    }
}

fn decoded(part: &str) -> Value {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    // The signature is no JSON.
    serde_json::from_slice(&bytes).unwrap_or_default()
}

#[actix_web::test]
async fn a_token_signed_again_is_accepted() {
    let forger = Forger::new().await;

    forger.assert_accepted(&forger.token).await;
    // Else the others would be refused for the way they are made.
    forger
        .assert_accepted(&forger.sign(&forger.header, &forger.claims))
        .await;
    let later = json!(Utc::now().timestamp() + 60);
    forger
        .assert_accepted(&forger.with_claim("exp", later))
        .await;
    let earlier = json!(Utc::now().timestamp() - 60);
    forger
        .assert_accepted(&forger.with_claim("nbf", earlier))
        .await;
}

#[actix_web::test]
async fn no_signature_is_not_enough() {
    let forger = Forger::new().await;

    for algorithm in ["none", "None", "NONE", "nOnE", "", "null"] {
        let header = replaced(&forger.header, "alg", json!(algorithm));
        let message = format!("{}.{}", encoded(&header), encoded(&forger.claims));

        forger
            .assert_refused(&format!("{message}."), algorithm)
            .await;
        forger.assert_refused(&message, algorithm).await;
        let signed = forger.sign(&header, &forger.claims);
        forger.assert_refused(&signed, algorithm).await;
    }
    for algorithm in [json!(null), json!(["EdDSA"]), json!(1)] {
        let what = algorithm.to_string();
        let token = forger.with_header("alg", algorithm);
        forger.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn the_public_key_is_no_secret_to_sign_with() {
    let forger = Forger::new().await;
    let jwk = Jwk::from_encoding_key(&forger.key(), Algorithm::EdDSA).unwrap();
    let AlgorithmParameters::OctetKeyPair(parameters) = &jwk.algorithm else {
        panic!("no Ed25519 key")
    };
    let raw = BASE64_URL_SAFE_NO_PAD.decode(&parameters.x).unwrap();
    // What openssl writes for such a key in DER and in PEM.
    let prefix = [48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0];
    let der = [prefix.as_slice(), &raw].concat();
    let body = BASE64_STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    let jwk_json = serde_json::to_string(&jwk).unwrap();

    for secret in [
        raw.as_slice(),
        &der,
        parameters.x.as_bytes(),
        pem.as_bytes(),
        jwk_json.as_bytes(),
    ] {
        for (name, algorithm) in [
            ("HS256", Algorithm::HS256),
            ("HS384", Algorithm::HS384),
            ("HS512", Algorithm::HS512),
            ("EdDSA", Algorithm::HS256),
        ] {
            let header = replaced(&forger.header, "alg", json!(name));
            let key = EncodingKey::from_secret(secret);
            let token = signed(&header, &forger.claims, &key, algorithm);

            forger.assert_refused(&token, name).await;
        }
    }
}

#[actix_web::test]
async fn another_key_is_refused_wherever_its_token_says_that_it_is() {
    let forger = Forger::new().await;
    let path = forger.app.database.directory.path().join("other.pem");
    Keys::from_file(&path).unwrap();
    let other = Key::of_file(&path);
    let jwk = Jwk::from_encoding_key(&other, Algorithm::EdDSA).unwrap();
    let url = json!("https://evil.example.com/jwks.json");
    let headers = [
        forger.header.clone(),
        replaced(&forger.header, "jku", url.clone()),
        replaced(&forger.header, "x5u", url),
        replaced(&forger.header, "jwk", serde_json::to_value(jwk).unwrap()),
        replaced(&forger.header, "x5c", json!(["MCowBQYDK2VwAyEA"])),
        replaced(&forger.header, "kid", json!(null)),
    ];

    for header in headers {
        let token = signed(&header, &forger.claims, &other, Algorithm::EdDSA);

        forger.assert_refused(&token, &header.to_string()).await;
    }
}

#[actix_web::test]
async fn other_algorithms_are_refused_though_the_signature_fits() {
    let forger = Forger::new().await;

    for algorithm in [
        "HS256", "RS256", "ES256", "PS512", "Ed25519", "eddsa", "EDDSA",
    ] {
        let token = forger.with_header("alg", json!(algorithm));

        forger.assert_refused(&token, algorithm).await;
    }
}

#[actix_web::test]
async fn other_types_and_keys_are_refused() {
    let forger = Forger::new().await;
    let headers = [
        ("typ", json!("JWT")),
        ("typ", json!("jwt")),
        ("typ", json!("accept+jwt")),
        ("typ", json!(null)),
        ("typ", json!("")),
        ("typ", json!(["at+jwt"])),
        ("kid", json!(null)),
        ("kid", json!("")),
        ("kid", json!("unknown")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR '1'='1")),
        ("kid", json!(0)),
    ];

    for (name, value) in headers {
        let what = format!("{name} {value}");
        let token = forger.with_header(name, value);

        forger.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn what_must_be_understood_and_is_not_is_refused() {
    let forger = Forger::new().await;

    for critical in [
        json!(["b64"]),
        json!(["exp"]),
        json!(["unknown"]),
        json!([]),
        json!("b64"),
    ] {
        let header = replaced(&forger.header, "crit", critical);
        let header = replaced(&header, "b64", json!(false));

        let token = forger.sign(&header, &forger.claims);
        forger.assert_refused(&token, &header.to_string()).await;
    }
}

#[actix_web::test]
async fn tokens_of_and_for_others_are_refused() {
    let forger = Forger::new().await;
    let (issuer, audience) = (forger.claims["iss"].clone(), forger.claims["aud"].clone());
    let claims = [
        ("aud", json!(null)),
        ("aud", json!("")),
        ("aud", json!("somebody else")),
        ("aud", json!([audience])),
        ("aud", json!([audience, "somebody else"])),
        ("aud", json!([])),
        ("aud", json!(1)),
        ("iss", json!(null)),
        ("iss", json!("")),
        ("iss", json!("https://evil.example.com")),
        ("iss", json!([issuer])),
    ];

    for (name, value) in claims {
        let what = format!("{name} {value}");
        let token = forger.with_claim(name, value);

        forger.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_token_is_good_within_its_time_alone() {
    let forger = Forger::new().await;
    let now = Utc::now().timestamp();
    let claims = [
        ("exp", json!(now - 1)),
        ("exp", json!(now - 86_400)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(null)),
        ("exp", json!((now + 3600).to_string())),
        ("exp", json!("never")),
        ("exp", json!([now + 3600])),
        ("exp", json!({})),
        ("exp", json!(true)),
        ("nbf", json!(now + 60)),
        ("nbf", json!(now + 86_400)),
    ];

    for (name, value) in claims {
        let what = format!("{name} {value}");
        let token = forger.with_claim(name, value);

        forger.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_token_ends_with_the_second_that_it_names() {
    let forger = Forger::new().await;
    // Early in a second, so that it is the same one when the token is read.
    while Utc::now().timestamp_subsec_millis() > 100 {
        sleep(Duration::from_millis(20)).await;
    }

    // RFC 7519: `exp` is the time on or after which it must not be accepted.
    let token = forger.with_claim("exp", json!(Utc::now().timestamp()));

    assert_eq!(forger.get(&token, "/user").await.status, 401);
}

#[actix_web::test]
async fn a_token_of_nobody_is_refused() {
    let forger = Forger::new().await;

    for subject in [
        json!(null),
        json!(""),
        json!("0"),
        json!("-1"),
        json!("99"),
        json!("ada"),
        json!("2 "),
        json!(2),
        json!(["2"]),
    ] {
        let what = format!("sub {subject}");
        let token = forger.with_claim("sub", subject);

        forger.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_token_that_was_never_made_is_refused() {
    let forger = Forger::new().await;
    let mine = forger
        .app
        .get(&forger.app.root(), "/personal-access-tokens")
        .await;
    let of_root = mine.nodes("/id")[0].to_string();

    // Also that of another user.
    for id in [
        json!("99"),
        json!(of_root),
        json!("0"),
        json!(""),
        json!("a"),
    ] {
        let what = format!("jti {id}");
        let token = forger.with_claim("jti", id);

        forger.assert_refused(&token, &what).await;
    }
}

#[actix_web::test]
async fn a_tampered_token_is_refused() {
    let forger = Forger::new().await;
    let [header, claims, signature]: [&str; 3] = forger
        .token
        .split('.')
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let admin = encoded(&replaced(&forger.claims, "sub", json!("1")));
    let typ = encoded(&replaced(&forger.header, "cty", json!("JWT")));
    let mut flipped = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    flipped[10] ^= 1;
    let flipped = BASE64_URL_SAFE_NO_PAD.encode(flipped);
    let zeros = BASE64_URL_SAFE_NO_PAD.encode([0; 64]);
    let standard = signature.replace('-', "+").replace('_', "/");
    let tokens = [
        format!("{header}.{admin}.{signature}"),
        format!("{typ}.{claims}.{signature}"),
        format!("{header}.{claims}.{flipped}"),
        format!("{header}.{claims}.{zeros}"),
        format!("{header}.{claims}.{}", &signature[1..]),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{signature}AA"),
        format!("{header}.{claims}.{standard}=="),
        format!("{header}=.{claims}.{signature}"),
    ];

    for token in tokens {
        forger.assert_refused(&token, &token).await;
    }
}

#[actix_web::test]
async fn what_has_not_three_parts_is_refused() {
    let forger = Forger::new().await;
    let token = &forger.token;
    let [header, claims, signature]: [&str; 3] =
        token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let tokens = [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "nonsense".into(),
        header.into(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{header}.{token}"),
        format!("{token},{token}"),
        format!("{token} {token}"),
        format!("\"{token}\""),
    ];

    for token in tokens {
        forger.assert_refused(&token, &token).await;
    }
}

#[actix_web::test]
async fn an_enormous_token_is_refused() {
    let forger = Forger::new().await;
    let filler = json!("a".repeat(64 << 10));

    let tokens = [
        "a".repeat(64 << 10),
        ".".repeat(64 << 10),
        forger.with_header("filler", filler.clone()),
        forger.with_claim("filler", filler),
    ];

    for token in tokens {
        forger.assert_refused(&token, "64 KiB").await;
    }
}

#[actix_web::test]
async fn other_schemes_are_refused() {
    let forger = Forger::new().await;
    let token = &forger.token;
    let headers = [
        String::new(),
        token.clone(),
        "Bearer".into(),
        "Bearer ".into(),
        format!("Basic {token}"),
        format!("Token {token}"),
        format!("Bearer: {token}"),
        format!("Bearer={token}"),
        "Basic cm9vdDpyb290".into(),
    ];

    for header in headers {
        for path in ["/user", "/namespaces"] {
            let all = [("Authorization", header.as_str())];
            let response = forger
                .app
                .send("GET".parse().unwrap(), path, &all, Vec::new())
                .await;

            assert_eq!(response.status, 401, "{path} {header}");
        }
    }
}

#[actix_web::test]
async fn the_scheme_is_read_without_regard_to_case() {
    let forger = Forger::new().await;

    for scheme in ["Bearer", "bearer", "BEARER"] {
        let header = format!("{scheme} {}", forger.token);
        let all = [("Authorization", header.as_str())];
        let response = forger
            .app
            .send("GET".parse().unwrap(), "/user", &all, Vec::new())
            .await;

        assert_eq!(response.status, 200, "{scheme}");
    }
}

#[actix_web::test]
async fn a_revoked_token_is_refused() {
    let forger = Forger::new().await;
    let root = forger.app.root();
    let path = "/personal-access-tokens";
    let created = forger.app.post(&root, path, json!({ "name": "Bot" })).await;
    let token = created.json["token"].as_str().unwrap();
    assert_eq!(forger.get(token, "/user").await.status, 200);

    let path = format!("{path}/{}", created.id());
    assert_eq!(forger.app.delete(&root, &path).await.status, 204);

    forger.assert_refused(token, "revoked").await;
}

#[actix_web::test]
async fn the_tokens_of_a_deleted_user_are_refused() {
    let forger = Forger::new().await;
    let bob = forger.app.user("bob").await;
    forger.assert_accepted(&forger.token).await;

    for user in ["ada", "bob"] {
        let path = format!("/users/{user}");
        let root = forger.app.root();
        assert_eq!(forger.app.delete(&root, &path).await.status, 204);
    }

    // Also once somebody else has their names.
    forger.app.user("ada").await;
    forger.assert_refused(&forger.token, "session").await;
    forger
        .assert_refused(&bob.token, "personal access token")
        .await;
}

#[actix_web::test]
async fn who_is_refused_is_told_so() {
    let forger = Forger::new().await;

    let invalid = forger.get("nonsense", "/user").await;
    let missing = forger.app.get(None, "/user").await;

    let challenge = invalid.header("www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer"), "{challenge}");
    assert!(challenge.contains("invalid_token"), "{challenge}");
    assert!(
        missing
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    assert_ne!(missing.json["type"], invalid.json["type"]);
}
