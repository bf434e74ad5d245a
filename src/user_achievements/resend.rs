use actix_web::post;
use actix_web::web::{Data, Path};
use chrono::Duration;
use tokio::sync::Notify;

use super::model::Status;
use super::{Awarded, UserAchievementView};
use crate::answer::Answer;
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result};
use crate::feature_flags::require_achievements;
use crate::mail::requeue_award;
use crate::time::now;
use crate::tokens::LINK_LIFE;

/// How soon the mail of an award can be sent again.
const INTERVAL: Duration = Duration::minutes(10);

/// Resend the mail of an award
///
/// Requires the Maintainer role. Only while the award is pending and its link is good, at most once
/// in ten minutes, and not to a recipient who does not display achievements.
#[utoipa::path(
    tag = "user achievements",
    security(("bearer" = ["award"])),
    responses((status = ACCEPTED, description = "The mail is queued", body = UserAchievementView), Failure),
)]
#[post("/user-achievements/{id}/resend")]
pub async fn resend_award_email(
    id: Path<i64>,
    caller: Caller,
    config: Data<Config>,
    wake: Data<Notify>,
    db: Data<Db>,
) -> Result<Answer> {
    let awarded = db.write(move |conn| resend(*id, &caller, conn)).await?;
    wake.notify_one();
    Answer::accepted(&UserAchievementView::new(
        awarded,
        &Viewer::from(&caller),
        &config,
    ))
}

fn resend(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<Awarded> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    let awarded = Awarded::find(id, &viewer, conn)?;
    awarded.access.require(Role::Maintainer)?;
    let now = now();
    match awarded.award.status() {
        Status::Pending => {}
        Status::Revoked => return Err(Error::Revoked),
        status => return Err(Error::NotPending(status.name())),
    }
    if awarded.award.awarded_at + LINK_LIFE <= now {
        return Err(Error::LinkWouldBeExpired);
    }
    if !awarded.recipient.gets_mail() {
        return Err(Error::NoMail);
    }
    if let Some(again) = awarded
        .mail
        .as_ref()
        .map(|mail| mail.queued_at + INTERVAL)
        .filter(|again| *again > now)
    {
        return Err(Error::TooSoon((again - now).num_seconds() + 1));
    }
    requeue_award(id, now, conn)?;
    Awarded::find(id, &viewer, conn)
}
