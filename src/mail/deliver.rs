use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use askama::Template;
use lettre::Message;
use lettre::message::{Mailbox, MultiPart};
use tokio::sync::Notify;

use super::queue::{Claimed, Letter, Outcome, claim, is_due, settle};
use super::transport::Transport;
use crate::Accolade;
use crate::error::Result;
use crate::time::now;
use crate::tokens::{Acceptance, LINK_LIFE};

/// How many mails are delivered at once.
const DELIVERERS: usize = 4;
/// How often mails that another instance queued are looked for.
const POLL: Duration = Duration::from_secs(1);
/// The longest pause while the server cannot be reached.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Sends what is queued.
#[derive(Debug)]
pub struct Mailer {
    transport: Transport,
    from: Mailbox,
}

impl Mailer {
    /// `from` is an address, with a name or without. The error says what to do, in a line.
    pub fn new(transport: Transport, from: &str) -> Result<Self, String> {
        let from = from
            .parse()
            .map_err(|_| format!("MAIL_FROM must be a mail address, not {from}"))?;
        Ok(Self { transport, from })
    }
}

/// Delivers for as long as the process lives. `wake` tells that a mail was queued here.
pub fn deliver(accolade: &Accolade, mailer: Mailer, wake: &Arc<Notify>) {
    // As long as the process: lettre cannot close its connections when the runtime has ended.
    let mailer: &Mailer = Box::leak(Box::new(mailer));
    for _ in 0..DELIVERERS {
        let (accolade, wake) = (accolade.clone(), wake.clone());
        rt::spawn(async move {
            let mut pause = Duration::ZERO;
            loop {
                match deliver_one(&accolade, mailer).await {
                    Ok(Some(Outcome::Unreachable)) | Err(_) => {
                        pause = (pause * 2).clamp(Duration::from_secs(1), LONGEST_PAUSE);
                        rt::time::sleep(pause.mul_f64(1.0 + fastrand::f64() / 2.0)).await;
                    }
                    Ok(Some(_)) => pause = Duration::ZERO,
                    // A missed wake-up costs a poll.
                    Ok(None) => drop(rt::time::timeout(POLL, wake.notified()).await),
                }
            }
        });
    }
}

/// Delivers the mail that waits longest. None where none waits.
async fn deliver_one(accolade: &Accolade, mailer: &Mailer) -> Result<Option<Outcome>> {
    if !accolade.db.read(|conn| is_due(now(), conn)).await? {
        return Ok(None);
    }
    let Some(claimed) = accolade.db.write(|conn| claim(now(), conn)).await? else {
        return Ok(None);
    };
    let id = claimed.user_achievement_id;
    let (outcome, reason) = match compose(accolade, mailer, &claimed) {
        Ok(message) => {
            mailer
                .transport
                .send(
                    message,
                    &format!(
                        "{id}-{}.eml",
                        claimed.queued_at.and_utc().timestamp_millis()
                    ),
                )
                .await
        }
        Err(reason) => (Outcome::Refused, Some(reason)),
    };
    let given_up = accolade
        .db
        .write(move |conn| settle(&claimed, outcome, fastrand::f64(), now(), conn))
        .await?;
    let result = match outcome {
        Outcome::Sent => "sent",
        _ if given_up => "failed",
        _ => "deferred",
    };
    metrics::counter!("accolade_mails_total", "result" => result).increment(1);
    match reason {
        Some(reason) if given_up => tracing::error!(
            user_achievement_id = id,
            reason,
            "an award mail is given up"
        ),
        Some(reason) => tracing::warn!(
            user_achievement_id = id,
            reason,
            "an award mail is tried again later"
        ),
        None => tracing::debug!(user_achievement_id = id, "an award mail is sent"),
    }
    Ok(Some(outcome))
}

#[derive(Template)]
#[template(path = "mail/award.txt")]
struct AwardText<'a> {
    letter: &'a Letter,
    link: Option<&'a str>,
    profile: &'a str,
}

#[derive(Template)]
#[template(path = "mail/award.html")]
struct AwardHtml<'a> {
    subject: &'a str,
    letter: &'a Letter,
    link: Option<&'a str>,
    profile: &'a str,
}

/// The mail as it leaves. The same award always has the same Message-ID, so that a mail program
/// shows it once.
fn compose(accolade: &Accolade, mailer: &Mailer, claimed: &Claimed) -> Result<Message, String> {
    let letter = &claimed.letter;
    let token = match letter.accepted_at {
        Some(_) => None,
        None => {
            let acceptance = Acceptance {
                user_achievement_id: claimed.user_achievement_id,
                user_id: letter.recipient_id,
            };
            let expires_at = letter.awarded_at + LINK_LIFE;
            Some(
                accolade
                    .keys
                    .sign_acceptance(&acceptance, now(), expires_at)
                    .map_err(|error| error.to_string())?,
            )
        }
    };
    let link = token.map(|token| {
        accolade
            .config
            .link(&format!("/-/awarded_achievements/{token}/accept"))
    });
    let profile = accolade.config.link(&format!("/@{}", letter.username));
    let (link, profile) = (link.as_deref(), profile.as_str());
    let subject = format!(
        "{} awarded you the {} achievement",
        letter.full_path, letter.achievement
    );

    let text = AwardText {
        letter,
        link,
        profile,
    }
    .render()
    .map_err(|error| error.to_string())?;
    let html = AwardHtml {
        subject: &subject,
        letter,
        link,
        profile,
    }
    .render()
    .map_err(|error| error.to_string())?;
    let address = letter
        .recipient_email
        .parse()
        .map_err(|_| "the mail address of the recipient is none".to_owned())?;
    let queued = claimed.queued_at.and_utc().timestamp_millis();
    let id = format!(
        "<award-{}-{queued}@{}>",
        claimed.user_achievement_id,
        mailer.from.email.domain()
    );
    Message::builder()
        .from(mailer.from.clone())
        .to(Mailbox::new(Some(letter.recipient_name.clone()), address))
        .subject(subject)
        .message_id(Some(id))
        .date_now()
        .multipart(MultiPart::alternative_plain_html(text, html))
        .map_err(|error| error.to_string())
}
