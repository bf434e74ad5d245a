use actix_web::patch;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::Settings;
use crate::answer::{Answer, IfMatch};
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
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "The settings", body = Settings), Failure),
)]
#[patch("/settings")]
pub async fn update_settings(
    caller: Caller,
    if_match: IfMatch,
    input: Json<UpdateSettings>,
    db: Data<Db>,
) -> Result<Answer> {
    caller.must_be_admin()?;
    let settings = db
        .write_repeatably(move |conn| {
            if_match.guard(conn, Settings::load, |conn| update(&input, conn))
        })
        .await?;
    Answer::ok(&settings)
}

fn update(input: &UpdateSettings, conn: &mut AnyConnection) -> Result<Settings> {
    if let Some(auto_accept) = input.auto_accept {
        diesel::update(settings::table)
            .set(settings::auto_accept.eq(auto_accept))
            .execute(conn)?;
    }
    if let Some(allowed) = input.users_create_namespaces {
        diesel::update(settings::table)
            .set(settings::users_create_namespaces.eq(allowed))
            .execute(conn)?;
    }
    Settings::load(conn)
}
