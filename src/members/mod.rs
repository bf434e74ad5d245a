//! Members: the roles of users in namespaces.

mod list;
mod model;
mod put;
mod remove;

pub use put::put;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(list::list_members)
        .service(put::put_member)
        .service(remove::remove_member);
}
