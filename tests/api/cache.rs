//! Finished answers to public reads: nobody is told what is no longer so, nor what is for somebody else.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use accolade::auth::Role;
use accolade::config::Config;
use accolade::openapi::CONTRACT;
use accolade::time::now;
use accolade::tokens::{Acceptance, LINK_LIFE};
use actix_web::http::Method;
use actix_web::rt::time::sleep;
use actix_web::test::{TestRequest, call_and_read_body_json, call_service, init_service};
use futures_util::future::{join, join_all};
use image::ImageFormat;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, Response, TestApp, User, open};
use crate::avatar_corpus::picture;
use crate::database::Raw;
use crate::server::Server;

/// Every operation that changes something: who does it in [`World`], at which address, with what, and
/// whether a public read can tell. One after the other.
const CHANGES: &str = r#"
createUser                | root   | /users                               | {"username":"heidi","email":"heidi@example.com","password":"analytical engine"} | seen
createSession             | nobody | /sessions                            | {"username":"heidi","password":"analytical engine"} | unseen
createPersonalAccessToken | ada    | /personal-access-tokens              | {"name":"Bot"}                 | unseen
revokePersonalAccessToken | ada    | /personal-access-tokens/8            |                                | unseen
updateCurrentUser         | ada    | /user                                | {"name":"Ada Lovelace"}        | seen
updateCurrentUser         | ada    | /user                                | {"privateProfile":true}        | seen
updateCurrentUser         | ada    | /user                                | {"privateProfile":false}       | seen
updateCurrentUser         | ada    | /user                                | {"achievementsEnabled":false}  | seen
updateCurrentUser         | ada    | /user                                | {"achievementsEnabled":true}   | seen
updateCurrentUser         | eve    | /user                                | {"name":"Eve"}                 | seen
updateCurrentUser         | carol  | /user                                | {"name":"Carol"}               | unseen
updateUser                | root   | /users/ada                           | {"state":"blocked"}            | seen
updateUser                | root   | /users/2                             | {"state":"active"}             | seen
updateUser                | root   | /users/dave                          | {"state":"active"}             | seen
updateUser                | root   | /users/carol                         | {"privateProfile":false}       | seen
updateUser                | root   | /users/erin                          | {"achievementsEnabled":true}   | seen
updateUser                | root   | /users/GRACE                         | {"name":"Grace Hopper"}        | seen
createNamespace           | root   | /namespaces                          | {"path":"tools","name":"Tools","visibility":"public"} | seen
createNamespace           | ada    | /namespaces                          | {"path":"diary","name":"Diary"} | unseen
createNamespace           | root   | /namespaces                          | {"path":"gcc","name":"GCC","parentId":1,"visibility":"public"} | seen
updateNamespace           | root   | /namespaces/compilers                | {"path":"toolchains"}          | seen
updateNamespace           | root   | /namespaces/1                        | {"path":"compilers"}           | seen
updateNamespace           | root   | /namespaces/1                        | {"visibility":"private"}       | seen
updateNamespace           | root   | /namespaces/1                        | {"visibility":"internal"}      | unseen
updateNamespace           | root   | /namespaces/1                        | {"visibility":"public"}        | seen
updateNamespace           | root   | /namespaces/secrets                  | {"visibility":"public"}        | seen
updateNamespace           | root   | /namespaces/4                        | {"name":"Open secrets"}        | seen
updateNamespace           | root   | /namespaces/4                        | {"visibility":"private"}       | seen
putMember                 | root   | /namespaces/1/members/grace          | {"role":"owner"}               | unseen
removeMember              | root   | /namespaces/1/members/grace          |                                | seen
createAchievement         | root   | /namespaces/1/achievements           | {"name":"Last merge"}          | seen
createAchievement         | root   | /namespaces/compilers/achievements   | form First form                | seen
createAchievement         | root   | /namespaces/4/achievements           | {"name":"Hush"}                | unseen
updateAchievement         | root   | /achievements/1                      | {"name":"Very first merge"}    | seen
updateAchievement         | root   | /achievements/1                      | form Very first merge          | seen
updateAchievement         | root   | /achievements/4                      | {"description":"Told nobody"}  | seen
putAchievementAvatar      | root   | /achievements/2/avatar               | form                           | seen
deleteAchievementAvatar   | root   | /achievements/1/avatar               |                                | seen
awardAchievement          | eve    | /achievements/1/award                | {"username":"ada"}             | seen
awardAchievement          | root   | /achievements/3/award                | {"userId":3}                   | unseen
awardAchievement          | root   | /achievements/4/award                | {"username":"grace"}           | unseen
acceptUserAchievement     | ada    | /user-achievements/16/accept         |                                | seen
acceptUserAchievement     | grace  | /user-achievements/18/accept         |                                | seen
declineUserAchievement    | grace  | /user-achievements/17/decline        |                                | unseen
declineUserAchievement    | ada    | /user-achievements/12/decline        |                                | seen
updateUserAchievement     | ada    | /user-achievements/1                 | {"showOnProfile":false}        | seen
updateUserAchievement     | ada    | /user-achievements/1                 | {"showOnProfile":true}         | seen
updateUserAchievement     | eve    | /user-achievements/3                 | {"awardMessage":"Thanks"}      | seen
acceptAward               | nobody | {link}                               |                                | seen
resendAwardEmail          | root   | /user-achievements/15/resend         |                                | unseen
reorderUserAchievements   | ada    | /user-achievements/priorities        | {"userAchievementIds":[11,10,1]} | seen
reorderUserAchievements   | ada    | /user-achievements/priorities        | {"userAchievementIds":[]}      | seen
revokeUserAchievement     | eve    | /user-achievements/16/revoke         |                                | seen
updateSettings            | root   | /settings                            | {"autoAccept":true}            | unseen
awardAchievement          | root   | /achievements/2/award                | {"username":"grace"}           | seen
putFeatureFlag            | root   | /feature-flags/achievements          | {"enabled":false}              | seen
putFeatureFlag            | root   | /feature-flags/achievements          | {"enabled":true}               | seen
deleteUserAchievement     | root   | /user-achievements/19                |                                | seen
deleteUser                | root   | /users/eve                           |                                | seen
deleteUser                | root   | /users/grace                         |                                | seen
deleteAchievement         | root   | /achievements/5                      |                                | seen
deleteNamespace           | root   | /namespaces/compilers%2Fllvm         |                                | seen
deleteNamespace           | root   | /namespaces/1                        |                                | seen
deleteNamespace           | ada    | /namespaces/diary                    |                                | unseen
deleteUser                | root   | /users/ada                           |                                | seen
"#;

