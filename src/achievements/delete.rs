use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::prelude::*;

use super::Achievement;
use crate::auth::{Caller, Role, Viewer};
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};
use crate::feature_flags::require_achievements;
use crate::schema::achievements;

/// Delete an achievement
///
/// Requires the Maintainer role. All its awards go too, from every profile.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = [])),
    responses((status = NO_CONTENT, description = "Deleted"), Failure),
)]
#[delete("/achievements/{id}")]
pub async fn delete_achievement(
    id: Path<i64>,
    caller: Caller,
    db: Data<Db>,
) -> Result<HttpResponse> {
    db.write(move |conn| delete(*id, &caller, conn)).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn delete(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<()> {
    require_achievements(conn)?;
    Achievement::find(id, &Viewer::from(caller), conn)?
        .access
        .require(Role::Maintainer)?;
    diesel::delete(achievements::table.find(id)).execute(conn)?;
    Ok(())
}
