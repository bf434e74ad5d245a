use actix_web::patch;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::show::show;
use super::{User, UserKey, UserView};
use crate::answer::{Answer, IfMatch};
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
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "You", body = UserView), Failure),
)]
#[patch("/user")]
pub async fn update_current_user(
    caller: Caller,
    if_match: IfMatch,
    input: Json<UpdateCurrentUser>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let viewer = Viewer::from(&caller);
    let shown = config.clone();
    let user = db
        .write_repeatably(move |conn| {
            if_match.guard(
                conn,
                |conn| show(&UserKey::Id(caller.id), &viewer, &shown, conn),
                |conn| update(&caller, &input, conn),
            )
        })
        .await?;
    Answer::ok(&UserView::new(user, &viewer, &config))
}

fn update(caller: &Caller, input: &UpdateCurrentUser, conn: &mut AnyConnection) -> Result<User> {
    let user = User::find(&UserKey::Id(caller.id), conn)?;
    let (name, email) = (input.name.as_deref(), input.email.as_deref());
    diesel::update(users::table.find(user.id))
        .set((
            name.map(|name| users::name.eq(name)),
            name.map(|name| users::search_key.eq(User::search_key(&user.username, name))),
            email.map(|email| users::email.eq(email)),
            input
                .private_profile
                .map(|private| users::private_profile.eq(private)),
            input
                .achievements_enabled
                .map(|enabled| users::achievements_enabled.eq(enabled)),
            users::updated_at.eq(now()),
        ))
        .execute(conn)?;
    User::find(&UserKey::Id(user.id), conn)
}
