//! What a personal access token may be used for, and when it was.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use accolade::auth::Role;
use accolade::openapi::CONTRACT;
use accolade::time::now;
use accolade::tokens::{Acceptance, LINK_LIFE};
use actix_web::http::Method;
use actix_web::rt::time::sleep;
use chrono::{DateTime, Duration as Time, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use image::ImageFormat;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, FORM, Response, TestApp, User, form};
use crate::avatar_corpus::picture;

const SCOPES: [&str; 3] = ["read", "award", "manage"];

/// Every operation, as root calls it on the world, one after the other, and the status when done.
const CALLS: &str = r#"
createSession             | /sessions                          | {"username":"signer","password":"correct horse battery"} | 201
createPersonalAccessToken | /personal-access-tokens            | {"name":"New"}                     | 201
listPersonalAccessTokens  | /personal-access-tokens            |                                    | 200
revokePersonalAccessToken | /personal-access-tokens/{token}    |                                    | 204
getCurrentUser            | /user                              |                                    | 200
updateCurrentUser         | /user                              | {"name":"Renamed"}                 | 200
createUser                | /users                             | {"username":"eve","email":"eve@example.com"} | 201
listUsers                 | /users                             |                                    | 200
getUser                   | /users/ada                         |                                    | 200
updateUser                | /users/ada                         | {"name":"Renamed"}                 | 200
createNamespace           | /namespaces                        | {"path":"linkers","name":"Linkers"} | 201
listNamespaces            | /namespaces                        |                                    | 200
getNamespace              | /namespaces/compilers              |                                    | 200
updateNamespace           | /namespaces/compilers              | {"name":"Renamed"}                 | 200
putMember                 | /namespaces/compilers/members/ada  | {"role":"guest"}                   | 200
listMembers               | /namespaces/compilers/members      |                                    | 200
removeMember              | /namespaces/compilers/members/ada  |                                    | 204
createAchievement         | /namespaces/compilers/achievements | {"name":"New"}                     | 201
listAchievements          | /namespaces/compilers/achievements |                                    | 200
getAchievement            | /achievements/1                    |                                    | 200
updateAchievement         | /achievements/1                    | {"name":"Renamed"}                 | 200
putAchievementAvatar      | /achievements/1/avatar             | form                               | 200
deleteAchievementAvatar   | /achievements/1/avatar             |                                    | 200
awardAchievement          | /achievements/1/award              | {"username":"ada"}                 | 201
listRecipients            | /achievements/1/user-achievements  |                                    | 200
listUniqueUsers           | /achievements/1/users              |                                    | 200
getUserAchievement        | /user-achievements/1               |                                    | 200
updateUserAchievement     | /user-achievements/1               | {}                                 | 200
resendAwardEmail          | /user-achievements/1/resend        |                                    | 429
declineUserAchievement    | /user-achievements/1/decline       |                                    | 200
acceptUserAchievement     | /user-achievements/1/accept        |                                    | 200
getAwardAcceptance        | /award-acceptances/{link}          |                                    | 200
acceptAward               | /award-acceptances/{link}          |                                    | 200
reorderUserAchievements   | /user-achievements/priorities      | {"userAchievementIds":[1]}         | 200
listUserAchievements      | /users/root/user-achievements      |                                    | 200
listBadges                | /users/root/badges                 |                                    | 200
revokeUserAchievement     | /user-achievements/1/revoke        |                                    | 200
deleteUserAchievement     | /user-achievements/1               |                                    | 204
listFeatureFlags          | /feature-flags                     |                                    | 200
putFeatureFlag            | /feature-flags/achievements        | {"enabled":true}                   | 200
getSettings               | /settings                          |                                    | 200
updateSettings            | /settings                          | {"autoAccept":true}                | 200
deleteAchievement         | /achievements/1                    |                                    | 204
deleteNamespace           | /namespaces/compilers              |                                    | 204
deleteUser                | /users/ada                         |                                    | 204
"#;

/// Where root sees all that the calls could change.
const EVERYTHING: [&str; 9] = [
    "/user",
    "/users",
    "/namespaces",
    "/namespaces/1/members",
    "/namespaces/1/achievements",
    "/achievements/1/user-achievements",
    "/users/root/badges",
    "/feature-flags",
    "/settings",
];

