//! Instance settings: what administrators decide for everyone.

mod model;
mod show;
mod update;

pub use model::Settings;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(show::get_settings)
        .service(update::update_settings);
}
