//! Answers that clients keep, and changes that overwrite nobody's: `ETag`, `If-None-Match` and
//! `If-Match`.

use std::collections::{BTreeMap, BTreeSet};

use accolade::auth::Role;
use accolade::openapi::CONTRACT;
use accolade::time::now;
use accolade::tokens::{Acceptance, LINK_LIFE};
use actix_web::http::Method;
use diesel::prelude::*;
use diesel::sql_query;
use futures_util::future::{join, join_all};
use image::ImageFormat;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, FORM, Response, TestApp, User, form};
use crate::avatar_corpus::picture;

/// Every operation that takes `If-Match`, as root calls it, and where the `ETag` is: at an address,
/// or in the answer to a PUT that changes nothing. That of a token is nowhere.
const CHANGES: &str = r#"
revokePersonalAccessToken | /personal-access-tokens/{token}   |                            | *
updateCurrentUser         | /user                             | {"name":"Renamed"}         | /user
updateUser                | /users/ada                        | {"name":"Renamed"}         | /users/ada
deleteUser                | /users/ada                        |                            | /users/ada
updateNamespace           | /namespaces/compilers             | {"name":"Renamed"}         | /namespaces/compilers
deleteNamespace           | /namespaces/compilers             |                            | /namespaces/compilers
putMember                 | /namespaces/compilers/members/ada | {"role":"owner"}           | {"role":"guest"}
removeMember              | /namespaces/compilers/members/ada |                            | {"role":"guest"}
updateAchievement         | /achievements/1                   | {"name":"Renamed"}         | /achievements/1
deleteAchievement         | /achievements/1                   |                            | /achievements/1
putAchievementAvatar      | /achievements/1/avatar            | form                       | /achievements/1
deleteAchievementAvatar   | /achievements/1/avatar            |                            | /achievements/1
updateUserAchievement     | /user-achievements/1              | {"awardMessage":"Thanks"}  | /user-achievements/1
deleteUserAchievement     | /user-achievements/1              |                            | /user-achievements/1
reorderUserAchievements   | /user-achievements/priorities     | {"userAchievementIds":[]}  | {"userAchievementIds":[]}
putFeatureFlag            | /feature-flags/achievements       | {"enabled":false}          | {"enabled":true}
updateSettings            | /settings                         | {"autoAccept":true}        | /settings
"#;

/// Where root sees all that the changes are about.
const EVERYTHING: [&str; 9] = [
    "/user",
    "/users",
    "/namespaces",
    "/namespaces/compilers/members",
    "/namespaces/compilers/achievements",
    "/user-achievements/1",
    "/users/ada/badges",
    "/feature-flags",
    "/settings",
];

/// The operations of the contract that take the header: method and path.
pub fn operations_taking(header: &str) -> BTreeMap<String, (Method, String)> {
    let contract: Value = serde_json::from_str(CONTRACT.json()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let mut headers = parameters.filter(|parameter| parameter["in"] == "header");
            if headers.any(|parameter| parameter["name"] == header) {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                operations.insert(id, (method, path.clone()));
            }
        }
    }
    operations
}

/// The public namespace `compilers` (1) of root's, with ada as a guest and the achievement 1, which
/// ada was awarded (1).
struct World {
    app: TestApp,
    root: User,
    ada: User,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let (root, ada) = (app.root(), app.user("ada").await);
        app.public_namespace("compilers", &ada, Role::Guest).await;
        app.achievement(1, "First merge").await;
        app.avatar(1, &picture(ImageFormat::Png, 20, 20)).await;
        app.accepted(1, &ada).await;
        Self { app, root, ada }
    }

    async fn tag(&self, path: &str) -> String {
        tag(&self.app.get(&self.root, path).await)
    }

    /// Root changes it, where it is what the tag names.
    async fn patch_if(&self, tag: &str, path: &str, body: Value) -> Response {
        patch_if(&self.app, tag, path, body).await
    }

    async fn everything(&self) -> Vec<Value> {
        let mut everything = Vec::new();
        for path in EVERYTHING {
            everything.push(self.app.get(&self.root, path).await.json);
        }
        // Not when they were used last, which is noted later.
        let tokens = self.app.get(&self.root, "/personal-access-tokens").await;
        everything.extend(tokens.nodes("/id"));
        everything.push(json!(self.app.avatar_files()));
        everything
    }
}

fn tag(response: &Response) -> String {
    let tag = response.header("etag");
    let tag = tag.unwrap_or_else(|| panic!("no ETag: {} {}", response.status, response.json));
    assert!(tag.starts_with('"') && tag.ends_with('"'), "weak: {tag}");
    tag.into()
}

async fn patch_if(app: &TestApp, tag: &str, path: &str, body: Value) -> Response {
    let headers = [("If-Match", tag)];
    app.call_with(&headers, Method::PATCH, &app.root(), path, body)
        .await
}

