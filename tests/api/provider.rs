//! An identity provider (OpenID Connect): its documents on a port of its own, and whoever signs with
//! its keys, or with others.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use accolade::oidc;
use actix_test::TestServer;
use actix_web::rt::time::sleep;
use actix_web::web::{self, Data};
use actix_web::{App, HttpRequest, HttpResponse};
use base64::prelude::*;
use chrono::Utc;
use jsonwebtoken::{Algorithm, EncodingKey};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaEncoding, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::tools::tool;

/// What we are called there.
pub const AUDIENCE: &str = "https://accolade.test";

const DISCOVERY: &str = "/.well-known/openid-configuration";
pub const KEY_SET: &str = "/keys";

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
            refresh_interval: oidc::REFRESH_INTERVAL,
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
    /// The same at each call: it takes a while to find one.
    pub fn rsa(id: &str) -> Self {
        Self::new("rsa", 0, id)
    }

    /// Not the one that the others have.
    pub fn other_rsa(id: &str) -> Self {
        Self::new("rsa", 1, id)
    }

    /// Another one at each call.
    pub fn ec(id: &str) -> Self {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        Self::new("ec", TAKEN.fetch_add(1, Ordering::Relaxed), id)
    }

    /// Another one at each call.
    pub fn ed(id: &str) -> Self {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        Self::new("ed", TAKEN.fetch_add(1, Ordering::Relaxed), id)
    }

    /// Made all at once, by Node.js, which writes keys in every form that is needed here.
    fn new(kind: &str, number: usize, id: &str) -> Self {
        static KEYS: OnceLock<Value> = OnceLock::new();
        let keys = KEYS.get_or_init(|| {
            let made = tool("keys.js").output().unwrap();
            serde_json::from_slice(&made.stdout).unwrap()
        });
        let key = &keys[kind][number];
        let private = key["private"].as_str().expect("more keys in keys.js");
        let private = BASE64_STANDARD.decode(private).unwrap();
        let (private, algorithm) = match kind {
            "ec" => (EncodingKey::from_ec_der(&private), Algorithm::ES256),
            "ed" => (EncodingKey::from_ed_der(&private), Algorithm::EdDSA),
            _ => (EncodingKey::from_rsa_der(&private), Algorithm::RS256),
        };
        let mut jwk = key["jwk"].clone();
        jwk["kid"] = json!(id);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(algorithm);
        Self {
            private,
            algorithm,
            jwk,
            public_pem: key["public"].as_str().unwrap().into(),
        }
    }

    /// The service's own key, of the file that it keeps it in.
    pub fn of_file(path: &Path) -> EncodingKey {
        let key = PrivatePkcs8KeyDer::from_pem_file(path).unwrap();
        EncodingKey::from_ed_der(key.secret_pkcs8_der())
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

/// The header and the claims with that signature.
pub fn signed(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signature(message.as_bytes(), key, algorithm));
    format!("{message}.{signature}")
}

fn signature(message: &[u8], key: &EncodingKey, algorithm: Algorithm) -> Vec<u8> {
    let random = SystemRandom::new();
    let key = key.as_bytes();
    let with_secret = |algorithm| {
        let key = hmac::Key::new(algorithm, key);
        hmac::sign(&key, message).as_ref().to_vec()
    };
    let with_curve = |algorithm| {
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, key, &random).unwrap();
        pair.sign(&random, message).unwrap().as_ref().to_vec()
    };
    let with_rsa = |padding: &'static dyn RsaEncoding| {
        let pair = RsaKeyPair::from_der(key).unwrap();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(padding, &random, message, &mut signature)
            .unwrap();
        signature
    };
    match algorithm {
        Algorithm::HS256 => with_secret(hmac::HMAC_SHA256),
        Algorithm::HS384 => with_secret(hmac::HMAC_SHA384),
        Algorithm::HS512 => with_secret(hmac::HMAC_SHA512),
        Algorithm::ES256 => with_curve(&ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => with_curve(&ring::signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::RS256 => with_rsa(&ring::signature::RSA_PKCS1_SHA256),
        Algorithm::RS384 => with_rsa(&ring::signature::RSA_PKCS1_SHA384),
        Algorithm::RS512 => with_rsa(&ring::signature::RSA_PKCS1_SHA512),
        Algorithm::PS256 => with_rsa(&ring::signature::RSA_PSS_SHA256),
        Algorithm::PS384 => with_rsa(&ring::signature::RSA_PSS_SHA384),
        Algorithm::PS512 => with_rsa(&ring::signature::RSA_PSS_SHA512),
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).unwrap();
            pair.sign(message).as_ref().to_vec()
        }
        other => panic!("no key of ours signs with {other:?}"),
    }
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