/// The public reads of all that there is in [`World`], and of what comes to it: a collection, the
/// names in it, and what is read of each.
#[rustfmt::skip]
const READS: [(&str, &[&str], &[&str]); 10] = [
    ("/users/", &["2", "3", "4", "5", "6", "7"], &["", "/badges", "/user-achievements"]),
    ("/users/", &["ada", "grace", "heidi"], &["", "/badges?limit=1"]),
    ("/users/", &["002", "ADA", "%61da", "%41D%61"], &["/badges"]),
    ("/namespaces/", &["1", "2", "4", "compilers%2Fllvm", "toolchains%2Fllvm"], &["", "/achievements"]),
    ("/namespaces/", &["3", "compilers", "toolchains", "secrets", "tools"], &["/achievements"]),
    ("/namespaces/", &["001", "COMPILERS", "%43ompilers%2fLLVM"], &["/achievements?limit=1&search=FIRST"]),
    ("/achievements/", &["1", "2", "4", "5", "6"], &["", "/user-achievements", "/users"]),
    ("/achievements/", &["01", "+1", "%2B1", "%31"], &["", "/user-achievements?limit=1"]),
    ("/user-achievements/", &["1", "3", "4", "5", "10", "11", "13", "18", "19", "03"], &[""]),
    ("/namespaces", &[""], &["", "?limit=1", "?limit=100"]),
];

/// What no two answers share.
const OWN_TO_EACH: [&str; 2] = ["date", "x-request-id"];

/// The public namespace `compilers` (1) with `llvm` (2) below, the internal `editors` (3) and the private
/// `secrets` (4) with `vault` (5) below. Achievements 1 to 4 are of the first four, 5 is of `compilers`.
///
/// Carol's profile is private, dave is blocked, erin displays no achievements. Eve maintains `compilers`,
/// and gave some of the awards.
struct World {
    app: TestApp,
    /// Another instance, without finished answers.
    plain: TestApp,
    people: BTreeMap<String, User>,
}

impl World {
    async fn new() -> Self {
        Self::with(config(|_| {})).await
    }

    /// With these settings.
    async fn with(mut config: Config) -> Self {
        let app = TestApp::with(config.clone()).await;
        let root = app.root();
        let (flag, on) = ("/feature-flags/achievements", json!({ "enabled": true }));
        assert_eq!(app.put(&root, flag, on).await.status, 200);
        let mut people = BTreeMap::from([("root".to_owned(), root.clone())]);
        for name in ["ada", "grace", "carol", "dave", "erin", "eve"] {
            people.insert(name.into(), app.user(name).await);
        }
        let compilers = app
            .public_namespace("Compilers", &people["eve"], Role::Maintainer)
            .await;
        for (path, parent, visibility) in [
            ("LLVM", Some(compilers), "public"),
            ("editors", None, "internal"),
            ("secrets", None, "private"),
            ("vault", Some(4), "private"),
        ] {
            app.namespace_of(path, parent, visibility, &root, Role::Owner)
                .await;
        }
        for (namespace, name) in [
            (1, "First merge"),
            (2, "First review"),
            (3, "First macro"),
            (4, "First secret"),
            (1, "First doom"),
        ] {
            app.achievement(namespace, name).await;
        }
        app.avatar(1, &picture(ImageFormat::Png, 20, 20)).await;
        config.cache_limit = 0;
        let plain = app.beside(config);
        let world = Self { app, plain, people };
        world.award_everyone().await;
        world
    }

