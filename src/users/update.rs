use actix_web::patch;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::show::show;
use super::view::State;
use super::{User, UserKey, UserView};
use crate::answer::{Answer, IfMatch};
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Error, Failure, Result, Violations};
use crate::input::{Email, Json, Name, Password};
use crate::schema::users;
use crate::sessions::Hashing;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
#[schema(rename_all = "camelCase")]
pub struct UpdateUser {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("Ada Lovelace"))]
    #[deserr(default)]
    name: Option<Name>,
    #[schema(value_type = Option<String>, min_length = 3, max_length = 254, examples("ada@example.com"))]
    #[deserr(default)]
    email: Option<Email>,
    /// A new password.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 128, examples("analytical engine"))]
    #[deserr(default)]
    password: Option<Password>,
    /// Whether the user is an administrator.
    #[deserr(default)]
    admin: Option<bool>,
    /// `blocked` users cannot sign in, their tokens are refused, and their profile is hidden.
    #[deserr(default)]
    #[schema(inline)]
    state: Option<State>,
    /// Whether the profile is hidden from others.
    #[deserr(default)]
    private_profile: Option<bool>,
    /// Display achievements on the profile.
    #[deserr(default)]
    achievements_enabled: Option<bool>,
}

/// Update or block a user
///
/// For administrators. Changes what is named and leaves the rest as it is.
#[utoipa::path(
    tag = "users",
    security(("bearer" = ["manage"])),
    responses((status = OK, description = "The user", body = UserView), Failure),
)]
#[patch("/users/{user}")]
pub async fn update_user(
    user: Path<String>,
    caller: Caller,
    if_match: IfMatch,
    input: Json<UpdateUser>,
    hashing: Data<Hashing>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    caller.must_be_admin()?;
    let key = UserKey::parse(&user)?;
    let password_hash = hashing.hash(input.password.as_deref()).await?;
    let viewer = Viewer::from(&caller);
    let shown = config.clone();
    let user = db
        .write_repeatably(move |conn| {
            if_match.guard(
                conn,
                |conn| show(&key, &viewer, &shown, conn),
                |conn| update(&key, &caller, &input, password_hash.as_deref(), conn),
            )
        })
        .await?;
    Answer::ok(&UserView::new(user, &viewer, &config))
}

fn update(
    key: &UserKey,
    caller: &Caller,
    input: &UpdateUser,
    password_hash: Option<&str>,
    conn: &mut AnyConnection,
) -> Result<User> {
    let user = User::find(key, conn)?;
    if user.id == caller.id && (input.state == Some(State::Blocked) || input.admin == Some(false)) {
        return Err(Error::OwnAccount);
    }
    let (name, email) = (input.name.as_deref(), input.email.as_deref());
    diesel::update(users::table.find(user.id))
        .set((
            name.map(|name| users::name.eq(name)),
            name.map(|name| users::search_key.eq(User::search_key(&user.username, name))),
            email.map(|email| users::email.eq(email)),
            password_hash.map(|hash| users::password_hash.eq(hash)),
            input.admin.map(|admin| users::admin.eq(admin)),
            input
                .state
                .map(|state| users::blocked.eq(state == State::Blocked)),
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
