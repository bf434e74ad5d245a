use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::Achievement;
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::{Json, Name};
use crate::schema::user_achievements;
use crate::settings::Settings;
use crate::time::now;
use crate::user_achievements::{AwardMessage, Awarded, UserAchievementView};
use crate::users::{Recipient, UserKey};

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct AwardAchievement {
    /// The user to award it to; or else `username`.
    #[schema(examples(7))]
    #[deserr(default)]
    pub user_id: Option<i64>,
    /// The user to award it to; or else `userId`.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("ada"))]
    #[deserr(default)]
    pub username: Option<Name>,
    /// A word to the user, in plain text.
    #[schema(value_type = Option<String>, max_length = 200, examples("For the linker that saved the release"))]
    #[deserr(default)]
    pub award_message: Option<AwardMessage>,
}

impl AwardAchievement {
    /// The one user that it names.
    fn recipient(&self) -> Result<(&'static str, UserKey)> {
        match (self.user_id, &self.username) {
            (Some(id), None) => Ok(("userId", UserKey::Id(id))),
            (None, Some(username)) => Ok(("username", UserKey::Username(username.to_lowercase()))),
            (None, None) => Err(Error::invalid(
                "userId",
                "is required, unless username is sent",
            )),
            (Some(_), Some(_)) => Err(Error::invalid(
                "username",
                "must not be sent together with userId",
            )),
        }
    }
}

/// Award an achievement
///
/// Requires the Maintainer role. The award is pending, and not visible on the user's profile, until
/// the user accepts it. The same achievement can be awarded to the same user again.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = [])),
    responses((status = CREATED, description = "Awarded", body = UserAchievementView, headers(("Location" = String, description = "The address of the award"))), Failure),
)]
#[post("/achievements/{id}/award")]
pub async fn award_achievement(
    id: Path<i64>,
    caller: Caller,
    input: Json<AwardAchievement>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let awarded = db
        .write(move |conn| award(*id, &caller, &input, conn))
        .await?;
    let location = config.link(&format!("/user-achievements/{}", awarded.award.id));
    let view = UserAchievementView::new(awarded, &Viewer::from(&caller), &config);
    Ok(HttpResponse::Created()
        .insert_header(("Location", location))
        .json(view))
}

/// Awards the achievement.
pub fn award(
    id: i64,
    caller: &Caller,
    input: &AwardAchievement,
    conn: &mut AnyConnection,
) -> Result<Awarded> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    Achievement::find(id, &viewer, conn)?
        .access
        .require(Role::Maintainer)?;
    let (field, key) = input.recipient()?;
    let recipient = Recipient::find(&key, conn).map_err(|error| match error {
        Error::NotFound => Error::invalid(field, "must be that of a user"),
        error => error,
    })?;

    let now = now();
    let accepted = recipient.achievements_enabled && Settings::load(conn)?.auto_accept;
    let id: i64 = diesel::insert_into(user_achievements::table)
        .values((
            user_achievements::achievement_id.eq(id),
            user_achievements::user_id.eq(recipient.user.id),
            user_achievements::awarded_by_user_id.eq(caller.id),
            user_achievements::awarded_at.eq(now),
            user_achievements::award_message.eq(input.award_message.as_deref().unwrap_or_default()),
            user_achievements::accepted_at.eq(accepted.then_some(now)),
            user_achievements::show_on_profile.eq(accepted),
        ))
        .returning(user_achievements::id)
        .get_result(conn)?;
    Awarded::find(id, &viewer, conn)
}
