use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::Data;
use actix_web::{HttpResponse, post};
use chrono::{DateTime, Duration, NaiveDateTime, SubsecRound};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use diesel::prelude::*;
use utoipa::ToSchema;

use super::model::{PersonalAccessToken, PersonalAccessTokenView};
use crate::answer::REPLAYED;
use crate::auth::Caller;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result, Violations};
use crate::idempotency::IdempotencyKey;
use crate::input::{Json, Name, path};
use crate::schema::personal_access_tokens;
use crate::scopes::{Scope, Scopes};
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
    /// What it may be used for; everything that the token of this request may be, where they are
    /// left out.
    #[schema(value_type = Option<Vec<Scope>>, inline, min_items = 1, max_items = 3)]
    #[deserr(default)]
    scopes: Option<Vec<Scope>>,
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
    security(("bearer" = ["manage"])),
    responses((status = CREATED, description = "The token", body = PersonalAccessTokenView), Failure),
)]
#[post("/personal-access-tokens")]
pub async fn create_personal_access_token(
    caller: Caller,
    key: IdempotencyKey,
    input: Json<CreatePersonalAccessToken>,
    keys: Data<Keys>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let Json(input, body) = input;
    let scopes = input.scopes(&caller)?;
    let expires_at = input.expires_at.as_ref().map(|expiry| expiry.0);
    // The answer that is kept for repetitions is without the token, which is signed again.
    let (row, replayed) = db
        .write(move |conn| {
            key.once(&caller, &body, conn, |conn| {
                create(caller.id, &input.name, scopes, expires_at, conn)
            })
        })
        .await?;
    if !caller.scopes.include(row.scopes()) {
        // The first request came with a token that may do more than this one.
        return Err(Error::KeyReused);
    }
    let mut response = HttpResponse::Created();
    response.insert_header((CACHE_CONTROL, "no-store"));
    if replayed {
        response.insert_header((REPLAYED, "true"));
    }
    let token = row.sign(caller.id, &keys)?;
    Ok(response.json(PersonalAccessTokenView::new(row, Some(token))))
}

impl CreatePersonalAccessToken {
    /// No token makes one that may do more than itself.
    fn scopes(&self, caller: &Caller) -> Result<Scopes> {
        let Some(wanted) = &self.scopes else {
            return Ok(caller.scopes);
        };
        let scopes: Scopes = wanted.iter().copied().collect();
        if !(1..=3).contains(&wanted.len()) {
            Err(Error::invalid("scopes", "must name one to three scopes"))
        } else if caller.scopes.include(scopes) {
            Ok(scopes)
        } else {
            let own = caller.scopes.words().replace(' ', ", ");
            Err(Error::invalid(
                "scopes",
                format!("must be among those of your own token: {own}"),
            ))
        }
    }
}

/// Creates the token, which is not yet signed.
pub fn create(
    user_id: i64,
    name: &str,
    scopes: Scopes,
    expires_at: Option<NaiveDateTime>,
    conn: &mut AnyConnection,
) -> Result<PersonalAccessToken> {
    let now = now();
    let expires_at = expires_at.unwrap_or(now + LIFE);
    let id: i64 = diesel::insert_into(personal_access_tokens::table)
        .values((
            personal_access_tokens::user_id.eq(user_id),
            personal_access_tokens::name.eq(name),
            personal_access_tokens::scopes.eq(scopes.words()),
            personal_access_tokens::created_at.eq(now),
            personal_access_tokens::expires_at.eq(expires_at),
        ))
        .returning(personal_access_tokens::id)
        .get_result(conn)?;
    Ok(PersonalAccessToken::query()
        .filter(personal_access_tokens::id.eq(id))
        .first(conn)?)
}
