use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

/// With the achievement 1 of grace's namespace.
async fn with_achievement() -> (TestApp, User, User) {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    app.achievement(compilers, "First merge").await;
    (app, grace, ada)
}

async fn update(app: &TestApp, user: &User, award: i64, body: Value) -> Response {
    let path = format!("/user-achievements/{award}");
    app.patch(user, &path, body).await
}

async fn shown(app: &TestApp, award: i64) -> Value {
    let path = format!("/user-achievements/{award}");
    app.get(&app.root(), &path).await.json
}

#[actix_web::test]
async fn showing_a_pending_award_accepts_it() {
    let (app, _, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;

    let response = update(&app, &ada, award, json!({ "showOnProfile": true })).await;

    assert_eq!(response.status, 200);
    // The recipient may not see the namespace, which is private.
    assert_json_snapshot!(response.json, {
        ".awardedAt" => "[now]",
        ".acceptedAt" => "[now]",
    }, @r#"
    {
      "id": 1,
      "achievement": {
        "id": 1,
        "name": "First merge"
      },
      "user": {
        "id": 3,
        "username": "ada",
        "name": "ada",
        "webUrl": "https://accolade.test/@ada"
      },
      "status": "accepted",
      "showOnProfile": true,
      "awardedAt": "[now]",
      "awardedByUser": {
        "id": 1,
        "username": "root",
        "name": "root",
        "webUrl": "https://accolade.test/@root"
      },
      "acceptedAt": "[now]"
    }
    "#);
    assert_eq!(shown(&app, award).await["status"], "accepted");
}

#[actix_web::test]
async fn the_recipient_hides_and_shows_an_award() {
    let (app, _, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;
    let accepted_at = shown(&app, award).await["acceptedAt"].clone();

    for (show, badges) in [(false, 0), (true, 1)] {
        let body = json!({ "showOnProfile": show });
        let response = update(&app, &ada, award, body).await;

        assert_eq!(response.status, 200);
        assert_eq!(response.json["showOnProfile"], show);
        assert_eq!(response.json["status"], "accepted");
        assert_eq!(response.json["acceptedAt"], accepted_at);
        let profile = app.get(&ada, "/users/ada/badges").await;
        assert_eq!(profile.nodes("/count").len(), badges);
    }
}

#[actix_web::test]
async fn a_maintainer_edits_the_message() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;
    let mut expected = shown(&app, award).await;

    let body = json!({ "awardMessage": " Well done " });
    let response = update(&app, &grace, award, body).await;

    assert_eq!(response.status, 200);
    expected["awardMessage"] = json!("Well done");
    assert_eq!(response.json, expected);
}

#[actix_web::test]
async fn an_empty_string_clears_the_message() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.award(1, &ada).await;
    update(&app, &grace, award, json!({ "awardMessage": "Well done" })).await;

    let response = update(&app, &grace, award, json!({ "awardMessage": "" })).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json.get("awardMessage"), None);
}

#[actix_web::test]
async fn what_is_absent_or_null_stays() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;
    update(&app, &grace, award, json!({ "awardMessage": "Well done" })).await;
    let before = shown(&app, award).await;

    let nulls = json!({ "showOnProfile": null, "awardMessage": null });
    for (user, body) in [(&ada, json!({})), (&ada, nulls.clone()), (&grace, nulls)] {
        let response = update(&app, user, award, body).await;

        assert_eq!(response.status, 200);
        assert_eq!(shown(&app, award).await, before);
    }
}

#[actix_web::test]
async fn the_recipient_may_not_change_the_message() {
    let (app, _, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;
    let before = shown(&app, award).await;

    let body = json!({ "showOnProfile": false, "awardMessage": "Mine" });
    let response = update(&app, &ada, award, body).await;

    assert_eq!(response.status, 403);
    assert_eq!(response.fields(), ["awardMessage"]);
    assert_eq!(shown(&app, award).await, before);
}

#[actix_web::test]
async fn nobody_but_the_recipient_may_show_or_hide() {
    let (app, grace, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;
    let before = shown(&app, award).await;

    for user in [&grace, &app.root()] {
        let body = json!({ "showOnProfile": false, "awardMessage": "Well done" });
        let response = update(&app, user, award, body).await;

        assert_eq!(response.status, 403);
        assert_eq!(response.fields(), ["showOnProfile"]);
        assert_eq!(shown(&app, award).await, before);
    }
}

#[actix_web::test]
async fn a_maintainer_who_is_the_recipient_changes_both() {
    let (app, grace, _) = with_achievement().await;
    let award = app.award(1, &grace).await;

    let body = json!({ "showOnProfile": true, "awardMessage": "To myself" });
    let response = update(&app, &grace, award, body).await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json["status"], "accepted");
    assert_eq!(response.json["awardMessage"], "To myself");
}

#[actix_web::test]
async fn every_violation_is_reported_at_once_and_changes_nothing() {
    let (app, grace, _) = with_achievement().await;
    let award = app.accepted(1, &grace).await;
    let before = shown(&app, award).await;

    let body =
        json!({ "showOnProfile": "no", "awardMessage": "a".repeat(201), "status": "pending" });
    let response = update(&app, &grace, award, body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["awardMessage", "showOnProfile", "status"]);
    assert_eq!(shown(&app, award).await, before);
}

#[actix_web::test]
async fn an_unknown_award_is_not_found() {
    let (app, grace, _) = with_achievement().await;

    let response = update(&app, &grace, 9, json!({ "awardMessage": "a" })).await;

    assert_eq!(response.status, 404);
}
