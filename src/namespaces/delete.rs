use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::prelude::*;

use super::show::show;
use super::{Namespace, NamespaceKey};
use crate::answer::IfMatch;
use crate::auth::{Caller, Role, Viewer};
use crate::avatars::Avatars;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};
use crate::schema::{achievements, namespace_ancestors, namespaces};

/// Delete a namespace
///
/// Requires the Owner role. All below it goes too: namespaces, achievements, and their awards.
#[utoipa::path(
    tag = "namespaces",
    security(("bearer" = ["manage"])),
    responses((status = NO_CONTENT, description = "Deleted"), Failure),
)]
#[delete("/namespaces/{namespace}")]
pub async fn delete_namespace(
    namespace: Path<String>,
    caller: Caller,
    if_match: IfMatch,
    config: Data<Config>,
    avatars: Data<Avatars>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let key = NamespaceKey::parse(&namespace)?;
    let removed = db
        .write_repeatably(move |conn| {
            if_match.guard(
                conn,
                |conn| show(&key, &Viewer::from(&caller), &config, conn),
                |conn| delete(&key, &caller, conn),
            )
        })
        .await?;
    avatars.remove(removed.into_iter().flatten()).await;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes the namespace. Answers the keys of the avatars below it, to be removed after the commit.
fn delete(
    key: &NamespaceKey,
    caller: &Caller,
    conn: &mut AnyConnection,
) -> Result<Vec<Option<String>>> {
    let (namespace, access) = Namespace::find(key, &Viewer::from(caller), conn)?;
    access.require(Role::Owner)?;
    let below = namespace_ancestors::table
        .filter(namespace_ancestors::ancestor_id.eq(namespace.id))
        .select(namespace_ancestors::namespace_id);
    let avatars = achievements::table
        .filter(
            achievements::namespace_id
                .eq_any(below)
                .and(achievements::avatar_key.is_not_null()),
        )
        .select(achievements::avatar_key)
        .load(conn)?;
    diesel::delete(namespaces::table.find(namespace.id)).execute(conn)?;
    Ok(avatars)
}
