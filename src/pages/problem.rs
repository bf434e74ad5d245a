use actix_web::http::StatusCode;
use actix_web::web::Path;
use actix_web::{HttpResponse, get};
use askama::Template;

use super::html;
use crate::error::{Error, Result};
use crate::problems::{PROBLEM_TYPES, ProblemType};

/// What the `type` of a problem document leads to.
#[derive(Template)]
#[template(path = "pages/problem.html")]
struct ProblemPage {
    kind: &'static ProblemType,
}

#[get("/problems/{type}")]
pub async fn problem(name: Path<String>) -> Result<HttpResponse> {
    let kind = PROBLEM_TYPES.iter().find(|kind| kind.name == *name);
    let kind = kind.ok_or(Error::NotFound)?;
    Ok(html(StatusCode::OK, &ProblemPage { kind }))
}

/// All of them.
#[derive(Template)]
#[template(path = "pages/problems.html")]
struct ProblemsPage {
    kinds: &'static [ProblemType],
}

#[get("/problems")]
pub async fn problems() -> HttpResponse {
    html(
        StatusCode::OK,
        &ProblemsPage {
            kinds: &PROBLEM_TYPES,
        },
    )
}
