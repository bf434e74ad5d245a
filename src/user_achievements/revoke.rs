use actix_web::post;
use actix_web::web::{Data, Path};
use diesel::prelude::*;

use super::{Awarded, UserAchievementView};
use crate::answer::Answer;
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result};
use crate::feature_flags::require_achievements;
use crate::schema::user_achievements;
use crate::time::now;

/// Revoke an achievement
///
/// Requires the Maintainer role. The award leaves the profile for good; it is kept with who revoked
/// it and when. Awarding the achievement again makes a new one.
#[utoipa::path(
    tag = "user achievements",
    security(("bearer" = ["award"])),
    responses((status = OK, description = "Revoked", body = UserAchievementView), Failure),
)]
#[post("/user-achievements/{id}/revoke")]
pub async fn revoke_user_achievement(
    id: Path<i64>,
    caller: Caller,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let awarded = db.write(move |conn| revoke(*id, &caller, conn)).await?;
    Answer::ok(&UserAchievementView::new(
        awarded,
        &Viewer::from(&caller),
        &config,
    ))
}

/// Revokes the award, once.
pub fn revoke(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<Awarded> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    Awarded::find(id, &viewer, conn)?
        .access
        .require(Role::Maintainer)?;
    let unrevoked = user_achievements::table
        .find(id)
        .filter(user_achievements::revoked_at.is_null());
    let revoked = diesel::update(unrevoked)
        .set((
            user_achievements::revoked_at.eq(now()),
            user_achievements::revoked_by_user_id.eq(caller.id),
        ))
        .execute(conn)?;
    if revoked == 0 {
        Err(Error::Revoked)
    } else {
        Awarded::find(id, &viewer, conn)
    }
}
