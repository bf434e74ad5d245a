use actix_web::get;
use actix_web::web::{Data, Path};

use super::{Namespace, NamespaceKey, NamespaceView};
use crate::answer::Answer;
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};

/// View a namespace
///
/// Public ones are visible to everyone, internal ones to signed-in users, private ones to members.
#[utoipa::path(
    tag = "namespaces",
    security((), ("bearer" = ["read"])),
    responses((status = OK, description = "The namespace", body = NamespaceView), Failure),
)]
#[get("/namespaces/{namespace}")]
pub async fn get_namespace(
    namespace: Path<String>,
    viewer: Viewer,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let key = NamespaceKey::parse(&namespace)?;
    db.read(move |conn| Answer::ok(&show(&key, &viewer, &config, conn)?))
        .await
}

/// The namespace as the viewer sees it.
pub fn show(
    key: &NamespaceKey,
    viewer: &Viewer,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<NamespaceView> {
    let (namespace, _) = Namespace::find(key, viewer, conn)?;
    Ok(NamespaceView::new(namespace, config))
}
