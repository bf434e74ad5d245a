//! Tokens: JWTs signed with this instance's Ed25519 key (RFC 8725, RFC 9068).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::{Duration, NaiveDateTime, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use quick_cache::sync::Cache;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use crate::crypto;
use crate::error::{Error, Result};

/// Who issues our tokens. Not the base URL, so that tokens outlive a move to another address.
const ISSUER: &str = "accolade";
/// What sessions and personal access tokens are for.
const AUDIENCE: &str = "accolade";
/// The type of such a token (RFC 9068).
const TYPE: &str = "at+jwt";
/// The same of a mailed link's token: neither kind works as the other.
const ACCEPTANCE_AUDIENCE: &str = "accolade:award-acceptance";
const ACCEPTANCE_TYPE: &str = "award-acceptance+jwt";
/// How long a mailed link is good, from the award.
pub const LINK_LIFE: Duration = Duration::days(30);
/// No token of ours comes near this many bytes.
const LONGEST: usize = 8 * 1024;
/// The header of an Ed25519 private key in PKCS #8, version 1 (RFC 8410, 7); the 32 random bytes follow it.
/// OpenSSL and jsonwebtoken read this version alone, and ring writes only version 2.
const PKCS8_HEADER: [u8; 16] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
/// How many verified tokens are remembered.
const VERIFIED: usize = 1024;

/// The keys that sign and verify.
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    acceptance_header: Header,
    acceptance_validation: Validation,
    public: JwkSet,
    /// What tokens say whose signature was good, and until when: checking it again costs more than
    /// most of what is done with them.
    verified: Cache<Box<str>, (Claims, i64)>,
}

/// What a verified token says.
#[derive(Clone, Copy)]
pub struct Claims {
    pub user_id: i64,
    /// The personal access token, which must still exist; none for a session.
    pub token_id: Option<i64>,
}

/// What a mailed link lets its holder accept, and as whom.
#[derive(Clone, Copy, Debug)]
pub struct Acceptance {
    pub user_achievement_id: i64,
    pub user_id: i64,
}

#[derive(Serialize, Deserialize)]
struct JwtClaims {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
}

