use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use super::model::{AchievementRef, Found, avatar_url};
use crate::auth::Access;
use crate::config::Config;
use crate::namespaces::{NamespaceRef, NamespaceRefView};
use crate::time::Timestamp;

/// Something that a namespace awards.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Achievement)]
pub struct AchievementView {
    #[schema(examples(42))]
    id: i64,
    /// Left out for those who may see the achievement, which they were awarded, but not its namespace.
    namespace: Option<NamespaceRefView>,
    #[schema(examples("First merge"))]
    name: String,
    #[schema(examples("Landed a first change"))]
    description: Option<String>,
    /// The avatar, a PNG image; `?width=48`, `96` or `192` for a smaller one.
    #[schema(examples(
        "https://accolade.example.com/uploads/-/system/achievements/achievement/avatar/42/2c26b46b68ffc68ff99b453c1d304134.png"
    ))]
    avatar_url: Option<String>,
    /// How often it was awarded: accepted or pending, not declined or revoked.
    #[schema(minimum = 0, examples(3))]
    user_achievements_count: i64,
    /// How many users hold it: accepted or pending, not declined or revoked.
    #[schema(minimum = 0, examples(2))]
    unique_users_count: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// The achievements of its namespace as a page; left out with the namespace.
    #[schema(examples("https://accolade.example.com/groups/compilers/llvm/-/achievements"))]
    web_url: Option<String>,
}

impl AchievementView {
    pub fn new(found: Found, config: &Config) -> Self {
        let Found {
            achievement,
            namespace,
            access,
        } = found;
        let namespace = seen(namespace, &access, config);
        Self {
            web_url: namespace
                .as_ref()
                .map(|namespace| namespace.web_url.clone()),
            namespace,
            avatar_url: achievement
                .avatar_hash
                .as_deref()
                .map(|hash| avatar_url(achievement.id, hash, config)),
            id: achievement.id,
            name: achievement.name,
            description: Some(achievement.description)
                .filter(|description| !description.is_empty()),
            user_achievements_count: achievement.user_achievements_count,
            unique_users_count: achievement.unique_users_count,
            created_at: achievement.created_at.into(),
            updated_at: achievement.updated_at.into(),
        }
    }
}

/// An achievement as its awards name it.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AchievementRef)]
pub struct AchievementRefView {
    #[schema(examples(42))]
    id: i64,
    /// Left out for those who may not see it.
    namespace: Option<NamespaceRefView>,
    #[schema(examples("First merge"))]
    name: String,
    #[schema(examples("Landed a first change"))]
    description: Option<String>,
    /// The avatar, a PNG image; `?width=48`, `96` or `192` for a smaller one.
    #[schema(examples(
        "https://accolade.example.com/uploads/-/system/achievements/achievement/avatar/42/2c26b46b68ffc68ff99b453c1d304134.png"
    ))]
    avatar_url: Option<String>,
    /// The achievements of its namespace as a page; left out with the namespace.
    #[schema(examples("https://accolade.example.com/groups/compilers/llvm/-/achievements"))]
    web_url: Option<String>,
}

impl AchievementRefView {
    pub fn new(
        achievement: AchievementRef,
        namespace: NamespaceRef,
        access: &Access,
        config: &Config,
    ) -> Self {
        let namespace = seen(namespace, access, config);
        Self {
            web_url: namespace
                .as_ref()
                .map(|namespace| namespace.web_url.clone()),
            namespace,
            avatar_url: achievement.avatar_url(config),
            id: achievement.id,
            name: achievement.name,
            description: Some(achievement.description)
                .filter(|description| !description.is_empty()),
        }
    }
}

/// The namespace, for those who may see it: awards are the recipient's, and seen beyond it.
fn seen(namespace: NamespaceRef, access: &Access, config: &Config) -> Option<NamespaceRefView> {
    access
        .can_see()
        .then(|| NamespaceRefView::new(namespace, config))
}
