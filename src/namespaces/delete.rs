use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::prelude::*;

use super::{Namespace, NamespaceKey};
use crate::auth::{Caller, Role, Viewer};
use crate::db::Db;
use crate::error::{Failure, Result};
use crate::schema::namespaces;

/// Delete a namespace
///
/// Requires the Owner role. All below it goes too: namespaces, achievements, and their awards.
#[utoipa::path(
    tag = "namespaces",
    security(("bearer" = [])),
    responses((status = NO_CONTENT, description = "Deleted"), Failure),
)]
#[delete("/namespaces/{namespace}")]
pub async fn delete_namespace(
    namespace: Path<String>,
    caller: Caller,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let key = NamespaceKey::parse(&namespace)?;
    db.write(move |conn| {
        let (namespace, access) = Namespace::find(&key, &Viewer::from(&caller), conn)?;
        access.require(Role::Owner)?;
        diesel::delete(namespaces::table.find(namespace.id)).execute(conn)?;
        Ok(())
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
