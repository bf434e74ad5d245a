//! The mail of an award, as a real SMTP server and a reader's mail program get it.

use std::collections::HashMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use accolade::mail::delay;
use actix_web::http::Method;
use actix_web::rt;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::app::free_address;
use crate::database::Raw;
use crate::server::{Instance, Server};
use crate::tools::{Mail, SmtpServer, mails};

/// Waits until there is something.
pub async fn eventually<T>(seconds: u64, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            began.elapsed() < Duration::from_secs(seconds),
            "waited {seconds} seconds in vain"
        );
        rt::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A server with a public namespace and an achievement in it, and the token of an administrator.
struct Story {
    server: Server,
    root: String,
}

impl Story {
    async fn begin(environment: &[(&str, &str)]) -> Self {
        let server = Server::start_with(environment).await;
        server.print(&[
            "user",
            "create",
            "root",
            "--email",
            "root@example.com",
            "--name",
            "Grace <Hopper>",
            "--admin",
        ]);
        let root = server.print(&["token", "create", "root"]);
        let story = Self { server, root };
        story
            .post(
                "/namespaces",
                json!({ "path": "compilers", "name": "Compilers", "visibility": "public" }),
            )
            .await;
        let body =
            json!({ "name": "First <merge> & \"more\"", "description": "Landed <b>a</b> change" });
        story.post("/namespaces/compilers/achievements", body).await;
        story
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, json) = self
            .server
            .call(Method::POST, &self.root, path, body)
            .await
            .unwrap();
        assert!(status < 300, "{path}: {status} {json}");
        json
    }

    async fn user(&self, username: &str) {
        self.post(
            "/users",
            json!({ "username": username, "email": format!("{username}@example.com") }),
        )
        .await;
    }

    async fn award(&self, username: &str) -> i64 {
        let body = json!({ "username": username, "awardMessage": "<i>Well</i> done" });
        self.post("/achievements/1/award", body).await["id"]
            .as_i64()
            .unwrap()
    }

    async fn status(&self, award: i64) -> String {
        let path = format!("/user-achievements/{award}");
        let (_, json) = self
            .server
            .call(Method::GET, &self.root, &path, Value::Null)
            .await
            .unwrap();
        json["mailStatus"].as_str().unwrap_or("none").into()
    }

    /// How many mails are yet to be sent.
    fn queued(&self) -> i64 {
        Raw::open(self.server.database_url())
            .count("award_mails WHERE sent_at IS NULL AND failed_at IS NULL")
    }

    /// The first mail in the directory of a server without SMTP.
    async fn mail(&self) -> Mail {
        let directory = self.server.file("mail");
        eventually(10, async || mails(&directory).into_iter().next()).await
    }
}

#[actix_web::test]
async fn without_an_smtp_server_mails_are_files() {
    let story = Story::begin(&[]).await;
    story.user("ada").await;

    let award = story.award("ada").await;

    let mail = story.mail().await;
    let [text, html] = mail.tokens().try_into().unwrap();
    assert_eq!(mail.to, "ada@example.com");
    assert_eq!(
        mail.subject,
        "compilers awarded you the First <merge> & \"more\" achievement"
    );
    assert_eq!(text, html);
    let expected = format!(
        "Hello ada,\n\nGrace <Hopper> of compilers awarded you the achievement \"First <merge> & \"more\"\".\n\
         It stands for: Landed <b>a</b> change\n\n\"<i>Well</i> done\"\n\n\
         To accept it and show it on your profile, open this page within 30 days of the award:\n\n\
         http://{}/-/awarded_achievements/{text}/accept\n\n\
         If you do not want it, you may simply ignore this mail.\n",
        story.server.address()
    );
    assert_eq!(mail.text.replace("\r\n", "\n").trim(), expected.trim());
    assert!(
        mail.html.contains("&#60;i&#62;Well&#60;/i&#62; done"),
        "{}",
        mail.html
    );
    assert!(
        !mail.html.contains("<b>a</b>") && !mail.html.contains("<Hopper>"),
        "{}",
        mail.html
    );
    eventually(5, async || {
        (story.status(award).await == "sent").then_some(())
    })
    .await;
}

