use actix_web::post;
use actix_web::web::{Data, Path};
use diesel::prelude::*;

use super::model::Status;
use super::{Awarded, UserAchievementView};
use crate::answer::Answer;
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result};
use crate::feature_flags::require_achievements;
use crate::schema::user_achievements;
use crate::time::now;

/// Decline an award
///
/// For the recipient, while it is pending; it can still be accepted later. Only the recipient and
/// Maintainers learn of it. Declining again changes nothing and answers the same.
#[utoipa::path(
    tag = "user achievements",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "Declined", body = UserAchievementView), Failure),
)]
#[post("/user-achievements/{id}/decline")]
pub async fn decline_user_achievement(
    id: Path<i64>,
    caller: Caller,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let awarded = db.write(move |conn| decline(*id, &caller, conn)).await?;
    Answer::ok(&UserAchievementView::new(
        awarded,
        &Viewer::from(&caller),
        &config,
    ))
}

/// Declines the pending award of the caller.
pub fn decline(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<Awarded> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    Awarded::find(id, &viewer, conn)?.must_be_of(caller)?;
    let pending = user_achievements::table
        .find(id)
        .filter(
            user_achievements::accepted_at
                .is_null()
                .and(user_achievements::declined_at.is_null()),
        )
        .filter(user_achievements::revoked_at.is_null());
    diesel::update(pending)
        .set(user_achievements::declined_at.eq(now()))
        .execute(conn)?;
    let awarded = Awarded::find(id, &viewer, conn)?;
    match awarded.award.status() {
        Status::Declined => Ok(awarded),
        Status::Revoked => Err(Error::Revoked),
        status => Err(Error::NotPending(status.name())),
    }
}
