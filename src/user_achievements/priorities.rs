use std::collections::HashSet;

use actix_web::put;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::UserAchievementView;
use super::model::{Awarded, NO_PRIORITY, UserAchievement, awarders, revokers};
use crate::achievements::AchievementRef;
use crate::answer::{Answer, IfMatch};
use crate::auth::{Caller, Viewer, role_in_namespace};
use crate::awarded;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violation, Violations};
use crate::feature_flags::require_achievements;
use crate::input::Json;
use crate::mail::AwardMail;
use crate::namespaces::NamespaceRef;
use crate::paging::Page;
use crate::schema::{achievements, award_mails, namespaces, user_achievements, users};
use crate::users::Recipient;

/// How many awards can be put in order: each costs a statement.
const MOST: usize = 1000;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct ReorderUserAchievements {
    /// Your awards in the order of your profile. All others lose their place; none clears all.
    #[schema(max_items = 1000, examples(1003))]
    pub user_achievement_ids: Vec<i64>,
}

/// Reorder achievements
///
/// Element i of the list gets priority i, from 0; your other awards lose theirs. The ids must be
/// distinct and of awards of your own that are not revoked; else nothing changes. Answers those
/// listed, then those that lost their place.
#[utoipa::path(
    tag = "user achievements",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "The awards that were touched", body = Page<UserAchievementView>), Failure),
)]
#[put("/user-achievements/priorities")]
pub async fn reorder_user_achievements(
    caller: Caller,
    if_match: IfMatch,
    input: Json<ReorderUserAchievements>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let viewer = Viewer::from(&caller);
    db.write_repeatably(move |conn| {
        let touched = if_match.guard(
            conn,
            |conn| order(caller.id, conn),
            |conn| reorder(&caller, &input, conn),
        )?;
        let views = touched
            .into_iter()
            .map(|awarded| UserAchievementView::new(awarded, &viewer, &config));
        // What a later change may depend on is the order, not all that the awards are.
        Answer::ok(&Page::whole(views.collect()))?.tagged(&order(caller.id, conn)?)
    })
    .await
}

/// The awards of the user that have a place, in their order.
fn order(user_id: i64, conn: &mut AnyConnection) -> Result<Vec<i64>> {
    let placed = user_achievements::table
        .filter(user_achievements::user_id.eq(user_id))
        .filter(user_achievements::priority.ne(NO_PRIORITY))
        .order(user_achievements::priority)
        .select(user_achievements::id);
    Ok(placed.load(conn)?)
}

/// Puts the caller's awards in order.
pub fn reorder(
    caller: &Caller,
    input: &ReorderUserAchievements,
    conn: &mut AnyConnection,
) -> Result<Vec<Awarded>> {
    require_achievements(conn)?;
    let own = user_achievements::table.filter(user_achievements::user_id.eq(caller.id));
    let unrevoked: Vec<i64> = own
        .filter(user_achievements::revoked_at.is_null())
        .select(user_achievements::id)
        .load(conn)?;
    check(&input.user_achievement_ids, unrevoked.into_iter().collect())?;

    let placed = order(caller.id, conn)?;
    diesel::update(own.filter(user_achievements::priority.ne(NO_PRIORITY)))
        .set(user_achievements::priority.eq(NO_PRIORITY))
        .execute(conn)?;
    for (priority, id) in (0..).zip(&input.user_achievement_ids) {
        diesel::update(own.filter(user_achievements::id.eq(id)))
            .set(user_achievements::priority.eq(priority))
            .execute(conn)?;
    }

    let viewer = Viewer::from(caller);
    let touched: HashSet<i64> = input
        .user_achievement_ids
        .iter()
        .copied()
        .chain(placed)
        .collect();
    let rows = awarded!(viewer)
        .filter(user_achievements::user_id.eq(caller.id))
        .filter(user_achievements::id.eq_any(touched))
        .order((
            user_achievements::priority,
            user_achievements::awarded_at,
            user_achievements::id,
        ))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|row| Awarded::new(row, &viewer))
        .collect())
}

/// Each id must be one of the caller's, and stand once.
fn check(ids: &[i64], mut own: HashSet<i64>) -> Result<()> {
    if ids.len() > MOST {
        return Violations::of(
            "userAchievementIds",
            format!("must have at most {MOST} elements"),
        )
        .check();
    }
    let refused = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| !own.remove(id))
        .map(|(index, _)| Violation {
            field: format!("userAchievementIds[{index}]"),
            detail: "must be the id of an award of yours that is not revoked, and stand once"
                .into(),
        });
    Violations(refused.collect()).check()
}
