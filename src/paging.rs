//! Lists: keyset paging, so that page 10,000 costs what page 1 costs.

use actix_web::body::BoxBody;
use actix_web::http::header::LINK;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, Responder};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Bool;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::config::Config;
use crate::error::{Result, Violations};
use crate::input::path;

/// How many entries a page holds at most: 1 to 100, 20 where the client does not say.
#[derive(Clone, Copy)]
pub struct Limit(i64);

impl Limit {
    /// The number of rows to ask for: one more than fit, to know whether there is a next page.
    pub fn rows(self) -> i64 {
        self.0 + 1
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(20)
    }
}

impl Deserr<Violations> for Limit {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        let text = String::deserialize_from_value(value, location)?;
        match text.parse() {
            Ok(limit @ 1..=100) => Ok(Self(limit)),
            _ => Err(Violations::of(
                path(location),
                "must be an integer from 1 to 100",
            )),
        }
    }
}

/// The longest cursor, in characters: what the longest full path needs, and more.
pub const LONGEST_CURSOR: usize = 2048;

/// Where a page begins: behind the row with this key. Opaque to clients.
#[derive(Clone)]
pub struct Cursor<K>(pub K);

impl<K: DeserializeOwned> Deserr<Violations> for Cursor<K> {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, Violations> {
        let text = String::deserialize_from_value(value, location)?;
        let json = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .filter(|json| json.len() <= LONGEST_CURSOR * 3 / 4)
            .filter(|json| !json.windows(6).any(|part| part == NUL));
        let key = json.and_then(|json| serde_json::from_slice(&json).ok());
        key.map(Self).ok_or_else(|| {
            Violations::of(
                path(location),
                "must be the endCursor of a page of this list",
            )
        })
    }
}

/// What PostgreSQL takes in no text, as JSON writes it.
const NUL: &[u8] = b"\\u0000";

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    nodes: Vec<T>,
    page_info: PageInfo,
}

/// Where the page stands in its list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PageInfo {
    /// Whether there is another page behind this one.
    has_next_page: bool,
    /// What to send as `after` for the next page; left out of an empty page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("WzIwXQ"))]
    end_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The page from its rows, which are `limit.rows()` where there is a next page.
    pub fn new<R, K: Serialize>(
        mut rows: Vec<R>,
        limit: Limit,
        key: impl Fn(&R) -> K,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let size = limit.0 as usize;
        let has_next_page = rows.len() > size;
        rows.truncate(size);
        let end_cursor = rows.last().map(|row| {
            let key = serde_json::to_vec(&key(row)).unwrap_or_default(); // Keys are numbers, strings and times.
            BASE64_URL_SAFE_NO_PAD.encode(key)
        });
        let nodes = rows.into_iter().map(view).collect();
        Self {
            nodes,
            page_info: PageInfo {
                has_next_page,
                end_cursor,
            },
        }
    }

    /// All there is, as one page.
    pub fn whole(nodes: Vec<T>) -> Self {
        Self {
            nodes,
            page_info: PageInfo {
                has_next_page: false,
                end_cursor: None,
            },
        }
    }

    /// The `Link` to the next page.
    pub fn next(&self, request: &HttpRequest) -> Option<String> {
        let cursor = self
            .page_info
            .end_cursor
            .as_ref()
            .filter(|_| self.page_info.has_next_page)?;
        let config = request.app_data::<Data<Config>>()?;
        let mut next =
            url::Url::parse(&config.link(request.uri().path_and_query()?.as_str())).ok()?;
        let others: Vec<_> = next
            .query_pairs()
            .into_owned()
            .filter(|(name, _)| name != "after")
            .collect();
        next.query_pairs_mut()
            .clear()
            .extend_pairs(others)
            .append_pair("after", cursor);
        Some(format!("<{next}>; rel=\"next\""))
    }
}

impl<T: Serialize> Responder for Page<T> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        if let Some(next) = self.next(request) {
            response.insert_header((LINK, next));
        }
        response.json(self)
    }
}

/// `(columns…) > (key…)`: both databases compare rows, and use an index for it; diesel has no word
/// for it that both take.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct RowAfter<C, K> {
    columns: C,
    key: K,
}

/// The rows that stand behind the key in the order of the columns. Columns and key are tuples of
/// expressions of the same types.
pub fn behind<C, K>(columns: C, key: K) -> RowAfter<C, K>
where
    C: Expression,
    K: Expression<SqlType = C::SqlType>,
{
    RowAfter { columns, key }
}

impl<C: Expression, K: Expression> Expression for RowAfter<C, K> {
    type SqlType = Bool;
}

impl<C, K, G> ValidGrouping<G> for RowAfter<C, K> {
    type IsAggregate = is_aggregate::No;
}

impl<C: AppearsOnTable<T>, K: AppearsOnTable<T>, T> AppearsOnTable<T> for RowAfter<C, K> {}

impl<C: SelectableExpression<T>, K: SelectableExpression<T>, T> SelectableExpression<T>
    for RowAfter<C, K>
{
}

impl<DB: Backend, C: QueryFragment<DB>, K: QueryFragment<DB>> QueryFragment<DB> for RowAfter<C, K> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(") > (");
        self.key.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}
