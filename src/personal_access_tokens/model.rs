use chrono::NaiveDateTime;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use crate::error::Result;
use crate::schema::personal_access_tokens;
use crate::scopes::{Scope, Scopes};
use crate::time::Timestamp;
use crate::tokens::Keys;

/// A token for programs, as it is kept: not the token itself.
#[derive(HasQuery, Serialize, Deserialize)]
pub struct PersonalAccessToken {
    pub id: i64,
    pub name: String,
    pub created_at: NaiveDateTime,
    pub expires_at: NaiveDateTime,
    scopes: String,
    last_used_at: Option<NaiveDateTime>,
}

impl PersonalAccessToken {
    /// What it may be used for.
    pub fn scopes(&self) -> Scopes {
        Scopes::from_words(&self.scopes)
    }

    /// The token itself: the same each time, as nothing in it is left to chance.
    pub fn sign(&self, user_id: i64, keys: &Keys) -> Result<String> {
        keys.sign(user_id, Some(self.id), self.created_at, self.expires_at)
    }
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
    /// What it may be used for.
    #[schema(max_items = 100)]
    scopes: Vec<Scope>,
    /// When it was used last, to ten minutes; left out before its first use.
    last_used_at: Option<Timestamp>,
    /// To send as `Authorization: Bearer`. Only in the answer to its creation: keep it safe.
    pub token: Option<String>,
}

impl PersonalAccessTokenView {
    /// `token` is for the answer to its creation.
    pub fn new(row: PersonalAccessToken, token: Option<String>) -> Self {
        let scopes = row.scopes().iter().collect();
        Self {
            id: row.id,
            name: row.name,
            created_at: row.created_at.into(),
            expires_at: row.expires_at.into(),
            scopes,
            last_used_at: row.last_used_at.map(Timestamp::from),
            token,
        }
    }
}