    async fn award_everyone(&self) {
        let [ada, grace, carol, dave, erin] =
            ["ada", "grace", "carol", "dave", "erin"].map(|name| &self.people[name]);
        let app = &self.app;
        for recipient in [ada, ada, grace, carol, dave, erin] {
            let body = json!({ "userId": recipient.id, "awardMessage": "Well done" });
            let made = app.post(self.who("eve"), "/achievements/1/award", body);
            let path = format!("/user-achievements/{}/accept", made.await.id());
            assert_eq!(app.post(recipient, &path, Value::Null).await.status, 200);
        }
        app.hidden(2, ada).await;
        app.declined(2, ada).await;
        app.revoked(2, grace).await;
        app.accepted(3, ada).await;
        app.accepted(4, ada).await;
        app.award(2, ada).await;
        app.award(2, ada).await;
        app.accepted(5, grace).await;
        self.change("carol", json!({ "privateProfile": true }))
            .await;
        self.change("dave", json!({ "state": "blocked" })).await;
        self.change("erin", json!({ "achievementsEnabled": false }))
            .await;
        // The last one, of which no mail was sent.
        assert_eq!(app.award(1, erin).await, 15);
    }

    fn who(&self, name: &str) -> Option<&User> {
        self.people.get(name)
    }

    /// Root changes the user.
    async fn change(&self, username: &str, body: Value) {
        let path = format!("/users/{username}");
        let response = self.app.patch(&self.app.root(), &path, body).await;
        assert_eq!(response.status, 200, "{}", response.json);
    }

    /// The mailed link to ada's award 13, which is pending.
    fn link(&self) -> String {
        let acceptance = Acceptance {
            user_achievement_id: 13,
            user_id: self.people["ada"].id,
        };
        let keys = &self.app.accolade.keys;
        let link = keys.sign_acceptance(&acceptance, now(), now() + LINK_LIFE);
        format!("/award-acceptances/{}", link.unwrap())
    }

    /// All of [`READS`], and the next pages of those that have one.
    async fn reads(&self) -> Vec<String> {
        let mut reads = Vec::new();
        for (collection, names, kinds) in READS {
            for name in names {
                reads.extend(kinds.iter().map(|kind| format!("{collection}{name}{kind}")));
            }
        }
        let answers = join_all(reads.iter().map(|path| self.plain.get(ANONYMOUS, path))).await;
        let links = answers.iter().filter_map(|answer| answer.header("link"));
        let next = links.map(|link| {
            let link = link.strip_prefix("<https://accolade.test").unwrap();
            link.split_once('>').unwrap().0.to_owned()
        });
        reads.extend(next);
        reads
    }

    /// Each kind of public read, at an address where there is something.
    async fn kinds(&self) -> Vec<String> {
        let operations = operations().into_values();
        let public = operations.filter(|(method, _, public)| *public && method == Method::GET);
        let paths = public.map(|(_, path, _)| {
            path.replace("{user}", "ada")
                .replace("{namespace}", "compilers")
                .replace("{id}", "1")
                .replace("/award-acceptances/{token}", &self.link())
        });
        let paths: Vec<_> = paths.collect();
        assert_eq!(paths.len(), 11);
        for path in &paths {
            assert_eq!(self.plain.get(ANONYMOUS, path).await.status, 200, "{path}");
        }
        paths
    }

    /// The same without those that are never kept.
    async fn kept_kinds(&self) -> Vec<String> {
        let mut kinds = self.kinds().await;
        kinds.retain(|path| !path.starts_with("/award-acceptances/"));
        kinds
    }
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::new("https://accolade.test").unwrap();
    change(&mut config);
    config
}

/// The operations of the contract: method, path, and whether it is for everyone.
fn operations() -> BTreeMap<String, (Method, String, bool)> {
    let contract: Value = serde_json::from_str(CONTRACT.json()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let security = operation["security"].as_array().unwrap();
            let public = security.contains(&json!({}));
            operations.insert(id, (method, path.clone(), public));
        }
    }
    operations
}

/// What a client is told: status, headers, body.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Told(u16, Vec<(String, String)>, String);

impl From<Response> for Told {
    fn from(response: Response) -> Self {
        let headers = response.headers.iter();
        let headers = headers.filter(|(name, _)| !OWN_TO_EACH.contains(&name.as_str()));
        let header = |(name, value): (&_, &actix_web::http::header::HeaderValue)| {
            let name: &actix_web::http::header::HeaderName = name;
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let mut headers: Vec<_> = headers.map(header).collect();
        headers.sort();
        let body = String::from_utf8(response.body).unwrap();
        Self(response.status, headers, body)
    }
}

/// What nobody in particular is told at each of the addresses.
async fn tell(app: &TestApp, paths: &[String]) -> Vec<Told> {
    let mut told = Vec::new();
    for paths in paths.chunks(16) {
        let answers = paths.iter().map(|path| app.get(ANONYMOUS, path));
        told.extend(join_all(answers).await.into_iter().map(Told::from));
    }
    told
}

/// Does it until all of it was answered from memory.
async fn from_memory<T>(app: &TestApp, what: &str, ask: impl AsyncFn() -> T) -> T {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        let before = app.accolade.db.statements();
        let told = ask().await;
        if app.accolade.db.statements() == before {
            return told;
        }
    }
    panic!("not kept: {what}");
}

/// The answer from memory to nobody in particular.
async fn remembered(app: &TestApp, path: &str) -> Response {
    from_memory(app, path, async || app.get(ANONYMOUS, path).await).await
}

struct Change {
    operation: &'static str,
    who: &'static str,
    path: &'static str,
    body: &'static str,
    seen: bool,
}

