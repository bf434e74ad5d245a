use actix_web::post;
use actix_web::web::Data;
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::{User, UserKey, UserView};
use crate::answer::Answer;
use crate::auth::{Caller, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::idempotency::IdempotencyKey;
use crate::input::{Email, Json, Name, Password, Slug};
use crate::schema::users;
use crate::sessions::Hashing;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct CreateUser {
    /// Letters, digits, `.`, `_` and `-`, at least one of them no digit; unique without regard to case.
    #[schema(value_type = String, min_length = 1, max_length = 255, examples("ada"))]
    pub username: Slug,
    #[schema(value_type = String, min_length = 3, max_length = 254, examples("ada@example.com"))]
    pub email: Email,
    /// The username where it is left out.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("Ada Lovelace"))]
    #[deserr(default)]
    pub name: Option<Name>,
    /// To sign in with. Without one, the user has only the tokens that an administrator makes.
    #[schema(value_type = Option<String>, format = Password, min_length = 8, max_length = 128, examples("analytical engine"))]
    #[deserr(default)]
    pub password: Option<Password>,
    /// Whether the user is an administrator.
    #[deserr(default)]
    #[schema(default = false)]
    pub admin: Option<bool>,
}

impl CreateUser {
    /// The same from plain strings; the error says what is wrong, in a line.
    pub fn checked(
        username: &str,
        email: &str,
        name: Option<&str>,
        password: Option<&str>,
        admin: bool,
    ) -> Result<Self, String> {
        let named = |field: &'static str| move |detail| format!("{field} {detail}");
        Ok(Self {
            username: Slug::new(username).map_err(named("the username"))?,
            email: Email::new(email).map_err(named("the mail address"))?,
            name: name.map(Name::new).transpose().map_err(named("the name"))?,
            password: password
                .map(Password::new)
                .transpose()
                .map_err(named("the password"))?,
            admin: Some(admin),
        })
    }
}

/// Create a user
///
/// For administrators.
#[utoipa::path(
    tag = "users",
    security(("bearer" = ["manage"])),
    responses((status = CREATED, description = "The user", body = UserView, headers(("Location" = String, description = "The address of the user"))), Failure),
)]
#[post("/users")]
pub async fn create_user(
    caller: Caller,
    key: IdempotencyKey,
    input: Json<CreateUser>,
    hashing: Data<Hashing>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    caller.must_be_admin()?;
    let Json(input, body) = input;
    let password_hash = hashing.hash(input.password.as_deref()).await?;
    let (answer, replayed) = db
        .write(move |conn| {
            key.once(&caller, &body, conn, |conn| {
                let user = create(&input, password_hash, conn)?;
                let location = config.link(&format!("/users/{}", user.id));
                let view = UserView::new(user, &Viewer::from(&caller), &config);
                Answer::created(location, &view)
            })
        })
        .await?;
    Ok(answer.replayed(replayed))
}

/// Creates the user, with the hash of the password.
pub fn create(
    input: &CreateUser,
    password_hash: Option<String>,
    conn: &mut AnyConnection,
) -> Result<User> {
    let now = now();
    let name = input.name.as_deref().unwrap_or(&input.username);
    let id: i64 = diesel::insert_into(users::table)
        .values((
            users::username.eq(&*input.username),
            users::name.eq(name),
            users::email.eq(&*input.email),
            users::password_hash.eq(password_hash),
            users::admin.eq(input.admin.unwrap_or_default()),
            users::search_key.eq(User::search_key(&input.username, name)),
            users::created_at.eq(now),
            users::updated_at.eq(now),
        ))
        .returning(users::id)
        .get_result(conn)?;
    User::find(&UserKey::Id(id), conn)
}
