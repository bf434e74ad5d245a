use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use super::model::{User, UserRef};
use crate::auth::Viewer;
use crate::config::Config;
use crate::time::Timestamp;

/// A person with an account.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    #[schema(examples(7))]
    id: i64,
    #[schema(examples("ada"))]
    username: String,
    #[schema(examples("Ada Lovelace"))]
    name: String,
    /// For the user and administrators.
    #[schema(examples("ada@example.com"))]
    email: Option<String>,
    /// Whether the user is an administrator; for the user and administrators.
    admin: Option<bool>,
    /// `blocked` users cannot sign in.
    state: State,
    /// Whether the profile is hidden from others; for the user and administrators.
    private_profile: Option<bool>,
    /// Display achievements on the profile; for the user and administrators.
    achievements_enabled: Option<bool>,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The profile as a page.
    #[schema(examples("https://accolade.example.com/@ada"))]
    web_url: String,
}

impl UserView {
    pub fn new(user: User, viewer: &Viewer, config: &Config) -> Self {
        let close = viewer.is_or_administers(user.id);
        Self {
            web_url: profile_url(&user.username, config),
            id: user.id,
            username: user.username,
            name: user.name,
            email: close.then_some(user.email),
            admin: close.then_some(user.admin),
            state: if user.blocked {
                State::Blocked
            } else {
                State::Active
            },
            private_profile: close.then_some(user.private_profile),
            achievements_enabled: close.then_some(user.achievements_enabled),
            created_at: user.created_at.into(),
            updated_at: user.updated_at.into(),
        }
    }
}

/// A user as other things name them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserRef)]
pub struct UserRefView {
    #[schema(examples(7))]
    id: i64,
    #[schema(examples("ada"))]
    username: String,
    #[schema(examples("Ada Lovelace"))]
    name: String,
    /// The profile as a page.
    #[schema(examples("https://accolade.example.com/@ada"))]
    web_url: String,
}

impl UserRefView {
    pub fn new(user: UserRef, config: &Config) -> Self {
        Self {
            web_url: profile_url(&user.username, config),
            id: user.id,
            username: user.username,
            name: user.name,
        }
    }
}

fn profile_url(username: &str, config: &Config) -> String {
    config.link(&format!("/@{username}"))
}

/// Whether a user may sign in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, deserr::Deserr, ToSchema)]
#[deserr(error = crate::error::Violations, rename_all = lowercase)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Active,
    Blocked,
}