struct Call {
    operation: &'static str,
    method: Method,
    path: &'static str,
    body: &'static str,
    done: u16,
    /// Of which a token needs one; none for an operation that takes any.
    scopes: Vec<String>,
}

impl Call {
    fn all() -> Vec<Self> {
        let contract: Value = serde_json::from_str(CONTRACT.json()).unwrap();
        let find = |id: &str| {
            let paths = contract["paths"].as_object().unwrap().values();
            let mut operations = paths.flat_map(|item| item.as_object().unwrap());
            let (method, operation) = operations
                .find(|(_, operation)| operation["operationId"] == id)
                .unwrap_or_else(|| panic!("{id} is not in the contract"));
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let security = operation["security"].as_array().unwrap().iter();
            let scopes = security.filter_map(|scheme| scheme["bearer"].as_array());
            let scopes = scopes
                .flatten()
                .map(|scope| scope.as_str().unwrap().to_owned());
            (method, scopes.collect())
        };
        let calls = CALLS.trim().lines().map(|line| {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [operation, path, body, done] = columns[..] else {
                panic!("four columns: {line}")
            };
            let ((method, scopes), done) = (find(operation), done.parse().unwrap());
            #[rustfmt::skip]
            let call = Self { operation, method, path, body, done, scopes };
            call
        });
        calls.collect()
    }

    /// Every scope but those of which it needs one.
    fn others(&self) -> Vec<&'static str> {
        let needed = |scope: &&str| self.scopes.iter().any(|needed| needed == scope);
        SCOPES.into_iter().filter(|scope| !needed(scope)).collect()
    }
}

/// The private namespace `compilers` (1) of root's, with ada as a guest and the achievement 1, which
/// root was awarded (1).
struct World {
    app: TestApp,
    root: User,
    link: String,
    /// A token to be revoked.
    token: i64,
}

impl World {
    async fn new() -> Self {
        let app = TestApp::new().await;
        let (root, ada) = (app.root(), app.user("ada").await);
        app.namespace("compilers", &ada, Role::Guest).await;
        app.achievement(1, "First merge").await;
        app.award(1, &root).await;
        let mut signer = json!({ "username": "signer", "email": "signer@example.com" });
        signer["password"] = "correct horse battery".into();
        app.post(&root, "/users", signer).await.id();
        let acceptance = Acceptance {
            user_achievement_id: 1,
            user_id: root.id,
        };
        let keys = &app.accolade.keys;
        let link = keys.sign_acceptance(&acceptance, now(), now() + LINK_LIFE);
        let (link, name) = (link.unwrap(), json!({ "name": "Old" }));
        let token = app.post(&root, "/personal-access-tokens", name).await.id();
        #[rustfmt::skip]
        let world = Self { app, root, link, token };
        world
    }

    fn path(&self, call: &Call) -> String {
        let path = call.path.replace("{link}", &self.link);
        path.replace("{token}", &self.token.to_string())
    }

    async fn call(&self, call: &Call, path: &str, bot: &User) -> Response {
        if call.body == "form" {
            let image = picture(ImageFormat::Png, 30, 30);
            let parts = [("avatar", image.as_slice())];
            return self.app.form(call.method.clone(), bot, path, &parts).await;
        }
        let body = serde_json::from_str(call.body).unwrap_or_default();
        self.app.call(call.method.clone(), bot, path, body).await
    }

    async fn everything(&self) -> Vec<Value> {
        let mut everything = Vec::new();
        for path in EVERYTHING {
            everything.push(self.app.get(&self.root, path).await.json);
        }
        everything.push(json!(self.app.avatar_files()));
        everything
    }
}

async fn create(app: &TestApp, user: &User, body: Value) -> Response {
    app.post(user, "/personal-access-tokens", body).await
}

/// The user with the new token.
fn with_token(user: &User, created: &Response) -> User {
    let token = created.json["token"].as_str();
    let token = token.unwrap_or_else(|| panic!("{}", created.json));
    User {
        token: token.to_owned(),
        ..user.clone()
    }
}

/// The user with a new token that has these scopes.
async fn bot(app: &TestApp, user: &User, scopes: &[&str]) -> User {
    let body = json!({ "name": format!("{scopes:?}"), "scopes": scopes });
    with_token(user, &create(app, user, body).await)
}

