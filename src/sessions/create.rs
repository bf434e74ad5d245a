use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, post};
use chrono::Duration;
use deserr::Deserr;
use diesel::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use super::Hashing;
use crate::db::Db;
use crate::error::{Error, Failure, Result, Violations};
use crate::input::{Json, Slug};
use crate::limits::Limits;
use crate::schema::users;
use crate::time::{Timestamp, now};
use crate::tokens::Keys;

/// How long a session lives.
const LIFE: Duration = Duration::hours(12);

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct CreateSession {
    #[schema(examples("ada"), max_length = 255)]
    username: String,
    #[schema(examples("analytical engine"), format = Password, max_length = 128)]
    password: String,
}

/// A token to send as `Authorization: Bearer`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    access_token: String,
    #[schema(value_type = String, examples("Bearer"))]
    token_type: &'static str,
    expires_at: Timestamp,
}

/// Sign in
///
/// With a username and a password. The token is good for 12 hours.
#[utoipa::path(
    tag = "sessions",
    security(()),
    responses((status = CREATED, description = "Signed in", body = Session), Failure),
)]
#[post("/sessions")]
pub async fn create_session(
    request: HttpRequest,
    input: Json<CreateSession>,
    limits: Data<Limits>,
    hashing: Data<Hashing>,
    keys: Data<Keys>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    limits.count_sign_in(&input.username, &request)?;
    let key = Slug::new(&input.username)
        .map(|username| username.to_lowercase())
        .unwrap_or_default();
    let user: Option<(i64, bool, Option<String>)> = db
        .read(move |conn| {
            let user = users::table.filter(users::username_key.eq(key));
            Ok(user
                .select((users::id, users::blocked, users::password_hash))
                .first(conn)
                .optional()?)
        })
        .await?;
    let (id, blocked, hash) = user.unwrap_or_default();
    if !hashing.verify(&input.password, hash).await? {
        return Err(Error::InvalidCredentials);
    }
    if blocked {
        return Err(Error::Blocked);
    }
    let now = now();
    let expires_at = now + LIFE;
    let access_token = keys.sign(id, None, now, expires_at)?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(Session {
            access_token,
            token_type: "Bearer",
            expires_at: expires_at.into(),
        }))
}
