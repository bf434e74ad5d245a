//! `Idempotency-Key`: a request that is repeated gets the first answer, and does its work once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use accolade::auth::Role;
use accolade::mail::{Mailer, Transport};
use accolade::time::now;
use actix_test::Client;
use actix_web::http::Method;
use actix_web::rt;
use chrono::Duration as Time;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::Text;
use futures_util::future::join_all;
use image::ImageFormat;
use serde_json::{Value, json};

use crate::app::{FORM, Response, TestApp, User, form};
use crate::avatar_corpus::picture;
use crate::conditions::operations_taking;
use crate::database::Raw;
use crate::mail::eventually;
use crate::server::Server;
use crate::tools::mails;

/// Every operation that takes a key, and where root finds what it makes.
const CREATIONS: &str = r#"
createUser                | /users                             | {"username":"eve","email":"eve@example.com","password":"analytical engine"} | /users
createNamespace           | /namespaces                        | {"path":"linkers","name":"Linkers"}    | /namespaces
createAchievement         | /namespaces/compilers/achievements | {"name":"New","description":"As new"}  | /namespaces/1/achievements
awardAchievement          | /achievements/1/award              | {"username":"ada","awardMessage":"Hi"} | /achievements/1/user-achievements
createPersonalAccessToken | /personal-access-tokens            | {"name":"Bot","scopes":["read"]}       | /personal-access-tokens
"#;

struct Creation {
    operation: &'static str,
    path: &'static str,
    body: Value,
    list: &'static str,
}

impl Creation {
    fn all() -> Vec<Self> {
        let creations = CREATIONS.trim().lines().map(|line| {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [operation, path, body, list] = columns[..] else {
                panic!("four columns: {line}")
            };
            let body = serde_json::from_str(body).unwrap();
            #[rustfmt::skip]
            let creation = Self { operation, path, body, list };
            creation
        });
        creations.collect()
    }

    /// How many there are of what it makes.
    async fn count(&self, app: &TestApp) -> usize {
        app.get(&app.root(), self.list).await.nodes("/id").len()
    }
}

/// With the namespace `compilers` (1) of root's and its achievement (1), and with ada.
async fn begin() -> (TestApp, User, User) {
    let app = TestApp::new().await;
    let (root, ada) = (app.root(), app.user("ada").await);
    app.namespace("compilers", &root, Role::Owner).await;
    app.achievement(1, "First merge").await;
    (app, root, ada)
}

/// POSTs with the key.
async fn post(app: &TestApp, user: &User, key: &str, path: &str, body: &Value) -> Response {
    let headers = [("Idempotency-Key", key)];
    app.call_with(&headers, Method::POST, user, path, body.clone())
        .await
}

/// The same of a body that is already written.
async fn send(app: &TestApp, key: &str, path: &str, media_type: &str, body: Vec<u8>) -> Response {
    let bearer = format!("Bearer {}", app.root().token);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", media_type),
        ("Idempotency-Key", key),
    ];
    app.send(Method::POST, path, &headers, body).await
}

/// What a repetition has in common with the first answer.
fn answer(response: &Response) -> (u16, &[u8], Option<&str>, Option<&str>, Option<&str>) {
    (
        response.status,
        &response.body,
        response.header("location"),
        response.header("etag"),
        response.header("cache-control"),
    )
}

fn assert_replayed(response: &Response, first: &Response) {
    assert_eq!(first.status, 201, "{}", first.json);
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(answer(response), answer(first));
    assert_eq!(response.header("idempotent-replayed"), Some("true"));
}

fn assert_reused(response: &Response) {
    assert_eq!(response.status, 422, "{}", response.json);
    assert_eq!(response.json["type"], "/problems/idempotency-key-reused");
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    text: String,
}

/// The rows of the table of keys.
async fn rows(app: &TestApp) -> Vec<String> {
    let query = "SELECT user_id || ' ' || operation || ' ' || key || ' ' || fingerprint || ' ' || answer AS text \
                 FROM idempotency_keys";
    let rows = app
        .accolade
        .db
        .read(move |conn| Ok(sql_query(query).load::<Row>(conn)?));
    rows.await
        .unwrap()
        .into_iter()
        .map(|row| row.text)
        .collect()
}

/// Has all keys been used that long ago.
async fn age(app: &TestApp, age: Time) {
    let then = (now() - age).format("%Y-%m-%d %H:%M:%S%.3f");
    let update = format!("UPDATE idempotency_keys SET created_at = '{then}'");
    let aged = app
        .accolade
        .db
        .write(move |conn| Ok(sql_query(update).execute(conn)?));
    assert!(aged.await.unwrap() > 0);
}

