use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::prelude::*;

use super::avatar::set_avatar;
use super::show::show;
use super::update::may_change;
use crate::answer::IfMatch;
use crate::auth::{Caller, Viewer};
use crate::avatars::Avatars;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};
use crate::schema::achievements;

/// Delete an achievement
///
/// Requires the Maintainer role. All its awards go too, from every profile.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = ["manage"])),
    responses((status = NO_CONTENT, description = "Deleted"), Failure),
)]
#[delete("/achievements/{id}")]
pub async fn delete_achievement(
    id: Path<i64>,
    caller: Caller,
    if_match: IfMatch,
    config: Data<Config>,
    avatars: Data<Avatars>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let removed = db
        .write_repeatably(move |conn| {
            if_match.guard(
                conn,
                |conn| show(*id, &Viewer::from(&caller), &config, conn),
                |conn| delete(*id, &caller, conn),
            )
        })
        .await?;
    avatars.remove(removed).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes the achievement. Answers the key of its avatar, to be removed after the commit.
fn delete(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<Option<String>> {
    may_change(id, caller, conn)?;
    let avatar = set_avatar(id, None, conn)?;
    diesel::delete(achievements::table.find(id)).execute(conn)?;
    Ok(avatar)
}
