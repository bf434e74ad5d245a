//! Who may do what (section 2 of the design) as data, and every cell of it tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use accolade::auth::Role;
use accolade::openapi::CONTRACT;
use accolade::time::now;
use accolade::tokens::{Acceptance, LINK_LIFE};
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::{Response, TestApp, User};

/// One line a case of an operation: on what (an accepted award, an open profile, unless it says
/// otherwise), the body, the status when done, and who may. The seven columns are those of the
/// design: anonymous, signed in, up to Developer, Maintainer, Owner, admin, recipient of the award.
/// They stand for a public, an internal and a private namespace; once, where that makes no
/// difference. `+` is done, `1` is 401, `3` is 403, `4` is 404, `2` is 422.
const RIGHTS: &str = r#"
createSession             |                 | {"username":"signer","password":"correct horse battery"}  | 201 | +++++++
listPersonalAccessTokens  |                 |                                                           | 200 | 1++++++
createPersonalAccessToken |                 | {"name":"Bot"}                                            | 201 | 1++++++
revokePersonalAccessToken | own token       |                                                           | 204 | 1++++++
revokePersonalAccessToken | another's token |                                                           | 204 | 1444444
getCurrentUser            |                 |                                                           | 200 | 1++++++
updateCurrentUser         |                 | {"name":"Renamed"}                                        | 200 | 1++++++
listUsers                 |                 |                                                           | 200 | 1++++++
createUser                |                 | {"username":"{new}","email":"{new}@example.com"}          | 201 | 13333+3
getUser                   |                 |                                                           | 200 | +++++++
getUser                   | private profile |                                                           | 200 | 44444++
getUser                   | blocked profile |                                                           | 200 | 44444+1
updateUser                |                 | {"state":"blocked"}                                       | 200 | 13333+3
deleteUser                |                 |                                                           | 204 | 13333+3
listNamespaces            |                 |                                                           | 200 | +++++++
createNamespace           |                 | {"path":"{new}","name":"New"}                             | 201 | 1++++++
createNamespace           | below           | {"path":"{new}","name":"New","parentId":{namespace}}      | 201 | 133+++3 133+++3 123+++2
getNamespace              |                 |                                                           | 200 | +++++++ 4++++++ 44++++4
updateNamespace           |                 | {"name":"Renamed"}                                        | 200 | 1333++3 1333++3 1433++4
deleteNamespace           |                 |                                                           | 204 | 1333++3 1333++3 1433++4
listMembers               |                 |                                                           | 200 | 1++++++ 1++++++ 14++++4
putMember                 |                 | {"role":"developer"}                                      | 200 | 1333++3 1333++3 1433++4
removeMember              |                 |                                                           | 204 | 1333++3 1333++3 1433++4
listAchievements          |                 |                                                           | 200 | +++++++ 4++++++ 44++++4
createAchievement         |                 | {"name":"New"}                                            | 201 | 133+++3 133+++3 143+++4
getAchievement            |                 |                                                           | 200 | +++++++ 4++++++ 44+++++
getAchievement            | pending         |                                                           | 200 | +++++++ 4++++++ 44+++++
updateAchievement         |                 | {"name":"Renamed"}                                        | 200 | 133+++3 133+++3 143+++3
deleteAchievement         |                 |                                                           | 204 | 133+++3 133+++3 143+++3
putAchievementAvatar      | no image        | {}                                                        | 422 | 133+++3 133+++3 143+++3
deleteAchievementAvatar   |                 |                                                           | 200 | 133+++3 133+++3 143+++3
awardAchievement          |                 | {"userId":{other}}                                        | 201 | 133+++3 133+++3 143+++3
listRecipients            |                 |                                                           | 200 | +++++++ 4++++++ 44+++++
listUniqueUsers           |                 |                                                           | 200 | +++++++ 4++++++ 44+++++
getUserAchievement        |                 |                                                           | 200 | +++++++
getUserAchievement        | pending         |                                                           | 200 | 444++++
getUserAchievement        | hidden          |                                                           | 200 | 444++++
getUserAchievement        | declined        |                                                           | 200 | 444++++
getUserAchievement        | revoked         |                                                           | 200 | 444++++
getUserAchievement        | private profile |                                                           | 200 | 444++++
updateUserAchievement     |                 | {"awardMessage":"Thanks"}                                 | 200 | 133+++3
updateUserAchievement     | pending         | {"awardMessage":"Thanks"}                                 | 200 | 144+++3
updateUserAchievement     | private profile | {"awardMessage":"Thanks"}                                 | 200 | 144+++3
updateUserAchievement     |                 | {"showOnProfile":false}                                   | 200 | 133333+
updateUserAchievement     | pending         | {"showOnProfile":true}                                    | 200 | 144333+
updateUserAchievement     |                 | {"showOnProfile":false,"awardMessage":"Thanks"}           | 200 | 1333333
acceptUserAchievement     |                 |                                                           | 200 | 133333+
acceptUserAchievement     | pending         |                                                           | 200 | 144333+
acceptUserAchievement     | declined        |                                                           | 200 | 144333+
declineUserAchievement    | pending         |                                                           | 200 | 144333+
revokeUserAchievement     |                 |                                                           | 200 | 133+++3
revokeUserAchievement     | pending         |                                                           | 200 | 144+++3
resendAwardEmail          | pending, just sent |                                                        | 429 | 144+++3
getAwardAcceptance        | pending         |                                                           | 200 | +44444+
acceptAward               | pending         |                                                           | 200 | +44444+
deleteUserAchievement     |                 |                                                           | 204 | 1333++3
deleteUserAchievement     | pending         |                                                           | 204 | 1443++3
listUserAchievements      |                 |                                                           | 200 | +++++++
listUserAchievements      | private profile |                                                           | 200 | +++++++
listUserAchievements      | blocked profile |                                                           | 200 | ++++++1
listBadges                |                 |                                                           | 200 | +++++++
listBadges                | private profile |                                                           | 200 | +++++++
listBadges                | blocked profile |                                                           | 200 | ++++++1
reorderUserAchievements   |                 | {"userAchievementIds":[]}                                 | 200 | 1++++++
reorderUserAchievements   |                 | {"userAchievementIds":[{award}]}                          | 200 | 122222+
listFeatureFlags          |                 |                                                           | 200 | 13333+3
putFeatureFlag            |                 | {"enabled":true}                                          | 200 | 13333+3
getSettings               |                 |                                                           | 200 | 13333+3
updateSettings            |                 | {"autoAccept":false}                                      | 200 | 13333+3
"#;

