//! Which pages of other origins may call us (the Fetch standard's CORS protocol): any may make the
//! public reads, those that the operator lists everything. No cookie is ever looked at, so that
//! a page can do no more than the token that it has.
//!
//! Not by the actix-cors crate, which knows one policy for all routes.

use actix_web::HttpResponse;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::web::Data;

use crate::config::Config;
use crate::observe::route;
use crate::openapi::CONTRACT;

/// What a page may send besides what it always may.
const SENT: &str =
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id";
/// What a page may read besides what it always may.
const READ: &str =
    "ETag, Idempotent-Replayed, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id";

/// Tells browsers which pages may read the answer, and what they may ask.
pub async fn share<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let Some(config) = request.app_data::<Data<Config>>().cloned() else {
        return Ok(next.call(request).await?.map_into_left_body());
    };
    let path = request.match_info().unprocessed();
    let origin = request.headers().get(ORIGIN).cloned();
    let listed = origin.filter(|origin| {
        config.origins.iter().any(|known| known == origin) && CONTRACT.is_documented(path)
    });
    let depends = !config.origins.is_empty();
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD);
    if let (Some(asked), &Method::OPTIONS) = (asked, request.method()) {
        let public = (asked == "GET" || asked == "HEAD") && CONTRACT.is_public(path);
        let mut response = HttpResponse::NoContent().finish();
        let headers = response.headers_mut();
        allow(headers, listed, public, depends);
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            let methods = match public {
                true => "GET, HEAD",
                false => "GET, HEAD, POST, PUT, PATCH, DELETE",
            };
            let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
            set(ACCESS_CONTROL_ALLOW_METHODS, methods);
            set(ACCESS_CONTROL_ALLOW_HEADERS, SENT);
            set(ACCESS_CONTROL_MAX_AGE, "7200");
        }
        return Ok(request.into_response(response).map_into_right_body());
    }
    let read = request.method() == Method::GET;
    // Whoever is refused before there is a route is told by the path.
    let early = request.headers().contains_key(ORIGIN) && read && CONTRACT.is_public(path);
    let mut response = next.call(request).await?;
    let public =
        early || read && route(&mut response).is_some_and(|route| CONTRACT.is_public_route(&route));
    allow(response.headers_mut(), listed, public, depends);
    Ok(response.map_into_left_body())
}

/// Says who may read the answer. It `depends` on the origin where some are listed.
fn allow(headers: &mut HeaderMap, listed: Option<HeaderValue>, public: bool, depends: bool) {
    if depends && !public {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if public {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if let Some(origin) = listed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    } else {
        return;
    }
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(READ),
    );
}
