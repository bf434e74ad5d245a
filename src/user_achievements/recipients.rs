use actix_web::get;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamp};
use utoipa::IntoParams;

use super::UserAchievementView;
use super::model::{
    Awarded, Status, UserAchievement, awarders, is_of, revokers, seen_among_recipients,
};
use crate::achievements::{Achievement, AchievementRef};
use crate::auth::{Role, Viewer, role_in_namespace};
use crate::awarded;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::Query;
use crate::mail::AwardMail;
use crate::namespaces::NamespaceRef;
use crate::paging::{Cursor, Limit, Page, behind};
use crate::schema::{achievements, award_mails, namespaces, user_achievements, users};
use crate::time::{from_millis, to_millis};
use crate::users::Recipient;

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListRecipients {
    /// Only awards of this status.
    #[param(inline)]
    #[deserr(default)]
    status: Option<Status>,
    /// How many awards a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<(i64, i64)>>,
}

/// List the awards of an achievement
///
/// Oldest first. Everyone sees the accepted and shown ones of open profiles, recipients see their
/// own, Maintainers see all.
#[utoipa::path(
    tag = "user achievements",
    security((), ("bearer" = ["read"])),
    params(ListRecipients),
    responses((status = OK, description = "A page of awards", body = Page<UserAchievementView>), Failure),
)]
#[get("/achievements/{id}/user-achievements")]
pub async fn list_recipients(
    id: Path<i64>,
    viewer: Viewer,
    query: Query<ListRecipients>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Page<UserAchievementView>> {
    db.scan(move |conn| list(*id, &viewer, &query, &config, conn))
        .await
}

fn list(
    id: i64,
    viewer: &Viewer,
    query: &ListRecipients,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<UserAchievementView>> {
    require_achievements(conn)?;
    let access = Achievement::find(id, viewer, conn)?.access;
    let (awarded_at, last_id) = query.after.as_ref().map_or((0, 0), |cursor| cursor.0);
    let rows = awarded!(viewer)
        .filter(user_achievements::achievement_id.eq(id))
        .filter(behind(
            (user_achievements::awarded_at, user_achievements::id),
            (
                from_millis(awarded_at).into_sql::<Timestamp>(),
                last_id.into_sql::<BigInt>(),
            ),
        ))
        .filter(seen_among_recipients(
            access.has(Role::Maintainer),
            viewer.id(),
        ))
        .filter(is_of(query.status))
        .order((user_achievements::awarded_at, user_achievements::id))
        .limit(query.limit.rows())
        .load(conn)?;
    Ok(Page::new(
        rows.into_iter()
            .map(|row| Awarded::new(row, viewer))
            .collect(),
        query.limit,
        |awarded| (to_millis(awarded.award.awarded_at), awarded.award.id),
        |awarded| UserAchievementView::new(awarded, viewer, config),
    ))
}
