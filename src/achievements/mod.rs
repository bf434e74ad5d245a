//! Achievements: what a namespace can award.

mod avatar;
mod award;
mod create;
mod delete;
mod image;
mod list;
mod model;
mod show;
mod unique_users;
mod update;
mod view;

pub use award::{AwardAchievement, award};
pub use create::{CreateAchievement, create};
pub use model::{Achievement, AchievementRef};
use utoipa_actix_web::service_config::ServiceConfig;
pub use view::{AchievementRefView, AchievementView};

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(list::list_achievements)
        .service(create::create_achievement)
        .service(show::get_achievement)
        .service(update::update_achievement)
        .service(delete::delete_achievement)
        .service(avatar::put_achievement_avatar)
        .service(avatar::delete_achievement_avatar)
        .service(award::award_achievement)
        .service(unique_users::list_unique_users);
}

/// The images, which are no operations of the contract: clients fetch them by their address.
pub(crate) fn files(config: &mut actix_web::web::ServiceConfig) {
    config.service(image::image);
}
