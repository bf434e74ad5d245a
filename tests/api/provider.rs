//! An identity provider (OpenID Connect): its documents on a port of its own, and whoever signs with
//! its keys, or with others.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use accolade::oidc;
use actix_test::TestServer;
use actix_web::rt::time::sleep;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use base64::prelude::*;
use chrono::Utc;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// What we are called there.
pub const AUDIENCE: &str = "https://accolade.test";

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEY_SET: &str = "/keys";

pub struct Provider {
    server: TestServer,
    state: Data<State>,
    /// Its keys at first, in its set.
    pub rsa: Key,
    pub ec: Key,
    pub ed: Key,
}

struct State {
    discovery: Mutex<Document>,
    key_set: Mutex<Document>,
    asked: Mutex<Vec<String>>,
}

/// What it answers.
#[derive(Clone)]
pub struct Document {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
    /// How long it takes to begin.
    pub delay: Duration,
}

impl Document {
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            location: None,
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    /// The set of these keys.
    pub fn keys<'a>(keys: impl IntoIterator<Item = &'a Value>) -> Self {
        let keys: Vec<_> = keys.into_iter().collect();
        Self::new(json!({ "keys": keys }).to_string())
    }

    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub fn location(self, location: String) -> Self {
        let location = Some(location);
        Self { location, ..self }
    }
}

impl Provider {
    pub async fn start() -> Self {
        let (rsa, ec, ed) = (Key::rsa("rsa"), Key::ec("ec"), Key::ed("ed"));
        let state = Data::new(State {
            discovery: Mutex::new(Document::new("")),
            key_set: Mutex::new(Document::keys([&rsa.jwk, &ec.jwk, &ed.jwk])),
            asked: Mutex::default(),
        });
        let shared = state.clone();
        let server = actix_test::start(move || {
            let app = App::new().app_data(shared.clone());
            app.default_service(web::to(answer))
        });
        let provider = Self {
            server,
            state,
            rsa,
            ec,
            ed,
        };
        provider.describe(Document::new(
            json!({ "issuer": provider.issuer(), "jwks_uri": provider.key_set() }).to_string(),
        ));
        provider
    }

    /// The settings to take its tokens by.
    pub fn settings(&self) -> oidc::Provider {
        oidc::Provider {
            issuer: self.issuer(),
            audience: AUDIENCE.into(),
            key_set: None,
            username_claim: "preferred_username".into(),
            create_users: false,
        }
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// The address of its keys.
    pub fn key_set(&self) -> String {
        self.issuer() + KEY_SET
    }

    /// Answers this to whoever discovers it.
    pub fn describe(&self, document: Document) {
        *self.state.discovery.lock().unwrap() = document;
    }

    /// Answers this to whoever asks for its keys.
    pub fn publish(&self, document: Document) {
        *self.state.key_set.lock().unwrap() = document;
    }

    /// The paths that it was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Goes away.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// What it says of a user with this `sub` and name.
    pub fn claims(&self, subject: &str, username: &str) -> Value {
        let now = Utc::now().timestamp();
        json!({
            "iss": self.issuer(), "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 3600,
            "preferred_username": username, "name": format!("The {username}"),
            "email": format!("{username}@example.org"),
        })
    }

    /// A good token.
    pub fn token(&self, subject: &str, username: &str) -> String {
        self.rsa.sign(&self.claims(subject, username))
    }
}

async fn answer(request: HttpRequest, state: Data<State>) -> HttpResponse {
    let path = request.uri().to_string();
    let document = match path.as_str() {
        DISCOVERY => state.discovery.lock().unwrap().clone(),
        KEY_SET => state.key_set.lock().unwrap().clone(),
        _ => Document::new("").status(404),
    };
    state.asked.lock().unwrap().push(path);
    sleep(document.delay).await;
    let mut response = HttpResponse::build(document.status.try_into().unwrap());
    if let Some(location) = document.location {
        response.insert_header(("Location", location));
    }
    response
        .content_type("application/json")
        .body(document.body)
}

/// A key with its id and its algorithm.
pub struct Key {
    pub private: EncodingKey,
    pub algorithm: Algorithm,
    pub jwk: Value,
    /// The public key as openssl writes it.
    pub public_pem: String,
}

impl Key {
    pub fn rsa(id: &str) -> Self {
        // It takes a while to find one.
        static FOUND: OnceLock<rsa::KeyPair> = OnceLock::new();
        let pair = FOUND.get_or_init(|| rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap());
        Self::rsa_of(pair, id)
    }

    /// Not the one that the others have.
    pub fn other_rsa(id: &str) -> Self {
        Self::rsa_of(&rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap(), id)
    }

    fn rsa_of(pair: &rsa::KeyPair, id: &str) -> Self {
        let private: aws_lc_rs::encoding::Pkcs8V1Der = pair.as_der().unwrap();
        let private = pem("PRIVATE", private.as_ref());
        let private = EncodingKey::from_rsa_pem(private.as_bytes()).unwrap();
        Self::new(id, private, Algorithm::RS256, pair.public_key().as_der())
    }

    pub fn ec(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = pem("PRIVATE", pair.to_pkcs8v1().unwrap().as_ref());
        let private = EncodingKey::from_ec_pem(private.as_bytes()).unwrap();
        Self::new(id, private, Algorithm::ES256, pair.public_key().as_der())
    }

    pub fn ed(id: &str) -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let private = pem("PRIVATE", pair.to_pkcs8v1().unwrap().as_ref());
        let private = EncodingKey::from_ed_pem(private.as_bytes()).unwrap();
        Self::new(id, private, Algorithm::EdDSA, pair.public_key().as_der())
    }

    fn new<E: std::fmt::Debug>(
        id: &str,
        private: EncodingKey,
        algorithm: Algorithm,
        public: Result<PublicKeyX509Der<'_>, E>,
    ) -> Self {
        let jwk = Jwk::from_encoding_key(&private, algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = json!(id);
        jwk["use"] = json!("sig");
        Self {
            private,
            algorithm,
            jwk,
            public_pem: pem("PUBLIC", public.unwrap().as_ref()),
        }
    }

    /// The header of its tokens.
    pub fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": self.algorithm, "kid": self.jwk["kid"] })
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// Signed as it signs, whatever the header says.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, &self.private, self.algorithm)
    }
}

fn pem(kind: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = body
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN {kind} KEY-----\n{lines}\n-----END {kind} KEY-----\n")
}

/// The header and the claims with that signature.
pub fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

pub fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The object with another member, or without it where the value is null.
pub fn replaced(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    if value.is_null() {
        object.as_object_mut().unwrap().shift_remove(name);
    } else {
        object[name] = value;
    }
    object
}
