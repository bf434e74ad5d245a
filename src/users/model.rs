use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::auth::Viewer;
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::input::{Slug, folded, id};
use crate::schema::users;

/// A person with an account.
#[derive(HasQuery)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub name: String,
    pub email: String,
    pub admin: bool,
    pub blocked: bool,
    pub private_profile: bool,
    pub achievements_enabled: bool,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

/// A user as other things name them.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct UserRef {
    pub id: i64,
    pub username: String,
    pub name: String,
}

/// A user as the recipient of an award: with what decides who sees it.
#[derive(HasQuery)]
#[diesel(table_name = users)]
pub struct Recipient {
    #[diesel(embed)]
    pub user: UserRef,
    pub blocked: bool,
    pub private_profile: bool,
    pub achievements_enabled: bool,
}

impl Recipient {
    /// Whether the profile is open to the viewer.
    pub fn readable_by(&self, viewer: &Viewer) -> bool {
        !(self.private_profile || self.blocked) || viewer.is_or_administers(self.user.id)
    }

    /// Whether mail about awards goes to them.
    pub fn gets_mail(&self) -> bool {
        self.achievements_enabled && !self.blocked
    }

    /// The recipient of that id or username.
    pub fn find(key: &UserKey, conn: &mut AnyConnection) -> Result<Self> {
        Ok(match key {
            UserKey::Id(id) => Self::query().filter(users::id.eq(*id)).first(conn),
            UserKey::Username(key) => Self::query()
                .filter(users::username_key.eq(key))
                .first(conn),
        }?)
    }
}

impl User {
    /// The user of that id or username.
    pub fn find(key: &UserKey, conn: &mut AnyConnection) -> Result<Self> {
        Ok(match key {
            UserKey::Id(id) => Self::query().filter(users::id.eq(*id)).first(conn),
            UserKey::Username(key) => Self::query()
                .filter(users::username_key.eq(key))
                .first(conn),
        }?)
    }

    /// What `search` looks in.
    pub fn search_key(username: &str, name: &str) -> String {
        folded(&format!("{username} {name}"))
    }
}

/// How a path names a user: by id or by username.
#[derive(Clone, Debug)]
pub enum UserKey {
    Id(i64),
    /// In lower case.
    Username(String),
}

impl UserKey {
    /// Reads a segment of a path. What can be no user is not found.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(id) = id(text) {
            return Ok(Self::Id(id));
        }
        Slug::new(text)
            .map(|slug| Self::Username(slug.to_lowercase()))
            .map_err(|_| Error::NotFound)
    }
}
