use actix_web::post;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use utoipa::ToSchema;

use super::model::LONGEST_PATH;
use super::{Namespace, NamespaceKey, NamespaceView};
use crate::answer::Answer;
use crate::auth::{Caller, Role, Viewer, Visibility};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result, Violations};
use crate::idempotency::IdempotencyKey;
use crate::input::{Description, Json, Name, Slug};
use crate::schema::{members, namespace_ancestors, namespaces};
use crate::settings::Settings;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase", examples(json!({ "path": "compilers", "name": "Compilers", "visibility": "public" })))]
pub struct CreateNamespace {
    /// Letters, digits, `.`, `_` and `-`, at least one of them no digit; unique below its parent
    /// without regard to case.
    #[schema(value_type = String, min_length = 1, max_length = 255, examples("llvm"))]
    pub path: Slug,
    #[schema(value_type = String, min_length = 1, max_length = 255, examples("LLVM"))]
    pub name: Name,
    /// The namespace to create it in; a top-level one where it is left out.
    #[schema(examples(11))]
    #[deserr(default)]
    pub parent_id: Option<i64>,
    #[schema(value_type = Option<String>, max_length = 1024, examples("The compiler infrastructure"))]
    #[deserr(default)]
    pub description: Option<Description>,
    /// Who may see it; `private` where it is left out.
    #[deserr(default)]
    #[schema(inline)]
    pub visibility: Option<Visibility>,
}

/// Create a namespace
///
/// You become its owner. Below another namespace it takes the Maintainer role there; whether
/// everyone may create top-level ones is an instance setting.
#[utoipa::path(
    tag = "namespaces",
    security(("bearer" = ["manage"])),
    responses((status = CREATED, description = "The namespace", body = NamespaceView, headers(("Location" = String, description = "The address of the namespace"))), Failure),
)]
#[post("/namespaces")]
pub async fn create_namespace(
    caller: Caller,
    key: IdempotencyKey,
    input: Json<CreateNamespace>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let Json(input, body) = input;
    let (answer, replayed) = db
        .write(move |conn| {
            key.once(&caller, &body, conn, |conn| {
                let namespace = create(&caller, &input, conn)?;
                let location = config.link(&format!("/namespaces/{}", namespace.id));
                Answer::created(location, &NamespaceView::new(namespace, &config))
            })
        })
        .await?;
    Ok(answer.replayed(replayed))
}

/// Creates the namespace with the caller as its owner.
pub fn create(
    caller: &Caller,
    input: &CreateNamespace,
    conn: &mut AnyConnection,
) -> Result<Namespace> {
    let viewer = Viewer::from(caller);
    let parent = match input.parent_id {
        Some(id) => Some(
            Namespace::find(&NamespaceKey::Id(id), &viewer, conn).map_err(|error| match error {
                Error::NotFound => {
                    Error::invalid("parentId", "must be the id of a namespace that you can see")
                }
                error => error,
            })?,
        ),
        None => None,
    };
    match &parent {
        Some((_, access)) => access.require(Role::Maintainer)?,
        None if caller.admin || Settings::load(conn)?.users_create_namespaces => {}
        None => return Err(Error::NamespaceCreationRestricted),
    }
    let full_path = match &parent {
        Some((parent, _)) => format!("{}/{}", parent.full_path, &*input.path),
        None => input.path.to_string(),
    };
    if full_path.len() > LONGEST_PATH {
        return Err(Error::invalid(
            "path",
            format!("must leave the full path at most {LONGEST_PATH} characters long"),
        ));
    }

    let now = now();
    let id: i64 = diesel::insert_into(namespaces::table)
        .values((
            namespaces::parent_id.eq(input.parent_id),
            namespaces::path.eq(&*input.path),
            namespaces::full_path.eq(full_path),
            namespaces::name.eq(&*input.name),
            namespaces::description.eq(input.description.as_deref().unwrap_or_default()),
            namespaces::visibility.eq(input.visibility.unwrap_or(Visibility::Private) as i16),
            namespaces::created_at.eq(now),
            namespaces::updated_at.eq(now),
        ))
        .returning(namespaces::id)
        .get_result(conn)?;
    if let Some((parent, _)) = &parent {
        let above = namespace_ancestors::table
            .filter(namespace_ancestors::namespace_id.eq(parent.id))
            .select((id.into_sql::<BigInt>(), namespace_ancestors::ancestor_id));
        diesel::insert_into(namespace_ancestors::table)
            .values(above)
            .into_columns((
                namespace_ancestors::namespace_id,
                namespace_ancestors::ancestor_id,
            ))
            .execute(conn)?;
    }
    diesel::insert_into(namespace_ancestors::table)
        .values((
            namespace_ancestors::namespace_id.eq(id),
            namespace_ancestors::ancestor_id.eq(id),
        ))
        .execute(conn)?;
    diesel::insert_into(members::table)
        .values((
            members::namespace_id.eq(id),
            members::user_id.eq(caller.id),
            members::role.eq(Role::Owner as i16),
            members::created_at.eq(now),
        ))
        .execute(conn)?;
    Ok(Namespace::find(&NamespaceKey::Id(id), &viewer, conn)?.0)
}
