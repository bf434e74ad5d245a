//! The same operations as pages for people: one file a page, its template beside the mails' in
//! `templates/`. They work without JavaScript.

mod award_acceptance;
mod problem;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::ServiceConfig;
use actix_web::{HttpResponse, ResponseError, get};
use askama::Template;

use crate::error::Error;

/// What a page of ours may load: our own images and style, no script at all.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(stylesheet)
        .service(problem::problem)
        .service(problem::problems)
        .service(award_acceptance::page)
        .service(award_acceptance::accept)
        .service(award_acceptance::decline);
}

#[get("/-/style.css")]
async fn stylesheet() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
        .body(include_str!("../../templates/pages/style.css"))
}

/// A page, which nobody else may keep, frame, or learn the address of.
fn html(status: StatusCode, page: &impl Template) -> HttpResponse {
    let Ok(body) = page.render() else {
        return Error::internal("a page cannot be rendered").error_response();
    };
    let mut response = HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[derive(Template)]
#[template(path = "pages/failure.html")]
struct FailurePage<'a> {
    title: &'a str,
    detail: &'a str,
}

/// The failure as a page.
fn failure(error: &Error) -> HttpResponse {
    let status = error.status_code();
    let (title, detail) = match error {
        Error::LinkExpired => (
            "This link has expired",
            "Sign in and accept the award in your achievements instead.",
        ),
        Error::NotFound => (
            "There is nothing here",
            "The award may have been revoked, the link may be incomplete, or it is for somebody else. \
             Check that you opened the whole link of your mail.",
        ),
        Error::FeatureDisabled => (
            "Achievements are turned off",
            "Ask the administrator of this instance.",
        ),
        _ => {
            // Logs what is to be logged of it.
            drop(error.error_response());
            ("Something went wrong", "Try again in a few minutes.")
        }
    };
    html(status, &FailurePage { title, detail })
}
