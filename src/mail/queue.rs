use chrono::{Duration, NaiveDateTime};
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{AnyConnection, directly};
use crate::error::Result;
use crate::schema::{achievements, award_mails, namespaces, user_achievements, users};

/// How long a delivery may take before another one is tried: after a crash in the midst of one.
const LEASE: Duration = Duration::minutes(1);
/// After how long a mail that cannot be delivered is given up.
const LIFE: Duration = Duration::days(5);
/// The delays between attempts double from the first to the longest.
const FIRST_DELAY: Duration = Duration::seconds(60);
const LONGEST_DELAY: Duration = Duration::hours(6);

/// The mail of an award.
#[derive(Queryable, Selectable)]
#[diesel(table_name = award_mails)]
pub struct AwardMail {
    pub queued_at: NaiveDateTime,
    pub sent_at: Option<NaiveDateTime>,
    pub failed_at: Option<NaiveDateTime>,
}

impl AwardMail {
    pub fn status(&self) -> MailStatus {
        match self {
            Self {
                sent_at: Some(_), ..
            } => MailStatus::Sent,
            Self {
                failed_at: Some(_), ..
            } => MailStatus::Failed,
            _ => MailStatus::Queued,
        }
    }
}

/// What became of an award's mail.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailStatus {
    Queued,
    Sent,
    Failed,
}

/// Queues the mail of the award, in the transaction that makes it.
pub fn queue_award(
    user_achievement_id: i64,
    now: NaiveDateTime,
    conn: &mut AnyConnection,
) -> Result<AwardMail> {
    directly!(conn => {
        diesel::insert_into(award_mails::table)
            .values((
                award_mails::user_achievement_id.eq(user_achievement_id),
                award_mails::queued_at.eq(now),
                award_mails::next_attempt_at.eq(now),
            ))
            .execute(conn)
    })?;
    Ok(AwardMail {
        queued_at: now,
        sent_at: None,
        failed_at: None,
    })
}

/// Queues it in place of the one before.
pub fn requeue_award(
    user_achievement_id: i64,
    now: NaiveDateTime,
    conn: &mut AnyConnection,
) -> Result<AwardMail> {
    diesel::delete(award_mails::table.find(user_achievement_id)).execute(conn)?;
    queue_award(user_achievement_id, now, conn)
}

/// A mail that is this worker's to deliver until its lease ends.
#[derive(Debug)]
pub struct Claimed {
    pub user_achievement_id: i64,
    pub queued_at: NaiveDateTime,
    attempts: i32,
    lease: NaiveDateTime,
    pub letter: Letter,
}

/// What a mail says, and to whom.
#[derive(Debug, Queryable)]
pub struct Letter {
    pub recipient_id: i64,
    pub recipient_name: String,
    pub recipient_email: String,
    pub username: String,
    pub full_path: String,
    pub achievement: String,
    pub description: String,
    pub message: String,
    pub awarded_at: NaiveDateTime,
    pub accepted_at: Option<NaiveDateTime>,
    pub revoked_at: Option<NaiveDateTime>,
    pub awarded_by: Option<String>,
}

/// Whether a mail waits for its delivery. Asked before [`claim`], so that looking writes nothing.
pub fn is_due(now: NaiveDateTime, conn: &mut AnyConnection) -> Result<bool> {
    let due = award_mails::table.filter(award_mails::next_attempt_at.le(now));
    Ok(diesel::select(diesel::dsl::exists(due)).get_result(conn)?)
}

/// Takes the mail that waits longest. Of several instances that try at once, one has it.
pub fn claim(now: NaiveDateTime, conn: &mut AnyConnection) -> Result<Option<Claimed>> {
    let due: Option<(i64, NaiveDateTime, Option<NaiveDateTime>, i32)> = award_mails::table
        .filter(award_mails::next_attempt_at.le(now))
        .order(award_mails::next_attempt_at)
        .select((
            award_mails::user_achievement_id,
            award_mails::queued_at,
            award_mails::next_attempt_at,
            award_mails::attempts,
        ))
        .first(conn)
        .optional()?;
    let Some((id, queued_at, attempt_at, attempts)) = due else {
        return Ok(None);
    };
    let lease = now + LEASE;
    let free = award_mails::table
        .find(id)
        .filter(award_mails::next_attempt_at.eq(attempt_at));
    if diesel::update(free)
        .set(award_mails::next_attempt_at.eq(lease))
        .execute(conn)?
        == 0
    {
        return Ok(None);
    }
    let awarders = diesel::alias!(users as awarders);
    let letter: Letter = user_achievements::table
        .inner_join(achievements::table.inner_join(namespaces::table))
        .inner_join(users::table.on(users::id.eq(user_achievements::user_id)))
        .left_join(
            awarders.on(awarders
                .field(users::id)
                .nullable()
                .eq(user_achievements::awarded_by_user_id)),
        )
        .filter(user_achievements::id.eq(id))
        .select((
            users::id,
            users::name,
            users::email,
            users::username,
            namespaces::full_path,
            achievements::name,
            achievements::description,
            user_achievements::award_message,
            user_achievements::awarded_at,
            user_achievements::accepted_at,
            user_achievements::revoked_at,
            awarders.field(users::name).nullable(),
        ))
        .first(conn)?;
    if letter.revoked_at.is_some() {
        // There is nothing to tell any more.
        diesel::delete(award_mails::table.find(id)).execute(conn)?;
        return Ok(None);
    }
    Ok(Some(Claimed {
        user_achievement_id: id,
        queued_at,
        attempts,
        lease,
        letter,
    }))
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    Sent,
    /// Refused for good.
    Refused,
    /// Refused for now.
    Deferred,
    /// The server could not be reached: not the mail's fault, so that it costs no attempt.
    Unreachable,
}

/// Notes how the delivery ended. Answers whether the mail is given up. `jitter`, from 0 to 1,
/// spreads the next attempts.
pub fn settle(
    claimed: &Claimed,
    outcome: Outcome,
    jitter: f64,
    now: NaiveDateTime,
    conn: &mut AnyConnection,
) -> Result<bool> {
    let too_old = now - claimed.queued_at > LIFE;
    let given_up = outcome == Outcome::Refused || outcome != Outcome::Sent && too_old;
    let (attempts, next) = match outcome {
        _ if given_up => (claimed.attempts + 1, None),
        Outcome::Sent | Outcome::Refused => (claimed.attempts + 1, None),
        Outcome::Deferred => (
            claimed.attempts + 1,
            Some(now + delay(claimed.attempts, jitter)),
        ),
        Outcome::Unreachable => (claimed.attempts, Some(now)),
    };
    // Where the lease has ended, the mail is somebody else's by now.
    let ours = award_mails::table
        .find(claimed.user_achievement_id)
        .filter(award_mails::next_attempt_at.eq(claimed.lease));
    diesel::update(ours)
        .set((
            award_mails::attempts.eq(attempts),
            award_mails::next_attempt_at.eq(next),
            award_mails::sent_at.eq((outcome == Outcome::Sent).then_some(now)),
            award_mails::failed_at.eq(given_up.then_some(now)),
        ))
        .execute(conn)?;
    Ok(given_up)
}

/// The delay after so many attempts: doubled each time, up to the longest, and up to a half more.
pub fn delay(attempts: i32, jitter: f64) -> Duration {
    let doubled = FIRST_DELAY * 2_i32.saturating_pow(attempts.clamp(0, 16) as u32);
    let delay = doubled.min(LONGEST_DELAY);
    delay + Duration::milliseconds((delay.num_milliseconds() as f64 * jitter / 2.0) as i64)
}