#[actix_web::test]
async fn names_cannot_add_headers_or_recipients() {
    let story = Story::begin(&[]).await;
    let name =
        "Ada, eve@example.com\" <eve@example.com>, \u{202e}Ω éclair =?utf-8?q?=0d=0aBcc:_eve?=";
    story
        .post(
            "/users",
            json!({ "username": "ada", "email": "ada@example.com", "name": name }),
        )
        .await;

    story.award("ada").await;

    let mail = story.mail().await;
    let (head, _) = mail.raw.split_once("\r\n\r\n").unwrap();
    let names: Vec<_> = head
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!((mail.to.as_str(), mail.recipients), ("ada@example.com", 1));
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len(), "{head}");
    assert!(
        !names.iter().any(|name| name.eq_ignore_ascii_case("bcc")),
        "{head}"
    );
}

#[actix_web::test]
async fn a_thousand_awards_while_smtp_is_down_and_the_service_is_killed_are_a_thousand_mails() {
    let smtp = free_address();
    let mut story = Story::begin(&[("SMTP_URL", &format!("smtp://{smtp}"))]).await;
    for number in 0..1000 {
        story.user(&format!("user{number}")).await;
    }

    for number in 0..500 {
        story.award(&format!("user{number}")).await;
    }
    story.server.kill_and_restart().await;
    for number in 500..1000 {
        story.award(&format!("user{number}")).await;
    }
    let server = SmtpServer::start(smtp, &story.server.file("received")).await;

    eventually(150, async || (story.queued() == 0).then_some(())).await;
    story.server.terminate().await;
    let mut received = HashMap::<String, usize>::new();
    server
        .mails()
        .into_iter()
        .for_each(|mail| *received.entry(mail.to).or_default() += 1);
    let mut ids: Vec<_> = server
        .mails()
        .into_iter()
        .map(|mail| mail.message_id)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!((received.len(), ids.len()), (1000, 1000));
    // None was in flight at the kill, as there was no server to fly to.
    assert!(received.values().all(|count| *count == 1), "{received:?}");
}

#[actix_web::test]
async fn instances_that_share_a_database_send_each_mail_once() {
    let smtp = free_address();
    let mut story = Story::begin(&[("SMTP_URL", &format!("smtp://{smtp}"))]).await;
    let mut others = [story.server.another(), story.server.another()];
    for number in 0..150 {
        let username = format!("user{number}");
        story.user(&username).await;
        story.award(&username).await;
    }

    let server = SmtpServer::start(smtp, &story.server.file("received")).await;

    eventually(60, async || (story.queued() == 0).then_some(())).await;
    // Stopped instances have sent every mail that they had begun to send.
    others.iter_mut().for_each(Instance::terminate);
    story.server.terminate().await;
    let mut recipients: Vec<_> = server.mails().into_iter().map(|mail| mail.to).collect();
    recipients.sort();
    recipients.dedup();
    assert_eq!((recipients.len(), server.mails().len()), (150, 150));
}

#[actix_web::test]
async fn an_award_does_not_wait_for_the_smtp_server() {
    // Takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let story = Story::begin(&[("SMTP_URL", &url)]).await;
    story.user("ada").await;

    let began = Instant::now();
    for _ in 0..50 {
        story.award("ada").await;
    }

    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?} for 50 awards",
        began.elapsed()
    );
}

#[actix_web::test]
async fn a_mail_that_is_refused_for_good_has_failed_and_one_refused_for_now_waits() {
    let smtp = free_address();
    let url = format!("smtp://accolade:s3cret@{smtp}");
    let story = Story::begin(&[("SMTP_URL", &url)]).await;
    let server = SmtpServer::start(smtp, &story.server.file("received")).await;
    for username in ["refused", "later", "ada"] {
        story.user(username).await;
    }

    let awards = [
        story.award("refused").await,
        story.award("later").await,
        story.award("ada").await,
    ];

    eventually(30, async || {
        (story.status(awards[2]).await == "sent").then_some(())
    })
    .await;
    eventually(30, async || {
        (story.status(awards[0]).await == "failed").then_some(())
    })
    .await;
    assert_eq!(story.status(awards[1]).await, "queued");
    assert_eq!(
        server
            .mails()
            .iter()
            .map(|mail| mail.to.as_str())
            .collect::<Vec<_>>(),
        ["ada@example.com"]
    );
}

