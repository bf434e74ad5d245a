//! Answers with one object: its `ETag`, and the conditions that clients tie to it (RFC 9110, 13).

use std::future::{Ready, ready};

use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::header::{
    self, CACHE_CONTROL, ETAG, EntityTag, Header, IF_MATCH, IF_NONE_MATCH, LINK, LOCATION, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use bytestring::ByteString;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::avatars::hex;
use crate::db::{AnyConnection, snapshot};
use crate::error::{Error, Result};

/// Marks the first answer to a request that was repeated, as Stripe does.
pub const REPLAYED: &str = "Idempotent-Replayed";

/// A finished answer, serialised once: JSON with a strong `ETag`, or 304 where the client has it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    tag: String,
    location: Option<String>,
    link: Option<String>,
    body: ByteString,
    #[serde(skip)]
    replayed: bool,
}

impl Answer {
    fn new(status: StatusCode, view: &impl Serialize) -> Result<Self> {
        let body = serde_json::to_string(view).map_err(Error::internal)?;
        Ok(Self {
            status: status.as_u16(),
            tag: tag(&body),
            location: None,
            link: None,
            body: body.into(),
            replayed: false,
        })
    }

    /// 200 with the object as it is.
    pub fn ok(view: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::OK, view)
    }

    /// 202 with the object whose turn has yet to come.
    pub fn accepted(view: &impl Serialize) -> Result<Self> {
        Self::new(StatusCode::ACCEPTED, view)
    }

    /// 201 with the object, which from now on is at the address.
    pub fn created(location: String, view: &impl Serialize) -> Result<Self> {
        Ok(Self {
            location: Some(location),
            ..Self::new(StatusCode::CREATED, view)?
        })
    }

    /// The same with the `ETag` of something else than its body.
    pub fn tagged(self, state: &impl Serialize) -> Result<Self> {
        let state = serde_json::to_string(state).map_err(Error::internal)?;
        Ok(Self {
            tag: tag(&state),
            ..self
        })
    }

    /// The same, marked where it is the first answer to a request that was repeated.
    pub fn replayed(self, replayed: bool) -> Self {
        Self { replayed, ..self }
    }

    /// The same with a `Link`, where there is one.
    pub fn linked(self, link: Option<String>) -> Self {
        Self { link, ..self }
    }
}

impl Responder for Answer {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let tag = EntityTag::new_strong(self.tag);
        let known = request.method() == Method::GET && is_known(&tag, request);
        let mut response = HttpResponse::build(match known {
            true => StatusCode::NOT_MODIFIED,
            false => StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK),
        });
        response
            .insert_header((ETAG, tag.to_string()))
            // To be kept, and asked for again each time: it depends on who asks.
            .insert_header((CACHE_CONTROL, "no-cache"))
            .insert_header((VARY, "Authorization"));
        if let Some(location) = self.location {
            response.insert_header((LOCATION, location));
        }
        if let Some(link) = self.link {
            response.insert_header((LINK, link));
        }
        if self.replayed {
            response.insert_header((REPLAYED, "true"));
        }
        if known {
            return response.finish();
        }
        response
            .content_type("application/json")
            .body(self.body.into_bytes())
    }
}

/// Whether the client has what has the tag, by its `If-None-Match`.
pub fn is_known(tag: &EntityTag, request: &HttpRequest) -> bool {
    request.headers().contains_key(IF_NONE_MATCH)
        && match header::IfNoneMatch::parse(request) {
            Ok(header::IfNoneMatch::Any) => true,
            Ok(header::IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
            Err(_) => false,
        }
}

/// The opaque part of the `ETag` of a body.
fn tag(body: &str) -> String {
    hex(&digest(&SHA256, body.as_bytes()).as_ref()[..16])
}

/// `If-Match`: a change that is to happen only to what the client has seen.
pub struct IfMatch(Option<header::IfMatch>);

impl IfMatch {
    /// Makes the change, and takes it back where the object, as the caller sees it, was not the one
    /// named: 412. What is wrong besides is told first. To be called in [`Db::write_repeatably`].
    ///
    /// [`Db::write_repeatably`]: crate::db::Db::write_repeatably
    pub fn guard<V: Serialize, T>(
        &self,
        conn: &mut AnyConnection,
        current: impl FnOnce(&mut AnyConnection) -> Result<V>,
        change: impl FnOnce(&mut AnyConnection) -> Result<T>,
    ) -> Result<T> {
        let Some(wanted) = &self.0 else {
            return change(conn);
        };
        // Whoever changes it meanwhile makes this fail, to be begun again, rather than be overwritten.
        snapshot(conn)?;
        let Ok(current) = current(conn) else {
            return change(conn).and(Err(Error::Stale));
        };
        let current = serde_json::to_string(&current).map_err(Error::internal)?;
        let changed = change(conn)?;
        let current = EntityTag::new_strong(tag(&current));
        match wanted {
            header::IfMatch::Any => Ok(changed),
            header::IfMatch::Items(tags) if tags.iter().any(|tag| tag.strong_eq(&current)) => {
                Ok(changed)
            }
            header::IfMatch::Items(_) => Err(Error::Stale),
        }
    }
}

impl FromRequest for IfMatch {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let sent = request.headers().contains_key(IF_MATCH);
        // What is no tag names nothing that there is.
        let wanted = || header::IfMatch::parse(request).unwrap_or(header::IfMatch::Items(vec![]));
        ready(Ok(Self(sent.then(wanted))))
    }
}
