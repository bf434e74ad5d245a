use actix_web::post;
use actix_web::web::{Data, Path};
use chrono::NaiveDateTime;
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

/// Accept an award
///
/// For the recipient, at any time. It appears on the profile. Accepting again changes nothing and
/// answers the same.
#[utoipa::path(
    tag = "user achievements",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "Accepted", body = UserAchievementView), Failure),
)]
#[post("/user-achievements/{id}/accept")]
pub async fn accept_user_achievement(
    id: Path<i64>,
    caller: Caller,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let awarded = db.write(move |conn| accept(*id, &caller, conn)).await?;
    Answer::ok(&UserAchievementView::new(
        awarded,
        &Viewer::from(&caller),
        &config,
    ))
}

/// Accepts the award of the caller.
pub fn accept(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<Awarded> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    Awarded::find(id, &viewer, conn)?.must_be_of(caller)?;
    mark_accepted(id, now(), conn)?;
    let awarded = Awarded::find(id, &viewer, conn)?;
    if awarded.award.status() == Status::Revoked {
        Err(Error::Revoked)
    } else {
        Ok(awarded)
    }
}

/// Stamps a pending or declined award as accepted, and shows it. Leaves any other as it is.
pub fn mark_accepted(id: i64, now: NaiveDateTime, conn: &mut AnyConnection) -> Result<()> {
    let open = user_achievements::table.find(id).filter(
        user_achievements::accepted_at
            .is_null()
            .and(user_achievements::revoked_at.is_null()),
    );
    diesel::update(open)
        .set((
            user_achievements::accepted_at.eq(now),
            user_achievements::declined_at.eq(None::<NaiveDateTime>),
            user_achievements::show_on_profile.eq(true),
        ))
        .execute(conn)?;
    Ok(())
}