#[test]
fn every_operation_that_takes_a_key_is_tried_below() {
    let tried = Creation::all()
        .into_iter()
        .map(|creation| creation.operation.to_owned());

    let taking: BTreeSet<_> = operations_taking("Idempotency-Key").into_keys().collect();

    assert_eq!(taking, tried.collect());
}

#[actix_web::test]
async fn a_repeated_request_gets_the_first_answer_and_does_nothing() {
    let (app, root, _) = begin().await;

    for creation in Creation::all() {
        let before = creation.count(&app).await;
        let first = post(&app, &root, "key", creation.path, &creation.body).await;
        for _ in 0..3 {
            let response = post(&app, &root, "key", creation.path, &creation.body).await;

            assert_replayed(&response, &first);
        }
        assert_eq!(
            creation.count(&app).await,
            before + 1,
            "{}",
            creation.operation
        );
    }
}

#[actix_web::test]
async fn the_first_answer_tells_where_it_is_and_its_tag() {
    let (app, root, _) = begin().await;

    for creation in Creation::all() {
        post(&app, &root, "key", creation.path, &creation.body).await;
        let response = post(&app, &root, "key", creation.path, &creation.body).await;

        // A token has no address, and is kept by nobody.
        let told = creation.operation != "createPersonalAccessToken";
        assert_eq!(
            response.header("location").is_some(),
            told,
            "{}",
            creation.operation
        );
        assert_eq!(
            response.header("etag").is_some(),
            told,
            "{}",
            creation.operation
        );
    }
}

#[actix_web::test]
async fn the_first_answer_stays_what_it_was() {
    let (app, root, _) = begin().await;
    let body = json!({ "username": "ada" });
    let award = "/achievements/1/award";

    let first = post(&app, &root, "key", award, &body).await;
    let revoke = format!("/user-achievements/{}/revoke", first.id());
    app.post(&root, &revoke, Value::Null).await;

    assert_replayed(&post(&app, &root, "key", award, &body).await, &first);
    assert_eq!(first.json["status"], "pending");
}

#[actix_web::test]
async fn the_same_json_written_differently_is_the_same_request() {
    let (app, ..) = begin().await;
    let bodies = [
        r#"{"username":"ada","awardMessage":"é"}"#,
        "{\n\t\"username\" : \"ada\" ,\r\n \"awardMessage\" : \"é\" }\n",
        r#"{"username":"\u0061da","awardMessage":"\u00e9"}"#,
    ];

    let mut answers = Vec::new();
    for body in bodies {
        let body = body.as_bytes().to_vec();
        answers.push(
            send(
                &app,
                "key",
                "/achievements/1/award",
                "application/json",
                body,
            )
            .await,
        );
    }

    assert_replayed(&answers[1], &answers[0]);
    assert_replayed(&answers[2], &answers[0]);
}

#[actix_web::test]
async fn a_form_sent_again_with_another_boundary_is_the_same_request() {
    let (app, root, _) = begin().await;
    let path = "/namespaces/1/achievements";
    let image = picture(ImageFormat::Png, 60, 40);
    let parts = form(&[
        ("name", b"New"),
        ("description", b"As new"),
        ("avatar", &image),
    ]);
    let first = send(&app, "key", path, FORM, parts.clone()).await;
    let files = app.avatar_files();

    let other = FORM.replace("between", "BETWEEN");
    let again = replace(&parts, b"--between", b"--BETWEEN");
    let response = send(&app, "key", path, &other, again).await;

    assert_replayed(&response, &first);
    assert!(first.json["avatarUrl"].is_string());
    assert_eq!(
        app.get(&root, path).await.nodes("/name"),
        ["First merge", "New"]
    );
    // What came with the repetition is not kept.
    assert_eq!(app.avatar_files(), files);
}

/// Each of the one replaced by the other.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = bytes.to_vec();
    let mut at = 0;
    while at + from.len() <= replaced.len() {
        if replaced[at..].starts_with(from) {
            replaced.splice(at..at + from.len(), to.iter().copied());
            at += to.len();
        } else {
            at += 1;
        }
    }
    replaced
}