/// Who calls, and which column is theirs. Those without one are refused with 401, always.
const CALLERS: [(&str, Option<usize>); 15] = [
    ("anonymous", Some(0)),
    ("stranger", Some(1)),
    ("guest", Some(2)),
    ("inherited guest", Some(2)),
    ("planner", Some(2)),
    ("reporter", Some(2)),
    ("developer", Some(2)),
    ("maintainer", Some(3)),
    ("inherited maintainer", Some(3)),
    ("owner", Some(4)),
    ("inherited owner", Some(4)),
    ("admin", Some(5)),
    ("recipient", Some(6)),
    ("blocked owner", None),
    ("owner with a forged token", None),
];

const VISIBILITIES: [&str; 3] = ["public", "internal", "private"];

/// What refused calls must leave as it is, as root reads it.
const EVERYTHING: [&str; 11] = [
    "/namespaces/{namespace}",
    "/namespaces/{namespace}/members",
    "/namespaces/{namespace}/achievements",
    "/achievements/{achievement}/user-achievements",
    "/users/{recipient}",
    "/users/{other}",
    "/users?search={new}",
    "/namespaces/{new}",
    "/namespaces/{path}%2F{new}",
    "/settings",
    "/feature-flags",
];

/// An id that nothing has.
const MISSING: &str = "999999999";

struct Case {
    operation: &'static str,
    on: &'static str,
    body: &'static str,
    done: u16,
    /// For each visibility, or once for all.
    cells: Vec<&'static str>,
}

impl Case {
    fn all() -> impl Iterator<Item = Self> {
        RIGHTS.trim().lines().map(|line| {
            let columns: Vec<_> = line.split('|').map(str::trim).collect();
            let [operation, on, body, done, cells] = columns[..] else {
                panic!("five columns: {line}")
            };
            let (done, cells) = (done.parse().unwrap(), cells.split(' ').collect::<Vec<_>>());
            assert!(matches!(cells.len(), 1 | 3), "{line}");
            assert!(cells.iter().all(|cells| cells.len() == 7), "{line}");
            #[rustfmt::skip]
            let case = Self { operation, on, body, done, cells };
            case
        })
    }