#[actix_web::test]
async fn a_wrong_smtp_password_costs_no_mail() {
    let smtp = free_address();
    let url = format!("smtp://accolade:wrong@{smtp}");
    let story = Story::begin(&[("SMTP_URL", &url)]).await;
    let server = SmtpServer::start(smtp, &story.server.file("received")).await;
    story.user("ada").await;

    let award = story.award("ada").await;
    eventually(30, async || {
        let (_, metrics) = story.server.text("/metrics").await;
        metrics
            .contains("accolade_mails_total{result=\"deferred\"}")
            .then_some(())
    })
    .await;

    assert_eq!(story.status(award).await, "queued");
    assert!(server.mails().is_empty());
}

#[actix_web::test]
async fn a_mail_that_could_not_be_sent_for_days_is_given_up() {
    let smtp = free_address();
    let story = Story::begin(&[("SMTP_URL", &format!("smtp://{smtp}"))]).await;
    story.user("ada").await;
    let award = story.award("ada").await;
    assert_eq!(story.status(award).await, "queued");

    story
        .server
        .execute("UPDATE award_mails SET queued_at = '2026-01-01 00:00:00'");

    eventually(60, async || {
        (story.status(award).await == "failed").then_some(())
    })
    .await;
    let (_, metrics) = story.server.text("/metrics").await;
    let failed = r#"accolade_mails_total{result="failed"} 1"#;
    assert!(metrics.contains(failed), "{metrics}");
}

#[actix_web::test]
async fn an_award_that_is_born_accepted_has_a_mail_without_a_link() {
    let story = Story::begin(&[]).await;
    story.user("ada").await;
    let settings = json!({ "autoAccept": true });
    assert_eq!(
        story
            .server
            .call(Method::PATCH, &story.root, "/settings", settings)
            .await
            .unwrap()
            .0,
        200
    );

    story.award("ada").await;

    let mail = story.mail().await;
    assert_eq!(mail.tokens(), Vec::<String>::new());
    assert!(
        mail.text
            .contains(&format!("http://{}/@ada", story.server.address())),
        "{}",
        mail.text
    );
}

#[actix_web::test]
async fn who_opted_out_or_is_blocked_gets_no_mail() {
    let story = Story::begin(&[]).await;
    for username in ["ada", "eve", "alan"] {
        story.user(username).await;
    }
    for (username, change) in [
        ("ada", json!({ "achievementsEnabled": false })),
        ("eve", json!({ "state": "blocked" })),
    ] {
        let path = format!("/users/{username}");
        assert_eq!(
            story
                .server
                .call(Method::PATCH, &story.root, &path, change)
                .await
                .unwrap()
                .0,
            200
        );
    }

    let silent = [story.award("ada").await, story.award("eve").await];
    story.award("alan").await;

    assert_eq!(story.mail().await.to, "alan@example.com");
    assert_eq!(mails(&story.server.file("mail")).len(), 1);
    assert_eq!(
        [story.status(silent[0]).await, story.status(silent[1]).await],
        ["none", "none"]
    );
}

#[actix_web::test]
async fn a_revoked_award_is_not_announced_any_more() {
    let smtp = free_address();
    let mut story = Story::begin(&[("SMTP_URL", &format!("smtp://{smtp}"))]).await;
    story.user("ada").await;
    story.user("alan").await;
    let award = story.award("ada").await;
    story.award("alan").await;

    story
        .post(&format!("/user-achievements/{award}/revoke"), Value::Null)
        .await;
    let server = SmtpServer::start(smtp, &story.server.file("received")).await;

    eventually(40, async || (story.queued() == 0).then_some(())).await;
    story.server.terminate().await;
    assert_eq!(
        server
            .mails()
            .iter()
            .map(|mail| mail.to.as_str())
            .collect::<Vec<_>>(),
        ["alan@example.com"]
    );
}

#[actix_web::test]
async fn passwords_are_in_no_log_and_no_message() {
    let smtp = free_address();
    let story = Story::begin(&[]).await;
    let url = format!("smtp://accolade:s3cret@{smtp}:no-port");

    let output = story
        .server
        .run(&["serve", "--listen", "127.0.0.1:0", "--smtp-url", &url]);

    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("error: SMTP_URL must be like"),
        "{message}"
    );
    assert!(!message.contains("s3cret"), "{message}");
}

#[test]
fn delays_double_from_a_minute_to_six_hours() {
    assert_eq!(delay(0, 0.0), TimeDelta::minutes(1));
    assert_eq!(delay(3, 0.0), TimeDelta::minutes(8));
    assert_eq!(delay(0, 1.0), TimeDelta::seconds(90));
    assert_eq!(delay(1000, 0.0), TimeDelta::hours(6));
}
