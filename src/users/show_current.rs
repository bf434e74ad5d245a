use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::{User, UserKey, UserView};
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::Db;
use crate::error::{Failure, Result};

/// View yourself
///
/// The user whose token came with the request.
#[utoipa::path(
    tag = "users",
    security(("bearer" = [])),
    responses((status = OK, description = "You", body = UserView), Failure),
)]
#[get("/user")]
pub async fn get_current_user(
    caller: Caller,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let user = db
        .read(move |conn| User::find(&UserKey::Id(caller.id), conn))
        .await?;
    Ok(HttpResponse::Ok().json(UserView::new(user, &Viewer::from(&caller), &config)))
}
