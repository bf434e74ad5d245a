//! Award acceptances: what the mailed link is for.

mod accept;
mod model;
mod show;

pub use accept::accept;
pub use model::AcceptanceLink;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(show::get_award_acceptance)
        .service(accept::accept_award);
}
