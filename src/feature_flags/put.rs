use actix_web::put;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use utoipa::ToSchema;

use super::model::{ACHIEVEMENTS, FeatureFlag, set_achievements};
use crate::answer::{Answer, IfMatch};
use crate::auth::Caller;
use crate::db::Db;
use crate::error::{Error, Failure, Result, Violations};
use crate::input::Json;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct PutFeatureFlag {
    /// Whether the feature is on.
    enabled: bool,
}

/// Turn a feature on or off
///
/// For administrators. While `achievements` is off, every achievements operation answers 404;
/// nothing is lost.
#[utoipa::path(
    tag = "instance",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "The feature flag", body = FeatureFlag), Failure),
)]
#[put("/feature-flags/{name}")]
pub async fn put_feature_flag(
    name: Path<String>,
    caller: Caller,
    if_match: IfMatch,
    input: Json<PutFeatureFlag>,
    db: Data<Db>,
) -> Result<Answer> {
    caller.must_be_admin()?;
    if *name != ACHIEVEMENTS {
        return Err(Error::NotFound);
    }
    let enabled = input.enabled;
    let flag = db
        .write_repeatably(move |conn| {
            if_match.guard(conn, FeatureFlag::achievements, |conn| {
                set_achievements(enabled, conn)?;
                FeatureFlag::achievements(conn)
            })
        })
        .await?;
    Answer::ok(&flag)
}
