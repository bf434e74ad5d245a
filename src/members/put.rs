use actix_web::put;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::model::{Member, MemberView, keep_an_owner};
use crate::answer::{Answer, IfMatch};
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::Json;
use crate::namespaces::{Namespace, NamespaceKey};
use crate::schema::members;
use crate::time::now;
use crate::users::{User, UserKey};

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct PutMember {
    #[schema(inline)]
    role: Role,
}

/// Add a member, or change their role
///
/// Requires the Owner role. A namespace keeps at least one owner.
#[utoipa::path(
    tag = "namespaces",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "The member", body = MemberView), Failure),
)]
#[put("/namespaces/{namespace}/members/{user}")]
pub async fn put_member(
    path: Path<(String, String)>,
    caller: Caller,
    if_match: IfMatch,
    input: Json<PutMember>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let (namespace, user) = (NamespaceKey::parse(&path.0)?, UserKey::parse(&path.1)?);
    let shown = config.clone();
    let member = db
        .write_repeatably(move |conn| {
            if_match.guard(
                conn,
                |conn| Member::show(&namespace, &user, &caller, &shown, conn),
                |conn| put(&namespace, &user, &caller, input.role, conn),
            )
        })
        .await?;
    Answer::ok(&MemberView::new(member, &config))
}

/// Gives the user the role in the namespace.
pub fn put(
    namespace: &NamespaceKey,
    user: &UserKey,
    caller: &Caller,
    role: Role,
    conn: &mut AnyConnection,
) -> Result<Member> {
    let (namespace, access) = Namespace::find(namespace, &Viewer::from(caller), conn)?;
    access.require(Role::Owner)?;
    let user = User::find(user, conn)?;
    if role < Role::Owner {
        keep_an_owner(&namespace, user.id, conn)?;
    }
    let set = members::role.eq(role as i16);
    if diesel::update(members::table.find((namespace.id, user.id)))
        .set(set)
        .execute(conn)?
        == 0
    {
        diesel::insert_into(members::table)
            .values((
                members::namespace_id.eq(namespace.id),
                members::user_id.eq(user.id),
                set,
                members::created_at.eq(now()),
            ))
            .execute(conn)?;
    }
    Member::find(namespace.id, user.id, conn)
}
