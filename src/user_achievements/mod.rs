//! User achievements: awards, from pending to a badge on a profile.

mod accept;
mod badges;
mod decline;
mod delete;
mod list;
mod model;
mod priorities;
mod recipients;
mod resend;
mod revoke;
mod show;
mod update;
mod view;

pub use accept::accept;
pub use decline::decline;
pub use model::{AwardMessage, Awarded, Status, UserAchievement, seen_among_recipients};
pub use priorities::{ReorderUserAchievements, reorder};
pub use revoke::revoke;
pub use update::{UpdateUserAchievement, update};
use utoipa_actix_web::service_config::ServiceConfig;
pub use view::UserAchievementView;

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(list::list_user_achievements)
        .service(badges::list_badges)
        .service(recipients::list_recipients)
        .service(priorities::reorder_user_achievements)
        .service(show::get_user_achievement)
        .service(update::update_user_achievement)
        .service(accept::accept_user_achievement)
        .service(decline::decline_user_achievement)
        .service(revoke::revoke_user_achievement)
        .service(resend::resend_award_email)
        .service(delete::delete_user_achievement);
}