async fn get_unless<'a>(
    app: &TestApp,
    tags: &str,
    user: impl Into<Option<&'a User>>,
    path: &str,
) -> Response {
    let headers = [("If-None-Match", tags)];
    app.call_with(&headers, Method::GET, user, path, Value::Null)
        .await
}

/// The requests of a table: method and path, body, and what else a line says.
fn requests(table: &str) -> impl Iterator<Item = (Method, &str, Value, &str)> {
    table.trim().lines().map(|line| {
        let mut columns = line.split('|').map(str::trim);
        let (method, path) = columns.next().unwrap().split_once(' ').unwrap();
        let body = serde_json::from_str(columns.next().unwrap()).unwrap_or_default();
        let more = columns.next().unwrap_or_default();
        (method.parse().unwrap(), path.trim(), body, more)
    })
}

struct Change {
    operation: &'static str,
    method: Method,
    path: String,
    body: &'static str,
    seen: &'static str,
}

impl Change {
    fn all() -> Vec<Self> {
        let operations = operations_taking("If-Match");
        let changes = CHANGES.trim().lines().map(|line| {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [operation, path, body, seen] = columns[..] else {
                panic!("four columns: {line}")
            };
            let method = operations[operation].0.clone();
            let path = path.to_owned();
            #[rustfmt::skip]
            let change = Self { operation, method, path, body, seen };
            change
        });
        changes.collect()
    }

    async fn call(&self, world: &World, if_match: &str) -> Response {
        let (app, root) = (&world.app, &world.root);
        let token = match self.path.contains("{token}") {
            true => app.get(root, "/personal-access-tokens").await.nodes("/id")[0].to_string(),
            false => String::new(),
        };
        let path = self.path.replace("{token}", &token);
        if self.body == "form" {
            let bearer = format!("Bearer {}", root.token);
            let headers = [
                ("Authorization", bearer.as_str()),
                ("Content-Type", FORM),
                ("If-Match", if_match),
            ];
            let image = picture(ImageFormat::Png, 30, 30);
            let body = form(&[("avatar", &image)]);
            return app.send(self.method.clone(), &path, &headers, body).await;
        }
        let body = serde_json::from_str(self.body).unwrap_or_default();
        let headers = [("If-Match", if_match)];
        app.call_with(&headers, self.method.clone(), root, &path, body)
            .await
    }

    /// The `ETag` that it has now, where there is one to be seen.
    async fn tag(&self, world: &World) -> Option<String> {
        match self.seen {
            "*" => None,
            path if path.starts_with('/') => Some(world.tag(path).await),
            body => {
                let body = serde_json::from_str(body).unwrap();
                Some(tag(&world.app.put(&world.root, &self.path, body).await))
            }
        }
    }
}

#[test]
fn every_object_is_promised_with_a_tag_and_to_be_changed_on_a_condition() {
    let contract: Value = serde_json::from_str(CONTRACT.json()).unwrap();
    let items = contract["paths"].as_object().unwrap().values();

    for (method, operation) in items.flat_map(|item| item.as_object().unwrap()) {
        let (id, responses) = (
            &operation["operationId"],
            operation["responses"].as_object(),
        );
        let done = responses
            .unwrap()
            .iter()
            .find(|(status, _)| status.starts_with('2'));
        let answer = done.unwrap().1;
        let schema = answer.pointer("/content/application~1json/schema/$ref");
        let schema = schema.map(|schema| schema.as_str().unwrap().rsplit('/').next().unwrap());
        let tagged = schema.is_some_and(|schema| match schema {
            "Session" | "PersonalAccessToken" => false,
            // The order of awards has a tag, though it is a list.
            schema => !schema.ends_with("Page") || schema == "BadgePage" || method == "put",
        });
        let reads = tagged && method == "get";
        let changes = matches!(method.as_str(), "patch" | "put" | "delete");

        assert_eq!(answer.pointer("/headers/ETag").is_some(), tagged, "{id}");
        assert_eq!(operation.pointer("/responses/304").is_some(), reads, "{id}");
        let takes = |header| operations_taking(header).contains_key(id.as_str().unwrap());
        assert_eq!(takes("If-None-Match"), reads, "{id}");
        assert_eq!(takes("If-Match"), changes, "{id}");
    }
}

#[test]
fn every_operation_that_takes_if_match_is_tried_below() {
    let tried: BTreeSet<_> = Change::all()
        .iter()
        .map(|change| change.operation.to_owned())
        .collect();

    let taking: BTreeSet<_> = operations_taking("If-Match").into_keys().collect();

    assert_eq!(taking, tried);
}

