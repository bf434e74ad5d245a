use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::Settings;
use crate::auth::Caller;
use crate::db::Db;
use crate::error::{Failure, Result};

/// View the instance settings
///
/// For administrators.
#[utoipa::path(
    tag = "instance",
    security(("bearer" = [])),
    responses((status = OK, description = "The settings", body = Settings), Failure),
)]
#[get("/settings")]
pub async fn get_settings(caller: Caller, db: Data<Db>) -> Result<HttpResponse> {
    caller.must_be_admin()?;
    Ok(HttpResponse::Ok().json(db.read(Settings::load).await?))
}
