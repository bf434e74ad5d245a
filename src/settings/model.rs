use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::db::AnyConnection;
use crate::error::Result;
use crate::schema::settings;

/// What administrators decide for the whole instance.
#[derive(HasQuery, Serialize, ToSchema)]
#[diesel(table_name = settings)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Whether awards are born accepted, unless the recipient has opted out of achievements.
    pub auto_accept: bool,
    /// Whether every signed-in user may create top-level namespaces, or only administrators.
    pub users_create_namespaces: bool,
}

impl Settings {
    /// The settings as they are now.
    pub fn load(conn: &mut AnyConnection) -> Result<Self> {
        Ok(Self::query().first(conn)?)
    }
}