    fn expected(&self, visibility: usize, column: Option<usize>) -> u16 {
        let cells = self.cells[visibility % self.cells.len()].as_bytes();
        match column.map(|column| cells[column]) {
            Some(b'+') => self.done,
            Some(b'1') | None => 401,
            Some(b'2') => 422,
            Some(b'3') => 403,
            Some(b'4') => 404,
            Some(other) => panic!("{} in {}", other as char, self.operation),
        }
    }
}

/// A call, with placeholders that a World fills.
#[derive(Clone)]
struct Request {
    method: Method,
    path: String,
    body: String,
}

impl Request {
    /// The same about things that do not exist.
    fn about_nothing(mut self) -> Self {
        for thing in [
            "namespace",
            "achievement",
            "award",
            "recipient",
            "token",
            "link",
        ] {
            let thing = format!("{{{thing}}}");
            self.path = self.path.replace(&thing, MISSING);
            self.body = self.body.replace(&thing, MISSING);
        }
        self
    }
}

/// The operations of the contract, and how each is called.
fn operations() -> BTreeMap<String, Request> {
    let contract: Value = serde_json::from_str(CONTRACT.json()).unwrap();
    let mut operations = BTreeMap::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        let (id, user) = match path.split('/').nth(1) {
            Some("achievements") => ("{achievement}", ""),
            Some("user-achievements") => ("{award}", ""),
            Some("personal-access-tokens") => ("{token}", ""),
            Some("namespaces") => ("", "{other}"),
            _ => ("", "{recipient}"),
        };
        let path = path.replace("{id}", id).replace("{user}", user);
        let path = path.replace("{name}", "achievements");
        let path = path.replace("/award-acceptances/{token}", "/award-acceptances/{link}");
        for (method, operation) in item.as_object().unwrap() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let (path, body) = (path.clone(), String::new());
            let id = operation["operationId"].as_str().unwrap().to_owned();
            operations.insert(id, Request { method, path, body });
        }
    }
    operations
}

/// Fresh things: a namespace in another, both of this visibility, and an award of its achievement.
struct World<'a> {
    app: &'a TestApp,
    on: &'a str,
    parent: i64,
    namespace: i64,
    recipient: User,
    other: User,
    names: Vec<(&'static str, String)>,
}

impl<'a> World<'a> {
    async fn new(app: &'a TestApp, visibility: &str, on: &'a str) -> Self {
        let number = next_number();
        let recipient = app.user(&format!("recipient{number}")).await;
        let other = app.user(&format!("other{number}")).await;
        let (top, root) = (format!("top{number}"), app.root());
        let parent = app.namespace_of(&top, None, visibility, &root, Role::Owner);
        let parent = parent.await;
        let namespace = app.namespace_of("sub", Some(parent), visibility, &other, Role::Guest);
        let namespace = namespace.await;
        let achievement = app.achievement(namespace, "First merge").await;
        let award = match on {
            "pending" | "pending, just sent" => app.award(achievement, &recipient).await,
            "hidden" => app.hidden(achievement, &recipient).await,
            "declined" => app.declined(achievement, &recipient).await,
            "revoked" => app.revoked(achievement, &recipient).await,
            _ => app.accepted(achievement, &recipient).await,
        };
        match on {
            "private profile" => change(app, &recipient, json!({ "privateProfile": true })).await,
            "blocked profile" => change(app, &recipient, json!({ "state": "blocked" })).await,
            _ => {}
        }
        let link = Acceptance {
            user_achievement_id: award,
            user_id: recipient.id,
        };
        let link = app
            .accolade
            .keys
            .sign_acceptance(&link, now(), now() + LINK_LIFE)
            .unwrap();
        let names = vec![
            ("{link}", link),
            ("{namespace}", namespace.to_string()),
            ("{path}", format!("{top}%2Fsub")),
            ("{achievement}", achievement.to_string()),
            ("{award}", award.to_string()),
            ("{recipient}", recipient.id.to_string()),
            ("{other}", other.id.to_string()),
            ("{new}", format!("new{number}")),
        ];
        #[rustfmt::skip]
        let world = Self { app, on, parent, namespace, recipient, other, names };
        world
    }

