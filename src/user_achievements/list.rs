use actix_web::get;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Integer, Timestamp};
use utoipa::IntoParams;

use super::UserAchievementView;
use super::model::{Awarded, Status, UserAchievement, awarders, is_of, revokers};
use crate::achievements::AchievementRef;
use crate::auth::{Role, Viewer, role_in_namespace};
use crate::awarded;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::{Query, Switch};
use crate::mail::AwardMail;
use crate::namespaces::NamespaceRef;
use crate::paging::{Cursor, Limit, Page, behind};
use crate::schema::{achievements, award_mails, namespaces, user_achievements, users};
use crate::time::{from_millis, to_millis};
use crate::users::{Recipient, UserKey};

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub struct ListUserAchievements {
    /// Adds pending, declined and hidden ones for the user and administrators, and for Maintainers
    /// those of their namespaces. Ignored for others.
    #[param(value_type = Option<bool>, default = false)]
    #[deserr(default)]
    include_hidden: Switch,
    /// Only awards of this status. `pending` and `declined` include hidden ones. Revoked ones are
    /// on no profile.
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
    after: Option<Cursor<(i32, i64, i64)>>,
}

/// View a user's achievements
///
/// In the order of the profile: by priority, those without one last, then by the time of the award.
/// Of a profile that you may not read, or whose user does not display achievements, an empty list;
/// Maintainers still see what their namespaces awarded.
#[utoipa::path(
    tag = "user achievements",
    security((), ("bearer" = ["read"])),
    params(ListUserAchievements),
    responses((status = OK, description = "A page of awards", body = Page<UserAchievementView>), Failure),
)]
#[get("/users/{user}/user-achievements")]
pub async fn list_user_achievements(
    user: Path<String>,
    viewer: Viewer,
    query: Query<ListUserAchievements>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Page<UserAchievementView>> {
    let key = UserKey::parse(&user)?;
    db.read(move |conn| list(&key, &viewer, &query, &config, conn))
        .await
}

fn list(
    key: &UserKey,
    viewer: &Viewer,
    query: &ListUserAchievements,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<UserAchievementView>> {
    require_achievements(conn)?;
    let user = Recipient::find(key, conn)?;
    let own = viewer.is_or_administers(user.user.id);
    let open = own || user.readable_by(viewer) && user.achievements_enabled;
    let hidden =
        query.include_hidden.0 || matches!(query.status, Some(Status::Pending | Status::Declined));

    let maintained = || {
        role_in_namespace(viewer.id())
            .ge(Some(Role::Maintainer as i16))
            .assume_not_null()
    };
    let (priority, awarded_at, id) = query.after.as_ref().map_or((-1, 0, 0), |cursor| cursor.0);
    let rows = awarded!(viewer)
        .filter(user_achievements::user_id.eq(user.user.id))
        .filter(behind(
            (
                user_achievements::priority,
                user_achievements::awarded_at,
                user_achievements::id,
            ),
            (
                priority.into_sql::<Integer>(),
                from_millis(awarded_at).into_sql::<Timestamp>(),
                id.into_sql::<BigInt>(),
            ),
        ))
        .filter(user_achievements::revoked_at.is_null())
        .filter(open.into_sql::<Bool>().or(maintained()))
        .filter(
            user_achievements::show_on_profile.or(hidden
                .into_sql::<Bool>()
                .and(own.into_sql::<Bool>().or(maintained()))),
        )
        .filter(is_of(query.status))
        .order((
            user_achievements::priority,
            user_achievements::awarded_at,
            user_achievements::id,
        ))
        .limit(query.limit.rows())
        .load(conn)?;
    Ok(Page::new(
        rows.into_iter()
            .map(|row| Awarded::new(row, viewer))
            .collect(),
        query.limit,
        |awarded| {
            (
                awarded.award.priority,
                to_millis(awarded.award.awarded_at),
                awarded.award.id,
            )
        },
        |awarded| UserAchievementView::new(awarded, viewer, config),
    ))
}