#[actix_web::test]
async fn an_order_that_another_device_changed_is_not_overwritten() {
    let World { app, ada, .. } = World::new().await;
    let again = app.accepted(1, &ada).await;
    let path = "/user-achievements/priorities";
    let order = |ids: [i64; 2]| json!({ "userAchievementIds": ids });
    let seen = tag(&app.put(&ada, path, order([1, again])).await);
    let other = tag(&app.put(&ada, path, order([again, 1])).await);

    let put = async |tag: &str| {
        let headers = [("If-Match", tag)];
        let body = order([1, again]);
        app.call_with(&headers, Method::PUT, &ada, path, body).await
    };
    let (stale, fresh) = (put(&seen).await, put(&other).await);

    assert_eq!((stale.status, fresh.status), (412, 200));
    assert_eq!(tag(&fresh), seen);
}

#[actix_web::test]
async fn a_change_of_something_else_than_was_read_is_refused_and_not_made() {
    let world = World::new().await;

    for change in Change::all() {
        let right = change.tag(&world).await.unwrap_or("\"\"".into());
        let bare = right.trim_matches('"');
        let before = world.everything().await;
        for wrong in [
            "\"stale\"",
            "\"stale\", \"older\"",
            &format!("W/{right}"),
            &format!("\"{bare}x\""),
            bare,
            "\"",
            "garbage, \"",
            "",
        ] {
            let response = change.call(&world, wrong).await;

            assert_eq!(response.status, 412, "{} {wrong}", change.operation);
            assert_eq!(response.json["type"], "/problems/stale");
        }
        assert_eq!(world.everything().await, before, "{}", change.operation);
    }
}

#[actix_web::test]
async fn a_change_of_what_was_read_is_made() {
    for change in Change::all() {
        let world = World::new().await;
        let Some(right) = change.tag(&world).await else {
            continue; // Told by a_change_of_whatever_is_there_is_made.
        };

        let several = format!("\"stale\", {right},W/\"other\"");
        let response = change.call(&world, &several).await;

        let done = response.status;
        assert!(matches!(done, 200 | 204), "{} {done}", change.operation);
    }
}

#[actix_web::test]
async fn a_change_of_whatever_is_there_is_made() {
    for change in Change::all() {
        let world = World::new().await;

        let response = change.call(&world, "*").await;

        let done = response.status;
        assert!(matches!(done, 200 | 204), "{} {done}", change.operation);
    }
}

#[actix_web::test]
async fn what_does_not_exist_is_not_found_whatever_the_tag() {
    let world = World::new().await;

    for mut change in Change::all() {
        for (name, nothing) in [("1", "9"), ("ada", "eve"), ("achievements/", "flags/")] {
            let path = change.path.replace("{token}", "1").replace(name, nothing);
            let path = path.replace("flags/achievements", "flags/nothing");
            if path == change.path.replace("{token}", "1") {
                continue;
            }
            let kept = std::mem::replace(&mut change.path, path);
            for tag in ["*", "\"stale\""] {
                let response = change.call(&world, tag).await;

                assert_eq!(response.status, 404, "{} {tag}", change.operation);
            }
            change.path = kept;
        }
    }
}

#[actix_web::test]
async fn nobody_is_made_a_member_where_one_was_to_be_changed() {
    let world = World::new().await;
    let eve = world.app.user("eve").await;

    for tag in ["*", "\"stale\""] {
        let path = format!("/namespaces/1/members/{}", eve.id);
        let (headers, role) = ([("If-Match", tag)], json!({ "role": "guest" }));
        let call = world
            .app
            .call_with(&headers, Method::PUT, &world.root, &path, role);

        assert_eq!(call.await.status, 412, "{tag}");
    }
    let members = world.app.get(&world.root, "/namespaces/1/members").await;
    assert_eq!(members.nodes("/user/username"), ["root", "ada"]);
}

#[actix_web::test]
async fn who_may_not_change_it_is_told_so_before_what_is_stale() {
    let world = World::new().await;
    let requests = requests(
        r#"
PATCH  /namespaces/1             | {"name":"Renamed"}
DELETE /namespaces/1             |
PUT    /namespaces/1/members/ada | {"role":"owner"}
PATCH  /achievements/1           | {"name":"Renamed"}
DELETE /achievements/1/avatar    |
PATCH  /user-achievements/1      | {"awardMessage":""}
DELETE /user-achievements/1      |
PATCH  /users/root               | {"name":"Renamed"}
PATCH  /settings                 | {"autoAccept":true}
"#,
    );

    for (method, path, body, _) in requests {
        let stale = [("If-Match", "\"stale\"")];
        let call = world.app.call_with(&stale, method, &world.ada, path, body);

        assert_eq!(call.await.status, 403, "{path}");
    }
}

