use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;
use unicode_normalization::UnicodeNormalization;

use crate::auth::{Access, Viewer, role_in_namespace};
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::namespaces::NamespaceRef;
use crate::schema::{achievements, namespaces, user_achievements};

/// Something that a namespace awards.
#[derive(HasQuery)]
pub struct Achievement {
    pub id: i64,
    pub name: String,
    pub name_key: String,
    pub description: String,
    pub user_achievements_count: i64,
    pub unique_users_count: i64,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

/// An achievement as its awards name it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = achievements)]
pub struct AchievementRef {
    pub id: i64,
    pub name: String,
    pub description: String,
}

/// An achievement as a viewer finds it: with its namespace and what they may do there.
pub struct Found {
    pub achievement: Achievement,
    pub namespace: NamespaceRef,
    pub access: Access,
}

impl Achievement {
    /// What makes a name unique in its namespace: neither case nor how accents are encoded.
    pub fn name_key(name: &str) -> String {
        name.nfc().collect::<String>().to_lowercase()
    }

    /// The achievement, for those who can see its namespace and for those who were awarded it.
    pub fn find(id: i64, viewer: &Viewer, conn: &mut AnyConnection) -> Result<Found> {
        let (achievement, namespace, role): (_, NamespaceRef, Option<i16>) = achievements::table
            .inner_join(namespaces::table)
            .filter(achievements::id.eq(id))
            .select((
                Self::as_select(),
                NamespaceRef::as_select(),
                role_in_namespace(viewer.id()),
            ))
            .first(conn)?;
        let access = viewer.access(namespace.visibility, role);
        if access.can_see() || was_awarded(id, viewer, conn)? {
            Ok(Found {
                achievement,
                namespace,
                access,
            })
        } else {
            Err(Error::NotFound)
        }
    }
}

fn was_awarded(id: i64, viewer: &Viewer, conn: &mut AnyConnection) -> Result<bool> {
    let awards = user_achievements::table
        .filter(user_achievements::achievement_id.eq(id))
        .filter(user_achievements::user_id.eq(viewer.id()));
    Ok(diesel::select(exists(awards)).get_result(conn)?)
}
