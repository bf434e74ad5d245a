use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::auth::{Access, Viewer, role_in_namespace};
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::input::{Slug, id};
use crate::schema::namespaces;

/// The longest full path, in characters: what PostgreSQL can index.
pub const LONGEST_PATH: usize = 1024;

/// A group; may have a parent.
#[derive(HasQuery)]
pub struct Namespace {
    pub id: i64,
    pub parent_id: Option<i64>,
    pub path: String,
    pub full_path: String,
    pub name: String,
    pub description: String,
    pub visibility: i16,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

/// A namespace as other things name it.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = namespaces)]
pub struct NamespaceRef {
    pub id: i64,
    pub full_path: String,
    pub name: String,
    pub visibility: i16,
}

impl From<Namespace> for NamespaceRef {
    fn from(namespace: Namespace) -> Self {
        let Namespace {
            id,
            full_path,
            name,
            visibility,
            ..
        } = namespace;
        Self {
            id,
            full_path,
            name,
            visibility,
        }
    }
}

/// How a path names a namespace: by id or by full path.
#[derive(Clone, Debug)]
pub enum NamespaceKey {
    Id(i64),
    /// In lower case.
    FullPath(String),
}

impl NamespaceKey {
    /// Reads a segment of a path. What can be no namespace is not found.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(id) = id(text) {
            return Ok(Self::Id(id));
        }
        match text.split('/').all(|path| Slug::new(path).is_ok()) {
            true => Ok(Self::FullPath(text.to_lowercase())),
            false => Err(Error::NotFound),
        }
    }
}

impl Namespace {
    /// The namespace and what the viewer may do in it. Not found where they may not see it.
    pub fn find(
        key: &NamespaceKey,
        viewer: &Viewer,
        conn: &mut AnyConnection,
    ) -> Result<(Self, Access)> {
        let query = namespaces::table.select((Self::as_select(), role_in_namespace(viewer.id())));
        let (namespace, role): (Self, Option<i16>) = match key {
            NamespaceKey::Id(id) => query.filter(namespaces::id.eq(*id)).first(conn),
            NamespaceKey::FullPath(path) => {
                query.filter(namespaces::full_path_key.eq(path)).first(conn)
            }
        }?;
        let access = viewer.access(namespace.visibility, role);
        if access.can_see() {
            Ok((namespace, access))
        } else {
            Err(Error::NotFound)
        }
    }
}
