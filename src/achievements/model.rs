use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;

use crate::auth::{Access, Viewer, role_in_namespace};
use crate::config::Config;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::input::folded;
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
    pub avatar_key: Option<String>,
    pub avatar_hash: Option<String>,
}

/// An achievement as its awards name it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = achievements)]
pub struct AchievementRef {
    pub id: i64,
    pub name: String,
    pub description: String,
    pub avatar_hash: Option<String>,
}

impl AchievementRef {
    /// The address of the avatar, where there is one.
    pub fn avatar_url(&self, config: &Config) -> Option<String> {
        self.avatar_hash
            .as_deref()
            .map(|hash| avatar_url(self.id, hash, config))
    }
}

/// The address of an avatar: with the hash of its content, so that it can be kept for ever.
pub fn avatar_url(id: i64, hash: &str, config: &Config) -> String {
    config.link(&format!(
        "/uploads/-/system/achievements/achievement/avatar/{id}/{hash}.png"
    ))
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
        folded(name)
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
