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
use crate::openapi::Contract;

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
    let origin = request.headers().get(ORIGIN).cloned();
    let listed = origin.filter(|origin| {
        let config = request.app_data::<Data<Config>>();
        config.is_some_and(|config| config.origins.iter().any(|known| known == origin))
    });
    let contract = request.app_data::<Data<Contract>>().cloned();
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD);
    if let (Some(asked), &Method::OPTIONS) = (asked, request.method()) {
        let read = asked == "GET" || asked == "HEAD";
        let public = contract
            .is_some_and(|contract| read && contract.is_public(request.match_info().unprocessed()));
        let mut response = HttpResponse::NoContent().finish();
        let headers = response.headers_mut();
        allow(headers, listed, public);
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
    let mut response = next.call(request).await?;
    let route = response.request().match_pattern();
    let public = read
        && route
            .zip(contract)
            .is_some_and(|(route, contract)| contract.is_public_route(&route));
    allow(response.headers_mut(), listed, public);
    Ok(response.map_into_left_body())
}

fn allow(headers: &mut HeaderMap, listed: Option<HeaderValue>, public: bool) {
    if public {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    } else if let Some(origin) = listed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    } else {
        return;
    }
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(READ),
    );
}