impl Change {
    fn all() -> impl Iterator<Item = Self> {
        CHANGES.trim().lines().map(|line| {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [operation, who, path, body, seen] = columns[..] else {
                panic!("five columns: {line}")
            };
            Self {
                operation,
                who,
                path,
                body,
                seen: seen == "seen",
            }
        })
    }

    async fn make(&self, world: &World, method: &Method) {
        let (user, method) = (world.who(self.who), method.clone());
        let path = self.path.replace("{link}", &world.link());
        let response = match self.body.strip_prefix("form") {
            Some(name) => {
                let avatar = picture(ImageFormat::Png, 30, 30 + name.len() as u32);
                let parts = [("avatar", avatar.as_slice()), ("name", name.as_bytes())];
                let parts = &parts[..if name.is_empty() { 1 } else { 2 }];
                world.app.form(method, user, &path, parts).await
            }
            None => {
                let body = serde_json::from_str(self.body).unwrap_or_default();
                world.app.call(method, user, &path, body).await
            }
        };
        let (status, json) = (response.status, response.json);
        assert!((200..300).contains(&status), "{self}: {status} {json}");
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.operation, self.path, self.body)
    }
}

#[test]
fn every_operation_that_changes_something_is_tried_below() {
    let tried: BTreeSet<_> = Change::all()
        .map(|change| change.operation.to_owned())
        .collect();

    let mut operations = operations();
    operations.retain(|_, (method, ..)| *method != Method::GET);

    assert_eq!(operations.into_keys().collect::<BTreeSet<_>>(), tried);
}

