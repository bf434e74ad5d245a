//! Personal access tokens: for programs that act as a user.

mod create;
mod list;
mod model;
mod revoke;

pub use create::create;
use utoipa_actix_web::service_config::ServiceConfig;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(create::create_personal_access_token)
        .service(list::list_personal_access_tokens)
        .service(revoke::revoke_personal_access_token);
}
