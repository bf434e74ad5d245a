//! Feature flags: what an administrator turns on for the whole instance.

mod list;
mod model;
mod put;

pub use model::{ACHIEVEMENTS, ensure_achievements, require_achievements, set_achievements};
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(list::list_feature_flags)
        .service(put::put_feature_flag);
}
