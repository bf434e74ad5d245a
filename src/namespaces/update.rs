use actix_web::patch;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::sql_types::Text;
use utoipa::ToSchema;

use super::model::LONGEST_PATH;
use super::show::show;
use super::{Namespace, NamespaceKey, NamespaceView};
use crate::answer::{Answer, IfMatch};
use crate::auth::{Caller, Role, Viewer, Visibility};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result, Violations};
use crate::input::{Description, Json, Name, Slug};
use crate::schema::{namespace_ancestors, namespaces};
use crate::time::now;

#[diesel::declare_sql_function]
extern "SQL" {
    fn length(text: Text) -> diesel::sql_types::Integer;
    fn substr(text: Text, from: diesel::sql_types::Integer) -> Text;
}

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct UpdateNamespace {
    /// A new path, which changes the full paths of all namespaces below too.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("llvm"))]
    #[deserr(default)]
    path: Option<Slug>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("LLVM"))]
    #[deserr(default)]
    name: Option<Name>,
    /// An empty string clears it.
    #[schema(value_type = Option<String>, max_length = 1024, examples("The compiler infrastructure"))]
    #[deserr(default)]
    description: Option<Description>,
    /// Who may see it.
    #[schema(inline)]
    #[deserr(default)]
    visibility: Option<Visibility>,
}

/// Update a namespace
///
/// Requires the Owner role. Changes what is named and leaves the rest as it is.
#[utoipa::path(
    tag = "namespaces",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "The namespace", body = NamespaceView), Failure),
)]
#[patch("/namespaces/{namespace}")]
pub async fn update_namespace(
    namespace: Path<String>,
    caller: Caller,
    if_match: IfMatch,
    input: Json<UpdateNamespace>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let key = NamespaceKey::parse(&namespace)?;
    let shown = config.clone();
    let namespace = db
        .write_repeatably(move |conn| {
            if_match.guard(
                conn,
                |conn| show(&key, &Viewer::from(&caller), &shown, conn),
                |conn| update(&key, &caller, &input, conn),
            )
        })
        .await?;
    Answer::ok(&NamespaceView::new(namespace, &config))
}

fn update(
    key: &NamespaceKey,
    caller: &Caller,
    input: &UpdateNamespace,
    conn: &mut AnyConnection,
) -> Result<Namespace> {
    let viewer = Viewer::from(caller);
    let (namespace, access) = Namespace::find(key, &viewer, conn)?;
    access.require(Role::Owner)?;
    if let Some(path) = input.path.as_deref() {
        move_to(&namespace, path, conn)?;
    }
    let (name, description) = (input.name.as_deref(), input.description.as_deref());
    diesel::update(namespaces::table.find(namespace.id))
        .set((
            name.map(|name| namespaces::name.eq(name)),
            description.map(|description| namespaces::description.eq(description)),
            input
                .visibility
                .map(|visibility| namespaces::visibility.eq(visibility as i16)),
            namespaces::updated_at.eq(now()),
        ))
        .execute(conn)?;
    Ok(Namespace::find(&NamespaceKey::Id(namespace.id), &viewer, conn)?.0)
}

/// Changes the path of the namespace, and the full paths of all below it.
fn move_to(namespace: &Namespace, path: &str, conn: &mut AnyConnection) -> Result<()> {
    let below = namespace_ancestors::table
        .filter(namespace_ancestors::ancestor_id.eq(namespace.id))
        .select(namespace_ancestors::namespace_id);
    let above = namespace.full_path.len() - namespace.path.len();
    let full_path = format!("{}{path}", &namespace.full_path[..above]);
    let longest: Option<i32> = namespaces::table
        .filter(namespaces::id.eq_any(below))
        .select(max(length(namespaces::full_path)))
        .first(conn)?;
    if longest.unwrap_or_default() as usize + full_path.len() - namespace.full_path.len()
        > LONGEST_PATH
    {
        let detail =
            format!("must leave the full paths below at most {LONGEST_PATH} characters long");
        return Err(Error::invalid("path", detail));
    }
    let rest = substr(namespaces::full_path, namespace.full_path.len() as i32 + 1);
    diesel::update(namespaces::table.filter(namespaces::id.eq_any(below)))
        .set(namespaces::full_path.eq(full_path.into_sql::<Text>().concat(rest)))
        .execute(conn)?;
    diesel::update(namespaces::table.find(namespace.id))
        .set(namespaces::path.eq(path))
        .execute(conn)?;
    Ok(())
}
