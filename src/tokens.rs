//! Tokens: JWTs signed with this instance's Ed25519 key (RFC 8725, RFC 9068).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use chrono::NaiveDateTime;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Who issues our tokens. Not the base URL, so that tokens outlive a move to another address.
const ISSUER: &str = "accolade";
/// What sessions and personal access tokens are for.
const AUDIENCE: &str = "accolade";
/// The type of such a token (RFC 9068).
const TYPE: &str = "at+jwt";
/// No token of ours comes near this many bytes.
const LONGEST: usize = 8 * 1024;

/// The keys that sign and verify.
pub struct Keys {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    public: JwkSet,
}

/// What a verified token says.
pub struct Claims {
    pub user_id: i64,
    /// The personal access token, which must still exist; none for a session.
    pub token_id: Option<i64>,
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
    pub fn from_pem(pem: &str) -> jsonwebtoken::errors::Result<Self> {
        let encoding = EncodingKey::from_ed_pem(pem.as_bytes())?;
        let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::EdDSA)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);

        // jsonwebtoken's defaults check less than this; typ, kid and crit are checked in verify.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.validate_nbf = true;
        validation.leeway = 0;

        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(TYPE.into());
        header.kid = Some(kid);
        Ok(Self {
            decoding: DecodingKey::from_jwk(&jwk)?,
            encoding,
            header,
            validation,
            public: JwkSet { keys: vec![jwk] },
        })
    }

    /// From the file, which is made on first start, readable by its owner alone.
    pub fn from_file(path: &Path) -> std::io::Result<Self> {
        if let Err(error) = create(path)
            && error.kind() != ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        Self::from_pem(&std::fs::read_to_string(path)?).map_err(std::io::Error::other)
    }

    /// The public keys, for others who verify our tokens.
    pub fn public(&self) -> &JwkSet {
        &self.public
    }

    /// Signs a token for the user: a session, or the personal access token of that id.
    pub fn sign(
        &self,
        user_id: i64,
        token_id: Option<i64>,
        now: NaiveDateTime,
        expires_at: NaiveDateTime,
    ) -> Result<String> {
        let claims = JwtClaims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: user_id.to_string(),
            iat: now.and_utc().timestamp(),
            exp: expires_at.and_utc().timestamp(),
            jti: token_id.map(|id| id.to_string()),
        };
        encode(&self.header, &claims, &self.encoding).map_err(|error| Error::Internal(error.into()))
    }

    /// Whose token it is. The algorithm is pinned, never read from the token.
    pub fn verify(&self, token: &str) -> Result<Claims> {
        let claims = self.decode(token).ok_or(Error::InvalidToken)?;
        let number = |text: &str| text.parse().map_err(|_| Error::InvalidToken);
        Ok(Claims {
            user_id: number(&claims.sub)?,
            token_id: claims.jti.as_deref().map(number).transpose()?,
        })
    }

    fn decode(&self, token: &str) -> Option<JwtClaims> {
        if token.len() > LONGEST {
            return None;
        }
        let header = decode_header(token).ok()?;
        if header.typ != self.header.typ || header.kid != self.header.kid || header.crit.is_some() {
            return None;
        }
        decode(token, &self.decoding, &self.validation)
            .ok()
            .map(|token| token.claims)
    }
}

/// Makes a key and puts it in the file, whole or not at all; of two instances that start at once
/// one wins.
fn create(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let written = write_key(&temporary).and_then(|()| std::fs::hard_link(&temporary, path));
    std::fs::remove_file(&temporary)?;
    written?;
    File::open(folder)?.sync_all()
}

fn write_key(path: &Path) -> std::io::Result<()> {
    let key = Ed25519KeyPair::generate()
        .and_then(|key| key.to_pkcs8v1())
        .map_err(std::io::Error::other)?;
    let body = BASE64_STANDARD.encode(key.as_ref());
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