/// That the answer says which of the scopes is missing.
fn assert_insufficient(response: &Response, scopes: &[impl AsRef<str>], what: &str) {
    assert_eq!(response.status, 403, "{what}: {}", response.json);
    assert_eq!(
        response.json["type"], "/problems/insufficient-scope",
        "{what}"
    );
    let challenge = response.header("www-authenticate").unwrap();
    let named = scopes.iter().map(AsRef::as_ref).find(|scope| {
        challenge == format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"")
    });
    let named = named.unwrap_or_else(|| panic!("{what}: {challenge}"));
    let detail = response.json["detail"].as_str().unwrap();
    assert!(
        detail.contains(&format!("scope {named}")),
        "{what}: {detail}"
    );
}

#[test]
fn every_operation_is_called_below() {
    let contract: Value = serde_json::from_str(CONTRACT.json()).unwrap();
    let paths = contract["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|item| item.as_object().unwrap().values());

    let ids = operations.map(|operation| operation["operationId"].as_str().unwrap());
    let ids: BTreeSet<_> = ids.map(String::from).collect();

    let called = Call::all()
        .into_iter()
        .map(|call| call.operation.to_owned());
    assert_eq!(ids, called.collect());
}

#[test]
fn every_operation_for_tokens_names_its_scope() {
    for call in Call::all() {
        // Whoever signs in has no token yet.
        let expected = match (call.operation, &call.method) {
            ("createSession", _) => vec![],
            ("updateUserAchievement", _) => vec!["award", "manage"],
            (_, &Method::GET) => vec!["read"],
            (
                "awardAchievement"
                | "revokeUserAchievement"
                | "deleteUserAchievement"
                | "resendAwardEmail",
                _,
            ) => vec!["award"],
            _ => vec!["manage"],
        };

        assert_eq!(call.scopes, expected, "{}", call.operation);
    }
}

#[actix_web::test]
async fn a_token_without_the_scope_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let before = world.everything().await;

    for call in Call::all().iter().filter(|call| !call.scopes.is_empty()) {
        let bot = bot(&world.app, &world.root, &call.others()).await;
        let response = world.call(call, &world.path(call), &bot).await;

        assert_insufficient(&response, &call.scopes, call.operation);
    }

    assert_eq!(world.everything().await, before);
}

#[actix_web::test]
async fn a_token_with_the_scope_alone_does_it() {
    let world = World::new().await;

    for call in Call::all() {
        let enough = match call.scopes.is_empty() {
            true => SCOPES.map(String::from).to_vec(),
            false => call.scopes.clone(),
        };
        for scope in enough {
            let bot = bot(&world.app, &world.root, &[&scope]).await;
            let response = world.call(&call, &world.path(&call), &bot).await;

            let (is, operation) = (response.status, call.operation);
            assert_eq!(is, call.done, "{operation} with {scope}: {}", response.json);
        }
    }
}

#[actix_web::test]
async fn however_an_address_is_written_it_needs_the_same_scope() {
    let world = World::new().await;
    let before = world.everything().await;
    let mut wrong = Vec::new();

    for call in Call::all().iter().filter(|call| !call.scopes.is_empty()) {
        let bot = bot(&world.app, &world.root, &call.others()).await;
        let path = world.path(call);
        let letter = |letter: char| letter.is_ascii_lowercase();
        for at in [path.find(letter).unwrap(), path.rfind(letter).unwrap()] {
            let letter = path.as_bytes()[at];
            let encoded = format!("{}%{letter:02X}{}", &path[..at], &path[at + 1..]);
            let response = world.call(call, &encoded, &bot).await;

            if !matches!(response.status, 403 | 404) {
                wrong.push(format!("{} {encoded}: {}", call.method, response.status));
            }
        }
    }

    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(world.everything().await, before);
}

#[actix_web::test]
async fn a_head_needs_the_scope_of_a_get() {
    let world = World::new().await;
    let reader = bot(&world.app, &world.root, &["read"]).await;
    let other = bot(&world.app, &world.root, &["award", "manage"]).await;

    for call in Call::all().iter().filter(|call| call.method == Method::GET) {
        let path = world.path(call);
        let head = async |bot| world.app.call(Method::HEAD, bot, &path, Value::Null).await;

        assert_eq!(head(&reader).await.status, 200, "{path}");
        assert_eq!(head(&other).await.status, 403, "{path}");
    }
}

