//! Tokens of an identity provider (OpenID Connect): whose they are, checked as RFC 8725 has it.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use actix_web::rt;
use diesel::prelude::*;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::Value;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tracing::Instrument;
use url::Url;

use crate::auth::Caller;
use crate::crypto;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Result};
use crate::input::{Email, Name, Slug};
use crate::schema::{identities, users};
use crate::scopes::Scopes;
use crate::users::{CreateUser, create};

/// What the provider's clock may be ahead or behind, in seconds.
const LEEWAY: u64 = 30;
/// How long a key set is used before it is looked at again.
const LIFE: Duration = Duration::from_secs(10 * 60);
/// The usual [`Provider::refresh_interval`].
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// The same while the provider has not answered once.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// How long the provider may take to tell its keys, discovery included.
const PATIENCE: Duration = Duration::from_secs(3);
/// The largest document that is read from the provider, in bytes.
const LARGEST: usize = 256 * 1024;

/// What the operator says of the provider.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// The `aud` that is ours.
    pub audience: String,
    /// Its key set; found by discovery where it is not given.
    pub key_set: Option<KeySet>,
    /// The claim that is the username.
    pub username_claim: String,
    /// Whether users are made at first sight.
    pub create_users: bool,
    /// The minimum time between two requests for its keys that an unknown key id caused: strangers can
    /// make up such ids.
    pub refresh_interval: Duration,
}

/// Where a key set is.
#[derive(Clone, Debug)]
pub enum KeySet {
    Url(Url),
    File(PathBuf),
}

/// The provider, with the keys that it has now.
#[derive(Clone)]
pub struct Oidc {
    provider: Arc<Provider>,
    client: Client,
    keys: Arc<RwLock<Arc<Vec<Jwk>>>>,
    /// When it was asked for them last. Held while it is asked.
    asked: Arc<Mutex<Option<Instant>>>,
}

/// Whom a verified token names.
struct Identity {
    subject: String,
    username: Option<Slug>,
    name: Option<String>,
    email: Option<String>,
}

impl Oidc {
    pub fn new(provider: Provider) -> reqwest::Result<Self> {
        crypto::install();
        let client = Client::builder().redirect(Policy::none()).build()?;
        Ok(Self {
            provider: Arc::new(provider),
            client,
            keys: Arc::default(),
            asked: Arc::default(),
        })
    }

    /// The user whose token it is, made at first sight where that is allowed.
    pub async fn caller(&self, token: &str, header: &Header, db: &Db) -> Result<Caller> {
        let identity = self.verify(token, header).await?;
        let (issuer, subject) = (self.provider.issuer.clone(), identity.subject.clone());
        let known = db.read(move |conn| known(&issuer, &subject, conn)).await?;
        if let Some(caller) = known {
            return caller.ok_or(Error::InvalidToken);
        }
        let provider = self.provider.clone();
        db.write_repeatably(move |conn| meet(&provider, &identity, conn))
            .await
    }