#[actix_web::test]
async fn every_change_is_seen_at_once_by_every_public_read() {
    let world = World::new().await;
    let (operations, reads) = (operations(), world.reads().await);
    let mut truth = tell(&world.plain, &reads).await;
    let mut wrong = Vec::new();

    for change in Change::all() {
        let found = reads.iter().zip(&truth).filter(|(_, told)| told.0 == 200);
        let (kept, expected): (Vec<_>, Vec<_>) =
            found.map(|(path, told)| (path.clone(), told)).unzip();
        let ask = async || tell(&world.app, &kept).await;
        let told = from_memory(&world.app, change.operation, ask).await;
        for (path, (told, expected)) in kept.iter().zip(told.iter().zip(expected)) {
            if told != expected {
                wrong.push(format!("before {change}: {path}\n{told:?}\n{expected:?}"));
            }
        }

        change.make(&world, &operations[change.operation].0).await;

        let told = tell(&world.app, &reads).await;
        let new = tell(&world.plain, &reads).await;
        for (path, (told, new)) in reads.iter().zip(told.iter().zip(&new)) {
            if told != new {
                wrong.push(format!("after {change}: {path}\n{told:?}\n{new:?}"));
            }
        }
        let differs = |(new, old)| (new != old).then_some((new, old));
        let seen: Vec<_> = new.iter().zip(&truth).filter_map(differs).collect();
        assert_eq!(!seen.is_empty(), change.seen, "{change}: {seen:?}");
        truth = new;
    }

    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[actix_web::test]
async fn every_kind_of_public_read_is_kept_but_what_a_link_is_for() {
    let world = World::new().await;

    for path in world.kept_kinds().await {
        let told = remembered(&world.app, &path).await;

        let expected = world.plain.get(ANONYMOUS, &path).await;
        assert_eq!(Told::from(told), Told::from(expected), "{path}");
    }
    for _ in 0..5 {
        let before = world.app.accolade.db.statements();
        assert_eq!(world.app.get(ANONYMOUS, &world.link()).await.status, 200);
        assert!(world.app.accolade.db.statements() > before);
    }
}

#[actix_web::test]
async fn without_room_for_them_no_answers_are_kept() {
    let world = World::new().await;
    let path = "/users/ada/badges";

    for limit in [0, 1] {
        let app = world
            .app
            .beside(config(|config| config.cache_limit = limit));
        // Long enough for the first look at the changes.
        for _ in 0..10 {
            let before = app.accolade.db.statements();
            assert_eq!(app.get(ANONYMOUS, path).await.status, 200);
            assert!(app.accolade.db.statements() > before);
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[actix_web::test]
async fn every_spelling_of_a_name_shows_a_new_award() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    let compilers = app.public_namespace("compilers", &ada, Role::Guest).await;
    let achievement = app.achievement(compilers, "First merge").await;
    app.accepted(achievement, &ada).await;
    let mut stale = Vec::new();

    for path in [
        "/users/2/badges",
        "/users/0000000002/badges",
        "/users/%32/badges",
        "/users/aDa/badges",
        "/users/%41da/badges",
        "/users/%%36%31da/badges",
        "/%75sers/ada/badges",
        "/users/ada/%62adges",
        "/users/ada/badges?",
        "/users/ada/badges?limit=20",
        "/users/ada/badges?limit=%32%30",
        "/namespaces/Compilers/achievements",
        "/namespaces/%63ompilers/achievements",
        "/namespaces/%%36%33ompilers/achievements",
        "/namespaces/01/achievements",
        "/achievements/1",
        "/achievements/+1",
        "/achievements/%2B1",
        "/achievements/001/users",
        "/achievements/%31/user-achievements",
        "/achievements/%%33%31",
    ] {
        let first = remembered(&app, path).await;
        assert_eq!(first.status, 200, "{path}");

        app.accepted(achievement, &ada).await;

        if app.get(ANONYMOUS, path).await.body == first.body {
            stale.push(path);
        }
    }
    assert_eq!(stale, Vec::<&str>::new());
}

#[actix_web::test]
async fn names_that_look_like_numbers_show_a_new_award() {
    let app = TestApp::new().await;
    let root = app.root();
    let mut stale = Vec::new();

    for (number, name) in ["-1", "-01", "-0", "-007", "1-", "0x1", "1e3", "_1", "1_000"]
        .into_iter()
        .enumerate()
    {
        let user = app.user(name).await;
        let namespace = app.public_namespace(name, &root, Role::Owner).await;
        let achievement = app.achievement(namespace, "First merge").await;
        app.accepted(achievement, &user).await;
        assert_eq!(achievement, number as i64 + 1);
        let paths = [
            format!("/users/{name}/badges"),
            format!("/namespaces/{name}/achievements"),
        ];
        let mut first = Vec::new();
        for path in &paths {
            first.push(remembered(&app, path).await.body);
        }

        app.accepted(achievement, &user).await;

        for (path, first) in paths.into_iter().zip(first) {
            if app.get(ANONYMOUS, &path).await.body == first {
                stale.push(path);
            }
        }
    }
    assert_eq!(stale, Vec::<String>::new());
}

#[actix_web::test]
async fn an_instance_that_has_just_started_sees_its_own_changes() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;
    // From here on it is known when her token was used last, which is a write, too.
    app.get(&ada, "/user").await;
    let bearer = ("Authorization", format!("Bearer {}", ada.token));

    // Sooner than the first look at the changes, most of the times.
    for round in 0..10 {
        let another = open(config(|_| {}), &app.database);
        let service = init_service(accolade::app(another.clone())).await;
        let read = async || {
            let request = TestRequest::get().uri("/users/ada").to_request();
            call_and_read_body_json::<_, _, Value>(&service, request).await
        };
        read().await;
        let body = json!({ "name": format!("Ada {round}") });
        let request = TestRequest::patch().uri("/user").set_json(&body);
        let request = request.insert_header(bearer.clone()).to_request();
        assert_eq!(call_service(&service, request).await.status(), 200);

        assert_eq!(read().await["name"], body["name"]);
    }
}

#[actix_web::test]
async fn an_instance_that_has_just_started_sees_what_others_change() {
    let app = TestApp::new().await;
    let ada = app.user("ada").await;

    for round in 0..3 {
        let another = open(config(|_| {}), &app.database);
        let service = init_service(accolade::app(another.clone())).await;
        let read = async || {
            let request = TestRequest::get().uri("/users/ada").to_request();
            call_and_read_body_json::<_, _, Value>(&service, request).await
        };
        read().await;
        let body = json!({ "name": format!("Ada {round}") });
        app.patch(&ada, "/user", body.clone()).await;

        look(&another).await;
        assert_eq!(read().await["name"], body["name"]);
    }
}

/// Reads that tell who asks another thing than nobody in particular.
const FOR_SOME: [(&str, &str); 8] = [
    ("carol", "/users/carol/badges"),
    ("carol", "/users/4/user-achievements"),
    ("carol", "/users/carol"),
    ("ada", "/namespaces"),
    ("ada", "/namespaces/editors/achievements"),
    ("eve", "/achievements/1/user-achievements"),
    ("root", "/users/ada/badges"),
    ("root", "/user-achievements/11"),
];

#[actix_web::test]
async fn nobody_is_told_what_was_answered_to_somebody_else() {
    let world = World::new().await;

    for (who, path) in FOR_SOME {
        let user = world.who(who);
        let public = Told::from(world.plain.get(ANONYMOUS, path).await);
        let own = Told::from(world.plain.get(user, path).await);
        assert_ne!(public, own, "{path}");
        for first in [user, ANONYMOUS] {
            // Everything is forgotten.
            world.change("root", json!({ "name": "Root" })).await;

            for asking in [first, user, ANONYMOUS, user, ANONYMOUS, ANONYMOUS, user] {
                let before = world.app.accolade.db.statements();
                let told = Told::from(world.app.get(asking, path).await);

                let expected = asking.map_or(&public, |_| &own);
                // Root's new name is not told of.
                assert_eq!(&told, expected, "{path}");
                // One for the token, and at least one for the answer.
                let statements = world.app.accolade.db.statements() - before;
                assert!(asking.is_none() || statements >= 2, "{path} {statements}");
            }
        }
    }
}

#[actix_web::test]
async fn a_credential_that_is_not_valid_is_refused_where_an_answer_is_kept() {
    let world = World::new().await;

    for path in world.kept_kinds().await {
        for credential in [
            "",
            "Bearer",
            "Bearer nonsense",
            "Basic YWRhOg==",
            "nonsense",
        ] {
            remembered(&world.app, &path).await;

            let headers = [("Authorization", credential)];
            let response = world.app.send(Method::GET, &path, &headers, Vec::new());

            assert_eq!(response.await.status, 401, "{path} {credential}");
        }
        assert_eq!(world.app.get(ANONYMOUS, &path).await.status, 200);
    }
}

#[actix_web::test]
async fn an_answer_from_memory_is_told_like_any_other() {
    for origins in [vec![], vec!["https://app.example.com".to_owned()]] {
        let world = World::with(config(|config| config.origins = origins)).await;

        for path in world.kept_kinds().await {
            let first = world.plain.get(ANONYMOUS, &path).await;
            let tag = first.header("etag").unwrap_or("\"none\"");
            let (weak, several) = (format!("W/{tag}"), format!("\"other\", {tag}"));
            for headers in [
                vec![],
                vec![("Origin", "https://app.example.com")],
                vec![("Origin", "https://evil.example.com")],
                vec![("Origin", "null"), ("If-None-Match", tag)],
                vec![("If-None-Match", tag)],
                vec![("If-None-Match", &weak)],
                vec![("If-None-Match", &several)],
                vec![("If-None-Match", "*")],
                vec![("If-None-Match", "\"other\"")],
                vec![("If-None-Match", tag.trim_matches('"'))],
                vec![("If-None-Match", "")],
                vec![("If-Match", "\"other\""), ("Range", "bytes=0-3")],
                vec![("Accept", "text/html"), ("Accept-Encoding", "gzip, br")],
            ] {
                for method in [Method::GET, Method::HEAD] {
                    let send = async |app: &TestApp| {
                        app.send(method.clone(), &path, &headers, Vec::new()).await
                    };
                    let ask = async || send(&world.app).await;
                    let told = from_memory(&world.app, &path, ask).await;

                    let expected = Told::from(send(&world.plain).await);
                    assert_eq!(Told::from(told), expected, "{method} {path} {headers:?}");
                }
            }
        }
    }
}

#[actix_web::test]
async fn who_has_an_answer_is_told_so_from_memory_until_it_changes() {
    let world = World::new().await;
    let path = "/users/ada/badges";
    let unless = async |tag: &str| {
        let headers = [("If-None-Match", tag)];
        let send = world.app.send(Method::GET, path, &headers, Vec::new());
        send.await
    };
    let first = remembered(&world.app, path).await;
    let tag = first.header("etag").unwrap();

    let same = from_memory(&world.app, path, async || unless(tag).await).await;
    world.app.accepted(2, &world.people["ada"]).await;
    let other = unless(tag).await;

    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("etag"), Some(tag));
    assert_eq!(same.header("content-type"), None);
    assert_eq!(other.status, 200);
    assert_ne!(other.header("etag"), Some(tag));
    assert_eq!(other.json["nodes"].as_array().unwrap().len(), 4);
}

#[actix_web::test]
async fn an_answer_from_memory_counts_for_its_address() {
    let world = World::new().await;
    let origin = [("Origin", "https://app.example.com")];

    for path in ["/users/ada/badges", "/namespaces"] {
        let app = world.app.beside(config(|config| config.rate_limit = 5));
        let ask = async || app.send(Method::GET, path, &origin, Vec::new()).await;
        for _ in 0..5 {
            assert_eq!(ask().await.status, 200, "{path}");
        }

        for _ in 0..3 {
            let refused = ask().await;

            assert_eq!(refused.status, 429, "{path}");
            assert_eq!(refused.json["type"], "/problems/rate-limited");
            let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=12).contains(&seconds), "{seconds}");
            let readers = refused.header("access-control-allow-origin");
            assert_eq!(readers, Some("*"));
        }
        // Nor does another read of the same address go through.
        assert_eq!(app.get(ANONYMOUS, "/users/ada").await.status, 429);
    }
}

