use actix_web::get;
use actix_web::web::{Data, Path};

use super::AcceptanceLink;
use crate::answer::Answer;
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Failure, Result};
use crate::tokens::Keys;
use crate::user_achievements::UserAchievementView;

/// View what a mailed link is for
///
/// The token is the credential, so that no other is needed. Changes nothing: mail scanners open
/// links. Once the link has expired it answers 410.
#[utoipa::path(
    tag = "user achievements",
    security((), ("bearer" = ["read"])),
    responses((status = OK, description = "The award", body = UserAchievementView), Failure),
)]
#[get("/award-acceptances/{token}")]
pub async fn get_award_acceptance(
    token: Path<String>,
    viewer: Viewer,
    keys: Data<Keys>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let link = AcceptanceLink::read(&token, &viewer, &keys)?;
    let (awarded, recipient) = db.read(move |conn| link.award(conn)).await?;
    Answer::ok(&UserAchievementView::new(
        awarded,
        &Viewer::from(&recipient),
        &config,
    ))
}
