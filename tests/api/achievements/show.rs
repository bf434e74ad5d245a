use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{TestApp, User};

#[actix_web::test]
async fn an_achievement_is_shown() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.namespace("compilers", &ada, Role::Guest).await;
    let achievement = app.achievement(compilers, "First merge").await;
    app.award(achievement, &ada).await;
    app.accepted(achievement, &ada).await;

    let response = app.get(&ada, &format!("/achievements/{achievement}")).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json, { ".createdAt" => "[now]", ".updatedAt" => "[now]" }, @r#"
    {
      "id": 1,
      "namespace": {
        "id": 1,
        "fullPath": "compilers",
        "name": "compilers",
        "webUrl": "https://accolade.test/groups/compilers/-/achievements"
      },
      "name": "First merge",
      "userAchievementsCount": 2,
      "uniqueUsersCount": 1,
      "createdAt": "[now]",
      "updatedAt": "[now]",
      "webUrl": "https://accolade.test/groups/compilers/-/achievements"
    }
    "#);
}

#[actix_web::test]
async fn times_are_rfc_3339_in_utc() {
    let app = TestApp::new().await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    let achievement = app.achievement(compilers, "First merge").await;

    let path = format!("/achievements/{achievement}");
    let response = app.get(&app.root(), &path).await;

    let text = response.json["createdAt"].as_str().unwrap();
    let time = chrono::DateTime::parse_from_rfc3339(text).unwrap();
    assert!(text.ends_with('Z'), "{text}");
    assert!((chrono::Utc::now() - time.to_utc()).num_seconds() < 60);
}

#[actix_web::test]
async fn an_unknown_achievement_is_not_found() {
    let app = TestApp::new().await;

    let response = app.get(&app.root(), "/achievements/9").await;

    assert_eq!(response.status, 404);
}

/// Its counts: of awards and of users.
async fn counts(app: &TestApp) -> [u64; 2] {
    let response = app.get(&app.root(), "/achievements/1").await;
    ["userAchievementsCount", "uniqueUsersCount"]
        .map(|count| response.json[count].as_u64().unwrap())
}

async fn with_achievement() -> (TestApp, User, User) {
    let app = TestApp::new().await;
    let compilers = app.namespace("compilers", &app.root(), Role::Owner).await;
    app.achievement(compilers, "First merge").await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    (app, ada, bob)
}

#[actix_web::test]
async fn it_counts_awards_and_the_users_who_hold_them() {
    let (app, ada, bob) = with_achievement().await;
    assert_eq!(counts(&app).await, [0, 0]);

    app.award(1, &ada).await;
    assert_eq!(counts(&app).await, [1, 1]);
    app.accepted(1, &ada).await;
    assert_eq!(counts(&app).await, [2, 1]);
    app.hidden(1, &bob).await;
    assert_eq!(counts(&app).await, [3, 2]);
}

#[actix_web::test]
async fn a_declined_award_counts_again_once_it_is_accepted() {
    let (app, ada, _) = with_achievement().await;
    let (first, second) = (app.award(1, &ada).await, app.award(1, &ada).await);
    let act = async |id: i64, verb: &str| {
        let path = format!("/user-achievements/{id}/{verb}");
        assert_eq!(app.post(&ada, &path, Value::Null).await.status, 200);
        counts(&app).await
    };

    assert_eq!(act(first, "decline").await, [1, 1]);
    assert_eq!(act(first, "decline").await, [1, 1]);
    assert_eq!(act(second, "decline").await, [0, 0]);
    assert_eq!(act(first, "accept").await, [1, 1]);
    assert_eq!(act(first, "accept").await, [1, 1]);
    assert_eq!(act(second, "accept").await, [2, 1]);
}

#[actix_web::test]
async fn a_revoked_award_does_not_count() {
    let (app, ada, _) = with_achievement().await;
    let (first, second) = (app.accepted(1, &ada).await, app.declined(1, &ada).await);
    let revoke = async |id: i64| {
        let path = format!("/user-achievements/{id}/revoke");
        app.post(&app.root(), &path, Value::Null).await;
        counts(&app).await
    };

    assert_eq!(counts(&app).await, [1, 1]);
    assert_eq!(revoke(second).await, [1, 1]);
    assert_eq!(revoke(first).await, [0, 0]);
    // The second time it is refused.
    assert_eq!(revoke(first).await, [0, 0]);
}

#[actix_web::test]
async fn a_deleted_award_does_not_count() {
    let (app, ada, bob) = with_achievement().await;
    let ids = [
        (app.revoked(1, &ada).await, [2, 2]),
        (app.declined(1, &ada).await, [2, 2]),
        (app.accepted(1, &ada).await, [1, 1]),
        (app.award(1, &bob).await, [0, 0]),
    ];

    for (id, after) in ids {
        let path = format!("/user-achievements/{id}");
        assert_eq!(app.delete(&app.root(), &path).await.status, 204);
        assert_eq!(counts(&app).await, after);
    }
}

#[actix_web::test]
async fn the_awards_of_a_deleted_user_do_not_count() {
    let (app, ada, bob) = with_achievement().await;
    for _ in 0..3 {
        app.accepted(1, &ada).await;
    }
    app.revoked(1, &ada).await;
    app.declined(1, &ada).await;
    app.award(1, &bob).await;

    assert_eq!(counts(&app).await, [4, 2]);
    assert_eq!(app.delete(&app.root(), "/users/ada").await.status, 204);
    assert_eq!(counts(&app).await, [1, 1]);
}

#[actix_web::test]
async fn an_award_born_accepted_counts() {
    let (app, ada, _) = with_achievement().await;
    let settings = json!({ "autoAccept": true });
    app.patch(&app.root(), "/settings", settings).await;

    app.award(1, &ada).await;

    assert_eq!(counts(&app).await, [1, 1]);
}
