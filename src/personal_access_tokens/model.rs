use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::schema::personal_access_tokens;
use crate::time::Timestamp;

/// A token for programs, as it is kept: not the token itself.
#[derive(HasQuery)]
pub struct PersonalAccessToken {
    pub id: i64,
    pub name: String,
    pub created_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
}

/// A token for programs that act as you.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PersonalAccessToken)]
pub struct PersonalAccessTokenView {
    #[schema(examples(3))]
    id: i64,
    #[schema(examples("Release bot"))]
    name: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// To send as `Authorization: Bearer`. Only in the answer to its creation: keep it safe.
    pub token: Option<String>,
}

impl PersonalAccessTokenView {
    /// `token` is for the answer to its creation.
    pub fn new(row: PersonalAccessToken, token: Option<String>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
            token,
        }
    }
}
