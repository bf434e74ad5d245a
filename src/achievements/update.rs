use actix_web::patch;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::avatar::set_avatar;
use super::model::Found;
use super::show::show;
use super::{Achievement, AchievementView};
use crate::answer::{Answer, IfMatch};
use crate::auth::{Caller, Role, Viewer};
use crate::avatars::{Avatar, Avatars};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::{Description, JsonOrForm, Name};
use crate::schema::achievements;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct UpdateAchievement {
    /// Unique in the namespace without regard to case.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("First merge"))]
    #[deserr(default)]
    name: Option<Name>,
    /// An empty string clears it.
    #[schema(value_type = Option<String>, max_length = 1024, examples("Landed a first change"))]
    #[deserr(default)]
    description: Option<Description>,
}

/// The same as a form, with an avatar.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only read by the contract")]
pub struct UpdateAchievementForm {
    /// Unique in the namespace without regard to case.
    #[schema(min_length = 1, max_length = 255, examples("First merge"))]
    name: Option<String>,
    /// An empty string clears it.
    #[schema(max_length = 1024, examples("Landed a first change"))]
    description: Option<String>,
    /// A PNG, JPEG, GIF, BMP, TIFF, ICO or WebP image of at most 200 KiB and 4096 pixels a side.
    #[schema(value_type = Option<String>, format = Binary)]
    avatar: Option<Vec<u8>>,
}

/// Update an achievement
///
/// Requires the Maintainer role. Changes what is named and leaves the rest as it is.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = ["manage"])),
    request_body(content(
        (UpdateAchievement = "application/json"),
        (UpdateAchievementForm = "multipart/form-data"),
    )),
    responses((status = OK, description = "The achievement", body = AchievementView), Failure),
)]
#[patch("/achievements/{id}")]
pub async fn update_achievement(
    id: Path<i64>,
    caller: Caller,
    if_match: IfMatch,
    body: JsonOrForm<UpdateAchievement>,
    avatars: Data<Avatars>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let (id, JsonOrForm { input, avatar, .. }) = (*id, body);
    if avatar.is_some() {
        // Nobody who may not change it keeps the decoder busy.
        db.read(move |conn| may_change(id, &caller, conn)).await?;
    }
    let shown = config.clone();
    let (updated, replaced) = avatars
        .with(avatar, async |avatar| {
            db.write_repeatably(move |conn| {
                if_match.guard(
                    conn,
                    |conn| show(id, &Viewer::from(&caller), &shown, conn),
                    |conn| update(id, &caller, &input, avatar.as_ref(), conn),
                )
            })
            .await
        })
        .await?;
    avatars.remove(replaced).await;
    Answer::ok(&AchievementView::new(updated, &config))
}

/// The achievement, where the caller may change it.
pub fn may_change(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<Achievement> {
    require_achievements(conn)?;
    let Found {
        achievement,
        access,
        ..
    } = Achievement::find(id, &Viewer::from(caller), conn)?;
    access.require(Role::Maintainer)?;
    Ok(achievement)
}

/// Changes the achievement. Answers it with the key of the avatar that a new one replaces.
fn update(
    id: i64,
    caller: &Caller,
    input: &UpdateAchievement,
    avatar: Option<&Avatar>,
    conn: &mut AnyConnection,
) -> Result<(Found, Option<String>)> {
    may_change(id, caller, conn)?;
    let (name, description) = (input.name.as_deref(), input.description.as_deref());
    diesel::update(achievements::table.find(id))
        .set((
            name.map(|name| achievements::name.eq(name)),
            name.map(|name| achievements::name_key.eq(Achievement::name_key(name))),
            description.map(|description| achievements::description.eq(description)),
            achievements::updated_at.eq(now()),
        ))
        .execute(conn)?;
    let replaced = match avatar {
        Some(avatar) => set_avatar(id, Some(avatar), conn)?,
        None => None,
    };
    Ok((
        Achievement::find(id, &Viewer::from(caller), conn)?,
        replaced,
    ))
}