#[actix_web::test]
async fn a_form_with_another_avatar_is_another_request() {
    let (app, ..) = begin().await;
    let path = "/namespaces/1/achievements";
    let (one, other) = (
        picture(ImageFormat::Png, 60, 40),
        picture(ImageFormat::Png, 40, 60),
    );
    let parts = |avatar: &[u8]| form(&[("name", b"New"), ("avatar", avatar)]);
    let first = send(&app, "key", path, FORM, parts(&one)).await;
    assert_eq!(first.status, 201);
    let files = app.avatar_files();

    assert_reused(&send(&app, "key", path, FORM, parts(&other)).await);
    assert_reused(&send(&app, "key", path, FORM, form(&[("name", b"New")])).await);
    assert_reused(
        &send(
            &app,
            "key",
            path,
            FORM,
            form(&[("name", b"Old"), ("avatar", &one)]),
        )
        .await,
    );

    assert_eq!(app.avatar_files(), files);
    assert_replayed(&send(&app, "key", path, FORM, parts(&one)).await, &first);
}

#[actix_web::test]
async fn many_forms_with_one_key_at_once_leave_one_avatar() {
    let (app, root, _) = begin().await;
    let path = "/namespaces/1/achievements";
    let image = picture(ImageFormat::Png, 60, 40);
    let parts = form(&[("name", b"New"), ("avatar", &image)]);

    let calls = (0..6).map(|_| send(&app, "key", path, FORM, parts.clone()));
    let answers = join_all(calls).await;

    assert_one_was_first(&answers);
    assert_eq!(
        app.get(&root, path).await.nodes("/name"),
        ["First merge", "New"]
    );
    let keys: BTreeSet<_> = app
        .avatar_files()
        .iter()
        .map(|file| file[..8].to_owned())
        .collect();
    assert_eq!(keys.len(), 1);
}

#[actix_web::test]
async fn another_body_with_the_same_key_is_refused() {
    let (app, root, _) = begin().await;
    let others = [
        json!({ "username": "grace", "email": "eve@example.com", "password": "analytical engine" }),
        json!({ "path": "linkers", "name": "Linkers", "visibility": "public" }),
        json!({ "name": "New", "description": "As old" }),
        json!({ "username": "root", "awardMessage": "Hi" }),
        json!({ "name": "Bot", "scopes": ["read", "award"] }),
    ];

    for (creation, other) in Creation::all().into_iter().zip(others) {
        let first = post(&app, &root, "key", creation.path, &creation.body).await;
        let count = creation.count(&app).await;

        assert_reused(&post(&app, &root, "key", creation.path, &other).await);

        assert_eq!(creation.count(&app).await, count, "{}", creation.operation);
        let again = post(&app, &root, "key", creation.path, &creation.body).await;
        assert_replayed(&again, &first);
    }
}

#[actix_web::test]
async fn another_password_is_another_request() {
    let (app, root, _) = begin().await;
    let user =
        |password| json!({ "username": "eve", "email": "eve@example.com", "password": password });

    let first = post(&app, &root, "key", "/users", &user("analytical engine")).await;
    let other = post(&app, &root, "key", "/users", &user("difference engine")).await;

    assert_eq!(first.status, 201);
    assert_reused(&other);
}

#[actix_web::test]
async fn another_caller_has_keys_of_their_own() {
    let (app, root, ada) = begin().await;
    app.member(1, &ada, Role::Maintainer).await;
    let body = json!({ "username": "ada" });

    let one = post(&app, &root, "key", "/achievements/1/award", &body).await;
    let other = post(&app, &ada, "key", "/achievements/1/award", &body).await;
    let different = json!({ "username": "root" });
    let refused = post(&app, &ada, "key", "/achievements/1/award", &different).await;

    assert_eq!((one.status, other.status), (201, 201));
    assert_ne!(one.id(), other.id());
    assert_eq!(other.header("idempotent-replayed"), None);
    assert_eq!(other.json["awardedByUser"]["username"], "ada");
    assert_reused(&refused);
}

#[actix_web::test]
async fn another_operation_has_keys_of_its_own() {
    let (app, root, _) = begin().await;

    for creation in Creation::all() {
        let response = post(&app, &root, "key", creation.path, &creation.body).await;

        assert_eq!(response.status, 201, "{}", creation.operation);
        assert_eq!(response.header("idempotent-replayed"), None);
    }
}

#[actix_web::test]
async fn the_same_about_something_else_is_refused() {
    let (app, root, ada) = begin().await;
    app.achievement(1, "Second merge").await;
    app.namespace("linkers", &root, Role::Owner).await;
    let (award, new) = (json!({ "userId": ada.id }), json!({ "name": "New" }));
    post(&app, &root, "key", "/achievements/1/award", &award)
        .await
        .id();
    post(&app, &root, "key", "/namespaces/1/achievements", &new)
        .await
        .id();

    assert_reused(&post(&app, &root, "key", "/achievements/2/award", &award).await);
    assert_reused(&post(&app, &root, "key", "/namespaces/2/achievements", &new).await);

    let awards = app.get(&root, "/achievements/2/user-achievements").await;
    assert!(awards.nodes("/id").is_empty());
    assert!(
        app.get(&root, "/namespaces/2/achievements")
            .await
            .nodes("/id")
            .is_empty()
    );
}

