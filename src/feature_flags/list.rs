use actix_web::get;
use actix_web::web::Data;
use deserr::Deserr;
use utoipa::IntoParams;

use super::model::FeatureFlag;
use crate::auth::Caller;
use crate::db::Db;
use crate::error::{Failure, Result, Violations};
use crate::input::Query;
use crate::paging::{Cursor, Limit, Page};

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListFeatureFlags {
    /// How many flags a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<String>>,
}

/// List the feature flags
///
/// For administrators, in the order of their names.
#[utoipa::path(
    tag = "instance",
    security(("bearer" = ["read"])),
    params(ListFeatureFlags),
    responses((status = OK, description = "A page of feature flags", body = Page<FeatureFlag>), Failure),
)]
#[get("/feature-flags")]
pub async fn list_feature_flags(
    caller: Caller,
    query: Query<ListFeatureFlags>,
    db: Data<Db>,
) -> Result<Page<FeatureFlag>> {
    caller.must_be_admin()?;
    let mut flags = vec![db.read(FeatureFlag::achievements).await?];
    flags.retain(|flag| query.after.as_ref().is_none_or(|after| flag.name > after.0));
    Ok(Page::new(
        flags,
        query.limit,
        |flag| flag.name.clone(),
        |flag| flag,
    ))
}
