use actix_web::post;
use actix_web::web::{Data, Path};

use super::AcceptanceLink;
use crate::answer::Answer;
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result};
use crate::tokens::Keys;
use crate::user_achievements::{self, Awarded, UserAchievementView};

/// Accept an award by its mailed link
///
/// The token is the credential, so that no other is needed. Accepting again changes nothing and
/// answers the same. Once the link has expired it answers 410; the recipient can still accept when
/// signed in.
#[utoipa::path(
    tag = "user achievements",
    security((), ("bearer" = ["manage"])),
    responses((status = OK, description = "Accepted", body = UserAchievementView), Failure),
)]
#[post("/award-acceptances/{token}")]
pub async fn accept_award(
    token: Path<String>,
    viewer: Viewer,
    keys: Data<Keys>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let link = AcceptanceLink::read(&token, &viewer, &keys)?;
    let (awarded, recipient) = db.write(move |conn| accept(link, conn)).await?;
    Answer::ok(&UserAchievementView::new(
        awarded,
        &Viewer::from(&recipient),
        &config,
    ))
}

/// Accepts the award that the link is for.
pub fn accept(
    link: AcceptanceLink,
    conn: &mut AnyConnection,
) -> Result<(Awarded, crate::auth::Caller)> {
    let (awarded, recipient) = link.award(conn)?;
    Ok((
        user_achievements::accept(awarded.award.id, &recipient, conn)?,
        recipient,
    ))
}
