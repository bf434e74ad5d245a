use actix_web::get;
use actix_web::web::{Data, Path};

use super::{Awarded, UserAchievementView};
use crate::answer::Answer;
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};
use crate::feature_flags::require_achievements;

/// View an award
///
/// For everyone where it is accepted and shown; else for the recipient and Maintainers. The
/// namespace is left out for those who may not see it.
#[utoipa::path(
    tag = "user achievements",
    security((), ("bearer" = ["read"])),
    responses((status = OK, description = "The award", body = UserAchievementView), Failure),
)]
#[get("/user-achievements/{id}")]
pub async fn get_user_achievement(
    id: Path<i64>,
    viewer: Viewer,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    db.read(move |conn| Answer::ok(&show(*id, &viewer, &config, conn)?))
        .await
}

/// The award as the viewer sees it.
pub fn show(
    id: i64,
    viewer: &Viewer,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<UserAchievementView> {
    require_achievements(conn)?;
    let awarded = Awarded::find(id, viewer, conn)?;
    Ok(UserAchievementView::new(awarded, viewer, config))
}
