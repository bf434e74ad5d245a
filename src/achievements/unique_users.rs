use actix_web::get;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::dsl::{count_star, max};
use diesel::prelude::*;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::Achievement;
use crate::auth::{Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::Query;
use crate::paging::{Cursor, Limit, Page};
use crate::schema::{user_achievements, users};
use crate::user_achievements::seen_among_recipients;
use crate::users::{UserRef, UserRefView};

/// A user who holds an achievement.
#[derive(Serialize, ToSchema)]
pub struct UniqueUser {
    user: UserRefView,
    /// How many times.
    #[schema(minimum = 1, examples(2))]
    count: i64,
}

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUniqueUsers {
    /// How many users a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<i64>>,
}

/// List the users who hold an achievement
///
/// Each once, with the number of awards that you may see and that are neither declined nor revoked,
/// in the order of their ids.
#[utoipa::path(
    tag = "achievements",
    security((), ("bearer" = ["read"])),
    params(ListUniqueUsers),
    responses((status = OK, description = "A page of users", body = Page<UniqueUser>), Failure),
)]
#[get("/achievements/{id}/users")]
pub async fn list_unique_users(
    id: Path<i64>,
    viewer: Viewer,
    query: Query<ListUniqueUsers>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Page<UniqueUser>> {
    db.scan(move |conn| list(*id, &viewer, &query, &config, conn))
        .await
}

fn list(
    id: i64,
    viewer: &Viewer,
    query: &ListUniqueUsers,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<UniqueUser>> {
    require_achievements(conn)?;
    let access = Achievement::find(id, viewer, conn)?.access;
    // Of one user there is one name: the largest is as good as any, and lets the index group.
    let rows: Vec<(i64, Option<String>, Option<String>, i64)> = user_achievements::table
        .inner_join(users::table.on(users::id.eq(user_achievements::user_id)))
        .filter(user_achievements::achievement_id.eq(id))
        .filter(user_achievements::user_id.gt(query.after.as_ref().map_or(0, |cursor| cursor.0)))
        .filter(
            user_achievements::revoked_at
                .is_null()
                .and(user_achievements::declined_at.is_null()),
        )
        .filter(seen_among_recipients(
            access.has(Role::Maintainer),
            viewer.id(),
        ))
        .group_by(user_achievements::user_id)
        .select((
            user_achievements::user_id,
            max(users::username),
            max(users::name),
            count_star(),
        ))
        .order(user_achievements::user_id)
        .limit(query.limit.rows())
        .load(conn)?;
    Ok(Page::new(
        rows,
        query.limit,
        |(id, ..)| *id,
        |(id, username, name, count)| {
            let user = UserRef {
                id,
                username: username.unwrap_or_default(),
                name: name.unwrap_or_default(),
            };
            UniqueUser {
                user: UserRefView::new(user, config),
                count,
            }
        },
    ))
}
