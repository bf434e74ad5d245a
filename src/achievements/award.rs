use actix_web::post;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use serde_json::Value as JsonValue;
use tokio::sync::Notify;
use utoipa::ToSchema;

use super::{Achievement, AchievementRef};
use crate::answer::Answer;
use crate::auth::{Caller, Role, Viewer, role_in_namespace};
use crate::config::Config;
use crate::db::{AnyConnection, Db, directly};
use crate::error::{Error, Failure, Result, Violations};
use crate::feature_flags::{ACHIEVEMENTS, require_achievements};
use crate::idempotency::IdempotencyKey;
use crate::input::{Json, Name};
use crate::mail::queue_award;
use crate::namespaces::NamespaceRef;
use crate::schema::{achievements, feature_flags, namespaces, settings, user_achievements, users};
use crate::time::now;
use crate::user_achievements::{AwardMessage, Awarded, UserAchievement, UserAchievementView};
use crate::users::{Recipient, UserKey, UserRef};

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, try_from(JsonValue) = AwardAchievement::read -> Violations)]
#[schema(rename_all = "camelCase", examples(json!({ "username": "ada", "awardMessage": "For the linker that saved the release" })))]
pub struct AwardAchievement {
    /// The user to award it to; or else `username`.
    #[schema(examples(7))]
    pub user_id: Option<i64>,
    /// The user to award it to; or else `userId`.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("ada"))]
    pub username: Option<Name>,
    /// A word to the user, in plain text.
    #[schema(value_type = Option<String>, max_length = 200, examples("For the linker that saved the release"))]
    pub award_message: Option<AwardMessage>,
}

/// What [`AwardAchievement`] is read from, before it is known to name one user.
#[derive(Deserr)]
#[deserr(error = Violations, rename_all = camelCase, deny_unknown_fields)]
struct Fields {
    #[deserr(default)]
    user_id: Option<i64>,
    #[deserr(default)]
    username: Option<Name>,
    #[deserr(default)]
    award_message: Option<AwardMessage>,
}

impl AwardAchievement {
    /// Reports the recipient together with whatever else is wrong.
    fn read(json: JsonValue) -> Result<Self, Violations> {
        let sent = |member: &str| json.get(member).is_some_and(|value| !value.is_null());
        let mut wrong = match (sent("userId"), sent("username")) {
            (true, true) => Violations::of("username", "must not be sent together with userId"),
            (false, false) => Violations::of("userId", "is required, unless username is sent"),
            _ => Violations::default(),
        };
        match deserr::deserialize::<Fields, _, Violations>(json) {
            Ok(Fields {
                user_id,
                username,
                award_message,
            }) if wrong.0.is_empty() => Ok(Self {
                user_id,
                username,
                award_message,
            }),
            Ok(_) => Err(wrong),
            Err(violations) => {
                wrong.0.extend(violations.0);
                Err(wrong)
            }
        }
    }

    /// The user that it names, and by which field.
    fn recipient(&self) -> (&'static str, UserKey) {
        match (&self.username, self.user_id) {
            (Some(username), _) => ("username", UserKey::Username(username.to_lowercase())),
            (None, id) => ("userId", UserKey::Id(id.unwrap_or_default())),
        }
    }
}

/// Award an achievement
///
/// Requires the Maintainer role. The award is pending, and not visible on the user's profile, until
/// the user accepts it; a mail with a link to accept goes to them. The same achievement can be awarded to the same user again.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = ["award"])),
    responses((status = CREATED, description = "Awarded", body = UserAchievementView, headers(("Location" = String, description = "The address of the award"))), Failure),
)]
#[post("/achievements/{id}/award")]
pub async fn award_achievement(
    id: Path<i64>,
    caller: Caller,
    key: IdempotencyKey,
    input: Json<AwardAchievement>,
    config: Data<Config>,
    wake: Data<Notify>,
    db: Data<Db>,
) -> Result<Answer> {
    let Json(input, body) = input;
    let (answer, replayed) = db
        .write(move |conn| {
            key.once(&caller, &body, conn, |conn| {
                let awarded = award(*id, &caller, &input, conn)?;
                let location = config.link(&format!("/user-achievements/{}", awarded.award.id));
                let view = UserAchievementView::new(awarded, &Viewer::from(&caller), &config);
                Answer::created(location, &view)
            })
        })
        .await?;
    wake.notify_one();
    Ok(answer.replayed(replayed))
}

