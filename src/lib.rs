//! Accolade: a self-hosted service for awarding achievements.

pub mod achievements;
mod answer;
pub mod auth;
pub mod avatars;
mod award_acceptances;
pub mod cache;
pub mod config;
mod cors;
mod crypto;
pub mod db;
pub mod demo;
pub mod error;
pub mod feature_flags;
mod health;
mod idempotency;
pub mod input;
mod limits;
pub mod mail;
pub mod members;
pub mod namespaces;
mod observe;
pub mod oidc;
pub mod openapi;
mod pages;
mod paging;
pub mod personal_access_tokens;
pub mod problems;
mod schema;
pub mod scopes;
pub mod sessions;
mod settings;
pub mod time;
pub mod tokens;
pub mod user_achievements;
pub mod users;

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::{Data, PathConfig, PayloadConfig};
use actix_web::{App, rt, web};
use tokio::sync::Notify;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::avatars::Avatars;
use crate::cache::Cache;
use crate::config::Config;
use crate::db::Db;
use crate::input::BODY_LIMIT;
use crate::limits::Limits;
use crate::mail::Mailer;
use crate::observe::Metrics;
use crate::oidc::Oidc;
use crate::sessions::Hashing;
use crate::tokens::Keys;

/// What the operations of one instance share.
#[derive(Clone)]
pub struct Accolade {
    pub config: Data<Config>,
    pub db: Data<Db>,
    pub keys: Data<Keys>,
    hashing: Data<Hashing>,
    avatars: Data<Avatars>,
    /// Tells the deliverers that a mail was queued.
    wake: Data<Notify>,
    metrics: Data<Metrics>,
    limits: Data<Limits>,
    /// None where it is switched off.
    cache: Option<Arc<Cache>>,
    oidc: Option<Data<Oidc>>,
}

impl Accolade {
    /// The error says what the settings lack, in a line.
    pub fn new(config: Config, db: Db, keys: Keys, avatars: Avatars) -> Result<Self, String> {
        let oidc = config.provider.clone().map(Oidc::new).transpose();
        let oidc = oidc.map_err(|error| format!("cannot use the identity provider: {error}"))?;
        let metrics = Data::new(Metrics::install());
        let cache = (config.cache_limit > 0).then(|| Arc::new(Cache::new(config.cache_limit)));
        let db = match cache.clone() {
            Some(cache) => {
                let mut position = None;
                db.observed(move |connection| cache.look(&mut position, connection))
                    .map_err(|error| error.to_string())?
            }
            None => db,
        };
        Ok(Self {
            cache,
            limits: Data::new(Limits::new(&config)),
            oidc: oidc.map(Data::new),
            config: Data::new(config),
            db: Data::new(db),
            keys: Data::new(keys),
            hashing: Data::new(Hashing::default()),
            avatars: Data::new(avatars),
            wake: Data::new(Notify::new()),
            metrics,
        })
    }
}

impl Accolade {
    /// Does what nobody waits for: delivers mails, sweeps avatars daily, forgets first answers and changes
    /// hourly and who was counted every minute.
    pub fn work_behind_the_scenes(&self, mailer: Mailer) {
        mail::deliver(self, mailer, &self.wake);
        let limits = self.limits.clone();
        rt::spawn(async move {
            loop {
                rt::time::sleep(Duration::from_secs(60)).await;
                limits.sweep();
            }
        });
        let db = self.db.clone();
        rt::spawn(async move {
            loop {
                match db.write(idempotency::sweep).await {
                    Ok(swept) => tracing::debug!(swept, "forgot first answers"),
                    Err(error) => tracing::warn!(%error, "first answers were not forgotten"),
                }
                rt::time::sleep(Duration::from_secs(60 * 60)).await;
            }
        });
        let db = self.db.clone();
        rt::spawn(async move {
            let mut settled = i64::MIN;
            loop {
                match db.write(move |conn| cache::sweep(settled, conn)).await {
                    Ok(now) => settled = now,
                    Err(error) => tracing::warn!(%error, "changes were not forgotten"),
                }
                rt::time::sleep(Duration::from_secs(60 * 60)).await;
            }
        });
        let (avatars, db) = (self.avatars.clone(), self.db.clone());
        rt::spawn(async move {
            loop {
                match avatars.sweep(&db).await {
                    Ok(swept) => tracing::debug!(swept, "swept avatars"),
                    Err(error) => tracing::warn!(%error, "avatars were not swept"),
                }
                rt::time::sleep(Duration::from_secs(24 * 60 * 60)).await;
            }
        });
    }
}

/// The service, for one worker.
pub fn app(
    accolade: Accolade,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    App::new()
        .app_data(Data::new(accolade.clone()))
        .app_data(accolade.config)
        .app_data(accolade.db)
        .app_data(accolade.keys)
        .app_data(accolade.hashing)
        .app_data(accolade.avatars)
        .app_data(accolade.wake)
        .app_data(accolade.metrics)
        .app_data(accolade.limits)
        .app_data(PayloadConfig::new(BODY_LIMIT))
        .app_data(
            PathConfig::default().error_handler(|_, request| openapi::unreadable(request).into()),
        )
        .into_utoipa_app()
        .configure(routes)
        .into_app()
        .configure(openapi::routes)
        .configure(health::routes)
        .configure(achievements::files)
        .configure(pages::routes)
        .default_service(web::to(openapi::unmatched))
        .wrap(from_fn(auth::authenticate))
        .wrap(from_fn(cors::share))
        .wrap(from_fn(observe::in_span))
        .wrap(from_fn(cache::remember))
        .wrap(from_fn(observe::observe))
}

/// Every operation of the contract.
fn routes(config: &mut ServiceConfig) {
    config
        .configure(sessions::routes)
        .configure(personal_access_tokens::routes)
        .configure(users::routes)
        .configure(namespaces::routes)
        .configure(members::routes)
        .configure(user_achievements::routes)
        .configure(award_acceptances::routes)
        .configure(achievements::routes)
        .configure(feature_flags::routes)
        .configure(settings::routes);
}
