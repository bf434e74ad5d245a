use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

#[actix_web::test]
async fn a_maintainer_awards_an_achievement() {
    let app = TestApp::new().await;
    let (grace, ada) = (app.user("grace").await, app.user("ada").await);
    let compilers = app.namespace("compilers", &grace, Role::Maintainer).await;
    let achievement = app.achievement(compilers, "First merge").await;

    let path = format!("/achievements/{achievement}/award");
    let body = json!({ "userId": ada.id, "awardMessage": " Well done " });
    let response = app.post(&grace, &path, body).await;

    assert_eq!(response.status, 201);
    assert_eq!(
        response.header("location").unwrap(),
        format!("https://accolade.test/user-achievements/{}", response.id())
    );
    assert_json_snapshot!(response.json, { ".acceptLinkExpiresAt" => "[later]", ".awardedAt" => "[now]" }, @r#"
    {
      "id": 1,
      "achievement": {
        "id": 1,
        "namespace": {
          "id": 1,
          "fullPath": "compilers",
          "name": "compilers",
          "webUrl": "https://accolade.test/groups/compilers/-/achievements"
        },
        "name": "First merge",
        "webUrl": "https://accolade.test/groups/compilers/-/achievements"
      },
      "user": {
        "id": 3,
        "username": "ada",
        "name": "ada",
        "webUrl": "https://accolade.test/@ada"
      },
      "status": "pending",
      "showOnProfile": false,
      "awardMessage": "Well done",
      "awardedAt": "[now]",
      "awardedByUser": {
        "id": 2,
        "username": "grace",
        "name": "grace",
        "webUrl": "https://accolade.test/@grace"
      },
      "acceptLinkExpiresAt": "[later]",
      "mailStatus": "queued"
    }
    "#);
}

/// With the achievement 1 of a namespace of root's.
async fn with_achievement() -> (TestApp, User) {
    let app = TestApp::new().await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    app.achievement(compilers, "First merge").await;
    let ada = app.user("ada").await;
    (app, ada)
}

async fn award(app: &TestApp, body: Value) -> Response {
    app.post(&app.root(), "/achievements/1/award", body).await
}

#[actix_web::test]
async fn the_recipient_is_named_by_id_or_by_username_in_any_case() {
    let (app, ada) = with_achievement().await;
    let bodies = [
        json!({ "userId": ada.id }),
        json!({ "username": "ada" }),
        json!({ "username": "ADA", "userId": null }),
    ];

    for body in bodies {
        let response = award(&app, body).await;

        assert_eq!(response.status, 201);
        assert_eq!(response.json["user"]["id"], ada.id);
    }
}

#[actix_web::test]
async fn the_recipient_is_named_once() {
    let (app, ada) = with_achievement().await;
    let bodies = [
        json!({}),
        json!({ "userId": null, "username": null }),
        json!({ "userId": ada.id, "username": "ada" }),
    ];

    for body in bodies {
        let response = award(&app, body).await;

        assert_eq!(response.status, 422);
        let fields = response.fields();
        assert!(
            fields
                .iter()
                .all(|field| ["userId", "username"].contains(field))
        );
    }
}

#[actix_web::test]
async fn an_unknown_recipient_is_invalid() {
    let (app, ada) = with_achievement().await;
    let cases = [
        (json!({ "userId": 99 }), "userId"),
        (json!({ "userId": -1 }), "userId"),
        (json!({ "username": "nobody" }), "username"),
        // An id is not a username.
        (json!({ "username": ada.id.to_string() }), "username"),
    ];

    for (body, field) in cases {
        let response = award(&app, body).await;

        assert_eq!(response.status, 422);
        assert_eq!(response.fields(), [field]);
    }
}

#[actix_web::test]
async fn awarding_twice_makes_two() {
    let (app, ada) = with_achievement().await;

    let (first, second) = (app.award(1, &ada).await, app.award(1, &ada).await);

    assert_ne!(first, second);
    let awards = app
        .get(&app.root(), "/achievements/1/user-achievements")
        .await;
    assert_eq!(awards.nodes("/id"), [first, second]);
}

#[actix_web::test]
async fn a_message_of_200_characters_is_kept_as_plain_text() {
    let (app, ada) = with_achievement().await;
    let markup = "<b>Well</b> &amp; **done**";

    for (sent, kept) in [
        ("🎉".repeat(200), "🎉".repeat(200)),
        (format!(" {markup} "), markup.into()),
    ] {
        let body = json!({ "userId": ada.id, "awardMessage": sent });
        let response = award(&app, body).await;

        assert_eq!(response.status, 201);
        assert_eq!(response.json["awardMessage"], kept);
    }
}

#[actix_web::test]
async fn an_empty_message_is_none() {
    let (app, ada) = with_achievement().await;

    for message in [json!(""), json!("  "), json!(null)] {
        let body = json!({ "userId": ada.id, "awardMessage": message });
        let response = award(&app, body).await;

        assert_eq!(response.status, 201);
        assert_eq!(response.json.get("awardMessage"), None);
    }
}

#[actix_web::test]
async fn a_message_too_long_or_with_control_characters_is_invalid() {
    let (app, ada) = with_achievement().await;

    for message in ["é".repeat(201), "a\0b".into(), "\u{1b}[31mred".into()] {
        let body = json!({ "userId": ada.id, "awardMessage": message });
        let response = award(&app, body).await;

        assert_eq!(response.status, 422, "{message:?}");
        assert_eq!(response.fields(), ["awardMessage"]);
    }
}

#[actix_web::test]
async fn every_violation_of_an_award_is_reported_at_once() {
    let (app, _) = with_achievement().await;

    let body = json!({ "userId": "ada", "awardMessage": 5, "message": "Well done" });
    let response = award(&app, body).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["awardMessage", "message", "userId"]);
}