#[actix_web::test]
async fn another_key_does_it_again() {
    let (app, root, ada) = begin().await;
    let body = json!({ "userId": ada.id });

    let mut ids = BTreeSet::new();
    for key in ["one", "One", "one ,", "one, two"] {
        ids.insert(
            post(&app, &root, key, "/achievements/1/award", &body)
                .await
                .id(),
        );
    }

    assert_eq!(ids.len(), 4);
}

#[actix_web::test]
async fn a_key_is_good_on_every_instance() {
    let (app, root, _) = begin().await;
    let another = app.another();

    for creation in Creation::all() {
        let before = creation.count(&app).await;
        let first = post(&app, &root, "key", creation.path, &creation.body).await;
        let response = post(&another, &root, "key", creation.path, &creation.body).await;

        assert_replayed(&response, &first);
        assert_eq!(
            creation.count(&app).await,
            before + 1,
            "{}",
            creation.operation
        );
    }
}

#[actix_web::test]
async fn a_key_is_remembered_for_a_day() {
    let (app, root, ada) = begin().await;
    let body = json!({ "userId": ada.id });
    let first = post(&app, &root, "key", "/achievements/1/award", &body).await;

    age(&app, Time::hours(24) - Time::minutes(1)).await;
    let within = post(&app, &root, "key", "/achievements/1/award", &body).await;
    age(&app, Time::hours(24) + Time::seconds(1)).await;
    let after = post(&app, &root, "key", "/achievements/1/award", &body).await;

    assert_replayed(&within, &first);
    assert_eq!(after.status, 201);
    assert_eq!(after.header("idempotent-replayed"), None);
    assert_ne!(after.id(), first.id());
    // The new one is remembered in its turn.
    let again = post(&app, &root, "key", "/achievements/1/award", &body).await;
    assert_replayed(&again, &after);
}

#[actix_web::test]
async fn what_is_a_day_old_is_swept_and_nothing_else() {
    let (app, root, ada) = begin().await;
    let (path, body) = ("/achievements/1/award", json!({ "userId": ada.id }));
    post(&app, &root, "old", path, &body).await;
    age(&app, Time::hours(25)).await;
    let young = post(&app, &root, "young", path, &body).await;

    let folder = app.database.directory.path().join("mail");
    let mailer = Mailer::new(Transport::files(&folder).unwrap(), "accolade@example.com");
    app.accolade.work_behind_the_scenes(mailer.unwrap());
    for _ in 0..100 {
        if rows(&app).await.len() == 1 {
            break;
        }
        rt::time::sleep(Duration::from_millis(50)).await;
    }

    assert_eq!(rows(&app).await.len(), 1);
    assert_replayed(&post(&app, &root, "young", path, &body).await, &young);
}

#[actix_web::test]
async fn a_key_that_is_forgotten_is_good_for_another_request() {
    let (app, root, ada) = begin().await;
    let path = "/achievements/1/award";
    post(&app, &root, "key", path, &json!({ "userId": ada.id }))
        .await
        .id();

    age(&app, Time::hours(25)).await;
    let body = json!({ "userId": root.id });
    let response = post(&app, &root, "key", path, &body).await;

    assert_eq!(response.status, 201);
    assert_eq!(response.json["user"]["id"], root.id);
    assert_replayed(&post(&app, &root, "key", path, &body).await, &response);
}

#[actix_web::test]
async fn many_with_a_forgotten_key_at_once_make_one() {
    let (app, root, ada) = begin().await;
    let (another, body) = (app.another(), json!({ "userId": ada.id }));
    let old = post(&app, &root, "key", "/achievements/1/award", &body)
        .await
        .id();
    age(&app, Time::hours(25)).await;

    let calls = (0..20).map(|number| {
        let app = [&app, &another][number % 2];
        post(app, &root, "key", "/achievements/1/award", &body)
    });
    let answers = join_all(calls).await;

    assert_one_was_first(&answers);
    let awards = app.get(&root, "/achievements/1/user-achievements").await;
    assert_eq!(awards.nodes("/id"), [old, answers[0].id()]);
}

