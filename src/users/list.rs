use actix_web::get;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use utoipa::IntoParams;

use super::{User, UserView};
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::{Query, Search};
use crate::paging::{Cursor, Limit, Page};
use crate::schema::users;

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListUsers {
    /// Only users whose username or name contains this, without regard to case.
    #[param(value_type = Option<String>, max_length = 255)]
    #[deserr(default)]
    search: Search,
    /// How many users a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<i64>>,
}

/// List users
///
/// For signed-in users: everyone whose profile they may read, in the order of their ids.
#[utoipa::path(
    tag = "users",
    security(("bearer" = ["read"])),
    params(ListUsers),
    responses((status = OK, description = "A page of users", body = Page<UserView>), Failure),
)]
#[get("/users")]
pub async fn list_users(
    caller: Caller,
    query: Query<ListUsers>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Page<UserView>> {
    db.scan(move |conn| list(&query, &caller, &config, conn))
        .await
}

fn list(
    query: &ListUsers,
    caller: &Caller,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<UserView>> {
    let readable = users::private_profile
        .eq(false)
        .and(users::blocked.eq(false));
    let rows = User::query()
        .filter(users::id.gt(query.after.as_ref().map_or(0, |cursor| cursor.0)))
        .filter(users::search_key.like(query.search.pattern()).escape('\\'))
        .filter(
            readable
                .or(users::id.eq(caller.id))
                .or(caller.admin.into_sql::<Bool>()),
        )
        .order(users::id)
        .limit(query.limit.rows())
        .load(conn)?;
    Ok(Page::new(
        rows,
        query.limit,
        |user| user.id,
        |user| UserView::new(user, &Viewer::from(caller), config),
    ))
}
