use actix_web::get;
use actix_web::web::{Data, Path};

use super::{Achievement, AchievementView};
use crate::answer::Answer;
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};
use crate::feature_flags::require_achievements;

/// View an achievement
///
/// For those who can see its namespace, and for those who were awarded it.
#[utoipa::path(
    tag = "achievements",
    security((), ("bearer" = ["read"])),
    responses((status = OK, description = "The achievement", body = AchievementView), Failure),
)]
#[get("/achievements/{id}")]
pub async fn get_achievement(
    id: Path<i64>,
    viewer: Viewer,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    db.read(move |conn| Answer::ok(&show(*id, &viewer, &config, conn)?))
        .await
}

/// The achievement as the viewer sees it.
pub fn show(
    id: i64,
    viewer: &Viewer,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<AchievementView> {
    require_achievements(conn)?;
    let found = Achievement::find(id, viewer, conn)?;
    Ok(AchievementView::new(found, config))
}