/// Reads until what is told is new: whoever begins to read a second after the change must see it, and
/// nobody sees the old again after that.
async fn assert_seen_within_a_second(app: &TestApp, path: &str, old: &[u8]) {
    let changed = Instant::now();
    loop {
        let late = changed.elapsed() >= Duration::from_secs(1);
        let told = app.get(ANONYMOUS, path).await;
        assert_eq!(told.status, 200, "{path}");
        if told.body != old {
            break;
        }
        assert!(!late, "{path} is old");
        sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..50 {
        let told = app.get(ANONYMOUS, path).await;
        assert_ne!(told.body, old, "{path} is old again");
    }
}

#[actix_web::test]
async fn what_one_instance_changes_the_other_shows_within_a_second() {
    let world = World::new().await;
    let (ada, other) = (&world.people["ada"], world.app.another());
    let paths = ["/users/ada/badges", "/achievements/1/users", "/namespaces"];

    for round in 0..4 {
        let (writer, reader) = match round % 2 {
            0 => (&world.app, &other),
            _ => (&other, &world.app),
        };
        for path in paths {
            let old = remembered(reader, path).await;
            match path {
                "/namespaces" => {
                    let body = json!({ "name": format!("Compilers {round}") });
                    let changed = writer.patch(&writer.root(), "/namespaces/1", body).await;
                    assert_eq!(changed.status, 200);
                }
                _ => drop(writer.accepted(1, ada).await),
            }

            assert_seen_within_a_second(reader, path, &old.body).await;

            // On its own instance at once.
            let told = writer.get(ANONYMOUS, path).await;
            let expected = world.plain.get(ANONYMOUS, path).await;
            assert_eq!(Told::from(told), Told::from(expected));
        }
    }
}

/// Has the instance see what others have changed: it looks before it acknowledges a write.
async fn look(accolade: &accolade::Accolade) {
    accolade.db.write(|_| Ok(())).await.unwrap();
}

fn is_postgres(app: &TestApp) -> bool {
    app.database.url.starts_with("postgres")
}

#[actix_web::test]
async fn what_was_begun_before_other_changes_and_ends_after_them_is_seen() {
    let world = World::new().await;
    let (app, path) = (&world.app, "/users/ada/badges");
    let mut other = Raw::open(&app.database.url);

    for shown in ["FALSE", "TRUE"] {
        let update =
            format!("UPDATE user_achievements SET show_on_profile = {shown} WHERE id = 10");
        other.execute(&format!("BEGIN; {update}"));
        // SQLite has one who writes at a time.
        if is_postgres(app) {
            app.accepted(1, &world.people["grace"]).await;
            world.change("grace", json!({ "name": "Grace" })).await;
            app.accepted(1, &world.people["ada"]).await;
        }
        let old = remembered(app, path).await;
        if is_postgres(app) {
            look(&app.accolade).await;
        }
        other.execute("COMMIT");

        assert_seen_within_a_second(app, path, &old.body).await;
    }
}

#[actix_web::test]
async fn more_changes_than_are_looked_at_are_seen() {
    let world = World::new().await;
    let (app, path) = (&world.app, "/users/ada/badges");
    let mut other = Raw::open(&app.database.url);
    let old = remembered(app, path).await;

    other.execute(
        "BEGIN;
        WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 30000)
            INSERT INTO changes (user_id, achievement_id) SELECT 3, 5 FROM numbers;
        UPDATE user_achievements SET show_on_profile = FALSE WHERE id = 10;
        COMMIT",
    );

    assert_seen_within_a_second(app, path, &old.body).await;
    remembered(app, path).await;
}