#[actix_web::test]
async fn what_is_wrong_besides_is_told_before_what_is_stale() {
    let world = World::new().await;
    world.app.achievement(1, "Second merge").await;
    world
        .app
        .namespace("linkers", &world.root, Role::Owner)
        .await;
    let requests = requests(
        r#"
PATCH  /achievements/1             | {"name":"second MERGE"} | 409
PATCH  /namespaces/1               | {"path":"Linkers"}      | 409
PATCH  /users/root                 | {"admin":false}         | 409
DELETE /users/root                 |                         | 409
DELETE /namespaces/1/members/root  |                         | 409
PUT    /namespaces/1/members/root  | {"role":"guest"}        | 409
PATCH  /achievements/1             | {"name":""}             | 422
PATCH  /user                       | {"email":"nowhere"}     | 422
PATCH  /user-achievements/1        | {"awardMessage":5}      | 422
PUT    /achievements/1/avatar      | {}                      | 422
PUT    /feature-flags/achievements | {}                      | 422
"#,
    );

    for (method, path, body, expected) in requests {
        let stale = [("If-Match", "\"stale\"")];
        let call = world.app.call_with(&stale, method, &world.root, path, body);

        assert_eq!(call.await.status.to_string(), expected, "{path}");
    }
}

/// The address of the link mailed to ada with the award.
fn link(world: &World, award: i64) -> String {
    let acceptance = Acceptance {
        user_achievement_id: award,
        user_id: world.ada.id,
    };
    let keys = &world.app.accolade.keys;
    let token = keys.sign_acceptance(&acceptance, now(), now() + LINK_LIFE);
    format!("/award-acceptances/{}", token.unwrap())
}

/// The paths of all reads that take `If-None-Match`, of what ada can read.
fn reads(world: &World) -> Vec<String> {
    let operations = operations_taking("If-None-Match").into_values();
    let paths = operations.map(|(method, path)| {
        assert_eq!(method, Method::GET, "{path}");
        let path = path
            .replace("{namespace}", "compilers")
            .replace("{user}", "ada");
        let path = path.replace("{id}", "1");
        path.replace("/award-acceptances/{token}", &link(world, 1))
    });
    paths.collect()
}

/// The same where ada is an administrator, who can read everything.
async fn with_reads() -> (World, Vec<String>) {
    let world = World::new().await;
    let body = json!({ "admin": true });
    world.app.patch(&world.root, "/users/ada", body).await;
    let reads = reads(&world);
    (world, reads)
}

#[actix_web::test]
async fn what_the_client_has_is_not_sent_again() {
    let (world, reads) = with_reads().await;
    let (app, ada) = (&world.app, &world.ada);
    assert_eq!(reads.len(), 8);

    for path in reads {
        let first = app.get(ada, &path).await;
        let tag = tag(&first);
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"other\", {tag}"),
            format!("W/\"other\",W/{tag} , \"another\""),
            "*".into(),
        ] {
            let response = get_unless(app, &known, ada, &path).await;

            assert_eq!(response.status, 304, "{path} {known}");
            assert!(response.body.is_empty(), "{path}");
            assert_eq!(response.header("etag"), Some(tag.as_str()), "{path}");
        }
    }
}

#[actix_web::test]
async fn what_the_client_has_not_is_sent() {
    let (world, reads) = with_reads().await;
    let (app, ada) = (&world.app, &world.ada);

    for path in reads {
        let first = app.get(ada, &path).await;
        assert_eq!(first.status, 200, "{path}");
        let bare = tag(&first).trim_matches('"').to_owned();
        for other in [
            "\"other\"",
            "W/\"other\", \"another\"",
            &bare,
            "garbage",
            "",
        ] {
            let response = get_unless(app, other, ada, &path).await;

            assert_eq!(response.status, 200, "{path} {other}");
            assert_eq!(response.body, first.body, "{path}");
            assert_eq!(response.header("etag"), first.header("etag"), "{path}");
        }
    }
}

#[actix_web::test]
async fn a_head_is_answered_as_a_get_without_its_body() {
    let (world, reads) = with_reads().await;
    let (app, ada) = (&world.app, &world.ada);

    for path in reads {
        let tag = tag(&app.get(ada, &path).await);
        for (known, status) in [("\"other\"", 200), (&tag, 304)] {
            let headers = [("If-None-Match", known)];
            let call = app.call_with(&headers, Method::HEAD, ada, &path, Value::Null);
            let response = call.await;

            assert_eq!(response.status, status, "{path}");
            assert_eq!(response.header("etag"), Some(tag.as_str()), "{path}");
            assert!(response.body.is_empty(), "{path}");
        }
    }
}

