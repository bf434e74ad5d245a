use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use super::model::{Namespace, NamespaceRef};
use crate::auth::Visibility;
use crate::config::Config;
use crate::time::Timestamp;

/// A group that achievements belong to.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Namespace)]
pub struct NamespaceView {
    #[schema(examples(12))]
    id: i64,
    /// The namespace above; left out of a top-level one.
    #[schema(examples(11))]
    parent_id: Option<i64>,
    #[schema(examples("llvm"))]
    path: String,
    /// The path with those of the namespaces above; unique without regard to case.
    #[schema(examples("compilers/llvm"))]
    full_path: String,
    #[schema(examples("LLVM"))]
    name: String,
    #[schema(examples("The compiler infrastructure"))]
    description: Option<String>,
    visibility: Visibility,
    created_at: Timestamp,
    updated_at: Timestamp,
    /// Its achievements as a page.
    #[schema(examples("https://accolade.example.com/groups/compilers/llvm/-/achievements"))]
    web_url: String,
}

impl NamespaceView {
    pub fn new(namespace: Namespace, config: &Config) -> Self {
        Self {
            web_url: achievements_url(&namespace.full_path, config),
            id: namespace.id,
            parent_id: namespace.parent_id,
            path: namespace.path,
            full_path: namespace.full_path,
            name: namespace.name,
            description: Some(namespace.description).filter(|description| !description.is_empty()),
            visibility: namespace.visibility.into(),
            created_at: namespace.created_at.into(),
            updated_at: namespace.updated_at.into(),
        }
    }
}

/// A namespace as other things name it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NamespaceRef)]
pub struct NamespaceRefView {
    #[schema(examples(12))]
    id: i64,
    #[schema(examples("compilers/llvm"))]
    full_path: String,
    #[schema(examples("LLVM"))]
    name: String,
    /// Its achievements as a page.
    #[schema(examples("https://accolade.example.com/groups/compilers/llvm/-/achievements"))]
    pub web_url: String,
}

impl NamespaceRefView {
    pub fn new(namespace: NamespaceRef, config: &Config) -> Self {
        Self {
            web_url: achievements_url(&namespace.full_path, config),
            id: namespace.id,
            full_path: namespace.full_path,
            name: namespace.name,
        }
    }
}

/// The page of a namespace's achievements.
pub fn achievements_url(full_path: &str, config: &Config) -> String {
    config.link(&format!("/groups/{full_path}/-/achievements"))
}
