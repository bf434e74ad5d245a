use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get};

use super::{Namespace, NamespaceKey, NamespaceView};
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Failure, Result};

/// View a namespace
///
/// Public ones are visible to everyone, internal ones to signed-in users, private ones to members.
#[utoipa::path(
    tag = "namespaces",
    security((), ("bearer" = [])),
    responses((status = OK, description = "The namespace", body = NamespaceView), Failure),
)]
#[get("/namespaces/{namespace}")]
pub async fn get_namespace(
    namespace: Path<String>,
    viewer: Viewer,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let key = NamespaceKey::parse(&namespace)?;
    let (namespace, _) = db
        .read(move |conn| Namespace::find(&key, &viewer, conn))
        .await?;
    Ok(HttpResponse::Ok().json(NamespaceView::new(namespace, &config)))
}