#[actix_web::test]
async fn what_was_not_valid_can_be_corrected_with_the_same_key() {
    let (app, root, _) = begin().await;
    let invalid = [
        json!({ "username": "eve", "email": "nowhere" }),
        json!({ "path": "linkers", "name": "" }),
        json!({ "description": "As new" }),
        json!({ "username": "nobody" }),
        json!({ "name": "Bot", "scopes": [] }),
    ];

    for (creation, invalid) in Creation::all().into_iter().zip(invalid) {
        let refused = post(&app, &root, "key", creation.path, &invalid).await;
        let response = post(&app, &root, "key", creation.path, &creation.body).await;

        assert_eq!(refused.json["type"], "/problems/validation-failed");
        assert_eq!(
            response.status, 201,
            "{}: {}",
            creation.operation, response.json
        );
        assert_eq!(response.header("idempotent-replayed"), None);
    }
}

#[actix_web::test]
async fn an_avatar_that_was_no_image_can_be_corrected_with_the_same_key() {
    let (app, ..) = begin().await;
    let (path, image) = (
        "/namespaces/1/achievements",
        picture(ImageFormat::Png, 60, 40),
    );
    let parts = |avatar: &[u8]| form(&[("name", b"New"), ("avatar", avatar)]);

    let refused = send(&app, "key", path, FORM, parts(b"no image")).await;
    let response = send(&app, "key", path, FORM, parts(&image)).await;

    assert_eq!(refused.fields(), ["avatar"]);
    assert_eq!(response.status, 201);
    assert_eq!(response.header("idempotent-replayed"), None);
}

#[actix_web::test]
async fn what_was_not_allowed_is_done_with_the_same_key_once_it_is() {
    let (app, _, ada) = begin().await;
    app.member(1, &ada, Role::Developer).await;
    let body = json!({ "username": "root" });

    let refused = post(&app, &ada, "key", "/achievements/1/award", &body).await;
    app.member(1, &ada, Role::Maintainer).await;
    let response = post(&app, &ada, "key", "/achievements/1/award", &body).await;

    assert_eq!((refused.status, response.status), (403, 201));
    assert_eq!(response.header("idempotent-replayed"), None);
}

#[actix_web::test]
async fn what_was_not_found_is_done_with_the_same_key_once_it_is() {
    let (app, root, _) = begin().await;
    let body = json!({ "username": "ada" });
    let flag = "/feature-flags/achievements";

    app.put(&root, flag, json!({ "enabled": false })).await;
    let refused = post(&app, &root, "key", "/achievements/1/award", &body).await;
    app.put(&root, flag, json!({ "enabled": true })).await;
    let response = post(&app, &root, "key", "/achievements/1/award", &body).await;

    assert_eq!((refused.status, response.status), (404, 201));
    assert_eq!(response.header("idempotent-replayed"), None);
}

#[actix_web::test]
async fn a_name_that_was_taken_is_had_with_the_same_key_once_it_is_free() {
    let (app, root, ada) = begin().await;
    let cases = [
        (
            "/users",
            json!({ "username": "Ada", "email": "a@example.com" }),
            "/users/ada",
        ),
        (
            "/namespaces",
            json!({ "path": "linkers", "name": "L" }),
            "/namespaces/linkers",
        ),
        (
            "/namespaces/1/achievements",
            json!({ "name": "first MERGE" }),
            "/achievements/1",
        ),
    ];
    app.namespace("linkers", &ada, Role::Guest).await;

    for (path, body, taken) in cases {
        let refused = post(&app, &root, "key", path, &body).await;
        assert_eq!(app.delete(&root, taken).await.status, 204);
        let response = post(&app, &root, "key", path, &body).await;

        assert_eq!((refused.status, response.status), (409, 201), "{path}");
        assert_eq!(response.header("idempotent-replayed"), None);
    }
}

#[actix_web::test]
async fn a_key_has_1_to_255_characters() {
    let (app, root, _) = begin().await;

    for creation in Creation::all() {
        let before = creation.count(&app).await;
        for key in ["", " ", &"k".repeat(256), "schlüssel", "🔑"] {
            let response = post(&app, &root, key, creation.path, &creation.body).await;

            assert_eq!(response.status, 422, "{} {key}", creation.operation);
            assert_eq!(response.fields(), ["Idempotency-Key"]);
        }
        assert_eq!(creation.count(&app).await, before);
        let longest = "k".repeat(255);
        let response = post(&app, &root, &longest, creation.path, &creation.body).await;
        assert_eq!(response.status, 201, "{}", creation.operation);
    }
}