/// Awards the achievement, and queues the mail that tells the recipient.
pub fn award(
    id: i64,
    caller: &Caller,
    input: &AwardAchievement,
    conn: &mut AnyConnection,
) -> Result<Awarded> {
    let viewer = Viewer::from(caller);
    let (field, key) = input.recipient();
    let Some(grounds) = grounds(id, caller, &key, conn)? else {
        return refuse(id, &viewer, field, &key, conn);
    };
    let (achievement, namespace, role, recipient, awarder, enabled, auto_accept) = grounds;
    let access = viewer.access(namespace.visibility, role);
    if enabled != Some(true) || !access.has(Role::Maintainer) {
        return refuse(id, &viewer, field, &key, conn);
    }

    let now = now();
    let accepted = recipient.achievements_enabled && auto_accept == Some(true);
    let award: UserAchievement = directly!(conn => {
        diesel::insert_into(user_achievements::table)
            .values((
                user_achievements::achievement_id.eq(id),
                user_achievements::user_id.eq(recipient.user.id),
                user_achievements::awarded_by_user_id.eq(caller.id),
                user_achievements::awarded_at.eq(now),
                user_achievements::award_message.eq(input.award_message.as_deref().unwrap_or_default()),
                user_achievements::accepted_at.eq(accepted.then_some(now)),
                user_achievements::show_on_profile.eq(accepted),
            ))
            .returning(UserAchievement::as_returning())
            .get_result(conn)
    })?;
    let mail = match recipient.gets_mail() {
        true => Some(queue_award(award.id, now, conn)?),
        false => None,
    };
    Ok(Awarded {
        award,
        achievement,
        namespace,
        recipient,
        awarded_by: Some(awarder),
        revoked_by: None,
        mail,
        access,
    })
}

/// The achievement and its namespace, the caller's role there, the recipient, the caller, whether
/// achievements are on and whether awards are born accepted.
type Grounds = (
    AchievementRef,
    NamespaceRef,
    Option<i16>,
    Recipient,
    UserRef,
    Option<bool>,
    Option<bool>,
);

/// All that an award depends on, in one query: no write is as frequent. None where something is missing.
fn grounds(
    id: i64,
    caller: &Caller,
    key: &UserKey,
    conn: &mut AnyConnection,
) -> Result<Option<Grounds>> {
    let callers = diesel::alias!(users as callers);
    let flag = feature_flags::table
        .find(ACHIEVEMENTS)
        .select(feature_flags::enabled);
    let auto_accept = settings::table.select(settings::auto_accept);
    directly!(conn => {
        let query = users::table
            .inner_join(achievements::table.on(achievements::id.eq(id)))
            .inner_join(namespaces::table.on(namespaces::id.eq(achievements::namespace_id)))
            .inner_join(callers.on(callers.field(users::id).eq(caller.id)))
            .select((
                AchievementRef::as_select(),
                NamespaceRef::as_select(),
                role_in_namespace(caller.id),
                Recipient::as_select(),
                callers.fields((users::id, users::username, users::name)),
                flag.single_value(),
                auto_accept.single_value(),
            ));
        let found = match key {
            UserKey::Id(id) => query.filter(users::id.eq(*id)).first(conn),
            UserKey::Username(key) => query.filter(users::username_key.eq(key)).first(conn),
        };
        Ok(found.optional()?)
    })
}

/// Says why there is no award: the first reason that the caller may know.
fn refuse(
    id: i64,
    viewer: &Viewer,
    field: &'static str,
    key: &UserKey,
    conn: &mut AnyConnection,
) -> Result<Awarded> {
    require_achievements(conn)?;
    Achievement::find(id, viewer, conn)?
        .access
        .require(Role::Maintainer)?;
    Recipient::find(key, conn).map_err(|error| match error {
        Error::NotFound => Error::invalid(field, "must be that of a user"),
        error => error,
    })?;
    // Nothing, any more: it has come about at this moment.
    Err(Error::Conflict)
}
