//! Finished answers to the public reads of callers without a token: kept as long as nothing has changed
//! of what they show, and never told to somebody with a token.
//!
//! Triggers note each change in the table `changes`, in the transaction that makes it. [`Cache::look`]
//! reads them: after each write of this instance, before it is acknowledged, and ten times a second for
//! the writes of others. Answers count only within a second of the last look, so that an instance that
//! cannot see the changes has no cached answers.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, EntityTag, HeaderMap, HeaderName, HeaderValue,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use diesel::prelude::*;
use percent_encoding::percent_decode_str;
use quick_cache::Weighter;

use crate::Accolade;
use crate::answer::is_known;
use crate::db::{AnyConnection, directly};
use crate::observe::{Route, route};
use crate::openapi::CONTRACT;
use crate::schema::{achievements, namespaces, users};

/// How old the knowledge of what others have changed may be.
pub const FRESH: Duration = Duration::from_secs(1);
/// How many changes are looked at in one go; of more, everything is forgotten.
const MOST_CHANGES: i64 = 10_000;
/// How many marks there are for what awards change. Two things that share one are forgotten together.
const MARKS: usize = 1 << 17;
/// About what an answer takes besides its body, in bytes.
const HEAD: usize = 1024;

// Neither is printed by diesel: views and tables without a key are not.
diesel::table! {
    changes (position) {
        position -> Int8,
        user_id -> Nullable<Int8>,
        achievement_id -> Nullable<Int8>,
    }
}
diesel::table! {
    horizon (settled) {
        settled -> Int8,
        next -> Int8,
    }
}
diesel::allow_tables_to_appear_in_same_query!(changes, horizon);
diesel::allow_tables_to_appear_in_same_query!(changes, users);
diesel::allow_tables_to_appear_in_same_query!(changes, achievements);
diesel::allow_tables_to_appear_in_same_query!(changes, namespaces);
diesel::allow_tables_to_appear_in_same_query!(horizon, users);
diesel::allow_tables_to_appear_in_same_query!(horizon, achievements);
diesel::allow_tables_to_appear_in_same_query!(horizon, namespaces);

/// The finished answers of this instance.
pub struct Cache {
    answers: quick_cache::sync::Cache<Box<str>, Arc<Kept>, Weight>,
    /// Counts the looks that found changes; the marks say at which.
    clock: AtomicU64,
    /// When something changed that many answers show.
    much: AtomicU64,
    /// When anything changed.
    anything: AtomicU64,
    /// When awards of a user, or of a namespace or achievement, changed.
    marks: Box<[AtomicU64]>,
    hasher: RandomState,
    /// Until when the answers count, in milliseconds since `began`.
    fresh_until: AtomicU64,
    began: Instant,
    hits: metrics::Counter,
    misses: metrics::Counter,
}

