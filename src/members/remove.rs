use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::prelude::*;

use super::model::{Member, keep_an_owner};
use crate::answer::IfMatch;
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result};
use crate::namespaces::{Namespace, NamespaceKey};
use crate::schema::members;
use crate::users::{User, UserKey};

/// Remove a member
///
/// Requires the Owner role. A namespace keeps at least one owner.
#[utoipa::path(
    tag = "namespaces",
    security(("bearer" = ["manage"])),
    responses((status = NO_CONTENT, description = "Removed"), Failure),
)]
#[delete("/namespaces/{namespace}/members/{user}")]
pub async fn remove_member(
    path: Path<(String, String)>,
    caller: Caller,
    if_match: IfMatch,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let (namespace, user) = (NamespaceKey::parse(&path.0)?, UserKey::parse(&path.1)?);
    db.write_repeatably(move |conn| {
        if_match.guard(
            conn,
            |conn| Member::show(&namespace, &user, &caller, &config, conn),
            |conn| remove(&namespace, &user, &caller, conn),
        )
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn remove(
    namespace: &NamespaceKey,
    user: &UserKey,
    caller: &Caller,
    conn: &mut AnyConnection,
) -> Result<()> {
    let (namespace, access) = Namespace::find(namespace, &Viewer::from(caller), conn)?;
    access.require(Role::Owner)?;
    let user = User::find(user, conn)?;
    if diesel::delete(members::table.find((namespace.id, user.id))).execute(conn)? == 0 {
        return Err(Error::NotFound);
    }
    keep_an_owner(&namespace, user.id, conn)
}
