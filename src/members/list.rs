use actix_web::get;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::IntoParams;

use super::model::{Member, MemberView};
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::Query;
use crate::namespaces::{Namespace, NamespaceKey};
use crate::paging::{Cursor, Limit, Page};
use crate::schema::members;

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListMembers {
    /// How many members a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<i64>>,
}

/// List the members of a namespace
///
/// For signed-in users who can see it: its own members, in the order of the users' ids. Roles
/// inherited from a namespace above are listed there.
#[utoipa::path(
    tag = "namespaces",
    security(("bearer" = ["read"])),
    params(ListMembers),
    responses((status = OK, description = "A page of members", body = Page<MemberView>), Failure),
)]
#[get("/namespaces/{namespace}/members")]
pub async fn list_members(
    namespace: Path<String>,
    caller: Caller,
    query: Query<ListMembers>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Page<MemberView>> {
    let key = NamespaceKey::parse(&namespace)?;
    db.read(move |conn| list(&key, &caller, &query, &config, conn))
        .await
}

fn list(
    key: &NamespaceKey,
    caller: &Caller,
    query: &ListMembers,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<MemberView>> {
    let (namespace, _) = Namespace::find(key, &Viewer::from(caller), conn)?;
    let rows = Member::query()
        .filter(members::namespace_id.eq(namespace.id))
        .filter(members::user_id.gt(query.after.as_ref().map_or(0, |cursor| cursor.0)))
        .order(members::user_id)
        .limit(query.limit.rows())
        .load(conn)?;
    Ok(Page::new(
        rows,
        query.limit,
        |member| member.user.id,
        |member| MemberView::new(member, config),
    ))
}