#[actix_web::test]
async fn what_has_changed_is_sent_with_another_tag() {
    let world = World::new().await;
    let requests = requests(
        r#"
PATCH /user                | {"name":"Renamed"}      | /user
PATCH /users/ada           | {"privateProfile":true} | /users/ada
PATCH /users/ada           | {"state":"blocked"}     | /users/ada
PATCH /namespaces/1        | {"description":"New"}   | /namespaces/1
PATCH /achievements/1      | {"description":"New"}   | /achievements/1
PATCH /namespaces/1        | {"name":"Renamed"}      | /achievements/1
PATCH /user-achievements/1 | {"awardMessage":"New"}  | /user-achievements/1
PATCH /achievements/1      | {"name":"Renamed"}      | /user-achievements/1
PATCH /users/ada           | {"name":"Countess"}     | /user-achievements/1
PATCH /settings            | {"autoAccept":true}     | /settings
"#,
    );

    for (method, path, body, read) in requests {
        let before = world.tag(read).await;
        let changed = world.app.call(method, &world.root, path, body).await;
        assert_eq!(changed.status, 200, "{path}");

        let response = get_unless(&world.app, &before, &world.root, read).await;

        assert_eq!(response.status, 200, "{path} {read}");
        assert_ne!(tag(&response), before, "{path} {read}");
    }
}

#[actix_web::test]
async fn badges_have_another_tag_when_anything_of_them_changes() {
    let world = World::new().await;
    let (app, root, ada) = (&world.app, &world.root, &world.ada);
    let mut tags = BTreeSet::from([world.tag("/users/ada/badges").await]);
    let mut look = async |what| {
        let tag = world.tag("/users/ada/badges").await;
        assert!(tags.insert(tag), "{what} is not seen");
    };

    app.accepted(1, ada).await;
    look("a second award").await;
    app.patch(root, "/achievements/1", json!({ "name": "Renamed" }))
        .await;
    look("a new name").await;
    app.patch(root, "/namespaces/1", json!({ "name": "Renamed" }))
        .await;
    look("a new name of the namespace").await;
    app.delete(root, "/achievements/1/avatar").await;
    look("no avatar").await;
    app.achievement(1, "Second merge").await;
    app.accepted(2, ada).await;
    look("another achievement").await;
    let order = json!({ "userAchievementIds": [3, 1] });
    app.put(ada, "/user-achievements/priorities", order).await;
    look("another order").await;
    app.post(root, "/user-achievements/3/revoke", Value::Null)
        .await;
    app.patch(
        ada,
        "/user-achievements/2",
        json!({ "showOnProfile": false }),
    )
    .await;
    look("a hidden award").await;
}

#[actix_web::test]
async fn a_page_of_badges_has_a_tag_of_its_own() {
    let world = World::new().await;
    world.app.achievement(1, "Second merge").await;
    world.app.accepted(2, &world.ada).await;

    let first = world.app.get(ANONYMOUS, "/users/ada/badges?limit=1").await;
    let all = world.app.get(ANONYMOUS, "/users/ada/badges").await;

    assert_ne!(tag(&first), tag(&all));
    let known = get_unless(&world.app, &tag(&first), None, "/users/ada/badges").await;
    assert_eq!((known.status, known.body), (200, all.body));
}

#[actix_web::test]
async fn what_is_gone_is_not_found_though_the_client_has_it() {
    let world = World::new().await;
    let (app, root) = (&world.app, &world.root);
    let paths = [
        "/user-achievements/1",
        "/achievements/1",
        "/namespaces/1",
        "/users/ada",
    ];

    for path in paths {
        let tag = world.tag(path).await;
        assert_eq!(app.delete(root, path).await.status, 204);
        for known in [&tag, "*"] {
            let response = get_unless(app, known, root, path).await;

            assert_eq!(response.status, 404, "{path}");
        }
    }
}

#[actix_web::test]
async fn what_is_hidden_is_not_found_though_the_client_has_it() {
    let world = World::new().await;
    let app = &world.app;
    let tag = tag(&app.get(ANONYMOUS, "/user-achievements/1").await);

    let hide = json!({ "showOnProfile": false });
    app.patch(&world.ada, "/user-achievements/1", hide).await;

    for known in [&tag, "*"] {
        let response = get_unless(app, known, None, "/user-achievements/1").await;
        assert_eq!(response.status, 404);
    }
}

#[actix_web::test]
async fn viewers_who_see_different_things_get_different_tags() {
    let app = TestApp::new().await;
    let (root, ada, eve) = (app.root(), app.user("ada").await, app.user("eve").await);
    app.namespace("compilers", &root, Role::Owner).await;
    app.achievement(1, "First merge").await;
    app.accepted(1, &ada).await;
    let cases = [
        ("/users/ada", Some(&ada), ANONYMOUS),
        ("/users/ada", Some(&root), Some(&eve)),
        ("/achievements/1", Some(&root), Some(&ada)),
        ("/user-achievements/1", Some(&root), Some(&ada)),
        ("/user-achievements/1", Some(&root), ANONYMOUS),
        ("/users/ada/badges", Some(&root), Some(&ada)),
        ("/users/ada/badges", Some(&root), ANONYMOUS),
    ];

    for (path, one, other) in cases {
        let (seen, tag) = (app.get(other, path).await, tag(&app.get(one, path).await));
        let response = get_unless(&app, &tag, other, path).await;

        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.body, seen.body, "{path}");
        assert_ne!(response.header("etag"), Some(tag.as_str()), "{path}");
    }
}