#[actix_web::test]
async fn who_lacks_the_scope_does_not_learn_what_there_is() {
    let world = World::new().await;
    let (app, eve) = (&world.app, world.app.user("eve").await);
    let (reader, other) = (
        bot(app, &eve, &["read"]).await,
        bot(app, &eve, &["award"]).await,
    );
    let pairs = r#"
POST   /achievements/1/award     /achievements/9/award
PATCH  /achievements/1           /achievements/9
DELETE /user-achievements/1      /user-achievements/9
PATCH  /user-achievements/1      /user-achievements/9
DELETE /namespaces/1             /namespaces/nowhere
GET    /namespaces/compilers     /namespaces/nowhere
GET    /users/root               /users/nobody
DELETE /personal-access-tokens/1 /personal-access-tokens/9"#;

    for pair in pairs.trim().lines() {
        let [method, there, not_there] = pair.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{pair}")
        };
        let (method, bot): (Method, _) = match method {
            "GET" => (Method::GET, &other),
            method => (method.parse().unwrap(), &reader),
        };
        let one = app.call(method.clone(), bot, there, json!({})).await;
        let other = app.call(method, bot, not_there, json!({})).await;

        assert_eq!(one.json["type"], "/problems/insufficient-scope", "{pair}");
        assert_eq!((one.status, one.body), (other.status, other.body), "{pair}");
    }
}

#[actix_web::test]
async fn a_token_has_the_scopes_that_it_was_made_with() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    for scopes in [
        vec!["read"],
        vec!["award"],
        vec!["manage"],
        vec!["read", "award"],
        vec!["read", "award", "manage"],
    ] {
        let body = json!({ "name": "Bot", "scopes": scopes });
        let response = create(&app, &ada, body).await;

        assert_eq!(response.status, 201);
        assert_eq!(response.json["scopes"], json!(scopes));
        let listed = app.get(&ada, "/personal-access-tokens").await;
        assert_eq!(listed.nodes("/scopes").pop().unwrap(), json!(scopes));
    }
}

#[actix_web::test]
async fn scopes_are_a_set() {
    let app = TestApp::new().await;
    let body = json!({ "name": "Bot", "scopes": ["award", "read", "award"] });

    let response = create(&app, &app.root(), body).await;

    assert_eq!(response.status, 201);
    assert_eq!(response.json["scopes"], json!(["read", "award"]));
}

#[actix_web::test]
async fn a_token_has_all_scopes_of_the_one_that_makes_it_where_it_names_none() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let lesser = bot(&app, &ada, &["read", "manage"]).await;

    for (maker, scopes) in [
        (&ada, json!(["read", "award", "manage"])),
        (&lesser, json!(["read", "manage"])),
    ] {
        for body in [
            json!({ "name": "Bot" }),
            json!({ "name": "Bot", "scopes": null }),
        ] {
            let response = create(&app, maker, body).await;

            assert_eq!(response.status, 201);
            assert_eq!(response.json["scopes"], scopes);
        }
    }
}

#[actix_web::test]
async fn what_are_no_scopes_is_invalid() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let cases = [
        (json!([]), "scopes"),
        (json!("read"), "scopes"),
        (json!(7), "scopes"),
        (json!(["admin"]), "scopes[0]"),
        (json!(["read", "Award"]), "scopes[1]"),
        (json!(["read award"]), "scopes[0]"),
        (json!([""]), "scopes[0]"),
        (json!([null]), "scopes[0]"),
        (json!([1]), "scopes[0]"),
    ];

    for (scopes, field) in cases {
        let body = json!({ "name": "Bot", "scopes": scopes });
        let response = create(&app, &ada, body).await;

        assert_eq!(response.status, 422, "{scopes}");
        assert_eq!(response.fields(), [field], "{scopes}");
    }
    let tokens = app.get(&ada, "/personal-access-tokens").await;
    assert_eq!(tokens.nodes("/id").len(), 1);
}

#[actix_web::test]
async fn no_token_makes_one_that_may_do_more() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let cases = [
        (vec!["manage"], vec!["read"]),
        (vec!["manage"], vec!["manage", "award"]),
        (vec!["read", "manage"], vec!["award"]),
        (vec!["read", "manage"], vec!["read", "award", "manage"]),
        (vec!["award", "manage"], vec!["read", "manage"]),
    ];

    for (own, wanted) in cases {
        let maker = bot(&app, &ada, &own).await;
        let before = app.get(&ada, "/personal-access-tokens").await.nodes("/id");
        let body = json!({ "name": "Bot", "scopes": wanted });
        let response = create(&app, &maker, body).await;

        assert_eq!(response.status, 422, "{own:?} {wanted:?}");
        assert_eq!(response.fields(), ["scopes"]);
        let after = app.get(&ada, "/personal-access-tokens").await.nodes("/id");
        assert_eq!(after, before);
    }
}

