//! From every status of an award, everything that can be done with it.

use accolade::auth::Role;
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User, next_moment};

#[derive(Clone, Copy, Debug)]
enum From {
    Pending,
    Shown,
    Hidden,
    Declined,
    Revoked,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Accept,
    Decline,
    Show,
    Hide,
    Revoke,
    AwardAgain,
}

/// What is done in which status, what that answers, and the status and `showOnProfile` after it.
/// A revoked award was accepted and shown before: revoking touches neither.
#[rustfmt::skip]
const TRANSITIONS: [(From, Act, u16, &str, bool); 30] = [
    (From::Pending,  Act::Accept,     200, "accepted", true),
    (From::Pending,  Act::Decline,    200, "declined", false),
    (From::Pending,  Act::Show,       200, "accepted", true),
    (From::Pending,  Act::Hide,       200, "pending",  false),
    (From::Pending,  Act::Revoke,     200, "revoked",  false),
    (From::Pending,  Act::AwardAgain, 201, "pending",  false),
    (From::Shown,    Act::Accept,     200, "accepted", true),
    (From::Shown,    Act::Decline,    409, "accepted", true),
    (From::Shown,    Act::Show,       200, "accepted", true),
    (From::Shown,    Act::Hide,       200, "accepted", false),
    (From::Shown,    Act::Revoke,     200, "revoked",  true),
    (From::Shown,    Act::AwardAgain, 201, "accepted", true),
    // Accepting again changes nothing: a request that was sent twice does not undo hiding.
    (From::Hidden,   Act::Accept,     200, "accepted", false),
    (From::Hidden,   Act::Decline,    409, "accepted", false),
    (From::Hidden,   Act::Show,       200, "accepted", true),
    (From::Hidden,   Act::Hide,       200, "accepted", false),
    (From::Hidden,   Act::Revoke,     200, "revoked",  false),
    (From::Hidden,   Act::AwardAgain, 201, "accepted", false),
    (From::Declined, Act::Accept,     200, "accepted", true),
    (From::Declined, Act::Decline,    200, "declined", false),
    // It is accepting, which the recipient can at any time.
    (From::Declined, Act::Show,       200, "accepted", true),
    (From::Declined, Act::Hide,       200, "declined", false),
    (From::Declined, Act::Revoke,     200, "revoked",  false),
    (From::Declined, Act::AwardAgain, 201, "declined", false),
    (From::Revoked,  Act::Accept,     409, "revoked",  true),
    (From::Revoked,  Act::Decline,    409, "revoked",  true),
    (From::Revoked,  Act::Show,       409, "revoked",  true),
    (From::Revoked,  Act::Hide,       409, "revoked",  true),
    (From::Revoked,  Act::Revoke,     409, "revoked",  true),
    (From::Revoked,  Act::AwardAgain, 201, "revoked",  true),
];

async fn with_achievement() -> (TestApp, User) {
    let app = TestApp::new().await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    app.achievement(compilers, "First merge").await;
    let ada = app.user("ada").await;
    (app, ada)
}

/// An award of the achievement 1 in that status.
async fn award(app: &TestApp, ada: &User, from: From) -> i64 {
    match from {
        From::Pending => app.award(1, ada).await,
        From::Shown => app.accepted(1, ada).await,
        From::Hidden => app.hidden(1, ada).await,
        From::Declined => app.declined(1, ada).await,
        From::Revoked => app.revoked(1, ada).await,
    }
}

async fn act(app: &TestApp, ada: &User, award: i64, act: Act) -> Response {
    let root = app.root();
    let path = format!("/user-achievements/{award}");
    let (method, user, path, body) = match act {
        Act::Accept => (Method::POST, ada, format!("{path}/accept"), Value::Null),
        Act::Decline => (Method::POST, ada, format!("{path}/decline"), Value::Null),
        Act::Show => (Method::PATCH, ada, path, json!({ "showOnProfile": true })),
        Act::Hide => (Method::PATCH, ada, path, json!({ "showOnProfile": false })),
        Act::Revoke => (Method::POST, &root, format!("{path}/revoke"), Value::Null),
        Act::AwardAgain => {
            let body = json!({ "userId": ada.id });
            (Method::POST, &root, "/achievements/1/award".into(), body)
        }
    };
    app.call(method, user, &path, body).await
}