#[actix_web::test]
async fn a_change_is_answered_with_the_tag_that_reading_it_gets() {
    let world = World::new().await;
    let (app, root) = (&world.app, &world.root);
    let requests = requests(
        r#"
POST   /users                                | {"username":"eve","email":"eve@example.com"} | /users/eve
POST   /namespaces                           | {"path":"linkers","name":"Linkers"} | /namespaces/linkers
POST   /namespaces/1/achievements            | {"name":"New"}             | /achievements/2
POST   /achievements/1/award                 | {"username":"root"}        | /user-achievements/2
POST   /user-achievements/2/decline          |                            | /user-achievements/2
POST   /user-achievements/2/accept           |                            | /user-achievements/2
PATCH  /user-achievements/2                  | {"showOnProfile":false}    | /user-achievements/2
POST   /user-achievements/2/revoke           |                            | /user-achievements/2
PATCH  /user-achievements/1                  | {"awardMessage":"Thanks"}  | /user-achievements/1
PATCH  /achievements/1                       | {"name":"Renamed"}         | /achievements/1
DELETE /achievements/1/avatar                |                            | /achievements/1
PATCH  /user                                 | {"name":"Renamed"}         | /user
PATCH  /users/ada                            | {"email":"a@example.com"}  | /users/ada
PATCH  /namespaces/1                         | {"visibility":"private"}   | /namespaces/1
PATCH  /settings                             | {"autoAccept":true}        | /settings
"#,
    );

    for (method, path, body, read) in requests {
        let response = app.call(method, root, path, body).await;

        assert!(response.status < 300, "{path}: {}", response.json);
        assert_eq!(tag(&response), world.tag(read).await, "{path}");
    }
}

#[actix_web::test]
async fn putting_it_again_is_answered_with_the_same_tag() {
    let world = World::new().await;
    let (app, root) = (&world.app, &world.root);

    for (path, body) in [
        ("/namespaces/1/members/ada", json!({ "role": "owner" })),
        ("/feature-flags/achievements", json!({ "enabled": true })),
    ] {
        let first = app.put(root, path, body.clone()).await;
        let second = app.put(root, path, body).await;

        assert_eq!(tag(&first), tag(&second), "{path}");
    }
}

#[actix_web::test]
async fn a_new_avatar_is_answered_with_the_tag_that_reading_the_achievement_gets() {
    let world = World::new().await;
    let path = "/achievements/1/avatar";
    let image = picture(ImageFormat::Png, 30, 30);

    let parts = [("avatar", image.as_slice())];
    let response = world.app.form(Method::PUT, &world.root, path, &parts).await;

    assert_eq!(response.status, 200);
    assert_eq!(tag(&response), world.tag("/achievements/1").await);
}

