use actix_web::web::{Data, Path};
use actix_web::{delete, put};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::model::Found;
use super::show::show;
use super::update::may_change;
use super::{Achievement, AchievementView};
use crate::answer::{Answer, IfMatch};
use crate::auth::{Caller, Viewer};
use crate::avatars::{Avatar, Avatars};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result, Violations};
use crate::input::JsonOrForm;
use crate::schema::achievements;
use crate::time::now;

/// Nothing but the avatar.
#[derive(Deserr)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct Nothing {}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only read by the contract")]
pub struct PutAchievementAvatar {
    /// A PNG, JPEG, GIF, BMP, TIFF, ICO or WebP image of at most 200 KiB and 4096 pixels a side.
    #[schema(value_type = String, format = Binary)]
    avatar: Vec<u8>,
}

/// Set the avatar of an achievement
///
/// Requires the Maintainer role. The image is stored anew, without its metadata.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = ["manage"])),
    request_body(content = PutAchievementAvatar, content_type = "multipart/form-data"),
    responses((status = OK, description = "The achievement", body = AchievementView), Failure),
)]
#[put("/achievements/{id}/avatar")]
pub async fn put_achievement_avatar(
    id: Path<i64>,
    caller: Caller,
    if_match: IfMatch,
    body: JsonOrForm<Nothing>,
    avatars: Data<Avatars>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let id = *id;
    // Nobody who may not change it keeps the decoder busy.
    db.read(move |conn| may_change(id, &caller, conn)).await?;
    let upload = body
        .avatar
        .ok_or_else(|| Error::invalid("avatar", "is required, as a part of a form"))?;
    let shown = config.clone();
    let (updated, replaced) = avatars
        .with(Some(upload), async |avatar| {
            db.write_repeatably(move |conn| {
                change(id, &caller, &if_match, avatar.as_ref(), &shown, conn)
            })
            .await
        })
        .await?;
    avatars.remove(replaced).await;
    Answer::ok(&AchievementView::new(updated, &config))
}

/// Remove the avatar of an achievement
///
/// Requires the Maintainer role.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "The achievement", body = AchievementView), Failure),
)]
#[delete("/achievements/{id}/avatar")]
pub async fn delete_achievement_avatar(
    id: Path<i64>,
    caller: Caller,
    if_match: IfMatch,
    avatars: Data<Avatars>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let shown = config.clone();
    let (updated, replaced) = db
        .write_repeatably(move |conn| change(*id, &caller, &if_match, None, &shown, conn))
        .await?;
    avatars.remove(replaced).await;
    Answer::ok(&AchievementView::new(updated, &config))
}

fn change(
    id: i64,
    caller: &Caller,
    if_match: &IfMatch,
    avatar: Option<&Avatar>,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<(Found, Option<String>)> {
    let viewer = Viewer::from(caller);
    let current = |conn: &mut AnyConnection| show(id, &viewer, config, conn);
    if_match.guard(conn, current, |conn| {
        may_change(id, caller, conn)?;
        let replaced = set_avatar(id, avatar, conn)?;
        Ok((Achievement::find(id, &viewer, conn)?, replaced))
    })
}

/// Names the avatar, or none. Answers the key of the one before, to be removed after the commit.
pub fn set_avatar(
    id: i64,
    avatar: Option<&Avatar>,
    conn: &mut AnyConnection,
) -> Result<Option<String>> {
    let row = achievements::table.find(id);
    // Whoever changes it at once waits for this, and then sees this avatar as the one before.
    diesel::update(row)
        .set(achievements::updated_at.eq(now()))
        .execute(conn)?;
    let replaced = row.select(achievements::avatar_key).first(conn)?;
    diesel::update(row)
        .set((
            achievements::avatar_key.eq(avatar.map(|avatar| &avatar.key)),
            achievements::avatar_hash.eq(avatar.map(|avatar| &avatar.hash)),
        ))
        .execute(conn)?;
    Ok(replaced)
}