#[actix_web::test]
async fn who_is_not_signed_in_is_told_so_whatever_the_key() {
    let (app, ..) = begin().await;

    for creation in Creation::all() {
        for key in ["key", ""] {
            let (headers, body) = ([("Idempotency-Key", key)], creation.body.clone());
            let call = app.call_with(&headers, Method::POST, None, creation.path, body);

            assert_eq!(call.await.status, 401, "{}", creation.operation);
        }
    }
}

#[actix_web::test]
async fn neither_keys_nor_secrets_are_kept() {
    let (app, root, _) = begin().await;
    let key = "9b2f6f0e-5c1d-4b0e-8f43-6d0b8f4a7c11";

    let mut secrets = vec![key.to_owned(), "analytical engine".into()];
    for creation in Creation::all() {
        let response = post(&app, &root, key, creation.path, &creation.body).await;
        if let Some(token) = response.json["token"].as_str() {
            secrets.extend(token.split('.').map(String::from));
        }
    }

    let rows = rows(&app).await;
    assert_eq!((rows.len(), secrets.len()), (5, 5));
    // Else a search for them would prove nothing.
    assert!(
        rows.iter().any(|row| row.contains("eve@example.com")),
        "{rows:?}"
    );
    for secret in secrets {
        assert!(
            !rows.iter().any(|row| row.contains(&secret)),
            "{secret}: {rows:?}"
        );
    }
}

#[actix_web::test]
async fn what_was_refused_is_not_kept() {
    let (app, root, ada) = begin().await;

    for (user, path, body) in [
        (
            &root,
            "/achievements/1/award",
            json!({ "username": "nobody" }),
        ),
        (
            &ada,
            "/users",
            json!({ "username": "eve", "email": "eve@example.com" }),
        ),
        (&ada, "/achievements/1/award", json!({ "username": "root" })),
        (
            &root,
            "/users",
            json!({ "username": "ada", "email": "ada@example.com" }),
        ),
    ] {
        let response = post(&app, user, "key", path, &body).await;

        assert!(response.status >= 400, "{path}");
        assert!(rows(&app).await.is_empty(), "{path}");
    }
}

#[actix_web::test]
async fn a_repeated_request_for_a_token_gets_the_same_token() {
    let (app, root, ada) = begin().await;
    let body = json!({ "name": "Bot", "expiresAt": "2030-01-31T12:00:00.123Z" });

    let first = post(&app, &ada, "key", "/personal-access-tokens", &body).await;
    let response = post(&app, &ada, "key", "/personal-access-tokens", &body).await;

    assert_replayed(&response, &first);
    let token = response.json["token"].as_str().unwrap().to_owned();
    let bot = User { token, ..root };
    assert_eq!(app.get(&bot, "/user").await.json["username"], "ada");
}

#[actix_web::test]
async fn a_repetition_with_a_lesser_token_gets_no_better_one() {
    let (app, _, ada) = begin().await;
    let path = "/personal-access-tokens";
    let lesser = json!({ "name": "Lesser", "scopes": ["manage"] });
    let lesser = app.post(&ada, path, lesser).await;
    let token = lesser.json["token"].as_str().unwrap().to_owned();
    let lesser = User {
        token,
        ..ada.clone()
    };
    let body = json!({ "name": "Bot" });
    let first = post(&app, &ada, "key", path, &body).await;
    assert_eq!(first.json["scopes"], json!(["read", "award", "manage"]));

    let response = post(&app, &lesser, "key", path, &body).await;

    // Refused, or else one that may do what the lesser one may.
    let scopes = response.json.get("scopes");
    assert!(
        scopes.is_none_or(|scopes| *scopes == json!(["manage"])),
        "{}",
        response.json
    );
}

/// All have the same answer, which all but one were told is not new.
fn assert_one_was_first(answers: &[Response]) {
    let body = &answers[0].body;
    for response in answers {
        assert_eq!(response.status, 201, "{}", response.json);
        assert_eq!(&response.body, body);
    }
    let first = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed").is_none());
    assert_eq!(first.count(), 1);
}

#[actix_web::test]
async fn many_with_one_key_at_once_make_one() {
    let (app, root, _) = begin().await;

    for creation in Creation::all() {
        let before = creation.count(&app).await;
        let calls = (0..20).map(|_| post(&app, &root, "key", creation.path, &creation.body));
        let answers = join_all(calls).await;

        assert_one_was_first(&answers);
        assert_eq!(
            creation.count(&app).await,
            before + 1,
            "{}",
            creation.operation
        );
    }
}