#[actix_web::test]
async fn tokens_are_not_kept_by_clients() {
    let app = TestApp::new().await;
    let password = "analytical engine";
    let user = json!({ "username": "ada", "email": "ada@example.com", "password": password });
    app.post(&app.root(), "/users", user).await;

    let credentials = json!({ "username": "ada", "password": password });
    let session = app.post(None, "/sessions", credentials).await;
    let bot = json!({ "name": "Bot" });
    let token = app.post(&app.root(), "/personal-access-tokens", bot).await;

    for response in [session, token] {
        assert_eq!(response.status, 201);
        assert_eq!(response.header("etag"), None);
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
}

#[actix_web::test]
async fn a_client_that_changes_again_and_again_needs_no_reading() {
    let world = World::new().await;
    let mut tag = world.tag("/achievements/1").await;

    for number in 0..5 {
        let body = json!({ "name": format!("Name {number}") });
        let response = world.patch_if(&tag, "/achievements/1", body.clone()).await;
        assert_eq!(response.status, 200);
        let old = std::mem::replace(&mut tag, self::tag(&response));

        // What it had before is good no more.
        let response = world.patch_if(&old, "/achievements/1", body).await;
        assert_eq!(response.status, 412);
    }
}

#[actix_web::test]
async fn a_change_that_somebody_else_came_before_is_not_made() {
    let world = World::new().await;
    let (app, root) = (&world.app, &world.root);
    let changes = [
        ("/user", "name"),
        ("/users/ada", "name"),
        ("/namespaces/1", "description"),
        ("/achievements/1", "description"),
        ("/user-achievements/1", "awardMessage"),
    ];

    for (path, field) in changes {
        let read = world.tag(path).await;
        app.patch(root, path, json!({ field: "First" })).await;
        let response = world
            .patch_if(&read, path, json!({ field: "Second" }))
            .await;

        assert_eq!(response.status, 412, "{path}");
        assert_eq!(app.get(root, path).await.json[field], "First");
    }
}

#[actix_web::test]
async fn what_asks_somebody_else_answers_with_the_tag_that_they_get() {
    let world = World::new().await;
    let (app, root, ada) = (&world.app, &world.root, &world.ada);
    app.award(1, ada).await;
    let long_ago = "UPDATE award_mails SET queued_at = '2020-01-01 00:00:00'";
    let aged = app
        .accolade
        .db
        .write(move |conn| Ok(sql_query(long_ago).execute(conn)?));
    aged.await.unwrap();

    let resent = app
        .post(root, "/user-achievements/2/resend", Value::Null)
        .await;
    assert_eq!(resent.status, 202);
    assert_eq!(tag(&resent), world.tag("/user-achievements/2").await);

    let link = link(&world, 2);
    let accepted = app.post(ANONYMOUS, &link, Value::Null).await;
    assert_eq!(accepted.status, 200);
    assert_eq!(
        tag(&accepted),
        tag(&app.get(ada, "/user-achievements/2").await)
    );
    assert_eq!(tag(&accepted), tag(&app.get(ANONYMOUS, &link).await));
}

/// So many changes at once.
const MANY: usize = 16;

/// Of many PATCHes with the tag that it has, by turns to each instance, one is done, and the others
/// are refused. Answers the field afterwards, and that of the one.
async fn race(instances: &[&TestApp], path: &str, field: &str) -> (Value, Value) {
    let app = instances[0];
    let tag = tag(&app.get(&app.root(), path).await);

    let calls = (0..MANY).map(|number| {
        let body = match field {
            "autoAccept" => json!({ field: true }),
            _ => json!({ field: format!("Number {number}") }),
        };
        patch_if(instances[number % instances.len()], &tag, path, body)
    });
    let mut answers = join_all(calls).await;

    answers.sort_by_key(|answer| answer.status);
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses[0], 200, "{path}");
    assert_eq!(statuses[1..], [412; MANY - 1], "{path}");
    let after = app.get(&app.root(), path).await;
    (after.json[field].clone(), answers[0].json[field].clone())
}

/// What the PATCHes race for.
const RACED: [(&str, &str); 6] = [
    ("/user", "name"),
    ("/users/ada", "name"),
    ("/namespaces/1", "description"),
    ("/achievements/1", "description"),
    ("/user-achievements/1", "awardMessage"),
    ("/settings", "autoAccept"),
];

#[actix_web::test]
async fn of_many_who_change_what_they_read_one_does() {
    let world = World::new().await;

    for (path, field) in RACED {
        let (is, answered) = race(&[&world.app], path, field).await;

        assert_eq!(is, answered, "{path}");
    }
}

#[actix_web::test]
async fn of_many_who_change_what_they_read_on_two_instances_one_does() {
    let world = World::new().await;
    let another = world.app.another();

    for (path, field) in RACED.into_iter().cycle().take(3 * RACED.len()) {
        if field == "autoAccept" {
            let off = json!({ field: false });
            world.app.patch(&world.root, path, off).await;
        } else {
            let start = json!({ field: "Start" });
            world.app.patch(&world.root, path, start).await;
        }
        let (is, answered) = race(&[&world.app, &another], path, field).await;

        assert_eq!(is, answered, "{path}");
    }
}

#[actix_web::test]
async fn of_many_who_set_an_avatar_for_what_they_read_one_does() {
    let world = World::new().await;
    let change = Change::all()
        .into_iter()
        .find(|change| change.body == "form");
    let (change, tag) = (change.unwrap(), world.tag("/achievements/1").await);
    let files = world.app.avatar_files().len();

    let answers = join_all((0..6).map(|_| change.call(&world, &tag))).await;

    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412]);
    assert_eq!(world.app.avatar_files().len(), files);
}

#[actix_web::test]
async fn of_many_who_delete_what_they_read_one_does() {
    let world = World::new().await;
    let (app, root, another) = (&world.app, &world.root, world.app.another());

    for path in ["/user-achievements/1", "/achievements/1", "/namespaces/1"] {
        let tag = world.tag(path).await;
        let headers = [("If-Match", tag.as_str())];
        let calls = (0..MANY).map(|number| {
            let app = [app, &another][number % 2];
            app.call_with(&headers, Method::DELETE, root, path, Value::Null)
        });
        let answers = join_all(calls).await;

        let done = answers.iter().filter(|answer| answer.status == 204);
        assert_eq!(done.count(), 1, "{path}");
        let others = answers.iter().filter(|answer| answer.status != 204);
        let mut others = others.map(|answer| answer.status);
        assert!(others.all(|status| matches!(status, 404 | 412)), "{path}");
    }
}

