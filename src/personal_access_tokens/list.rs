use actix_web::get;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::IntoParams;

use super::model::{PersonalAccessToken, PersonalAccessTokenView};
use crate::auth::Caller;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::Query;
use crate::paging::{Cursor, Limit, Page};
use crate::schema::personal_access_tokens;

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListPersonalAccessTokens {
    /// How many tokens a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<i64>>,
}

/// List your personal access tokens
///
/// Those that are not revoked, oldest first; without the tokens themselves.
#[utoipa::path(
    tag = "sessions",
    security(("bearer" = ["read"])),
    params(ListPersonalAccessTokens),
    responses((status = OK, description = "A page of tokens", body = Page<PersonalAccessTokenView>), Failure),
)]
#[get("/personal-access-tokens")]
pub async fn list_personal_access_tokens(
    caller: Caller,
    query: Query<ListPersonalAccessTokens>,
    db: Data<Db>,
) -> Result<Page<PersonalAccessTokenView>> {
    db.read(move |conn| list(&query, &caller, conn)).await
}

fn list(
    query: &ListPersonalAccessTokens,
    caller: &Caller,
    conn: &mut AnyConnection,
) -> Result<Page<PersonalAccessTokenView>> {
    let rows = PersonalAccessToken::query()
        .filter(personal_access_tokens::user_id.eq(caller.id))
        .filter(personal_access_tokens::id.gt(query.after.as_ref().map_or(0, |cursor| cursor.0)))
        .order(personal_access_tokens::id)
        .limit(query.limit.rows())
        .load(conn)?;
    Ok(Page::new(
        rows,
        query.limit,
        |row| row.id,
        |row| PersonalAccessTokenView::new(row, None),
    ))
}
