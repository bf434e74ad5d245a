use actix_web::get;
use actix_web::web::{Data, Path};

use super::{User, UserKey, UserView};
use crate::answer::Answer;
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result};

/// View a user
///
/// A profile is readable by everyone, unless it is private or blocked: then by the user and
/// administrators.
#[utoipa::path(
    tag = "users",
    security((), ("bearer" = ["read"])),
    responses((status = OK, description = "The user", body = UserView), Failure),
)]
#[get("/users/{user}")]
pub async fn get_user(
    user: Path<String>,
    viewer: Viewer,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let key = UserKey::parse(&user)?;
    db.read(move |conn| Answer::ok(&show(&key, &viewer, &config, conn)?))
        .await
}

/// The user as the viewer sees them.
pub fn show(
    key: &UserKey,
    viewer: &Viewer,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<UserView> {
    let user = User::find(key, conn)?;
    if (user.private_profile || user.blocked) && !viewer.is_or_administers(user.id) {
        return Err(Error::NotFound);
    }
    Ok(UserView::new(user, viewer, config))
}
