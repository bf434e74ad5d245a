use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, post};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::ToSchema;

use super::model::Found;
use super::{Achievement, AchievementView};
use crate::auth::{Caller, Role, Viewer};
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::{Description, Json, Name};
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

/// Create an achievement
///
/// Requires the Maintainer role.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = [])),
    responses((status = CREATED, description = "The achievement", body = AchievementView, headers(("Location" = String, description = "The address of the achievement"))), Failure),
)]
#[post("/namespaces/{namespace}/achievements")]
pub async fn create_achievement(
    namespace: Path<String>,
    caller: Caller,
    input: Json<CreateAchievement>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let key = NamespaceKey::parse(&namespace)?;
    let created = db
        .write(move |conn| create(&key, &caller, &input, conn))
        .await?;
    let location = config.link(&format!("/achievements/{}", created.achievement.id));
    Ok(HttpResponse::Created()
        .insert_header(("Location", location))
        .json(AchievementView::new(created, &config)))
}

/// Creates the achievement.
pub fn create(
    key: &NamespaceKey,
    caller: &Caller,
    input: &CreateAchievement,
    conn: &mut AnyConnection,
) -> Result<Found> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    let (namespace, access) = Namespace::find(key, &viewer, conn)?;
    access.require(Role::Maintainer)?;
    let now = now();
    let id: i64 = diesel::insert_into(achievements::table)
        .values((
            achievements::namespace_id.eq(namespace.id),
            achievements::name.eq(&*input.name),
            achievements::name_key.eq(Achievement::name_key(&input.name)),
            achievements::description.eq(input.description.as_deref().unwrap_or_default()),
            achievements::created_at.eq(now),
            achievements::updated_at.eq(now),
        ))
        .returning(achievements::id)
        .get_result(conn)?;
    Achievement::find(id, &viewer, conn)
}