#[actix_web::test]
async fn changes_are_seen_after_older_ones_were_swept() {
    let world = World::new().await;
    let (app, path) = (&world.app, "/users/ada/badges");
    let another = app.another();
    let db = &app.accolade.db;
    let mut settled = i64::MIN;
    for _ in 0..3 {
        let sweep = move |conn: &mut _| accolade::cache::sweep(settled, conn);
        settled = db.write(sweep).await.unwrap();
    }

    for visible in ["FALSE", "TRUE"] {
        let old = (
            remembered(app, path).await,
            remembered(&another, path).await,
        );
        let update =
            format!("UPDATE user_achievements SET show_on_profile = {visible} WHERE id = 10");
        Raw::open(&app.database.url).execute(&update);

        assert_seen_within_a_second(app, path, &old.0.body).await;
        assert_seen_within_a_second(&another, path, &old.1.body).await;
    }
}

/// How many answers the server has given from memory.
async fn hits(server: &Server) -> u64 {
    let (status, metrics) = server.text("/metrics").await;
    assert_eq!(status, 200);
    assert!(metrics.contains("accolade_cache_misses_total"), "{metrics}");
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("accolade_cache_hits_total "));
    line.unwrap().parse().unwrap()
}

#[actix_web::test]
async fn what_the_command_line_has_changed_every_instance_shows() {
    let server = Server::start().await;
    let path = "/users/root/badges";
    let create = ["user", "create", "root", "--email", "root@example.com"];
    server.print(&create);
    let get = async || {
        server
            .call(Method::GET, "", path, Value::Null)
            .await
            .unwrap()
    };

    for (command, status) in [("disable", 404), ("enable", 200)] {
        let before = hits(&server).await;
        let old = if status == 404 { 200 } else { 404 };
        for _ in 0..20 {
            assert_eq!(get().await.0, old, "{command}");
        }
        assert_eq!(hits(&server).await > before, old == 200);

        server.print(&["feature", command, "achievements"]);

        for _ in 0..20 {
            let (told, problem) = get().await;
            assert_eq!(told, status, "{command}: {problem}");
        }
    }
    // Answers from memory are measured as those of their route.
    let (_, metrics) = server.text("/metrics").await;
    let measured = r#"http_server_request_duration_seconds_count{method="GET",route="/users/{user}/badges",status="200"} "#;
    let count = metrics.lines().find_map(|line| line.strip_prefix(measured));
    assert_eq!(count, Some("40"), "{metrics}");
}

#[actix_web::test]
async fn an_operator_has_no_answers_kept() {
    let server = Server::start_with(&[("ACCOLADE_CACHE_LIMIT", "0")]).await;

    for _ in 0..20 {
        let (status, _) = server
            .call(Method::GET, "", "/namespaces", Value::Null)
            .await
            .unwrap();
        assert_eq!(status, 200);
    }

    let (_, metrics) = server.text("/metrics").await;
    let hits = metrics
        .lines()
        .find_map(|line| line.strip_prefix("accolade_cache_hits_total "));
    assert!(matches!(hits, None | Some("0")), "{hits:?}");
}