#[actix_web::test]
async fn every_transition_ends_where_it_should() {
    let (app, ada) = with_achievement().await;

    for (from, what, status, after, shown) in TRANSITIONS {
        let award = award(&app, &ada, from).await;
        let answer = act(&app, &ada, award, what).await;

        assert_eq!(answer.status, status, "{what:?} when {from:?}");
        let path = format!("/user-achievements/{award}");
        let found = app.get(&ada, &path).await.json;
        let state = (&found["status"], &found["showOnProfile"]);
        assert_eq!(
            state,
            (&json!(after), &json!(shown)),
            "{what:?} when {from:?}"
        );
        if what == Act::AwardAgain {
            assert_ne!(answer.id(), award);
            assert_eq!(answer.json["status"], "pending");
        } else if status == 200 {
            assert_eq!(answer.json["status"], after, "{what:?} when {from:?}");
        }
    }
}

#[actix_web::test]
async fn what_is_refused_or_done_again_changes_nothing() {
    let (app, ada) = with_achievement().await;
    let nothing = TRANSITIONS.iter().filter(|(from, what, status, ..)| {
        let again = matches!(
            (from, what),
            (From::Shown, Act::Accept | Act::Show)
                | (From::Hidden, Act::Accept | Act::Hide)
                | (From::Declined, Act::Decline | Act::Hide)
                | (From::Pending, Act::Hide)
        );
        again || *status == 409 || *what == Act::AwardAgain
    });

    for (from, what, ..) in nothing {
        let award = award(&app, &ada, *from).await;
        let path = format!("/user-achievements/{award}");
        let before = app.get(&ada, &path).await.json;
        next_moment().await;
        act(&app, &ada, award, *what).await;

        let after = app.get(&ada, &path).await.json;
        assert_eq!(after, before, "{what:?} when {from:?}");
    }
}

#[actix_web::test]
async fn the_acceptance_is_stamped_once() {
    let (app, ada) = with_achievement().await;
    let award = award(&app, &ada, From::Declined).await;
    let accepted_at = act(&app, &ada, award, Act::Accept).await.json["acceptedAt"].clone();
    assert!(accepted_at.is_string());

    for what in [
        Act::Accept,
        Act::Hide,
        Act::Show,
        Act::Hide,
        Act::Accept,
        Act::Revoke,
    ] {
        next_moment().await;
        let answer = act(&app, &ada, award, what).await;

        assert_eq!(answer.status, 200, "{what:?}");
        assert_eq!(answer.json["acceptedAt"], accepted_at, "{what:?}");
    }
}

#[actix_web::test]
async fn revoking_touches_nothing_else_in_any_status() {
    let (app, ada) = with_achievement().await;

    for from in [From::Pending, From::Shown, From::Hidden, From::Declined] {
        let award = award(&app, &ada, from).await;
        let path = format!("/user-achievements/{award}");
        let mut expected = app.get(&ada, &path).await.json;
        let revoked = act(&app, &ada, award, Act::Revoke).await.json;

        assert!(revoked["revokedAt"].is_string());
        expected["status"] = json!("revoked");
        for member in ["revokedAt", "revokedByUser"] {
            expected[member] = revoked[member].clone();
        }
        assert_eq!(app.get(&app.root(), &path).await.json, revoked);
        // Nothing is left to accept by a link.
        expected
            .as_object_mut()
            .unwrap()
            .remove("acceptLinkExpiresAt");
        // The recipient may not see the namespace; the rest is as it was.
        let mut seen = app.get(&ada, &path).await.json;
        seen["revokedByUser"] = revoked["revokedByUser"].clone();
        assert_eq!(seen, expected, "{from:?}");
    }
}
