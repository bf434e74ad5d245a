//! Every setting, read from the command line or the environment once.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ipnet::IpNet;
use url::Url;

use crate::avatars::Avatars;
use crate::db::{Db, OpenError};
use crate::mail::{Mailer, Transport};
use crate::oidc::{KeySet, Provider, REFRESH_INTERVAL};
use crate::tokens::Keys;

/// Where the data is: what every command needs.
#[derive(Args, Clone)]
pub struct Storage {
    /// The database: postgres://user:password@host/name or sqlite:///path/file.db. SQLite in the
    /// data directory where it is not given
    #[arg(
        long,
        env = "DATABASE_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub database_url: Option<String>,

    /// A replica of the PostgreSQL database to read from
    #[arg(
        long,
        env = "DATABASE_REPLICA_URL",
        hide_env_values = true,
        value_name = "URL",
        global = true
    )]
    pub database_replica_url: Option<String>,

    /// How many connections to read with; on PostgreSQL as many again to write with
    #[arg(long, env = "ACCOLADE_DATABASE_CONNECTIONS", value_name = "NUMBER", default_value = "8", value_parser = clap::value_parser!(u32).range(1..=1000), global = true)]
    pub database_connections: u32,

    /// Where the service keeps its files: the SQLite database and the signing key
    #[arg(
        long,
        env = "ACCOLADE_DATA_DIR",
        value_name = "DIRECTORY",
        default_value = "./data",
        global = true
    )]
    pub data_dir: PathBuf,

    /// The private key that signs tokens, an Ed25519 key in PEM (PKCS #8). Several instances share
    /// one. Made in the data directory at the first start where it is not given
    #[arg(
        long,
        env = "ACCOLADE_SIGNING_KEY",
        hide_env_values = true,
        value_name = "PEM",
        global = true
    )]
    pub signing_key: Option<String>,
}

impl Storage {
    /// Opens the database and brings its schema up to date.
    pub fn open(&self) -> Result<Db, OpenError> {
        let file = || format!("sqlite://{}", self.data_dir.join("accolade.db").display());
        let url = self.database_url.clone().unwrap_or_else(file);
        Db::open(
            &url,
            self.database_replica_url.as_deref(),
            self.database_connections,
        )
    }

    /// The keys that sign tokens. The error says what to do, in a line.
    pub fn keys(&self) -> Result<Keys, String> {
        match &self.signing_key {
            Some(pem) => Keys::from_pem(pem).map_err(|error| {
                format!("ACCOLADE_SIGNING_KEY is not an Ed25519 private key in PEM: {error}")
            }),
            None => {
                let path = self.data_dir.join("signing-key.pem");
                Keys::from_file(&path).map_err(|error| {
                    format!("cannot use the signing key {}: {error}", path.display())
                })
            }
        }
    }
}

impl Serving {
    /// Where avatars are kept: a folder of the data directory, unless there is a URL.
    pub fn avatars(&self, storage: &Storage) -> Result<Avatars, String> {
        Avatars::open(
            self.avatar_store_url.as_ref(),
            &storage.data_dir.join("avatars"),
        )
    }

    /// What sends the mails: into files of the data directory, unless there is an SMTP server.
    pub fn mailer(&self, storage: &Storage) -> Result<Mailer, String> {
        let transport = match &self.smtp_url {
            Some(url) => Transport::smtp(url)?,
            None => Transport::files(&storage.data_dir.join("mail"))?,
        };
        Mailer::new(transport, &self.mail_from)
    }
}