#[actix_web::test]
async fn a_missing_recipient_is_reported_with_the_other_violations() {
    let (app, _) = with_achievement().await;

    let response = award(&app, json!({ "awardMessage": "a".repeat(201) })).await;

    assert_eq!(response.status, 422);
    let mut fields = response.fields();
    fields.sort();
    assert_eq!(fields, ["awardMessage", "userId"]);
}

#[actix_web::test]
async fn an_unknown_achievement_is_not_found() {
    let (app, ada) = with_achievement().await;

    let body = json!({ "userId": ada.id });
    let response = app.post(&app.root(), "/achievements/9/award", body).await;

    assert_eq!(response.status, 404);
}

#[actix_web::test]
async fn a_user_who_opted_out_can_be_awarded() {
    let (app, ada) = with_achievement().await;
    let body = json!({ "achievementsEnabled": false, "privateProfile": true });
    app.patch(&ada, "/user", body).await;

    let response = award(&app, json!({ "userId": ada.id })).await;

    assert_eq!(response.status, 201);
    assert_eq!(response.json["status"], "pending");
}

#[actix_web::test]
async fn with_auto_accept_an_award_is_born_accepted() {
    let (app, ada) = with_achievement().await;
    app.patch(&app.root(), "/settings", json!({ "autoAccept": true }))
        .await;

    let response = award(&app, json!({ "userId": ada.id })).await;

    assert_eq!(response.status, 201);
    assert_eq!(response.json["status"], "accepted");
    assert_eq!(response.json["showOnProfile"], true);
    assert_eq!(response.json["acceptedAt"], response.json["awardedAt"]);
}

#[actix_web::test]
async fn auto_accept_leaves_out_users_who_opted_out() {
    let (app, ada) = with_achievement().await;
    app.patch(&app.root(), "/settings", json!({ "autoAccept": true }))
        .await;
    app.patch(&ada, "/user", json!({ "achievementsEnabled": false }))
        .await;

    let response = award(&app, json!({ "userId": ada.id })).await;

    assert_eq!(response.status, 201);
    assert_eq!(response.json["status"], "pending");
    assert_eq!(response.json.get("acceptedAt"), None);
}
