use actix_web::get;
use actix_web::web::Data;

use super::Settings;
use crate::answer::Answer;
use crate::auth::Caller;
use crate::db::Db;
use crate::error::{Failure, Result};

/// View the instance settings
///
/// For administrators.
#[utoipa::path(
    tag = "instance",
    security(("bearer" = ["read"])),
    responses((status = OK, description = "The settings", body = Settings), Failure),
)]
#[get("/settings")]
pub async fn get_settings(caller: Caller, db: Data<Db>) -> Result<Answer> {
    caller.must_be_admin()?;
    db.read(|conn| Answer::ok(&Settings::load(conn)?)).await
}