impl Keys {
    /// From a private key in PEM (PKCS #8).
    pub fn from_pem(pem: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        crypto::install();
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())?;
        let encoding = EncodingKey::from_ed_der(key.secret_pkcs8_der());
        let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::EdDSA)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);

        let header = |typ: &str| {
            let mut header = Header::new(Algorithm::EdDSA);
            header.typ = Some(typ.into());
            header.kid = Some(kid.clone());
            header
        };
        Ok(Self {
            decoding: DecodingKey::from_jwk(&jwk)?,
            encoding,
            header: header(TYPE),
            validation: validation(AUDIENCE),
            acceptance_header: header(ACCEPTANCE_TYPE),
            acceptance_validation: validation(ACCEPTANCE_AUDIENCE),
            public: JwkSet { keys: vec![jwk] },
            verified: Cache::new(VERIFIED),
        })
    }

    /// From the file, which is made on first start, readable by its owner alone.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        if let Err(error) = create(path)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        Self::from_pem(&std::fs::read_to_string(path)?).map_err(io::Error::other)
    }

    /// The public keys, for others who verify our tokens.
    pub fn public(&self) -> &JwkSet {
        &self.public
    }

    /// Whether the header names our key.
    pub fn signed(&self, header: &Header) -> bool {
        header.kid == self.header.kid
    }

    /// Signs a token for the user: a session, or the personal access token of that id.
    pub fn sign(
        &self,
        user_id: i64,
        token_id: Option<i64>,
        now: NaiveDateTime,
        expires_at: NaiveDateTime,
    ) -> Result<String> {
        self.encode(&self.header, AUDIENCE, user_id, token_id, now, expires_at)
    }

    /// Whose token it is. The algorithm is pinned, never read from the token.
    pub fn verify(&self, token: &str) -> Result<Claims> {
        if let Some((claims, expires_at)) = self.verified.get(token)
            && Utc::now().timestamp() < expires_at
        {
            return Ok(claims);
        }
        let claims = self
            .decode(token, &self.header, &self.validation)
            .map_err(|_| Error::InvalidToken)?;
        let number = |text: &str| text.parse().map_err(|_| Error::InvalidToken);
        let expires_at = claims.exp;
        let claims = Claims {
            user_id: number(&claims.sub)?,
            token_id: claims.jti.as_deref().map(number).transpose()?,
        };
        self.verified.insert(token.into(), (claims, expires_at));
        Ok(claims)
    }

    /// Signs the token of a mailed link.
    pub fn sign_acceptance(
        &self,
        acceptance: &Acceptance,
        now: NaiveDateTime,
        expires_at: NaiveDateTime,
    ) -> Result<String> {
        let Acceptance {
            user_achievement_id,
            user_id,
        } = *acceptance;
        let header = &self.acceptance_header;
        self.encode(
            header,
            ACCEPTANCE_AUDIENCE,
            user_id,
            Some(user_achievement_id),
            now,
            expires_at,
        )
    }

    /// What the mailed link is for. One that is over says so; anything else wrong is not found.
    pub fn verify_acceptance(&self, token: &str) -> Result<Acceptance> {
        let claims = self.decode(token, &self.acceptance_header, &self.acceptance_validation);
        let claims = claims.map_err(|kind| match kind {
            ErrorKind::ExpiredSignature => Error::LinkExpired,
            _ => Error::NotFound,
        })?;
        let number = |text: &str| text.parse().map_err(|_| Error::NotFound);
        Ok(Acceptance {
            user_achievement_id: number(claims.jti.as_deref().unwrap_or_default())?,
            user_id: number(&claims.sub)?,
        })
    }

    fn encode(
        &self,
        header: &Header,
        audience: &str,
        user_id: i64,
        id: Option<i64>,
        now: NaiveDateTime,
        expires_at: NaiveDateTime,
    ) -> Result<String> {
        let claims = JwtClaims {
            iss: ISSUER.into(),
            aud: audience.into(),
            sub: user_id.to_string(),
            iat: now.and_utc().timestamp(),
            exp: expires_at.and_utc().timestamp(),
            jti: id.map(|id| id.to_string()),
        };
        encode(header, &claims, &self.encoding).map_err(|error| Error::Internal(error.into()))
    }

    fn decode(
        &self,
        token: &str,
        header: &Header,
        validation: &Validation,
    ) -> Result<JwtClaims, ErrorKind> {
        let given = self::header(token).map_err(|_| ErrorKind::InvalidToken)?;
        if given.typ != header.typ || given.kid != header.kid || given.crit.is_some() {
            return Err(ErrorKind::InvalidToken);
        }
        let token = decode(token, &self.decoding, validation).map_err(|error| error.into_kind())?;
        Ok(token.claims)
    }
}

/// What the token says of itself, which nobody has vouched for yet.
pub fn header(token: &str) -> Result<Header> {
    if token.len() > LONGEST {
        return Err(Error::InvalidToken);
    }
    decode_header(token).map_err(|_| Error::InvalidToken)
}

/// jsonwebtoken's defaults check less than this; typ, kid and crit are checked in decode.
fn validation(audience: &str) -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
    validation.validate_nbf = true;
    validation.leeway = 0;
    // At the second of exp it is over (RFC 7519).
    validation.reject_tokens_expiring_in_less_than = 1;
    validation
}

/// Makes a key and puts it in the file, whole or not at all; of two instances that start at once
/// one wins.
fn create(path: &Path) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let written = write_key(&temporary).and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary)?;
    written?;
    File::open(folder)?.sync_all()
}

fn write_key(path: &Path) -> io::Result<()> {
    let mut key = PKCS8_HEADER.to_vec();
    key.resize(PKCS8_HEADER.len() + 32, 0);
    getrandom::fill(&mut key[PKCS8_HEADER.len()..])?;
    let body = BASE64_STANDARD.encode(key);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    writeln!(
        file,
        "-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    )?;
    file.sync_all()
}