    /// Whom the token names. The algorithm is the key's, not the token's.
    async fn verify(&self, token: &str, header: &Header) -> Result<Identity> {
        let kinds = ["JWT", "at+jwt", "application/at+jwt"];
        let typ = header.typ.as_deref().unwrap_or("JWT");
        if header.crit.is_some() || !kinds.iter().any(|kind| kind.eq_ignore_ascii_case(typ)) {
            return Err(Error::InvalidToken);
        }
        let key = self.key(header.kid.as_deref()).await?;
        if !algorithms(&key).contains(&header.alg) {
            return Err(Error::InvalidToken);
        }
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.provider.issuer]);
        validation.set_audience(&[&self.provider.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        let key = DecodingKey::from_jwk(&key).map_err(|_| Error::InvalidToken)?;
        let claims = decode::<Value>(token, &key, &validation)
            .map_err(|_| Error::InvalidToken)?
            .claims;
        let text = |claim: &str| claims[claim].as_str();
        // At most 255 ASCII characters (OpenID Connect Core, 2).
        let proper = |sub: &&str| {
            sub.bytes().all(|byte| byte.is_ascii_graphic()) && (1..=255).contains(&sub.len())
        };
        let subject = text("sub").filter(proper).ok_or(Error::InvalidToken)?;
        if text("iss") != Some(&self.provider.issuer) {
            return Err(Error::InvalidToken);
        }
        Ok(Identity {
            subject: subject.into(),
            username: text(&self.provider.username_claim).and_then(|name| Slug::new(name).ok()),
            name: text("name")
                .and_then(|name| Name::new(name).ok())
                .map(|name| name.to_string()),
            email: text("email")
                .and_then(|email| Email::new(email).ok())
                .map(|email| email.to_string()),
        })
    }

    /// The key of that id: of the set that we have, or of a new one.
    async fn key(&self, id: Option<&str>) -> Result<Jwk> {
        if let Ok(asked) = self.asked.clone().try_lock_owned()
            && asked.is_some_and(|asked| asked.elapsed() > LIFE)
        {
            self.renew(asked).await?;
        }
        if let Some(key) = self.known_key(id)? {
            return Ok(key);
        }
        let asked = self.asked.clone().lock_owned().await;
        // Somebody else may have asked while we waited.
        if let Some(key) = self.known_key(id)? {
            return Ok(key);
        }
        let never = self.keys()?.is_empty();
        let pause = match never {
            true => FIRST_PAUSE,
            false => self.provider.refresh_interval,
        };
        if asked.is_none_or(|asked| asked.elapsed() > pause) {
            self.renew(asked).await?;
        }
        match self.known_key(id)? {
            Some(key) => Ok(key),
            None if self.keys()?.is_empty() => Err(Error::unavailable(
                "the identity provider has not told its keys yet",
            )),
            None => Err(Error::InvalidToken),
        }
    }

    fn keys(&self) -> Result<Arc<Vec<Jwk>>> {
        let keys = self.keys.read();
        Ok(keys
            .map_err(|_| Error::internal("the key set is poisoned"))?
            .clone())
    }

    /// A token without the id of its key can be only that of a set of one.
    fn known_key(&self, id: Option<&str>) -> Result<Option<Jwk>> {
        let keys = self.keys()?;
        Ok(match (id, keys.as_slice()) {
            (None, [only]) => Some(only.clone()),
            (None, _) => None,
            (Some(id), keys) => keys
                .iter()
                .find(|key| key.common.key_id.as_deref() == Some(id))
                .cloned(),
        })
    }

    /// Asks the provider for its keys, also where whoever caused it goes away meanwhile.
    async fn renew(&self, mut asked: OwnedMutexGuard<Option<Instant>>) -> Result<()> {
        let oidc = self.clone();
        let renewal = async move {
            let found = tokio::time::timeout(PATIENCE, oidc.fetch()).await;
            match found.unwrap_or_else(|_| Err("it took too long".into())) {
                Ok(keys) => {
                    if let Ok(mut known) = oidc.keys.write() {
                        *known = Arc::new(keys);
                    }
                }
                // Those that we have stay.
                Err(error) => {
                    tracing::warn!(error, "the identity provider's keys could not be renewed")
                }
            }
            *asked = Some(Instant::now());
        };
        rt::spawn(renewal.in_current_span())
            .await
            .map_err(Error::internal)
    }

    /// The keys that sign, of the key set as it is now.
    async fn fetch(&self) -> Result<Vec<Jwk>, String> {
        let set = self.key_set().await?;
        let keys = set["keys"].as_array().ok_or("the answer is no key set")?;
        let verifies = |key: &Jwk| {
            let uses = key.common.key_operations.as_ref();
            key.common.public_key_use != Some(PublicKeyUse::Encryption)
                && uses.is_none_or(|uses| uses.contains(&KeyOperations::Verify))
        };
        Ok(keys
            .iter()
            // Kinds of keys that we do not know are no reason to do without the others.
            .filter_map(|key| serde_json::from_value(key.clone()).ok())
            .filter(verifies)
            .collect())
    }

    async fn key_set(&self) -> Result<Value, String> {
        let url = match &self.provider.key_set {
            Some(KeySet::File(path)) => {
                let json = std::fs::read(path).map_err(|error| error.to_string())?;
                return serde_json::from_slice(&json).map_err(|error| error.to_string());
            }
            Some(KeySet::Url(url)) => url.clone(),
            None => {
                let issuer = &self.provider.issuer;
                let address = format!(
                    "{}/.well-known/openid-configuration",
                    issuer.trim_end_matches('/')
                );
                let address = Url::parse(&address).map_err(|error| error.to_string())?;
                let found = self.read(address).await?;
                if found["issuer"] != issuer.as_str() {
                    return Err(format!("discovery names the issuer {}", found["issuer"]));
                }
                let url = found["jwks_uri"].as_str().unwrap_or_default();
                Url::parse(url).map_err(|error| format!("jwks_uri: {error}"))?
            }
        };
        self.read(url).await
    }

    /// A JSON document, no larger than is sensible.
    async fn read(&self, url: Url) -> Result<Value, String> {
        let sent = self.client.get(url).send().await;
        let mut response = sent
            .and_then(|response| response.error_for_status())
            .map_err(|error| error.to_string())?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(format!("the answer is larger than {LARGEST} bytes"));
            }
        }
        serde_json::from_slice(&body).map_err(|error| error.to_string())
    }
}

