use actix_web::http::header::{CACHE_CONTROL, CacheControl, CacheDirective};
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use chrono::{DateTime, Duration, NaiveDateTime, SubsecRound};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use diesel::prelude::*;
use utoipa::ToSchema;

use super::model::{PersonalAccessToken, PersonalAccessTokenView};
use crate::auth::Caller;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::{Json, Name, path};
use crate::schema::personal_access_tokens;
use crate::time::now;
use crate::tokens::Keys;

/// How long a token lives where its maker does not say, and at most.
const LIFE: Duration = Duration::days(365);
const LONGEST_LIFE: Duration = Duration::days(3650);

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct CreatePersonalAccessToken {
    /// What it is for.
    #[schema(value_type = String, min_length = 1, max_length = 255, examples("Release bot"))]
    name: Name,
    /// Until when it is good: at most ten years from now; one year where it is left out.
    #[schema(value_type = Option<String>, format = DateTime, max_length = 35, examples("2030-01-31T12:00:00Z"))]
    #[deserr(default)]
    expires_at: Option<Expiry>,
}

/// When a token ends: in the future, and not too far.
struct Expiry(NaiveDateTime);

impl Deserr<Violations> for Expiry {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        let text = String::deserialize_from_value(value, location)?;
        let now = now();
        match DateTime::parse_from_rfc3339(&text).map(|moment| moment.naive_utc().trunc_subsecs(3))
        {
            Ok(moment) if now < moment && moment <= now + LONGEST_LIFE => Ok(Self(moment)),
            Ok(_) => Err(Violations::of(
                path(location),
                "must be in the future, and at most ten years from now",
            )),
            Err(_) => Err(Violations::of(
                path(location),
                "must be a time such as 2030-01-31T12:00:00Z",
            )),
        }
    }
}

/// Create a personal access token
///
/// The token stands in the answer, and is never shown again.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = [])),
    responses((status = CREATED, description = "The token", body = PersonalAccessTokenView), Failure),
)]
#[post("/personal-access-tokens")]
pub async fn create_personal_access_token(
    caller: Caller,
    input: Json<CreatePersonalAccessToken>,
    keys: Data<Keys>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let view = db
        .write(move |conn| {
            create(
                caller.id,
                &input.name,
                input.expires_at.as_ref().map(|expiry| expiry.0),
                &keys,
                conn,
            )
        })
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((
            CACHE_CONTROL,
            CacheControl(vec![CacheDirective::NoStore]).to_string(),
        ))
        .json(view))
}

/// Creates the token and signs it.
pub fn create(
    user_id: i64,
    name: &str,
    expires_at: Option<NaiveDateTime>,
    keys: &Keys,
    conn: &mut AnyConnection,
) -> Result<PersonalAccessTokenView> {
    let now = now();
    let expires_at = expires_at.unwrap_or(now + LIFE);
    let id: i64 = diesel::insert_into(personal_access_tokens::table)
        .values((
            personal_access_tokens::user_id.eq(user_id),
            personal_access_tokens::name.eq(name),
            personal_access_tokens::created_at.eq(now),
            personal_access_tokens::expires_at.eq(expires_at),
        ))
        .returning(personal_access_tokens::id)
        .get_result(conn)?;
    let token = keys.sign(user_id, Some(id), now, expires_at)?;
    let row = PersonalAccessToken::query()
        .filter(personal_access_tokens::id.eq(id))
        .first(conn)?;
    Ok(PersonalAccessTokenView::new(row, Some(token)))
}