/// A finished answer.
struct Kept {
    /// Compressed (LZ4), of which four or five fit where one would else.
    body: Box<[u8]>,
    head: Vec<(HeaderName, HeaderValue)>,
    tag: Option<EntityTag>,
    route: Route,
    /// The mark that it depends on, or none where it depends on anything.
    mark: Option<usize>,
    /// The clock before it was made.
    made_at: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Box<str>, Arc<Kept>> for Weight {
    fn weight(&self, key: &Box<str>, kept: &Arc<Kept>) -> u64 {
        (key.len() + kept.body.len() + HEAD) as u64
    }
}

/// What a change is of: nothing in particular, or an award of somebody, of an achievement in a namespace.
type Change = (
    Option<i64>,
    Option<String>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

impl Cache {
    /// Of at most so many bytes.
    pub fn new(limit: u64) -> Self {
        let answers = (limit / 4096).clamp(64, 1 << 20) as usize;
        Self {
            answers: quick_cache::sync::Cache::with_weighter(answers, limit, Weight),
            clock: AtomicU64::new(0),
            much: AtomicU64::new(0),
            anything: AtomicU64::new(0),
            marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
            fresh_until: AtomicU64::new(0),
            began: Instant::now(),
            hits: metrics::counter!("accolade_cache_hits_total"),
            misses: metrics::counter!("accolade_cache_misses_total"),
        }
    }

    /// What the answer depends on: the awards of the user, achievement or namespace that its path begins
    /// with, `None` for anything at all. The other half of the rule is [`Self::forget`].
    fn depends(&self, route: &str, request: &HttpRequest) -> Option<usize> {
        let collection = route.split('/').nth(1)?;
        if !matches!(collection, "users" | "achievements" | "namespaces") {
            return None;
        }
        // As the operation reads it.
        let (_, name) = request.match_info().iter().next()?;
        let name = percent_decode_str(name).decode_utf8().ok()?;
        Some(match name.parse::<i64>() {
            Ok(id) if id > 0 => self.mark(collection, &id.to_string()),
            _ => self.mark(collection, &name.to_lowercase()),
        })
    }

    /// Forgets what shows something that has changed. An award is shown with its user, achievement and
    /// namespace, by id and by name; everything else may be shown anywhere.
    fn forget(&self, changes: &[Change]) {
        let now = self.clock.fetch_add(1, Ordering::SeqCst) + 1;
        self.anything.store(now, Ordering::SeqCst);
        let touch = |collection, name: &str| {
            self.marks[self.mark(collection, name)].store(now, Ordering::SeqCst)
        };
        for change in changes {
            let (Some(user), Some(username), Some(achievement), Some(namespace), Some(path)) =
                change
            else {
                self.much.store(now, Ordering::SeqCst);
                continue;
            };
            touch("users", &user.to_string());
            touch("users", username);
            touch("achievements", &achievement.to_string());
            touch("namespaces", &namespace.to_string());
            touch("namespaces", path);
        }
    }

    fn mark(&self, collection: &str, name: &str) -> usize {
        self.hasher.hash_one((collection, name)) as usize % MARKS
    }

    /// Looks at the changes that came since the last look, which leaves where to go on. Without a
    /// connection no answer counts.
    pub fn look(
        &self,
        position: &mut Option<i64>,
        connection: Option<&mut AnyConnection>,
    ) -> QueryResult<()> {
        let began = self.began.elapsed();
        let seen = connection
            .ok_or(diesel::result::Error::NotFound)
            .and_then(|connection| self.catch_up(position, connection));
        let until = if seen.is_ok() {
            began + FRESH
        } else {
            Duration::ZERO
        };
        self.fresh_until
            .store(until.as_millis() as u64, Ordering::SeqCst);
        seen
    }

    fn catch_up(
        &self,
        position: &mut Option<i64>,
        connection: &mut AnyConnection,
    ) -> QueryResult<()> {
        // The first time, only where to go on from.
        let since = position.unwrap_or(i64::MAX);
        let rows: Vec<(i64, Option<i64>, Change)> = directly!(connection => horizon::table
            .left_join(changes::table.on(changes::position.ge(since)))
            .left_join(users::table.on(users::id.nullable().eq(changes::user_id)))
            .left_join(
                achievements::table.on(achievements::id.nullable().eq(changes::achievement_id)),
            )
            .left_join(namespaces::table.on(namespaces::id.eq(achievements::namespace_id)))
            .select((
                horizon::settled,
                changes::position.nullable(),
                (
                    users::id.nullable(),
                    users::username_key.nullable(),
                    achievements::id.nullable(),
                    namespaces::id.nullable(),
                    namespaces::full_path_key.nullable(),
                ),
            ))
            .limit(MOST_CHANGES)
            .load(connection))?;
        let settled = rows.first().map(|row| row.0);
        // The first look, not all that there are, or a database that was put back.
        let unclear =
            position.is_none() || rows.len() == MOST_CHANGES as usize || settled < *position;
        let changes: Vec<_> = rows
            .into_iter()
            .filter_map(|(_, position, change)| position.map(|_| change))
            .collect();
        if unclear {
            self.forget(&[(None, None, None, None, None)]);
        } else if !changes.is_empty() {
            self.forget(&changes);
        }
        *position = settled;
        Ok(())
    }

    /// The finished answer to what was asked, where there is one and nothing of it has changed.
    fn get(&self, asked: &str) -> Option<Arc<Kept>> {
        let now = self.began.elapsed().as_millis() as u64;
        let kept = self
            .answers
            .get(asked)
            .filter(|kept| now < self.fresh_until.load(Ordering::SeqCst) && self.holds(kept));
        match kept {
            Some(_) => self.hits.increment(1),
            None => self.misses.increment(1),
        }
        kept
    }

    fn holds(&self, kept: &Kept) -> bool {
        let unchanged = |mark: &AtomicU64| mark.load(Ordering::SeqCst) <= kept.made_at;
        match kept.mark {
            Some(mark) => unchanged(&self.much) && unchanged(&self.marks[mark]),
            None => unchanged(&self.anything),
        }
    }
}

impl Kept {
    fn answer(&self, request: &ServiceRequest) -> Option<HttpResponse<Bytes>> {
        let known = self
            .tag
            .as_ref()
            .is_some_and(|tag| is_known(tag, request.request()));
        let (status, body) = match known {
            true => (StatusCode::NOT_MODIFIED, Bytes::new()),
            false => (
                StatusCode::OK,
                lz4_flex::decompress_size_prepended(&self.body).ok()?.into(),
            ),
        };
        let mut response = HttpResponse::with_body(status, body);
        for (name, value) in &self.head {
            if !known || name != CONTENT_TYPE {
                response.headers_mut().append(name.clone(), value.clone());
            }
        }
        response.extensions_mut().insert(self.route.clone());
        Some(response)
    }
}

/// Answers what was asked before, where nothing has changed since, and keeps new answers.
pub async fn remember<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<Bytes, B>>, actix_web::Error> {
    let accolade = request.app_data::<Data<Accolade>>().cloned();
    let anonymous =
        request.method() == Method::GET && !request.headers().contains_key(AUTHORIZATION);
    let (Some(accolade), true) = (accolade, anonymous) else {
        return Ok(next.call(request).await?.map_into_right_body());
    };
    let Some(cache) = &accolade.cache else {
        return Ok(next.call(request).await?.map_into_right_body());
    };
    let asked = request
        .uri()
        .path_and_query()
        .map_or("", |asked| asked.as_str());
    if let Some(kept) = cache.get(asked)
        // Whoever has asked too often is told so by whom it is told otherwise.
        && accolade.limits.count_address(&request).is_ok()
        && let Some(answer) = kept.answer(&request)
    {
        return Ok(request.into_response(answer).map_into_left_body());
    }
    let made_at = cache.clock.load(Ordering::SeqCst);
    let mut response = next.call(request).await?;
    let Some(route) =
        route(&mut response).filter(|route| response.status() == StatusCode::OK && is_kept(route))
    else {
        return Ok(response.map_into_right_body());
    };
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        Ok(body) => body,
        Err(body) => {
            let response = ServiceResponse::new(request, response.set_body(body));
            return Ok(response.map_into_right_body());
        }
    };
    let uri = request.uri();
    let kept = Kept {
        body: lz4_flex::compress_prepend_size(&body).into(),
        head: head(response.headers()),
        tag: response
            .headers()
            .get(ETAG)
            .and_then(|tag| tag.to_str().ok()?.parse().ok()),
        mark: cache.depends(&route, &request),
        route: Route(Some(route)),
        made_at,
    };
    let asked = uri.path_and_query().map_or("", |asked| asked.as_str());
    cache.answers.insert(asked.into(), Arc::new(kept));
    Ok(ServiceResponse::new(request, response.set_body(body)).map_into_left_body())
}

/// Whether the answers of the route are kept: those that everyone may see, as long as nothing changes.
fn is_kept(route: &str) -> bool {
    // What a link is for ends with its time.
    CONTRACT.is_public_route(route) && !route.starts_with("/award-acceptances")
}

fn head(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Forgets the changes before `settled`, which everyone has seen, and those of another database that this
/// one is a copy of. Who has slept through it sees that too. Answers where it stands now.
pub fn sweep(settled: i64, conn: &mut AnyConnection) -> crate::error::Result<i64> {
    let (now, next): (i64, i64) = horizon::table.first(conn)?;
    let old = changes::position.lt(settled).or(changes::position.ge(next));
    diesel::delete(changes::table.filter(old)).execute(conn)?;
    diesel::insert_into(changes::table)
        .default_values()
        .execute(conn)?;
    Ok(now)
}