#[actix_web::test]
async fn no_read_is_behind_what_was_acknowledged_before_it() {
    let world = World::new().await;
    let (app, ada) = (&world.app, &world.people["ada"]);
    let on = json!({ "autoAccept": true });
    assert_eq!(app.patch(&app.root(), "/settings", on).await.status, 200);
    // Ada has it twice, and eight of all have it in the end.
    let (acknowledged, done) = (Cell::new(2), Cell::new(false));

    let write = async {
        for round in 0..150 {
            let body = json!({ "userId": ada.id });
            let awarded = app.post(&app.root(), "/achievements/1/award", body).await;
            assert_eq!(awarded.json["status"], "accepted");
            acknowledged.set(acknowledged.get() + 1);
            // Long enough for answers to be kept, now and then.
            if round % 10 == 0 {
                sleep(Duration::from_millis(5)).await;
            }
        }
        done.set(true);
    };
    let read = async |path: &'static str, member: &'static str| {
        let mut reads = 0;
        while !done.get() {
            let least = acknowledged.get();
            let told = app.get(ANONYMOUS, path).await;
            let count = told.json.pointer(member).and_then(Value::as_i64);
            assert!(count >= Some(least), "{path}: {count:?} of {least}");
            reads += 1;
        }
        reads
    };
    let reads = join_all(
        [
            ("/users/ada/badges", "/nodes/0/count"),
            ("/users/2/badges", "/nodes/0/count"),
            ("/achievements/1", "/userAchievementsCount"),
            (
                "/namespaces/compilers/achievements",
                "/nodes/1/userAchievementsCount",
            ),
        ]
        .map(|(path, member)| read(path, member)),
    );
    let (_, reads) = join(write, reads).await;

    assert!(reads.iter().all(|reads| *reads > 50), "{reads:?}");
    let told = remembered(app, "/users/ada/badges").await;
    assert_eq!(told.json["nodes"][0]["count"], 152);
}

/// The address of ada's badges, with some of its letters written as percent-encoded bytes.
fn spelt(number: usize) -> String {
    let mut letters = 0;
    let spell = |character: char| {
        letters += usize::from(character != '/');
        match character {
            '/' => "/".to_owned(),
            _ if (number >> (letters - 1)) % 2 == 1 => format!("%{:02X}", character as u8),
            _ => character.to_string(),
        }
    };
    "/users/ada/badges".chars().map(spell).collect()
}

#[actix_web::test]
async fn what_is_kept_has_its_bounds() {
    let (world, limit) = (World::new().await, 64 << 10);
    let app = world
        .app
        .beside(config(|config| config.cache_limit = limit));
    let different: Vec<_> = (0..1000).map(spelt).collect();
    let read = async || {
        let before = app.accolade.db.statements();
        let told: BTreeSet<_> = tell(&app, &different).await.into_iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        (told, app.accolade.db.statements() - before)
    };

    let (first, _) = read().await;
    let (again, statements) = read().await;
    world.app.accepted(2, &world.people["ada"]).await;
    look(&app.accolade).await;
    let (after, _) = read().await;

    assert_eq!(first, again);
    assert_ne!(first, after);
    // None takes less than 1 KiB.
    assert!(statements >= 1000 - limit / 1024, "{statements}");
    remembered(&app, "/users/ada/badges").await;
}

/// Ends all connections to the database but its own.
fn end_connections(app: &TestApp) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    Raw::open(&app.database.url).execute(end);
}

#[actix_web::test]
async fn changes_are_seen_when_connections_were_lost() {
    let world = World::new().await;
    let (app, path) = (&world.app, "/users/ada");
    let another = app.another();
    if !is_postgres(app) {
        return; // SQLite has no connections that others could end.
    }

    for round in 0..5 {
        let name = format!("Ada {round}");
        // What another instance changes must be seen as well.
        let writer = [app, &another][round % 2];
        let old = remembered(app, path).await;
        end_connections(app);

        let changed = loop {
            let body = json!({ "name": name });
            let response = writer.patch(&writer.root(), path, body).await;
            let asked = Instant::now();
            match response.status {
                200 => break asked,
                status => assert_eq!(status, 503),
            }
        };

        let mut told = app.get(ANONYMOUS, path).await;
        while told.status == 503 || round % 2 == 1 && told.body == old.body {
            assert!(changed.elapsed() < Duration::from_secs(1), "{}", told.json);
            told = app.get(ANONYMOUS, path).await;
        }
        assert_eq!(told.json["name"], name);
        assert_eq!(remembered(app, path).await.json["name"], name);
    }
}

#[actix_web::test]
async fn without_a_view_of_the_database_nothing_is_answered_from_memory() {
    let world = World::new().await;
    let (app, path) = (&world.app, "/users/ada/badges");
    let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
        return; // A file of SQLite's cannot be taken away from those who have opened it.
    };
    let name = app.database.url.rsplit('/').next().unwrap();
    let allow = |allowed: bool| {
        let sql = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}");
        Raw::open(&server).execute(&sql);
    };
    let old = remembered(app, path).await;

    let mut inside = Raw::open(&app.database.url);
    allow(false);
    inside.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    let (ended, mut blind) = (Instant::now(), app.get(ANONYMOUS, path).await);
    while blind.status == 200 && ended.elapsed() < Duration::from_secs(1) {
        blind = app.get(ANONYMOUS, path).await;
    }
    inside.execute("UPDATE user_achievements SET show_on_profile = FALSE WHERE id = 10");
    allow(true);

    assert_eq!(blind.status, 503, "{}", blind.json);
    let told = remembered(app, path).await;
    assert_ne!(told.body, old.body);
    let expected = loop {
        // Its connections were ended, too.
        let told = world.plain.get(ANONYMOUS, path).await;
        if told.status == 200 {
            break told;
        }
    };
    assert_eq!(told.body, expected.body);
}
