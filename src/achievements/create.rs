use actix_web::post;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::model::Found;
use super::{Achievement, AchievementView};
use crate::answer::Answer;
use crate::auth::{Caller, Role, Viewer};
use crate::avatars::{Avatar, Avatars};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::idempotency::IdempotencyKey;
use crate::input::{Description, JsonOrForm, Name};
use crate::namespaces::{Namespace, NamespaceKey};
use crate::schema::achievements;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct CreateAchievement {
    /// Unique in the namespace without regard to case.
    #[schema(value_type = String, min_length = 1, max_length = 255, examples("First merge"))]
    pub name: Name,
    #[schema(value_type = Option<String>, max_length = 1024, examples("Landed a first change"))]
    #[deserr(default)]
    pub description: Option<Description>,
}

/// The same as a form, with an avatar.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only read by the contract")]
pub struct CreateAchievementForm {
    /// Unique in the namespace without regard to case.
    #[schema(min_length = 1, max_length = 255, examples("First merge"))]
    name: String,
    #[schema(max_length = 1024, examples("Landed a first change"))]
    description: Option<String>,
    /// A PNG, JPEG, GIF, BMP, TIFF, ICO or WebP image of at most 200 KiB and 4096 pixels a side.
    #[schema(value_type = Option<String>, format = Binary)]
    avatar: Option<Vec<u8>>,
}

/// Create an achievement
///
/// Requires the Maintainer role.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = ["manage"])),
    request_body(content(
        (CreateAchievement = "application/json"),
        (CreateAchievementForm = "multipart/form-data"),
    )),
    responses((status = CREATED, description = "The achievement", body = AchievementView, headers(("Location" = String, description = "The address of the achievement"))), Failure),
)]
#[post("/namespaces/{namespace}/achievements")]
pub async fn create_achievement(
    namespace: Path<String>,
    caller: Caller,
    retry: IdempotencyKey,
    body: JsonOrForm<CreateAchievement>,
    avatars: Data<Avatars>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Answer> {
    let key = NamespaceKey::parse(&namespace)?;
    let asked = key.clone();
    let JsonOrForm {
        input,
        avatar,
        fingerprint,
    } = body;
    if avatar.is_some() {
        // Nobody who may not create it keeps the decoder busy.
        db.read(move |conn| may_create(&asked, &caller, conn))
            .await?;
    }
    let (answer, unused) = avatars
        .with(avatar, async |avatar| {
            let stored = avatar.as_ref().map(|avatar| avatar.key.clone());
            let once = move |conn: &mut AnyConnection| {
                retry.once(&caller, &fingerprint, conn, |conn| {
                    let created = create(&key, &caller, &input, avatar.as_ref(), conn)?;
                    let location =
                        config.link(&format!("/achievements/{}", created.achievement.id));
                    Answer::created(location, &AchievementView::new(created, &config))
                })
            };
            let (answer, replayed) = db.write(once).await?;
            Ok((answer.replayed(replayed), stored.filter(|_| replayed)))
        })
        .await?;
    avatars.remove(unused).await;
    Ok(answer)
}

/// The namespace, where the caller may create achievements.
fn may_create(key: &NamespaceKey, caller: &Caller, conn: &mut AnyConnection) -> Result<Namespace> {
    require_achievements(conn)?;
    let (namespace, access) = Namespace::find(key, &Viewer::from(caller), conn)?;
    access.require(Role::Maintainer)?;
    Ok(namespace)
}

/// Creates the achievement.
pub fn create(
    key: &NamespaceKey,
    caller: &Caller,
    input: &CreateAchievement,
    avatar: Option<&Avatar>,
    conn: &mut AnyConnection,
) -> Result<Found> {
    let namespace = may_create(key, caller, conn)?;
    let now = now();
    let id: i64 = diesel::insert_into(achievements::table)
        .values((
            achievements::namespace_id.eq(namespace.id),
            achievements::name.eq(&*input.name),
            achievements::name_key.eq(Achievement::name_key(&input.name)),
            achievements::description.eq(input.description.as_deref().unwrap_or_default()),
            achievements::avatar_key.eq(avatar.map(|avatar| &avatar.key)),
            achievements::avatar_hash.eq(avatar.map(|avatar| &avatar.hash)),
            achievements::created_at.eq(now),
            achievements::updated_at.eq(now),
        ))
        .returning(achievements::id)
        .get_result(conn)?;
    Achievement::find(id, &Viewer::from(caller), conn)
}
