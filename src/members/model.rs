use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::namespaces::{Namespace, NamespaceKey};
use crate::schema::{members, namespaces, users};
use crate::time::{Timestamp, now};
use crate::users::{User, UserKey, UserRef, UserRefView};

/// A user's role in a namespace.
#[derive(HasQuery)]
#[diesel(base_query = members::table.inner_join(users::table))]
#[diesel(table_name = members)]
pub struct Member {
    #[diesel(embed)]
    pub user: UserRef,
    pub role: i16,
    pub created_at: NaiveDateTime,
}

impl Member {
    /// The member of that namespace who is that user.
    pub fn find(namespace_id: i64, user_id: i64, conn: &mut AnyConnection) -> Result<Self> {
        let member = Self::query().filter(
            members::namespace_id
                .eq(namespace_id)
                .and(members::user_id.eq(user_id)),
        );
        Ok(member.first(conn)?)
    }

    /// The same as the caller sees them.
    pub fn show(
        namespace: &NamespaceKey,
        user: &UserKey,
        caller: &Caller,
        config: &Config,
        conn: &mut AnyConnection,
    ) -> Result<MemberView> {
        let (namespace, _) = Namespace::find(namespace, &Viewer::from(caller), conn)?;
        let user = User::find(user, conn)?;
        let member = Self::find(namespace.id, user.id, conn)?;
        Ok(MemberView::new(member, config))
    }
}

/// A user's role in a namespace; it counts in all namespaces below too.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Member)]
pub struct MemberView {
    user: UserRefView,
    role: Role,
    created_at: Timestamp,
}

impl MemberView {
    pub fn new(member: Member, config: &Config) -> Self {
        Self {
            user: UserRefView::new(member.user, config),
            role: member.role.into(),
            created_at: member.created_at.into(),
        }
    }
}

/// Refuses to take the last owner from a namespace. Those below another always have one: the
/// owners of the top-level one, which keeps at least one of its own.
pub fn keep_an_owner(namespace: &Namespace, without: i64, conn: &mut AnyConnection) -> Result<()> {
    if namespace.parent_id.is_some() {
        return Ok(());
    }
    // Two owners who leave at once must not both count on the other: whoever is second waits here.
    diesel::update(namespaces::table.find(namespace.id))
        .set(namespaces::updated_at.eq(now()))
        .execute(conn)?;
    let others = members::table
        .filter(
            members::namespace_id
                .eq(namespace.id)
                .and(members::role.eq(Role::Owner as i16)),
        )
        .filter(members::user_id.ne(without));
    if diesel::select(exists(others)).get_result(conn)? {
        Ok(())
    } else {
        Err(Error::LastOwner)
    }
}