#[actix_web::test]
async fn what_is_made_by_what_was_made_may_do_no_more() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    let first = bot(&app, &ada, &["read", "manage"]).await;
    let second = bot(&app, &first, &["manage"]).await;
    let third = create(&app, &second, json!({ "name": "Bot" })).await;

    assert_eq!(third.json["scopes"], json!(["manage"]));
    let third = with_token(&ada, &third);
    assert_insufficient(&app.get(&third, "/user").await, &["read"], "read");
    let patched = app
        .patch(&third, "/user", json!({ "name": "Renamed" }))
        .await;
    assert_eq!(patched.status, 200);
}

/// A recipient who is a Maintainer too, and may change everything of the award 1.
async fn with_award() -> (TestApp, User) {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    app.namespace("compilers", &ada, Role::Maintainer).await;
    app.achievement(1, "First merge").await;
    app.accepted(1, &ada).await;
    (app, ada)
}

#[actix_web::test]
async fn what_is_shown_is_for_manage_and_what_is_said_for_award() {
    let (app, ada) = with_award().await;
    let (hide, say) = (
        json!({ "showOnProfile": false }),
        json!({ "awardMessage": "Thanks" }),
    );
    let both = json!({ "showOnProfile": false, "awardMessage": "Thanks" });
    let manager = bot(&app, &ada, &["read", "manage"]).await;
    let awarder = bot(&app, &ada, &["read", "award"]).await;
    let all = bot(&app, &ada, &["award", "manage"]).await;
    let before = app.get(&ada, "/user-achievements/1").await.body;

    for (bot, body, scope) in [
        (&manager, &say, "award"),
        (&manager, &both, "award"),
        (&awarder, &hide, "manage"),
        (&awarder, &both, "manage"),
    ] {
        let response = app.patch(bot, "/user-achievements/1", body.clone()).await;
        assert_insufficient(&response, &[scope], scope);
    }

    assert_eq!(app.get(&ada, "/user-achievements/1").await.body, before);
    for (bot, body) in [(manager, hide), (awarder, say), (all, both)] {
        let response = app.patch(&bot, "/user-achievements/1", body).await;
        assert_eq!(response.status, 200);
    }
}

#[actix_web::test]
async fn a_missing_scope_is_told_before_what_is_stale() {
    let (app, ada) = with_award().await;
    let awarder = bot(&app, &ada, &["award"]).await;
    let (stale, hide) = (
        [("If-Match", "\"stale\"")],
        json!({ "showOnProfile": false }),
    );

    for path in ["/user-achievements/1", "/achievements/1"] {
        let call = app.call_with(&stale, Method::PATCH, &awarder, path, hide.clone());

        assert_insufficient(&call.await, &["manage"], path);
    }
}

#[actix_web::test]
async fn a_session_may_do_everything() {
    let world = World::new().await;
    let app = &world.app;
    let credentials = json!({ "username": "signer", "password": "correct horse battery" });
    app.patch(&world.root, "/users/signer", json!({ "admin": true }))
        .await;

    let session = app.post(ANONYMOUS, "/sessions", credentials).await;

    let token = session.json["accessToken"].as_str().unwrap().to_owned();
    let signer = User {
        token,
        ..app.root()
    };
    for call in Call::all() {
        let response = world.call(&call, &world.path(&call), &signer).await;
        let kind = &response.json["type"];
        assert_ne!(kind, "/problems/insufficient-scope", "{}", call.operation);
        assert_ne!(response.status, 401, "{}", call.operation);
    }
}

#[actix_web::test]
async fn a_revoked_token_is_refused_at_once_and_everywhere() {
    let app = TestApp::new().await;
    let (ada, another) = (app.user("ada").await, app.another());
    let created = create(&app, &ada, json!({ "name": "Bot", "scopes": ["read"] })).await;
    let bot = with_token(&ada, &created);
    assert_eq!(another.get(&bot, "/user").await.status, 200);

    let path = format!("/personal-access-tokens/{}", created.id());
    assert_eq!(app.delete(&ada, &path).await.status, 204);

    for app in [&app, &another] {
        // Not 403: it is no token any more.
        for path in ["/user", "/namespaces", "/users/ada/badges"] {
            assert_eq!(app.get(&bot, path).await.status, 401, "{path}");
        }
        assert_eq!(app.patch(&bot, "/user", json!({})).await.status, 401);
    }
}

