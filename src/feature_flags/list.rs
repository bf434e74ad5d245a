use actix_web::get;
use actix_web::web::Data;

use super::model::{ACHIEVEMENTS, FeatureFlag, achievements_enabled};
use crate::auth::Caller;
use crate::db::Db;
use crate::error::{Failure, Result};
use crate::paging::Page;

/// List the feature flags
///
/// For administrators. There are few, so the list is one page.
#[utoipa::path(
    tag = "instance",
    security(("bearer" = [])),
    responses((status = OK, description = "The feature flags", body = Page<FeatureFlag>), Failure),
)]
#[get("/feature-flags")]
pub async fn list_feature_flags(caller: Caller, db: Data<Db>) -> Result<Page<FeatureFlag>> {
    caller.must_be_admin()?;
    let enabled = db.read(achievements_enabled).await?;
    Ok(Page::whole(vec![FeatureFlag {
        name: ACHIEVEMENTS.into(),
        enabled,
    }]))
}