#[actix_web::test]
async fn many_with_one_key_at_once_on_two_instances_make_one() {
    let (app, root, ada) = begin().await;
    let (another, body) = (app.another(), json!({ "userId": ada.id }));

    for round in 0..10 {
        let key = format!("key {round}");
        let calls = (0..20).map(|number| {
            let app = [&app, &another][number % 2];
            post(app, &root, &key, "/achievements/1/award", &body)
        });
        assert_one_was_first(&join_all(calls).await);
    }

    let awards = app.get(&root, "/achievements/1/user-achievements").await;
    assert_eq!(awards.nodes("/id").len(), 10);
}

#[actix_web::test]
async fn of_two_requests_with_one_key_at_once_one_is_done() {
    let (app, root, ada) = begin().await;
    let another = app.another();

    for round in 0..20 {
        let (key, users) = (format!("key {round}"), [ada.id, root.id]);
        let calls = (0..2).map(async |number| {
            let (app, body) = ([&app, &another][number], json!({ "userId": users[number] }));
            post(app, &root, &key, "/achievements/1/award", &body).await
        });
        let mut answers = join_all(calls).await;

        answers.sort_by_key(|answer| answer.status);
        assert_eq!(answers[0].status, 201);
        assert_reused(&answers[1]);
    }
}

/// Another connection to the database.
enum Other {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Other {
    fn open(app: &TestApp) -> Self {
        let url = &app.database.url;
        match url.strip_prefix("sqlite://") {
            Some(path) => Self::Sqlite(SqliteConnection::establish(path).unwrap()),
            None => Self::Postgres(PgConnection::establish(url).unwrap()),
        }
    }

    fn execute(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
            Self::Postgres(connection) => connection.batch_execute(sql).unwrap(),
        }
    }
}

#[actix_web::test]
async fn who_repeats_what_is_still_being_done_is_told_to_wait() {
    let (app, root, ada) = begin().await;
    let (path, body) = ("/achievements/1/award", json!({ "userId": ada.id }));
    let first = post(&app, &root, "key", path, &body).await;
    let mut other = Other::open(&app);
    other.execute("CREATE TABLE used AS SELECT * FROM idempotency_keys");
    other.execute("DELETE FROM idempotency_keys");

    other.execute("BEGIN; INSERT INTO idempotency_keys SELECT * FROM used");
    let response = post(&app, &root, "key", path, &body).await;

    let expected = match other {
        Other::Sqlite(_) => (503, "/problems/unavailable"),
        Other::Postgres(_) => (409, "/problems/still-running"),
    };
    let kind = response.json["type"].as_str().unwrap();
    assert_eq!((response.status, kind), expected);
    assert_eq!(response.header("retry-after"), Some("1"));
    other.execute("COMMIT");
    let response = post(&app, &root, "key", path, &body).await;
    assert_replayed(&response, &first);
}

/// An answer of a real server.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    body: String,
    location: Option<String>,
    etag: Option<String>,
    replayed: bool,
}

/// A real server with the achievement 1 and its user ada.
struct Story {
    server: Server,
    root: String,
}

impl Story {
    async fn begin() -> Self {
        let server = Server::start().await;
        let email = ["--email", "root@example.com"];
        server.print(&["user", "create", "root", email[0], email[1], "--admin"]);
        let root = server.print(&["token", "create", "root"]);
        let story = Self { server, root };
        let user = json!({ "username": "ada", "email": "ada@example.com" });
        for (path, body) in [
            ("/users", user),
            (
                "/namespaces",
                json!({ "path": "compilers", "name": "Compilers" }),
            ),
            (
                "/namespaces/1/achievements",
                json!({ "name": "First merge" }),
            ),
        ] {
            assert_eq!(story.post(path, path, &body).await.unwrap().status, 201);
        }
        story
    }

    async fn post(&self, key: &str, path: &str, body: &Value) -> Result<Told, String> {
        let address = self.server.address();
        tell(address, &self.root, key, path, body).await
    }

    /// The ids of all awards.
    async fn awards(&self) -> Vec<i64> {
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/achievements/1/user-achievements?limit=100{after}");
            let call = self
                .server
                .call(Method::GET, &self.root, &path, Value::Null);
            let (status, page) = call.await.unwrap();
            assert_eq!(status, 200);
            let nodes = page["nodes"].as_array().unwrap();
            ids.extend(nodes.iter().map(|node| node["id"].as_i64().unwrap()));
            match page["pageInfo"]["hasNextPage"].as_bool() {
                Some(true) => {
                    let cursor = page["pageInfo"]["endCursor"].as_str().unwrap();
                    after = format!("&after={cursor}");
                }
                _ => return ids,
            }
        }
    }
}

