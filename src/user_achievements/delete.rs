use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::prelude::*;

use super::Awarded;
use super::show::show;
use crate::answer::IfMatch;
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};
use crate::feature_flags::require_achievements;
use crate::schema::user_achievements;

/// Delete an awarded achievement
///
/// Requires the Owner role. Nothing is kept of the award; to keep a record, revoke it instead.
#[utoipa::path(
    tag = "user achievements",
    security(("bearer" = ["award"])),
    responses((status = NO_CONTENT, description = "Deleted"), Failure),
)]
#[delete("/user-achievements/{id}")]
pub async fn delete_user_achievement(
    id: Path<i64>,
    caller: Caller,
    if_match: IfMatch,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    db.write_repeatably(move |conn| {
        if_match.guard(
            conn,
            |conn| show(*id, &Viewer::from(&caller), &config, conn),
            |conn| delete(*id, &caller, conn),
        )
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn delete(id: i64, caller: &Caller, conn: &mut AnyConnection) -> Result<()> {
    require_achievements(conn)?;
    Awarded::find(id, &Viewer::from(caller), conn)?
        .access
        .require(Role::Owner)?;
    diesel::delete(user_achievements::table.find(id)).execute(conn)?;
    Ok(())
}
