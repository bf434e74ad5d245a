use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get};

use super::{Achievement, AchievementView};
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Failure, Result};
use crate::feature_flags::require_achievements;

/// View an achievement
///
/// For those who can see its namespace, and for those who were awarded it.
#[utoipa::path(
    tag = "achievements",
    security((), ("bearer" = [])),
    responses((status = OK, description = "The achievement", body = AchievementView), Failure),
)]
#[get("/achievements/{id}")]
pub async fn get_achievement(
    id: Path<i64>,
    viewer: Viewer,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let found = db
        .read(move |conn| {
            require_achievements(conn)?;
            Achievement::find(*id, &viewer, conn)
        })
        .await?;
    Ok(HttpResponse::Ok().json(AchievementView::new(found, &config)))
}