/// What the key may have signed with: its own algorithm where it names one, and never a shared
/// secret, so that nobody signs with a public key.
fn algorithms(key: &Jwk) -> Vec<Algorithm> {
    use Algorithm as A;
    let kind: &[A] = match &key.algorithm {
        AlgorithmParameters::RSA(_) => {
            &[A::RS256, A::RS384, A::RS512, A::PS256, A::PS384, A::PS512]
        }
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[A::ES256],
            EllipticCurve::P384 => &[A::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(_) => &[A::EdDSA],
        _ => &[],
    };
    let own = key.common.key_algorithm.map(|own| own.to_string());
    kind.iter()
        .copied()
        .filter(|algorithm| {
            own.as_ref()
                .is_none_or(|own| *own == format!("{algorithm:?}"))
        })
        .collect()
}

/// The user that the identity belongs to; none inside where that one is blocked.
fn known(issuer: &str, subject: &str, conn: &mut AnyConnection) -> Result<Option<Option<Caller>>> {
    let user: Option<(i64, bool, bool)> = identities::table
        .find((issuer, subject))
        .inner_join(users::table)
        .select((users::id, users::admin, users::blocked))
        .first(conn)
        .optional()?;
    Ok(user.map(|(id, admin, blocked)| {
        (!blocked).then_some(Caller {
            id,
            admin,
            scopes: Scopes::ALL,
        })
    }))
}

/// Binds the identity to the user of its username, once and for all: a username that the provider
/// gives to somebody else later is not theirs here.
fn meet(provider: &Provider, identity: &Identity, conn: &mut AnyConnection) -> Result<Caller> {
    if let Some(caller) = known(&provider.issuer, &identity.subject, conn)? {
        return caller.ok_or(Error::InvalidToken);
    }
    let username = identity.username.as_deref().ok_or(Error::UnknownUser)?;
    let user: Option<(i64, bool)> = users::table
        .filter(users::username_key.eq(username.to_lowercase()))
        .select((users::id, users::blocked))
        .first(conn)
        .optional()?;
    let user_id = match user {
        Some((_, true)) => return Err(Error::InvalidToken),
        Some((id, false)) => {
            let others = identities::table
                .filter(identities::issuer.eq(&provider.issuer))
                .filter(identities::subject.ne(&identity.subject))
                .filter(identities::user_id.eq(id));
            if others.count().get_result::<i64>(conn)? > 0 {
                return Err(Error::UnknownUser);
            }
            id
        }
        None if provider.create_users => {
            let (name, email) = (identity.name.as_deref(), identity.email.as_deref());
            let input = CreateUser::checked(username, email.unwrap_or_default(), name, None, false);
            let created = create(&input.map_err(|_| Error::UnknownUser)?, None, conn);
            // Another request of the same person was faster: to be begun again.
            created
                .map_err(|error| match error {
                    Error::UsernameTaken => Error::Conflict,
                    error => error,
                })?
                .id
        }
        None => return Err(Error::UnknownUser),
    };
    diesel::insert_into(identities::table)
        .values((
            identities::issuer.eq(&provider.issuer),
            identities::subject.eq(&identity.subject),
            identities::user_id.eq(user_id),
        ))
        .execute(conn)?;
    known(&provider.issuer, &identity.subject, conn)?
        .flatten()
        .ok_or(Error::InvalidToken)
}
