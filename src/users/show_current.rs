use actix_web::get;
use actix_web::web::Data;

use super::show::show;
use super::{UserKey, UserView};
use crate::answer::Answer;
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::Db;
use crate::error::{Failure, Result};

/// View yourself
///
/// The user whose token came with the request.
#[utoipa::path(
    tag = "users",
    security(("bearer" = ["read"])),
    responses((status = OK, description = "You", body = UserView), Failure),
)]
#[get("/user")]
pub async fn get_current_user(
    caller: Caller,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    db.read(move |conn| {
        Answer::ok(&show(
            &UserKey::Id(caller.id),
            &Viewer::from(&caller),
            &config,
            conn,
        )?)
    })
    .await
}
