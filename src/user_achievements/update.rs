use actix_web::patch;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::accept::mark_accepted;
use super::model::{AwardMessage, Status};
use super::show::show;
use super::{Awarded, UserAchievementView};
use crate::answer::{Answer, IfMatch};
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::Json;
use crate::schema::user_achievements;
use crate::scopes::Scope;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct UpdateUserAchievement {
    /// The recipient's: whether it appears on their profile. True accepts one that is pending or
    /// declined.
    #[deserr(default)]
    pub show_on_profile: Option<bool>,
    /// The Maintainers': a word to the recipient. An empty string clears it.
    #[schema(value_type = Option<String>, max_length = 200, examples("For the linker that saved the release"))]
    #[deserr(default)]
    pub award_message: Option<AwardMessage>,
}

/// Accept late, change visibility, edit the message
///
/// The recipient changes `showOnProfile`, Maintainers change `awardMessage`. Naming a field of the
/// other's is refused, and changes nothing.
#[utoipa::path(
    tag = "user achievements",
    security(("bearer" = ["award"]), ("bearer" = ["manage"])),
    responses((status = OK, description = "The award", body = UserAchievementView), Failure),
)]
#[patch("/user-achievements/{id}")]
pub async fn update_user_achievement(
    id: Path<i64>,
    caller: Caller,
    if_match: IfMatch,
    input: Json<UpdateUserAchievement>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let viewer = Viewer::from(&caller);
    let shown = config.clone();
    let awarded = db
        .write_repeatably(move |conn| {
            if_match.guard(
                conn,
                |conn| show(*id, &viewer, &shown, conn),
                |conn| update(*id, &caller, &input, conn),
            )
        })
        .await?;
    Answer::ok(&UserAchievementView::new(awarded, &viewer, &config))
}

/// Shows, hides or accepts the award, and changes its message.
pub fn update(
    id: i64,
    caller: &Caller,
    input: &UpdateUserAchievement,
    conn: &mut AnyConnection,
) -> Result<Awarded> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    let awarded = Awarded::find(id, &viewer, conn)?;
    if input.show_on_profile.is_some() {
        caller.must_have(Scope::Manage)?;
    }
    if input.award_message.is_some() {
        caller.must_have(Scope::Award)?;
    }
    let recipient = awarded.must_be_of(caller);
    let maintainer = awarded.access.require(Role::Maintainer);
    let mut forbidden = Violations::default();
    if input.show_on_profile.is_some() && recipient.is_err() {
        forbidden
            .0
            .extend(Violations::of("showOnProfile", "is only the recipient's to change").0);
    }
    if input.award_message.is_some() && maintainer.is_err() {
        forbidden
            .0
            .extend(Violations::of("awardMessage", "is only a Maintainer's to change").0);
    }
    if !forbidden.0.is_empty() {
        return Err(Error::FieldsForbidden(forbidden));
    }
    recipient.or(maintainer)?;
    if awarded.award.status() == Status::Revoked {
        return Err(Error::Revoked);
    }

    let unrevoked = user_achievements::table
        .find(id)
        .filter(user_achievements::revoked_at.is_null());
    match input.show_on_profile {
        Some(true) => {
            mark_accepted(id, now(), conn)?;
            diesel::update(unrevoked)
                .set(user_achievements::show_on_profile.eq(true))
                .execute(conn)?;
        }
        Some(false) => {
            diesel::update(unrevoked)
                .set(user_achievements::show_on_profile.eq(false))
                .execute(conn)?;
        }
        None => {}
    }
    if let Some(message) = &input.award_message {
        diesel::update(unrevoked)
            .set(user_achievements::award_message.eq(&**message))
            .execute(conn)?;
    }
    Awarded::find(id, &viewer, conn)
}
