use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get};

use super::{Awarded, UserAchievementView};
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Failure, Result};
use crate::feature_flags::require_achievements;

/// View an award
///
/// For everyone where it is accepted and shown; else for the recipient and Maintainers. The
/// namespace is left out for those who may not see it.
#[utoipa::path(
    tag = "user achievements",
    security((), ("bearer" = [])),
    responses((status = OK, description = "The award", body = UserAchievementView), Failure),
)]
#[get("/user-achievements/{id}")]
pub async fn get_user_achievement(
    id: Path<i64>,
    viewer: Viewer,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let awarded = db
        .read(move |conn| {
            require_achievements(conn)?;
            Awarded::find(*id, &viewer, conn)
        })
        .await?;
    Ok(HttpResponse::Ok().json(UserAchievementView::new(awarded, &viewer, &config)))
}
