use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use askama::Template;

use super::{failure, html};
use crate::auth::Viewer;
use crate::award_acceptances::{self, AcceptanceLink};
use crate::config::Config;
use crate::db::Db;
use crate::error::Result;
use crate::tokens::Keys;
use crate::user_achievements::{self, Awarded, Status};

/// The page behind the mailed link: what it is for, to accept or to decline.
#[derive(Template)]
#[template(path = "pages/award_acceptance.html")]
struct AwardPage {
    awarded: Awarded,
    status: Status,
    /// As the recipient may see it.
    namespace: String,
    avatar: Option<String>,
    accept: String,
    decline: String,
}

impl AwardPage {
    fn new(awarded: Awarded, token: &str, config: &Config) -> Self {
        Self {
            status: awarded.award.status(),
            namespace: match awarded.access.can_see() {
                true => awarded.namespace.full_path.clone(),
                false => "a private namespace".into(),
            },
            avatar: awarded
                .achievement
                .avatar_url(config)
                .map(|url| format!("{url}?width=192")),
            accept: config.link(&format!("/-/awarded_achievements/{token}/accept")),
            decline: config.link(&format!("/-/awarded_achievements/{token}/decline")),
            awarded,
        }
    }
}

/// Opening the link changes nothing: mail scanners open links.
#[get("/-/awarded_achievements/{token}/accept")]
pub async fn page(
    token: Path<String>,
    viewer: Viewer,
    keys: Data<Keys>,
    config: Data<Config>,
    db: Data<Db>,
) -> HttpResponse {
    let found = async {
        let link = AcceptanceLink::read(&token, &viewer, &keys)?;
        db.read(move |conn| link.award(conn)).await
    };
    answer(found.await.map(|(awarded, _)| awarded), &token, &config)
}

#[post("/-/awarded_achievements/{token}/accept")]
pub async fn accept(
    token: Path<String>,
    viewer: Viewer,
    keys: Data<Keys>,
    config: Data<Config>,
    db: Data<Db>,
) -> HttpResponse {
    let accepted = async {
        let link = AcceptanceLink::read(&token, &viewer, &keys)?;
        db.write(move |conn| award_acceptances::accept(link, conn))
            .await
    };
    answer(accepted.await.map(|(awarded, _)| awarded), &token, &config)
}

#[post("/-/awarded_achievements/{token}/decline")]
pub async fn decline(
    token: Path<String>,
    viewer: Viewer,
    keys: Data<Keys>,
    config: Data<Config>,
    db: Data<Db>,
) -> HttpResponse {
    let declined = async {
        let link = AcceptanceLink::read(&token, &viewer, &keys)?;
        db.write(move |conn| {
            let (awarded, recipient) = link.award(conn)?;
            // One that was accepted meanwhile stays so, and the page says it.
            match awarded.award.status() {
                Status::Pending => user_achievements::decline(awarded.award.id, &recipient, conn),
                _ => Ok(awarded),
            }
        })
        .await
    };
    answer(declined.await, &token, &config)
}

fn answer(awarded: Result<Awarded>, token: &str, config: &Config) -> HttpResponse {
    match awarded {
        Ok(awarded) => html(StatusCode::OK, &AwardPage::new(awarded, token, config)),
        Err(error) => failure(&error),
    }
}
