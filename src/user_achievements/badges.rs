use std::collections::HashMap;
use std::collections::hash_map::Entry;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, get};
use chrono::NaiveDateTime;
use deserr::Deserr;
use diesel::prelude::*;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::achievements::{AchievementRef, AchievementRefView};
use crate::answer::Answer;
use crate::auth::{Access, Viewer, role_in_namespace};
use crate::config::Config;
use crate::db::{AnyConnection, Db, directly};
use crate::error::{Error, Failure, Result, Violations};
use crate::feature_flags::{ACHIEVEMENTS, require_achievements};
use crate::input::Query;
use crate::namespaces::NamespaceRef;
use crate::paging::{Cursor, Limit, Page};
use crate::schema::{achievements, feature_flags, namespaces, user_achievements, users};
use crate::time::{Timestamp, to_millis};
use crate::users::{Recipient, UserKey};

/// An achievement on a profile, however often it was awarded.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Badge)]
pub struct BadgeView {
    achievement: AchievementRefView,
    /// How many times the user holds it.
    #[schema(minimum = 1, examples(2))]
    count: i64,
    /// When it was awarded first.
    awarded_at: Timestamp,
}

#[derive(Deserr, IntoParams)]
#[deserr(error = Violations, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListBadges {
    /// How many badges a page holds at most.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, default = 20)]
    #[deserr(default)]
    limit: Limit,
    /// The `endCursor` of the page before.
    #[param(value_type = Option<String>)]
    #[deserr(default)]
    after: Option<Cursor<(i32, i64, i64)>>,
}

/// View a user's badges
///
/// The profile as an app shows it: each achievement once, in the order of the profile. Empty where
/// you may not read the profile, or the user does not display achievements. For any origin.
#[utoipa::path(
    tag = "user achievements",
    security((), ("bearer" = ["read"])),
    params(ListBadges),
    responses((status = OK, description = "A page of badges", body = Page<BadgeView>), Failure),
)]
#[get("/users/{user}/badges")]
pub async fn list_badges(
    user: Path<String>,
    viewer: Viewer,
    query: Query<ListBadges>,
    config: Data<Config>,
    db: Data<Db>,
    request: HttpRequest,
) -> Result<Answer> {
    let key = UserKey::parse(&user)?;
    let page = db
        .read(move |conn| list(&key, &viewer, &query, &config, conn))
        .await?;
    Ok(Answer::ok(&page)?.linked(page.next(&request)))
}

/// A shown award of a profile.
#[derive(Queryable, Selectable)]
#[diesel(table_name = user_achievements)]
struct Shown {
    id: i64,
    awarded_at: NaiveDateTime,
    priority: i32,
}

/// The user, whether achievements are on, and an award with the viewer's role in its namespace.
type Row = (
    Recipient,
    Option<bool>,
    Option<Shown>,
    Option<AchievementRef>,
    Option<NamespaceRef>,
    Option<i16>,
);

/// An achievement with its first award in the order of the profile.
struct Badge {
    place: (i32, i64, i64),
    achievement: AchievementRef,
    namespace: NamespaceRef,
    access: Access,
    count: i64,
    awarded_at: NaiveDateTime,
}

fn list(
    key: &UserKey,
    viewer: &Viewer,
    query: &ListBadges,
    config: &Config,
    conn: &mut AnyConnection,
) -> Result<Page<BadgeView>> {
    let rows = load(key, viewer, conn)?;
    match rows.first() {
        Some((_, Some(true), ..)) => {}
        Some(_) => return Err(Error::FeatureDisabled),
        None => return require_achievements(conn).and(Err(Error::NotFound)),
    }
    let after = query.after.as_ref().map_or((-1, 0, 0), |cursor| cursor.0);
    let badges = badges(rows, viewer)
        .into_iter()
        .filter(|badge| badge.place > after);
    Ok(Page::new(
        badges.take(query.limit.rows() as usize).collect(),
        query.limit,
        |badge| badge.place,
        |badge| BadgeView {
            achievement: AchievementRefView::new(
                badge.achievement,
                badge.namespace,
                &badge.access,
                config,
            ),
            count: badge.count,
            awarded_at: badge.awarded_at.into(),
        },
    ))
}

/// Everything that the profile shows, in its order, in one query; one row without an award where
/// there is none, no row where there is no user.
fn load(key: &UserKey, viewer: &Viewer, conn: &mut AnyConnection) -> Result<Vec<Row>> {
    let shown = user_achievements::user_id
        .eq(users::id)
        .and(user_achievements::show_on_profile)
        .and(user_achievements::revoked_at.is_null());
    let flag = feature_flags::table
        .find(ACHIEVEMENTS)
        .select(feature_flags::enabled);
    directly!(conn => {
        let query = users::table
            .left_join(user_achievements::table.on(shown))
            .left_join(achievements::table.on(achievements::id.eq(user_achievements::achievement_id)))
            .left_join(namespaces::table.on(namespaces::id.eq(achievements::namespace_id)))
            .order((
                user_achievements::priority,
                user_achievements::awarded_at,
                user_achievements::id,
            ))
            .select((
                Recipient::as_select(),
                flag.single_value(),
                Option::<Shown>::as_select(),
                Option::<AchievementRef>::as_select(),
                Option::<NamespaceRef>::as_select(),
                role_in_namespace(viewer.id()),
            ));
        Ok(match key {
            UserKey::Id(id) => query.filter(users::id.eq(*id)).load(conn),
            UserKey::Username(key) => query.filter(users::username_key.eq(key)).load(conn),
        }?)
    })
}

/// Each achievement of the profile once, where it comes first. None of a profile that is closed.
fn badges(rows: Vec<Row>, viewer: &Viewer) -> Vec<Badge> {
    let mut badges: Vec<Badge> = Vec::with_capacity(rows.len());
    let mut places = HashMap::with_capacity(rows.len());
    for (user, _, shown, achievement, namespace, role) in rows {
        let open = viewer.is_or_administers(user.user.id)
            || user.readable_by(viewer) && user.achievements_enabled;
        let (true, Some(shown), Some(achievement), Some(namespace)) =
            (open, shown, achievement, namespace)
        else {
            break;
        };
        match places.entry(achievement.id) {
            Entry::Occupied(place) => {
                let badge: &mut Badge = &mut badges[*place.get()];
                badge.count += 1;
                badge.awarded_at = badge.awarded_at.min(shown.awarded_at);
            }
            Entry::Vacant(place) => {
                place.insert(badges.len());
                badges.push(Badge {
                    place: (shown.priority, to_millis(shown.awarded_at), shown.id),
                    achievement,
                    access: viewer.access(namespace.visibility, role),
                    namespace,
                    count: 1,
                    awarded_at: shown.awarded_at,
                });
            }
        }
    }
    badges
}
