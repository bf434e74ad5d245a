use actix_web::web::Data;
use actix_web::{HttpResponse, patch};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::{User, UserKey, UserView};
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::input::{Email, Json, Name};
use crate::schema::users;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct UpdateCurrentUser {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("Ada Lovelace"))]
    #[deserr(default)]
    name: Option<Name>,
    #[schema(value_type = Option<String>, min_length = 3, max_length = 254, examples("ada@example.com"))]
    #[deserr(default)]
    email: Option<Email>,
    /// Whether your profile is hidden from others.
    #[deserr(default)]
    private_profile: Option<bool>,
    /// Display achievements on your profile.
    #[deserr(default)]
    achievements_enabled: Option<bool>,
}

/// Update yourself
///
/// Changes what is named and leaves the rest as it is. With `achievementsEnabled` false your
/// achievements are hidden from others, and you get no mail about new ones.
#[utoipa::path(
    tag = "users",
    security(("bearer" = [])),
    responses((status = OK, description = "You", body = UserView), Failure),
)]
#[patch("/user")]
pub async fn update_current_user(
    caller: Caller,
    input: Json<UpdateCurrentUser>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let user = db.write(move |conn| update(&caller, &input, conn)).await?;
    Ok(HttpResponse::Ok().json(UserView::new(user, &Viewer::from(&caller), &config)))
}

fn update(caller: &Caller, input: &UpdateCurrentUser, conn: &mut AnyConnection) -> Result<User> {
    let user = User::find(&UserKey::Id(caller.id), conn)?;
    let name = input.name.as_deref().unwrap_or(&user.name);
    diesel::update(users::table.find(user.id))
        .set((
            users::name.eq(name),
            users::email.eq(input.email.as_deref().unwrap_or(&user.email)),
            users::private_profile.eq(input.private_profile.unwrap_or(user.private_profile)),
            users::achievements_enabled.eq(input
                .achievements_enabled
                .unwrap_or(user.achievements_enabled)),
            users::search_key.eq(User::search_key(&user.username, name)),
            users::updated_at.eq(now()),
        ))
        .execute(conn)?;
    User::find(&UserKey::Id(user.id), conn)
}
