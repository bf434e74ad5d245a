use accolade::auth::Role;
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

/// With the achievement 1 of a namespace that everybody sees.
async fn with_achievement() -> (TestApp, User) {
    let app = TestApp::new().await;
    let compilers = app
        .public_namespace("compilers", &app.root(), Role::Owner)
        .await;
    app.achievement(compilers, "First merge").await;
    let ada = app.user("ada").await;
    (app, ada)
}

async fn reorder(app: &TestApp, user: &User, ids: &[i64]) -> Response {
    let body = json!({ "userAchievementIds": ids });
    app.put(user, "/user-achievements/priorities", body).await
}

/// The priorities of the awards: null where there is none.
async fn priorities(app: &TestApp, ids: &[i64]) -> Vec<Value> {
    let mut priorities = Vec::new();
    for id in ids {
        let path = format!("/user-achievements/{id}");
        let award = app.get(&app.root(), &path).await.json;
        priorities.push(award.get("priority").cloned().unwrap_or_default());
    }
    priorities
}

#[actix_web::test]
async fn each_award_gets_its_place_in_the_list() {
    let (app, ada) = with_achievement().await;
    let award = app.accepted(1, &ada).await;

    let response = reorder(&app, &ada, &[award]).await;

    assert_eq!(response.status, 200);
    assert_json_snapshot!(response.json["nodes"], {
        "[].awardedAt" => "[now]",
        "[].acceptedAt" => "[now]",
    }, @r#"
    [
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
          "id": 2,
          "username": "ada",
          "name": "ada",
          "webUrl": "https://accolade.test/@ada"
        },
        "status": "accepted",
        "showOnProfile": true,
        "priority": 0,
        "awardedAt": "[now]",
        "awardedByUser": {
          "id": 1,
          "username": "root",
          "name": "root",
          "webUrl": "https://accolade.test/@root"
        },
        "acceptedAt": "[now]"
      }
    ]
    "#);
}

#[actix_web::test]
async fn the_others_lose_theirs() {
    let (app, ada) = with_achievement().await;
    let ids = [
        app.accepted(1, &ada).await,
        app.accepted(1, &ada).await,
        app.accepted(1, &ada).await,
    ];
    reorder(&app, &ada, &ids).await;

    let response = reorder(&app, &ada, &[ids[2], ids[0]]).await;

    assert_eq!(response.status, 200);
    let expected = [json!(1), Value::Null, json!(0)];
    assert_eq!(priorities(&app, &ids).await, expected);
    // Those that were touched: the second one too, which lost its place.
    let mut touched = response.nodes("/id");
    touched.sort_by_key(Value::as_i64);
    assert_eq!(touched, ids);
}

#[actix_web::test]
async fn an_empty_list_clears_all() {
    let (app, ada) = with_achievement().await;
    let ids = [app.accepted(1, &ada).await, app.hidden(1, &ada).await];
    reorder(&app, &ada, &ids).await;

    let response = reorder(&app, &ada, &[]).await;

    assert_eq!(response.status, 200);
    assert_eq!(priorities(&app, &ids).await, [Value::Null, Value::Null]);
}

#[actix_web::test]
async fn every_award_that_is_not_revoked_can_have_a_place() {
    let (app, ada) = with_achievement().await;
    let ids = [
        app.award(1, &ada).await,
        app.hidden(1, &ada).await,
        app.declined(1, &ada).await,
    ];

    let response = reorder(&app, &ada, &ids).await;

    assert_eq!(response.status, 200);
    assert_eq!(priorities(&app, &ids).await, [0, 1, 2]);
}

#[actix_web::test]
async fn foreign_revoked_and_duplicate_ids_change_nothing() {
    let (app, ada) = with_achievement().await;
    let bob = app.user("bob").await;
    let [first, second] = [app.accepted(1, &ada).await, app.accepted(1, &ada).await];
    let (foreign, revoked) = (app.accepted(1, &bob).await, app.revoked(1, &ada).await);
    reorder(&app, &ada, &[second, first]).await;

    for ids in [
        [first, foreign],
        [first, revoked],
        [first, first],
        [first, 999],
        [-1, first],
    ] {
        let response = reorder(&app, &ada, &ids).await;

        assert_eq!(response.status, 422, "{ids:?}");
        let fields = response.fields();
        assert!(
            fields
                .iter()
                .all(|field| field.starts_with("userAchievementIds"))
        );
        let all = [first, second, foreign, revoked];
        let unchanged = [json!(1), json!(0), Value::Null, Value::Null];
        assert_eq!(priorities(&app, &all).await, unchanged, "{ids:?}");
    }
}

#[actix_web::test]
async fn every_refused_id_is_reported_at_once() {
    let (app, ada) = with_achievement().await;
    let own = app.accepted(1, &ada).await;

    let response = reorder(&app, &ada, &[998, own, 999, own]).await;

    assert_eq!(response.status, 422);
    assert_eq!(response.fields().len(), 3);
}

#[actix_web::test]
async fn the_awards_of_others_keep_theirs() {
    let (app, ada) = with_achievement().await;
    let bob = app.user("bob").await;
    let (own, foreign) = (app.accepted(1, &ada).await, app.accepted(1, &bob).await);
    reorder(&app, &bob, &[foreign]).await;

    reorder(&app, &ada, &[own]).await;
    reorder(&app, &ada, &[]).await;

    let expected = [Value::Null, json!(0)];
    assert_eq!(priorities(&app, &[own, foreign]).await, expected);
}

#[actix_web::test]
async fn the_list_is_required_and_of_integers() {
    let (app, ada) = with_achievement().await;
    let bodies = [
        json!({}),
        json!({ "userAchievementIds": null }),
        json!({ "userAchievementIds": 1 }),
        json!({ "userAchievementIds": ["1"] }),
        json!({ "userAchievementIds": [1.5] }),
        json!({ "userAchievementIds": [null] }),
        json!({ "userAchievementIds": [18_446_744_073_709_551_615_u64] }),
    ];

    for body in bodies {
        let path = "/user-achievements/priorities";
        let response = app.put(&ada, path, body.clone()).await;

        assert_eq!(response.status, 422, "{body}");
        assert!(response.fields()[0].starts_with("userAchievementIds"));
    }
}