impl Serving {
    /// What operations need to know, at that base URL.
    pub fn config(&self, base_url: &str) -> Result<Config, String> {
        // An empty variable is as good as none: that is how compose files leave one out.
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let provider = match (given(&self.oidc_issuer), given(&self.oidc_audience)) {
            (Some(issuer), Some(audience)) => Some(Provider {
                issuer,
                audience,
                key_set: given(&self.oidc_jwks).map(|place| match Url::parse(&place) {
                    Ok(url) if matches!(url.scheme(), "http" | "https") => KeySet::Url(url),
                    _ => KeySet::File(place.strip_prefix("file://").unwrap_or(&place).into()),
                }),
                username_claim: self.oidc_username_claim.clone(),
                create_users: self.oidc_create_users == Switched::Enabled,
                refresh_interval: REFRESH_INTERVAL,
            }),
            (None, None) if given(&self.oidc_jwks).is_none() => None,
            _ => return Err("OIDC_ISSUER and OIDC_AUDIENCE belong together: set both".into()),
        };
        Ok(Config {
            avatar_limit: self.avatar_limit as usize,
            rate_limit: self.rate_limit,
            admin_rate_limit: self.admin_rate_limit,
            sign_in_limit: self.sign_in_limit,
            cache_limit: self.cache_limit,
            trusted_proxies: each(&self.trusted_proxies, network)?,
            origins: each(&self.cors_origins, origin)?,
            provider,
            ..Config::new(self.base_url.as_deref().unwrap_or(base_url))?
        })
    }
}

/// The elements of a list that are not empty.
fn each<T>(list: &[String], read: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let given = list
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty());
    given.map(read).collect()
}

/// A network, or an address alone.
fn network(text: &str) -> Result<IpNet, String> {
    text.parse()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            format!("ACCOLADE_TRUSTED_PROXIES takes addresses and networks such as 10.0.0.0/8, not {text}")
        })
}

/// An origin as browsers send it: nothing behind the port.
fn origin(text: &str) -> Result<String, String> {
    match Url::parse(text).map(|url| url.origin()) {
        Ok(origin)
            if origin.is_tuple() && origin.ascii_serialization() == text && !text.contains('*') =>
        {
            Ok(text.into())
        }
        _ => Err(format!(
            "ACCOLADE_CORS_ORIGINS takes origins such as https://app.example.com, not {text}"
        )),
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("data_dir", &self.data_dir)
            .finish_non_exhaustive()
    }
}

