//! The mailed link: what its token is good for, and for how long. And sending it again.

use accolade::auth::Role;
use accolade::time::now;
use accolade::tokens::{Acceptance, LINK_LIFE};
use chrono::{Duration, NaiveDateTime};
use diesel::prelude::*;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, TestApp, User};

struct Story {
    app: TestApp,
    grace: User,
    ada: User,
    achievement: i64,
    award: i64,
}

/// Ada has a pending award of Grace's private namespace.
async fn story() -> Story {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let achievement = app.achievement(compilers, "First merge").await;
    let award = app.award(achievement, &ada).await;
    Story {
        app,
        grace,
        ada,
        achievement,
        award,
    }
}

impl Story {
    /// The path of the link to this award for this user, until then.
    fn link(&self, award: i64, user: &User, expires_at: NaiveDateTime) -> String {
        let acceptance = Acceptance {
            user_achievement_id: award,
            user_id: user.id,
        };
        let token = self
            .app
            .accolade
            .keys
            .sign_acceptance(&acceptance, now(), expires_at)
            .unwrap();
        format!("/award-acceptances/{token}")
    }

    fn good_link(&self) -> String {
        self.link(self.award, &self.ada, now() + LINK_LIFE)
    }

    async fn status(&self) -> Value {
        let path = format!("/user-achievements/{}", self.award);
        self.app.get(&self.ada, &path).await.json["status"].clone()
    }
}

#[actix_web::test]
async fn opening_the_link_says_what_it_is_for_and_changes_nothing() {
    let story = story().await;

    for _ in 0..3 {
        let response = story.app.get(ANONYMOUS, &story.good_link()).await;
        assert_eq!(response.status, 200);
        assert_eq!(response.json["achievement"]["name"], "First merge");
        assert_eq!(response.json["user"]["username"], "ada");
        assert_eq!(response.json["status"], "pending");
    }

    assert_eq!(story.status().await, "pending");
}

#[actix_web::test]
async fn the_link_accepts_without_a_sign_in_and_again_answers_the_same() {
    let story = story().await;

    let first = story
        .app
        .post(ANONYMOUS, &story.good_link(), Value::Null)
        .await;
    let again = story
        .app
        .post(&story.ada, &story.good_link(), Value::Null)
        .await;

    assert_eq!((first.status, again.status), (200, 200));
    assert_eq!(first.json, again.json);
    assert_eq!(first.json["status"], "accepted");
    assert_eq!(first.json["showOnProfile"], true);
}

#[actix_web::test]
async fn the_link_accepts_what_was_declined() {
    let story = story().await;
    let path = format!("/user-achievements/{}/decline", story.award);
    assert_eq!(
        story.app.post(&story.ada, &path, Value::Null).await.status,
        200
    );

    assert_eq!(
        story
            .app
            .post(ANONYMOUS, &story.good_link(), Value::Null)
            .await
            .json["status"],
        "accepted"
    );
}

#[actix_web::test]
async fn the_link_is_nothing_to_who_is_signed_in_as_somebody_else() {
    let story = story().await;

    for other in [&story.grace, &story.app.root()] {
        assert_eq!(story.app.get(other, &story.good_link()).await.status, 404);
        assert_eq!(
            story
                .app
                .post(other, &story.good_link(), Value::Null)
                .await
                .status,
            404
        );
    }
    assert_eq!(story.status().await, "pending");
}

#[actix_web::test]
async fn an_expired_link_is_gone_while_the_recipient_still_accepts_signed_in() {
    let story = story().await;
    let expired = story.link(story.award, &story.ada, now() - Duration::seconds(1));

    let [opened, pressed] = [
        story.app.get(ANONYMOUS, &expired).await,
        story.app.post(ANONYMOUS, &expired, Value::Null).await,
    ];
    let path = format!("/user-achievements/{}/accept", story.award);
    let late = story.app.post(&story.ada, &path, Value::Null).await;

    assert_eq!((opened.status, pressed.status), (410, 410));
    assert_eq!(opened.json["type"], "/problems/link-expired");
    assert_eq!(
        (late.status, &late.json["status"]),
        (200, &json!("accepted"))
    );
}

#[actix_web::test]
async fn what_is_no_link_is_not_found() {
    let story = story().await;
    let good = story.good_link();
    let (session, other) = (
        story.ada.token.clone(),
        story.link(story.award, &story.grace, now() + LINK_LIFE),
    );
    let wrong = [
        other,
        story.link(story.award + 1, &story.ada, now() + LINK_LIFE),
        format!("{good}x"),
        good[..good.len() - 10].to_owned(),
        format!("/award-acceptances/{session}"),
        "/award-acceptances/nonsense".into(),
    ];

    for path in &wrong {
        assert_eq!(story.app.get(ANONYMOUS, path).await.status, 404, "{path}");
        assert_eq!(
            story.app.post(ANONYMOUS, path, Value::Null).await.status,
            404,
            "{path}"
        );
    }
    assert_eq!(story.status().await, "pending");
}

#[actix_web::test]
async fn the_token_of_a_link_signs_nobody_in() {
    let story = story().await;
    let token = story.good_link().rsplit('/').next().unwrap().to_owned();

    let response = story
        .app
        .get(
            &User {
                token,
                ..story.ada.clone()
            },
            "/user",
        )
        .await;

    assert_eq!(
        (response.status, &response.json["type"]),
        (401, &json!("/problems/invalid-token"))
    );
}