/// Posts; the error is that no whole answer came.
async fn tell(
    address: std::net::SocketAddr,
    token: &str,
    key: &str,
    path: &str,
    body: &Value,
) -> Result<Told, String> {
    let client = Client::builder().timeout(Duration::from_secs(30)).finish();
    let request = client
        .post(format!("http://{address}{path}"))
        .bearer_auth(token);
    let request = request.insert_header(("Idempotency-Key", key));
    let mut response = request
        .send_json(body)
        .await
        .map_err(|error| error.to_string())?;
    let body = response.body().await.map_err(|error| error.to_string())?;
    let header = |name: &str| Some(response.headers().get(name)?.to_str().unwrap().to_owned());
    Ok(Told {
        status: response.status().as_u16(),
        body: String::from_utf8(body.to_vec()).unwrap(),
        location: header("location"),
        etag: header("etag"),
        replayed: header("idempotent-replayed").is_some(),
    })
}

#[actix_web::test]
async fn a_key_is_remembered_when_the_server_is_killed() {
    let mut story = Story::begin().await;
    let mut firsts = Vec::new();
    for creation in Creation::all() {
        firsts.push(
            story
                .post("key", creation.path, &creation.body)
                .await
                .unwrap(),
        );
    }

    story.server.kill_and_restart().await;

    for (creation, first) in Creation::all().into_iter().zip(firsts) {
        assert_eq!((first.status, first.replayed), (201, false));
        let again = story
            .post("key", creation.path, &creation.body)
            .await
            .unwrap();
        let expected = Told {
            replayed: true,
            ..first
        };
        assert_eq!(again, expected, "{}", creation.operation);
    }
}

#[actix_web::test]
async fn an_award_that_is_repeated_is_mailed_once() {
    let mut story = Story::begin().await;
    let body = json!({ "username": "ada" });

    for key in ["one", "one", "one", "two", "two"] {
        let told = story
            .post(key, "/achievements/1/award", &body)
            .await
            .unwrap();
        assert_eq!(told.status, 201);
    }

    let queued = "award_mails WHERE sent_at IS NULL";
    let sent = || Raw::open(story.server.database_url()).count(queued) == 0;
    eventually(20, async || sent().then_some(())).await;
    story.server.terminate().await;
    assert_eq!(mails(&story.server.file("mail")).len(), 2);
}

/// Awards again and again, each time with a key of its own until there is an answer.
async fn award_persistently(
    client: usize,
    address: std::net::SocketAddr,
    root: String,
    stop: Rc<Cell<bool>>,
    answers: Rc<RefCell<BTreeMap<String, i64>>>,
) {
    for number in 0.. {
        if stop.get() {
            return;
        }
        let key = format!("{client}-{number}");
        let (path, body) = ("/achievements/1/award", json!({ "username": "ada" }));
        let id = loop {
            match tell(address, &root, &key, path, &body).await {
                Ok(told) if told.status == 201 => {
                    let award: Value = serde_json::from_str(&told.body).unwrap();
                    break award["id"].as_i64().unwrap();
                }
                Ok(told) => assert!(matches!(told.status, 409 | 503), "{told:?}"),
                Err(_) => {}
            }
            rt::time::sleep(Duration::from_millis(10)).await;
        };
        answers.borrow_mut().insert(key, id);
    }
}

#[actix_web::test]
async fn no_key_makes_two_awards_however_often_the_server_is_killed() {
    let mut story = Story::begin().await;
    let (stop, answers) = (Rc::new(Cell::new(false)), Rc::default());
    let clients = (0..4).map(|client| {
        let (address, root) = (story.server.address(), story.root.clone());
        let work = award_persistently(client, address, root, stop.clone(), Rc::clone(&answers));
        rt::spawn(work)
    });
    let clients: Vec<_> = clients.collect();

    for _ in 0..20 {
        rt::time::sleep(Duration::from_millis(fastrand::u64(30..300))).await;
        story.server.kill_and_restart().await;
    }
    stop.set(true);
    for client in clients {
        client.await.unwrap();
    }

    let answered: Vec<i64> = answers.borrow().values().copied().collect();
    let (mut made, mut told) = (story.awards().await, answered.clone());
    made.sort();
    told.sort();
    assert_eq!(made, told);
    assert!(told.len() > 50, "too few to be made twice: {}", told.len());
}