/// How the service is reached and what it does at its start.
#[derive(Args, Clone)]
pub struct Serving {
    /// The address and port to listen on; port 0 takes a free one
    #[arg(
        long,
        env = "ACCOLADE_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080"
    )]
    pub listen: SocketAddr,

    /// The address that clients use, for every link. http:// and the listening address where it is
    /// not given
    #[arg(long, env = "ACCOLADE_BASE_URL", value_name = "URL")]
    pub base_url: Option<String>,

    /// The server that sends mail: smtps://user:password@mail.example.com, or smtp:// with
    /// ?tls=required for STARTTLS. Mails are files in the data directory where it is not given
    #[arg(long, env = "SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub smtp_url: Option<String>,

    /// The address that mail comes from
    #[arg(
        long,
        env = "MAIL_FROM",
        value_name = "ADDRESS",
        default_value = "Accolade <accolade@localhost.localdomain>"
    )]
    pub mail_from: String,

    /// Where avatars are kept: file:///directory, or s3://bucket/prefix with the usual AWS_ variables
    /// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT …). A folder of the data
    /// directory where it is not given
    #[arg(
        long,
        env = "AVATAR_STORE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub avatar_store_url: Option<Url>,

    /// The largest avatar that can be uploaded, in bytes
    #[arg(long, env = "ACCOLADE_AVATAR_LIMIT", value_name = "BYTES", default_value = "204800", value_parser = clap::value_parser!(u64).range(1..=16_777_216))]
    pub avatar_limit: u64,

    /// How many requests a minute one caller may send, or one address without a token; 0 for any
    #[arg(
        long,
        env = "ACCOLADE_RATE_LIMIT",
        value_name = "NUMBER",
        default_value = "60000"
    )]
    pub rate_limit: u32,

    /// The same for administrators
    #[arg(
        long,
        env = "ACCOLADE_ADMIN_RATE_LIMIT",
        value_name = "NUMBER",
        default_value = "0"
    )]
    pub admin_rate_limit: u32,

    /// How often a minute one username may be signed in with, and three times as often from one
    /// address; 0 for any
    #[arg(
        long,
        env = "ACCOLADE_SIGN_IN_LIMIT",
        value_name = "NUMBER",
        default_value = "20"
    )]
    pub sign_in_limit: u32,

    /// The proxies whose X-Forwarded-For is believed: addresses or networks (10.0.0.0/8), with commas
    /// between. None where it is not given: then all who come through a proxy share its limit
    #[arg(
        long,
        env = "ACCOLADE_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<String>,

    /// The origins (https://app.example.com) whose pages may call every operation, with commas
    /// between. Public reads are for any origin
    #[arg(
        long,
        env = "ACCOLADE_CORS_ORIGINS",
        value_name = "ORIGINS",
        value_delimiter = ','
    )]
    pub cors_origins: Vec<String>,

    /// The identity provider whose tokens are taken too, as their iss says it
    #[arg(long, env = "OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,

    /// What the aud of its tokens must be
    #[arg(long, env = "OIDC_AUDIENCE", value_name = "AUDIENCE")]
    pub oidc_audience: Option<String>,

    /// Its key set (JWKS), a URL or a file. Found by discovery where it is not given
    #[arg(long, env = "OIDC_JWKS", value_name = "URL|FILE")]
    pub oidc_jwks: Option<String>,

    /// The claim of its tokens that is the username: one that people cannot choose there. Who has it
    /// first is known from then on by the sub
    #[arg(
        long,
        env = "OIDC_USERNAME_CLAIM",
        value_name = "CLAIM",
        default_value = "preferred_username"
    )]
    pub oidc_username_claim: String,

    /// Whether users are made at first sight, with the claims email and name. Otherwise an
    /// administrator makes them before
    #[arg(
        long,
        env = "OIDC_CREATE_USERS",
        value_name = "enabled|disabled",
        default_value = "disabled"
    )]
    pub oidc_create_users: Switched,

    /// How much memory the finished answers to public reads may take, in bytes; 0 to keep none
    #[arg(
        long,
        env = "ACCOLADE_CACHE_LIMIT",
        value_name = "BYTES",
        default_value = "33554432"
    )]
    pub cache_limit: u64,

    /// How many threads take requests. As many as there are cores where it is not given
    #[arg(long, env = "ACCOLADE_WORKERS", value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,

    /// Whether achievements are on after the very first start; later the feature flag decides
    #[arg(
        long,
        env = "ACCOLADE_ACHIEVEMENTS",
        value_name = "enabled|disabled",
        default_value = "disabled"
    )]
    pub achievements: Switched,

    /// How log lines are written. RUST_LOG says which (for example debug)
    #[arg(
        long,
        env = "ACCOLADE_LOG_FORMAT",
        value_name = "text|json",
        default_value = "text"
    )]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Switched {
    Enabled,
    Disabled,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// What operations need to know of the settings.
#[derive(Clone, Debug)]
pub struct Config {
    base_url: String,
    /// The largest avatar that can be uploaded, in bytes.
    pub avatar_limit: usize,
    /// How many requests a minute; 0 for any.
    pub rate_limit: u32,
    pub admin_rate_limit: u32,
    pub sign_in_limit: u32,
    /// How much memory finished answers may take, in bytes; 0 for none.
    pub cache_limit: u64,
    /// The proxies whose X-Forwarded-For is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The origins whose pages may call every operation.
    pub origins: Vec<String>,
    /// The identity provider whose tokens are taken too.
    pub provider: Option<Provider>,
}

impl Config {
    /// Without limits, other origins and an identity provider. `base_url` begins every link. The error says what it must be, in a line.
    pub fn new(base_url: &str) -> Result<Self, String> {
        match Url::parse(base_url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self {
                base_url: base_url.trim_end_matches('/').into(),
                avatar_limit: 200 * 1024,
                rate_limit: 0,
                admin_rate_limit: 0,
                sign_in_limit: 0,
                cache_limit: 32 << 20,
                trusted_proxies: Vec::new(),
                origins: Vec::new(),
                provider: None,
            }),
            _ => Err(format!(
                "ACCOLADE_BASE_URL must be an address such as https://accolade.example.com, not {base_url}"
            )),
        }
    }

    /// The absolute address of a path of ours. Never made from the Host header, which clients choose.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }
}