#[actix_web::test]
async fn the_link_of_a_revoked_or_deleted_award_is_not_found() {
    let story = story().await;
    let path = format!("/user-achievements/{}", story.award);

    assert_eq!(
        story
            .app
            .post(&story.grace, &format!("{path}/revoke"), Value::Null)
            .await
            .status,
        200
    );
    assert_eq!(
        story.app.get(ANONYMOUS, &story.good_link()).await.status,
        404
    );
    assert_eq!(
        story
            .app
            .post(ANONYMOUS, &story.good_link(), Value::Null)
            .await
            .status,
        404
    );
    assert_eq!(story.app.delete(&story.app.root(), &path).await.status, 204);
    assert_eq!(
        story.app.get(ANONYMOUS, &story.good_link()).await.status,
        404
    );
}

#[actix_web::test]
async fn the_recipient_and_maintainers_know_until_when_the_link_is_good() {
    let story = story().await;
    let path = format!("/user-achievements/{}", story.award);

    let [ada, grace] = [
        story.app.get(&story.ada, &path).await.json,
        story.app.get(&story.grace, &path).await.json,
    ];
    story
        .app
        .post(&story.ada, &format!("{path}/accept"), Value::Null)
        .await;
    let accepted = story.app.get(&story.ada, &path).await.json;

    let time = |json: &Value, member: &str| {
        let text = json[member]
            .as_str()
            .unwrap()
            .trim_end_matches('Z')
            .to_owned();
        NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f").unwrap()
    };
    assert_eq!(
        time(&ada, "acceptLinkExpiresAt"),
        time(&ada, "awardedAt") + Duration::days(30)
    );
    assert_eq!(grace["acceptLinkExpiresAt"], ada["acceptLinkExpiresAt"]);
    assert_eq!(accepted.get("acceptLinkExpiresAt"), None);
    assert_eq!(
        (ada.get("mailStatus"), &grace["mailStatus"]),
        (None, &json!("queued"))
    );
}

#[actix_web::test]
async fn a_mail_is_resent_at_most_once_in_ten_minutes() {
    let story = story().await;
    let path = format!("/user-achievements/{}/resend", story.award);

    let soon = story.app.post(&story.grace, &path, Value::Null).await;
    story.age_mail(Duration::minutes(11)).await;
    let later = story.app.post(&story.grace, &path, Value::Null).await;
    let again = story.app.post(&story.grace, &path, Value::Null).await;

    assert_eq!((soon.status, later.status, again.status), (429, 202, 429));
    let wait: i64 = soon.header("retry-after").unwrap().parse().unwrap();
    assert!((590..=601).contains(&wait), "{wait}");
    assert_eq!(later.json["mailStatus"], "queued");
}

#[actix_web::test]
async fn a_mail_is_resent_only_while_the_award_is_pending() {
    let story = story().await;
    story.age_mail(Duration::minutes(11)).await;
    let path = format!("/user-achievements/{}", story.award);
    story
        .app
        .post(&story.ada, &format!("{path}/accept"), Value::Null)
        .await;

    let accepted = story
        .app
        .post(&story.grace, &format!("{path}/resend"), Value::Null)
        .await;
    story
        .app
        .post(&story.grace, &format!("{path}/revoke"), Value::Null)
        .await;
    let revoked = story
        .app
        .post(&story.grace, &format!("{path}/resend"), Value::Null)
        .await;

    assert_eq!(
        (accepted.status, &accepted.json["type"]),
        (409, &json!("/problems/not-pending"))
    );
    assert_eq!(
        (revoked.status, &revoked.json["type"]),
        (409, &json!("/problems/revoked"))
    );
}

#[actix_web::test]
async fn no_mail_is_resent_to_who_opted_out() {
    let story = story().await;
    story.age_mail(Duration::minutes(11)).await;
    story
        .app
        .patch(&story.ada, "/user", json!({ "achievementsEnabled": false }))
        .await;

    let path = format!("/user-achievements/{}/resend", story.award);
    let response = story.app.post(&story.grace, &path, Value::Null).await;

    assert_eq!(
        (response.status, &response.json["type"]),
        (409, &json!("/problems/no-mail"))
    );
}

#[actix_web::test]
async fn with_auto_accept_awards_are_born_accepted_unless_the_recipient_opted_out() {
    let story = story().await;
    let alan = story.app.user("alan").await;
    story
        .app
        .patch(&alan, "/user", json!({ "achievementsEnabled": false }))
        .await;
    let settings = story
        .app
        .patch(
            &story.app.root(),
            "/settings",
            json!({ "autoAccept": true }),
        )
        .await;
    assert_eq!(settings.json["autoAccept"], true);

    let path = format!("/achievements/{}/award", story.achievement);
    let ada = story
        .app
        .post(&story.grace, &path, json!({ "username": "ada" }))
        .await
        .json;
    let alan = story
        .app
        .post(&story.grace, &path, json!({ "username": "alan" }))
        .await
        .json;

    assert_eq!(
        (&ada["status"], &ada["showOnProfile"]),
        (&json!("accepted"), &json!(true))
    );
    assert_eq!(ada["acceptedAt"], ada["awardedAt"]);
    assert_eq!(alan["status"], "pending");
}

impl Story {
    /// As if the mail had been queued that long ago.
    async fn age_mail(&self, age: Duration) {
        diesel::table! {
            award_mails (user_achievement_id) {
                user_achievement_id -> BigInt,
                queued_at -> Timestamp,
            }
        }
        let award = self.award;
        let write = self.app.accolade.db.write(move |conn| {
            let mail = award_mails::table.find(award);
            Ok(diesel::update(mail)
                .set(award_mails::queued_at.eq(now() - age))
                .execute(conn)?)
        });
        assert_eq!(write.await.unwrap(), 1);
    }
}
