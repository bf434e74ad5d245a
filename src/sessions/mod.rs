//! Signing in with a password.

mod create;
mod hashing;

pub use hashing::{Hashing, hash};
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config.service(create::create_session);
}