/// Reads and changes it until nobody comes between.
async fn patch_in_the_end(app: &TestApp, path: &str, body: &Value) {
    for _ in 0..100 {
        let tag = tag(&app.get(&app.root(), path).await);
        match patch_if(app, &tag, path, body.clone()).await.status {
            200 => return,
            status => assert_eq!(status, 412),
        }
    }
    panic!("somebody came between a hundred times");
}

#[actix_web::test]
async fn changes_of_different_fields_at_once_are_all_kept() {
    let world = World::new().await;
    let (app, root, another) = (&world.app, &world.root, world.app.another());

    for path in ["/achievements/1", "/namespaces/1"] {
        for round in 0..50 {
            let (name, description) = (format!("Name {round}"), format!("About {round}"));
            let (rename, describe) = (
                json!({ "name": name }),
                json!({ "description": description }),
            );
            let (one, other) = join(
                app.patch(root, path, rename),
                another.patch(root, path, describe),
            )
            .await;

            assert_eq!((one.status, other.status), (200, 200), "{path} {round}");
            let after = app.get(root, path).await.json;
            assert_eq!(after["name"], name, "{path} {round}");
            assert_eq!(after["description"], description, "{path} {round}");
        }
    }
}

#[actix_web::test]
async fn a_change_on_a_condition_keeps_one_without_that_comes_at_once() {
    let world = World::new().await;
    let (app, root, another) = (&world.app, &world.root, world.app.another());

    for path in ["/achievements/1", "/namespaces/1"] {
        for round in 0..50 {
            let (name, description) = (format!("Name {round}"), format!("About {round}"));
            let (rename, describe) = (
                json!({ "name": name }),
                json!({ "description": description }),
            );
            let (_, plain) = join(
                patch_in_the_end(app, path, &rename),
                another.patch(root, path, describe),
            )
            .await;

            assert_eq!(plain.status, 200, "{path} {round}");
            let after = app.get(root, path).await.json;
            assert_eq!(after["name"], name, "{path} {round}");
            assert_eq!(after["description"], description, "{path} {round}");
        }
    }
}

#[actix_web::test]
async fn a_change_on_a_condition_never_overwrites_one_without() {
    let world = World::new().await;
    let (app, root, another) = (&world.app, &world.root, world.app.another());

    for round in 0..50 {
        let path = ["/achievements/1", "/user", "/namespaces/1"][round % 3];
        let (tag, body) = (world.tag(path).await, |name| json!({ "name": name }));
        let (plain, _) = join(
            another.patch(root, path, body(format!("Plain {round}"))),
            join_all((0..3).map(|_| patch_if(app, &tag, path, body("On a condition".into())))),
        )
        .await;

        // It came last, or else the tag was another one by then.
        assert_eq!(plain.status, 200, "{path} {round}");
        let after = app.get(root, path).await.json;
        assert_eq!(after["name"], format!("Plain {round}"), "{path}");
    }
}

#[actix_web::test]
async fn a_change_of_whatever_is_there_is_made_whoever_else_changes_it() {
    let world = World::new().await;
    let (app, root, another) = (&world.app, &world.root, world.app.another());

    for round in 0..50 {
        let (name, description) = (format!("Name {round}"), format!("About {round}"));
        let (rename, describe) = (
            json!({ "name": name }),
            json!({ "description": description }),
        );
        let (one, other) = join(
            patch_if(app, "*", "/achievements/1", rename),
            another.patch(root, "/achievements/1", describe),
        )
        .await;

        assert_eq!((one.status, other.status), (200, 200), "{round}");
        let after = app.get(root, "/achievements/1").await.json;
        assert_eq!(after["name"], name, "{round}");
        assert_eq!(after["description"], description, "{round}");
    }
}

#[actix_web::test]
async fn what_is_as_it_was_read_is_changed_whatever_happens_beside_it() {
    let world = World::new().await;
    let (app, root, another) = (&world.app, &world.root, world.app.another());
    let mut awards = Vec::new();
    for _ in 0..MANY {
        let path = format!("/user-achievements/{}", app.accepted(1, &world.ada).await);
        let tag = world.tag(&path).await;
        awards.push((path, tag));
    }

    // They are of one achievement, which counts them.
    let calls = awards
        .iter()
        .enumerate()
        .map(async |(number, (path, tag))| {
            let (app, headers) = ([app, &another][number % 2], [("If-Match", tag.as_str())]);
            let call = app.call_with(&headers, Method::DELETE, root, path, Value::Null);
            call.await.status
        });
    let statuses = join_all(calls).await;

    assert_eq!(statuses, [204; MANY]);
    let counted = app.get(root, "/achievements/1").await.json;
    assert_eq!(counted["userAchievementsCount"], 1);
}
