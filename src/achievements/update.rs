use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, patch};
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
use crate::schema::achievements;
use crate::time::now;

#[derive(Deserr, ToSchema)]
#[deserr(error = Violations, deny_unknown_fields)]
pub struct UpdateAchievement {
    /// Unique in the namespace without regard to case.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255, examples("First merge"))]
    #[deserr(default)]
    name: Option<Name>,
    /// An empty string clears it.
    #[schema(value_type = Option<String>, max_length = 1024, examples("Landed a first change"))]
    #[deserr(default)]
    description: Option<Description>,
}

/// Update an achievement
///
/// Requires the Maintainer role. Changes what is named and leaves the rest as it is.
#[utoipa::path(
    tag = "achievements",
    security(("bearer" = [])),
    responses((status = OK, description = "The achievement", body = AchievementView), Failure),
)]
#[patch("/achievements/{id}")]
pub async fn update_achievement(
    id: Path<i64>,
    caller: Caller,
    input: Json<UpdateAchievement>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<HttpResponse> {
    let updated = db
        .write(move |conn| update(*id, &caller, &input, conn))
        .await?;
    Ok(HttpResponse::Ok().json(AchievementView::new(updated, &config)))
}

fn update(
    id: i64,
    caller: &Caller,
    input: &UpdateAchievement,
    conn: &mut AnyConnection,
) -> Result<Found> {
    require_achievements(conn)?;
    let viewer = Viewer::from(caller);
    let Found {
        achievement,
        access,
        ..
    } = Achievement::find(id, &viewer, conn)?;
    access.require(Role::Maintainer)?;
    let name = input.name.as_deref().unwrap_or(&achievement.name);
    diesel::update(achievements::table.find(id))
        .set((
            achievements::name.eq(name),
            achievements::name_key.eq(Achievement::name_key(name)),
            achievements::description.eq(input
                .description
                .as_deref()
                .unwrap_or(&achievement.description)),
            achievements::updated_at.eq(now()),
        ))
        .execute(conn)?;
    Achievement::find(id, &viewer, conn)
}