    /// Somebody new, of that kind.
    async fn caller(&self, who: &str) -> Option<User> {
        match who {
            "anonymous" => return None,
            "recipient" => return Some(self.recipient.clone()),
            _ => {}
        }
        let mut caller = self.app.user(&format!("caller{}", next_number())).await;
        let role = match who.trim_start_matches("inherited ") {
            "guest" => Some(Role::Guest),
            "planner" => Some(Role::Planner),
            "reporter" => Some(Role::Reporter),
            "developer" => Some(Role::Developer),
            "maintainer" => Some(Role::Maintainer),
            "owner" | "blocked owner" | "owner with a forged token" => Some(Role::Owner),
            _ => None,
        };
        if let Some(role) = role {
            let inherited = who.starts_with("inherited");
            let place = if inherited {
                self.parent
            } else {
                self.namespace
            };
            self.app.member(place, &caller, role).await;
        }
        match who {
            "admin" => change(self.app, &caller, json!({ "admin": true })).await,
            "blocked owner" => change(self.app, &caller, json!({ "state": "blocked" })).await,
            "owner with a forged token" => caller.token = forged(&caller, &self.app.root()),
            _ => {}
        }
        Some(caller)
    }

    fn fill(&self, template: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        self.names.iter().fold(template.to_owned(), fill)
    }

    async fn call(&self, caller: Option<&User>, request: &Request) -> Response {
        let mut path = self.fill(&request.path);
        if path.contains("{token}") {
            // Those who cannot have a token of their own try somebody's.
            let own = caller.filter(|_| self.on == "own token");
            let tokens = async |of| self.app.get(of, "/personal-access-tokens").await;
            let mut page = tokens(own.unwrap_or(&self.other)).await;
            if page.status == 401 {
                page = tokens(&self.other).await;
            }
            path = path.replace("{token}", &page.nodes("/id")[0].to_string());
        }
        let body = match self.fill(&request.body).as_str() {
            "" => Value::Null,
            body => serde_json::from_str(body).unwrap(),
        };
        let method = request.method.clone();
        self.app.call(method, caller, &path, body).await
    }

    /// What is wrong with the answer.
    async fn check(&self, caller: Option<&User>, request: &Request, expected: u16) -> Vec<String> {
        let mut wrong = Vec::new();
        let answer = self.call(caller, request).await;
        if answer.status != expected {
            let got = format!("{} {}", answer.status, answer.json["detail"]);
            wrong.push(format!("expected {expected}, got {got}"));
        }
        if answer.status == 404 || answer.status == 422 && !request.body.starts_with("{}") {
            let missing = self.call(caller, &request.clone().about_nothing()).await;
            if (missing.status, &missing.body) != (answer.status, &answer.body) {
                let body = String::from_utf8_lossy(&missing.body);
                wrong.push(format!(
                    "tells it from what does not exist, which is {body}"
                ));
            }
        }
        wrong
    }

    async fn everything(&self) -> Vec<Value> {
        let (root, mut everything) = (self.app.root(), Vec::new());
        for path in EVERYTHING {
            everything.push(self.app.get(&root, &self.fill(path)).await.json);
        }
        let tokens = self.app.get(&self.other, "/personal-access-tokens").await;
        everything.push(tokens.json);
        // That a token was used is no change of anything.
        let pages = everything
            .iter_mut()
            .filter_map(|json| json["nodes"].as_array_mut());
        for node in pages.flatten().filter_map(Value::as_object_mut) {
            node.remove("lastUsedAt");
        }
        everything
    }
}

fn next_number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

async fn change(app: &TestApp, user: &User, body: Value) {
    let path = format!("/users/{}", user.id);
    assert_eq!(app.patch(&app.root(), &path, body).await.status, 200);
}

/// An administrator's claims above the signature of another user's token.
fn forged(user: &User, admin: &User) -> String {
    let (_, signature) = user.token.rsplit_once('.').unwrap();
    let (claims, _) = admin.token.rsplit_once('.').unwrap();
    format!("{claims}.{signature}")
}

