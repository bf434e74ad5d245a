use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::dsl::exists;
use diesel::prelude::*;

use super::show::show;
use super::{User, UserKey};
use crate::answer::IfMatch;
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result};
use crate::schema::{members, namespaces, users};
use crate::time::now;

/// Delete a user
///
/// For administrators. The awards that the user received go too; those that the user gave or
/// revoked stay and lose the name. Not while the user is the only owner of a namespace.
#[utoipa::path(
    tag = "users",
    security(("bearer" = ["manage"])),
    responses((status = NO_CONTENT, description = "Deleted"), Failure),
)]
#[delete("/users/{user}")]
pub async fn delete_user(
    user: Path<String>,
    caller: Caller,
    if_match: IfMatch,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    caller.must_be_admin()?;
    let key = UserKey::parse(&user)?;
    db.write_repeatably(move |conn| {
        if_match.guard(
            conn,
            |conn| show(&key, &Viewer::from(&caller), &config, conn),
            |conn| delete(&key, &caller, conn),
        )
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn delete(key: &UserKey, caller: &Caller, conn: &mut AnyConnection) -> Result<()> {
    let user = User::find(key, conn)?;
    if user.id == caller.id {
        return Err(Error::OwnAccount);
    }
    // Only top-level namespaces can lose their last owner: those below inherit theirs.
    let owned = members::table
        .filter(
            members::user_id
                .eq(user.id)
                .and(members::role.eq(Role::Owner as i16)),
        )
        .select(members::namespace_id);
    // Owners who go at once must not count on each other: whoever is second waits here.
    diesel::update(namespaces::table.filter(namespaces::id.eq_any(owned)))
        .set(namespaces::updated_at.eq(now()))
        .execute(conn)?;
    let others = diesel::alias!(members as others);
    let shared = exists(
        others.filter(
            others
                .field(members::namespace_id)
                .eq(namespaces::id)
                .and(others.field(members::role).eq(Role::Owner as i16))
                .and(others.field(members::user_id).ne(user.id)),
        ),
    );
    let alone = namespaces::table
        .filter(
            namespaces::parent_id
                .is_null()
                .and(namespaces::id.eq_any(owned)),
        )
        .filter(diesel::dsl::not(shared));
    if diesel::select(exists(alone)).get_result(conn)? {
        return Err(Error::LastOwner);
    }
    diesel::delete(users::table.find(user.id)).execute(conn)?;
    Ok(())
}
