use actix_web::get;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::IntoParams;

use super::{Namespace, NamespaceView};
use crate::auth::{Viewer, role_in_namespace};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::Query;
use crate::paging::{Cursor, Limit, Page};
use crate::schema::namespaces;

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListNamespaces {
    /// How many namespaces a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<String>>,
}

/// List namespaces
///
/// Those that you can see, in the order of their full paths.
#[utoipa::path(
    tag = "namespaces",
    security((), ("bearer" = ["read"])),
    params(ListNamespaces),
    responses((status = OK, description = "A page of namespaces", body = Page<NamespaceView>), Failure),
)]
#[get("/namespaces")]
pub async fn list_namespaces(
    viewer: Viewer,
    query: Query<ListNamespaces>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Page<NamespaceView>> {
    db.scan(move |conn| list(&query, &viewer, &config, conn))
        .await
}

fn list(
    query: &ListNamespaces,
    viewer: &Viewer,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<NamespaceView>> {
    let after = query.after.as_ref().map_or("", |cursor| &cursor.0);
    let visible = namespaces::visibility.ge(viewer.sees_from() as i16);
    let rows = Namespace::query()
        .filter(namespaces::full_path_key.gt(after))
        .filter(visible.or(role_in_namespace(viewer.id()).is_not_null()))
        .order(namespaces::full_path_key)
        .limit(query.limit.rows())
        .load(conn)?;
    Ok(Page::new(
        rows,
        query.limit,
        |namespace| namespace.full_path.to_lowercase(),
        |namespace| NamespaceView::new(namespace, config),
    ))
}