/// Tries every cell of one visibility, and says all that is wrong at once.
async fn walk(visibility: usize) {
    let (app, operations) = (TestApp::new().await, operations());
    let name = VISIBILITIES[visibility];
    let mut signer = json!({ "username": "signer", "email": "signer@example.com" });
    signer["password"] = "correct horse battery".into();
    app.post(&app.root(), "/users", signer).await.id();
    let mut wrong = Vec::new();
    for case in Case::all() {
        let Some(mut request) = operations.get(case.operation).cloned() else {
            continue; // Told by every_operation_of_the_contract_has_its_rights.
        };
        request.body = case.body.into();
        let title = format!("{} {} {}", case.operation, case.on, case.body);
        let shared = World::new(&app, name, case.on).await;
        let (mut refused, mut allowed) = (Vec::new(), Vec::new());
        for (who, column) in CALLERS {
            let (caller, expected) = (shared.caller(who).await, case.expected(visibility, column));
            let cells = if expected < 400 {
                &mut allowed
            } else {
                &mut refused
            };
            cells.push((who, caller, expected));
        }
        let mut tell = |who, complaints: Vec<_>| {
            for complaint in complaints {
                wrong.push(format!("{title} {who} {name}: {complaint}"));
            }
        };

        let before = shared.everything().await;
        for (who, caller, expected) in refused {
            tell(who, shared.check(caller.as_ref(), &request, expected).await);
        }
        if shared.everything().await != before {
            tell("the refused", vec!["changed something".to_owned()]);
        }
        for (who, caller, expected) in allowed {
            if request.method == Method::GET {
                tell(who, shared.check(caller.as_ref(), &request, expected).await);
            } else {
                let world = World::new(&app, name, case.on).await;
                let caller = world.caller(who).await;
                tell(who, world.check(caller.as_ref(), &request, expected).await);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[actix_web::test]
async fn everyone_may_do_what_the_table_says_around_a_public_namespace() {
    walk(0).await;
}

#[actix_web::test]
async fn everyone_may_do_what_the_table_says_around_an_internal_namespace() {
    walk(1).await;
}

#[actix_web::test]
async fn everyone_may_do_what_the_table_says_around_a_private_namespace() {
    walk(2).await;
}

#[test]
fn every_operation_of_the_contract_has_its_rights() {
    let contract: BTreeSet<_> = operations().into_keys().collect();
    let table: BTreeSet<_> = Case::all().map(|case| case.operation.to_owned()).collect();

    let without_rights: Vec<_> = contract.difference(&table).collect();
    let unknown: Vec<_> = table.difference(&contract).collect();

    assert!(without_rights.is_empty(), "no rights: {without_rights:?}");
    assert!(unknown.is_empty(), "not in the contract: {unknown:?}");
}

/// Each as somebody who may: not found while the feature is off, done when it is on again.
#[actix_web::test]
async fn with_achievements_off_every_operation_of_theirs_is_not_found_and_nothing_is_lost() {
    let (app, mut operations) = (TestApp::new().await, operations());
    let words = [
        "/achievements",
        "/user-achievements",
        "/badges",
        "/award-acceptances",
    ];
    operations.retain(|_, request| words.iter().any(|word| request.path.contains(word)));
    operations.remove("putFeatureFlag");
    let (root, flag) = (app.root(), "/feature-flags/achievements");
    let (mut walked, mut wrong) = (BTreeSet::new(), Vec::new());
    for case in Case::all() {
        let may =
            |column: &Option<usize>| column.is_some() && case.expected(2, *column) == case.done;
        let allowed = CALLERS.iter().find(|(_, column)| may(column));
        let request = operations.get(case.operation).cloned();
        let (Some(mut request), Some((who, _))) = (request, allowed) else {
            continue;
        };
        request.body = case.body.into();
        let world = World::new(&app, "private", case.on).await;
        let caller = world.caller(who).await;
        let before = world.everything().await;
        walked.insert(case.operation.to_owned());

        app.put(&root, flag, json!({ "enabled": false })).await;
        let off = world.call(caller.as_ref(), &request).await;
        app.put(&root, flag, json!({ "enabled": true })).await;
        let lost = world.everything().await != before;
        let on = world.call(caller.as_ref(), &request).await;

        let detail = off.json["detail"].as_str().unwrap_or_default();
        let says_so = detail.contains("chievements") && detail.contains("off");
        if (off.status, says_so, lost, on.status) != (404, true, false, case.done) {
            let (title, off, on) = (case.operation, off.status, on.status);
            wrong.push(format!(
                "{title} {who}: {off} {detail}, lost: {lost}, then {on}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(walked, operations.into_keys().collect());
}
