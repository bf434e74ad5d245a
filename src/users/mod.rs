//! People: their accounts and profiles.

mod create;
mod delete;
mod list;
mod model;
mod show;
mod show_current;
mod update;
mod update_current;
mod view;

pub use create::{CreateUser, create};
pub use model::{Recipient, User, UserKey, UserRef};
use utoipa_actix_web::service_config::ServiceConfig;
pub use view::{UserRefView, UserView};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(show_current::get_current_user)
        .service(update_current::update_current_user)
        .service(create::create_user)
        .service(list::list_users)
        .service(show::get_user)
        .service(update::update_user)
        .service(delete::delete_user);
}
