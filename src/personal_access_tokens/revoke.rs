use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, delete};
use diesel::prelude::*;

use super::model::{PersonalAccessToken, PersonalAccessTokenView};
use crate::answer::IfMatch;
use crate::auth::Caller;
use crate::db::Db;
use crate::error::{Error, Failure, Result};
use crate::schema::personal_access_tokens;

/// Revoke a personal access token
///
/// One of your own. It is refused from now on.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = ["manage"])),
    responses((status = NO_CONTENT, description = "Revoked"), Failure),
)]
#[delete("/personal-access-tokens/{id}")]
pub async fn revoke_personal_access_token(
    id: Path<i64>,
    caller: Caller,
    if_match: IfMatch,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let token = personal_access_tokens::table
        .find(*id)
        .filter(personal_access_tokens::user_id.eq(caller.id));
    db.write_repeatably(move |conn| {
        if_match.guard(
            conn,
            |conn| {
                let row = token.select(PersonalAccessToken::as_select()).first(conn)?;
                Ok(PersonalAccessTokenView::new(row, None))
            },
            |conn| match diesel::delete(token).execute(conn)? {
                0 => Err(Error::NotFound),
                _ => Ok(()),
            },
        )
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}
