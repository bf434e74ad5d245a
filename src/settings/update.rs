use actix_web::web::Data;
use actix_web::{HttpResponse, patch};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::Settings;
use crate::auth::Caller;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::Json;
use crate::schema::settings;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct UpdateSettings {
    /// Whether awards are born accepted, unless the recipient has opted out of achievements.
    #[deserr(default)]
    auto_accept: Option<bool>,
    /// Whether every signed-in user may create top-level namespaces, or only administrators.
    #[deserr(default)]
    users_create_namespaces: Option<bool>,
}

/// Update the instance settings
///
/// For administrators. Changes what is named and leaves the rest as it is.
#[utoipa::path(
    tag = "instance",
    security(("bearer" = [])),
    responses((status = OK, description = "The settings", body = Settings), Failure),
)]
#[patch("/settings")]
pub async fn update_settings(
    caller: Caller,
    input: Json<UpdateSettings>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    caller.must_be_admin()?;
    let settings = db.write(move |conn| update(&input, conn)).await?;
    Ok(HttpResponse::Ok().json(settings))
}

fn update(input: &UpdateSettings, conn: &mut AnyConnection) -> Result<Settings> {
    let now = Settings::load(conn)?;
    diesel::update(settings::table)
        .set((
            settings::auto_accept.eq(input.auto_accept.unwrap_or(now.auto_accept)),
            settings::users_create_namespaces.eq(input
                .users_create_namespaces
                .unwrap_or(now.users_create_namespaces)),
        ))
        .execute(conn)?;
    Settings::load(conn)
}