/// When the token of that name was used last, as its owner sees it.
async fn last_used(app: &TestApp, user: &User, name: &str) -> Option<DateTime<Utc>> {
    let tokens = app.get(user, "/personal-access-tokens").await;
    let nodes = tokens.json["nodes"].as_array().unwrap();
    let token = nodes.iter().find(|token| token["name"] == name).unwrap();
    Some(token.get("lastUsedAt")?.as_str().unwrap().parse().unwrap())
}

/// The same once it is not what it was.
async fn next_use(
    app: &TestApp,
    user: &User,
    name: &str,
    was: Option<DateTime<Utc>>,
) -> DateTime<Utc> {
    let began = Instant::now();
    loop {
        match last_used(app, user, name).await {
            Some(time) if Some(time) != was => return time,
            _ => assert!(began.elapsed() < Duration::from_secs(5), "no use is noted"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Has the token of that name been used that long ago.
async fn age(app: &TestApp, age: Time) {
    let then = (now() - age).format("%Y-%m-%d %H:%M:%S%.3f");
    let update =
        format!("UPDATE personal_access_tokens SET last_used_at = '{then}' WHERE name = 'Bot'");
    let aged = app
        .accolade
        .db
        .write(move |conn| Ok(sql_query(update).execute(conn)?));
    assert_eq!(aged.await.unwrap(), 1);
}

#[actix_web::test]
async fn a_token_shows_when_it_was_used_last() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let created = create(&app, &ada, json!({ "name": "Bot" })).await;
    assert_eq!(created.json.get("lastUsedAt"), None);
    assert_eq!(last_used(&app, &ada, "Bot").await, None);

    let before = now().and_utc();
    app.get(&with_token(&ada, &created), "/user").await;

    let used = next_use(&app, &ada, "Bot", None).await;
    assert!(before <= used && used <= now().and_utc(), "{before} {used}");
}

#[actix_web::test]
async fn a_use_is_shown_to_ten_minutes() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let bot = with_token(&ada, &create(&app, &ada, json!({ "name": "Bot" })).await);
    app.get(&bot, "/user").await;
    let first = next_use(&app, &ada, "Bot", None).await;

    for minutes in [0, 9] {
        if minutes > 0 {
            age(&app, Time::minutes(minutes)).await;
        }
        let was = last_used(&app, &ada, "Bot").await;
        app.get(&bot, "/user").await;
        // Uses are noted in turn: once this one is, that of the bot would be.
        let name = format!("Other {minutes}");
        let other = with_token(&ada, &create(&app, &ada, json!({ "name": name })).await);
        app.get(&other, "/user").await;
        next_use(&app, &ada, &name, None).await;
        assert_eq!(last_used(&app, &ada, "Bot").await, was, "{minutes}");
    }

    age(&app, Time::minutes(11)).await;
    let was = last_used(&app, &ada, "Bot").await;
    app.get(&bot, "/user").await;
    assert!(next_use(&app, &ada, "Bot", was).await > first);
}

#[actix_web::test]
async fn a_token_that_is_not_used_shows_no_use() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    create(&app, &ada, json!({ "name": "Idle" })).await;
    let bot = with_token(&ada, &create(&app, &ada, json!({ "name": "Bot" })).await);

    app.get(&bot, "/user").await;

    next_use(&app, &ada, "Bot", None).await;
    assert_eq!(last_used(&app, &ada, "Idle").await, None);
}

#[actix_web::test]
async fn an_avatar_is_for_manage_before_it_is_looked_at() {
    let world = World::new().await;
    let awarder = bot(&world.app, &world.root, &["read", "award"]).await;
    let bearer = format!("Bearer {}", awarder.token);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", FORM)];

    for content in [picture(ImageFormat::Png, 30, 30), b"no image".to_vec()] {
        let body = form(&[("avatar", &content)]);
        let path = "/achievements/1/avatar";
        let response = world.app.send(Method::PUT, path, &headers, body).await;

        assert_insufficient(&response, &["manage"], path);
    }
    assert!(world.app.avatar_files().is_empty());
}
