use actix_web::get;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use diesel::prelude::*;
use utoipa::IntoParams;

use super::model::Found;
use super::{Achievement, AchievementView};
use crate::auth::Viewer;
use crate::config::Config;
use crate::db::{AnyConnection, Db};
use crate::error::{Failure, Result, Violations};
use crate::feature_flags::require_achievements;
use crate::input::{Query, Search};
use crate::namespaces::{Namespace, NamespaceKey, NamespaceRef};
use crate::paging::{Cursor, Limit, Page};
use crate::schema::achievements;

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAchievements {
    /// Only achievements whose name contains this, without regard to case.
    #[param(value_type = Option<String>, max_length = 255)]
    #[deserr(default)]
    search: Search,
    /// How many achievements a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<String>>,
}

/// View group achievements
///
/// The achievements of a namespace that you can see, in the order of their names.
#[utoipa::path(
    tag = "achievements",
    security((), ("bearer" = ["read"])),
    params(ListAchievements),
    responses((status = OK, description = "A page of achievements", body = Page<AchievementView>), Failure),
)]
#[get("/namespaces/{namespace}/achievements")]
pub async fn list_achievements(
    namespace: Path<String>,
    viewer: Viewer,
    query: Query<ListAchievements>,
    config: Data<Config>,
    db: Data<Db>,
) -> Result<Page<AchievementView>> {
    let key = NamespaceKey::parse(&namespace)?;
    db.scan(move |conn| list(&key, &viewer, &query, &config, conn))
        .await
}

fn list(
    key: &NamespaceKey,
    viewer: &Viewer,
    query: &ListAchievements,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<AchievementView>> {
    require_achievements(conn)?;
    let (namespace, access) = Namespace::find(key, viewer, conn)?;
    let after = query.after.as_ref().map_or("", |cursor| &cursor.0);
    let rows = Achievement::query()
        .filter(achievements::namespace_id.eq(namespace.id))
        .filter(achievements::name_key.gt(after))
        .filter(
            achievements::name_key
                .like(query.search.pattern())
                .escape('\\'),
        )
        .order(achievements::name_key)
        .limit(query.limit.rows())
        .load(conn)?;
    let namespace = NamespaceRef::from(namespace);
    Ok(Page::new(
        rows,
        query.limit,
        |achievement| achievement.name_key.clone(),
        |achievement| {
            AchievementView::new(
                Found {
                    achievement,
                    namespace: namespace.clone(),
                    access,
                },
                config,
            )
        },
    ))
}
