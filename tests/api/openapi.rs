//! The contract, as generators of clients read it.

use std::collections::{BTreeSet, HashSet};

use accolade::openapi::CONTRACT;
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::{ANONYMOUS, TestApp};

/// What answers anonymous callers too. Whatever else is added asks for a token.
const PUBLIC: [&str; 13] = [
    "acceptAward",
    "createSession",
    "getAchievement",
    "getAwardAcceptance",
    "getNamespace",
    "getUser",
    "getUserAchievement",
    "listAchievements",
    "listBadges",
    "listNamespaces",
    "listRecipients",
    "listUniqueUsers",
    "listUserAchievements",
];

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

fn contract() -> Value {
    serde_json::from_str(CONTRACT.json()).unwrap()
}

fn contract_3_0() -> Value {
    serde_json::from_str(CONTRACT.json_3_0()).unwrap()
}

/// Path, method and operation.
fn operations(contract: &Value) -> Vec<(String, String, Value)> {
    let paths = contract["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter()
            .map(move |(method, operation)| (path.clone(), method.clone(), operation.clone()))
    });
    operations.collect()
}

/// Every object of the document, with where it stands.
fn objects<'a>(value: &'a Value, path: String, found: &mut Vec<(String, &'a Value)>) {
    match value {
        Value::Object(members) => {
            found.push((path.clone(), value));
            for (name, member) in members {
                objects(member, format!("{path}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                objects(element, format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn resolve<'a>(contract: &'a Value, reference: &str) -> &'a Value {
    let pointer = reference.strip_prefix('#').expect("a local reference");
    contract
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

#[test]
fn the_contract_is_the_one_that_is_checked_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi");
    let forms = [
        ("accolade.json", CONTRACT.json()),
        ("accolade-3.0.json", CONTRACT.json_3_0()),
    ];
    for (name, json) in forms {
        let path = format!("{folder}/{name}");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&path, json).unwrap();
        }

        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();

        assert!(
            checked_in == json,
            "{name} has changed: UPDATE_OPENAPI=1 cargo test openapi writes it"
        );
    }
}

#[test]
fn the_3_0_form_has_the_same_operations_and_members() {
    let (new, old) = (contract(), contract_3_0());

    assert_eq!(old["openapi"], "3.0.3");
    let ids = |contract| {
        let operations = operations(contract).into_iter();
        operations
            .map(|(path, method, operation)| (path, method, operation["operationId"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&new), ids(&old));
    for (name, schema) in new["components"]["schemas"].as_object().unwrap() {
        let names = |schema: &Value| -> Vec<String> {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(|(name, _)| name.clone()).collect()
        };
        let derived = &old["components"]["schemas"][name];
        assert_eq!(names(schema), names(derived), "{name}");
        assert_eq!(schema["required"], derived["required"], "{name}");
    }
    let mut found = Vec::new();
    objects(&old, String::new(), &mut found);
    for (place, object) in found {
        assert!(!object["type"].is_array(), "{place}");
        assert!(!object["examples"].is_array(), "{place}");
        assert!(object.get("const").is_none(), "{place}");
        let alone = object.get("$ref").is_none() || object.as_object().unwrap().len() == 1;
        assert!(alone, "{place}");
    }
}

#[test]
fn links_lead_to_operations_with_that_parameter() {
    let contract = contract();
    let operations = operations(&contract);
    let mut count = 0;

    for (path, method, operation) in &operations {
        let responses = operation["responses"].as_object().unwrap().values();
        let links = responses.filter_map(|response| response["links"].as_object());
        for link in links.flat_map(|links| links.values()) {
            let target = operations
                .iter()
                .find(|(.., target)| target["operationId"] == link["operationId"]);
            let (target, ..) = target.unwrap_or_else(|| panic!("{method} {path}: {link}"));
            let (parameter, _) = link["parameters"]
                .as_object()
                .unwrap()
                .iter()
                .next()
                .unwrap();
            assert!(
                target.contains(&format!("{{{parameter}}}")),
                "{link} {target}"
            );
            count += 1;
        }
    }

    assert!(count >= 20);
}

#[test]
fn every_example_is_valid() {
    let contract = contract();
    let mut found = Vec::new();
    objects(&contract, String::new(), &mut found);
    let mut count = 0;

    for (place, schema) in found {
        let Some(examples) = schema.get("examples").and_then(Value::as_array) else {
            continue;
        };
        let mut root = schema.clone();
        root["components"] = contract["components"].clone();
        let validator = jsonschema::validator_for(&root).unwrap();
        for example in examples {
            let wrong: Vec<_> = validator
                .iter_errors(example)
                .map(|e| e.to_string())
                .collect();
            assert!(wrong.is_empty(), "{place} {example}: {wrong:?}");
            count += 1;
        }
    }

    assert!(count > 100);
}

#[test]
fn every_operation_names_the_scope_that_it_needs() {
    for (path, method, operation) in operations(&contract()) {
        let schemes = operation["security"].as_array().unwrap();
        let bearers: Vec<_> = schemes
            .iter()
            .filter_map(|scheme| scheme["bearer"].as_array())
            .collect();
        for scopes in bearers {
            assert_eq!(scopes.len(), 1, "{method} {path}");
            let scope = scopes[0].as_str().unwrap();
            assert_eq!(scope == "read", method == "get", "{method} {path}");
            assert!(
                operation["description"]
                    .as_str()
                    .unwrap()
                    .contains(&format!("`{scope}`"))
            );
        }
    }
}

#[actix_web::test]
async fn the_contract_is_served() {
    let app = TestApp::new().await;

    let response = app.get(ANONYMOUS, "/openapi.json").await;

    assert_eq!(response.status, 200);
    assert_eq!(response.json, contract());
    let response = app.get(ANONYMOUS, "/openapi-3.0.json").await;
    assert_eq!(response.json, contract_3_0());
}

#[test]
fn the_document_is_openapi_3_1() {
    let contract = contract();

    assert!(contract["openapi"].as_str().unwrap().starts_with("3.1."));
    for member in ["title", "version"] {
        assert!(contract["info"][member].is_string());
    }
    let known = ["openapi", "info", "servers", "paths", "components", "tags"];
    for member in contract.as_object().unwrap().keys() {
        assert!(known.contains(&member.as_str()), "{member}");
    }
    for (path, item) in contract["paths"].as_object().unwrap() {
        assert!(path.starts_with('/'));
        for method in item.as_object().unwrap().keys() {
            assert!(METHODS.contains(&method.as_str()), "{method} {path}");
        }
    }
}

#[test]
fn parameters_are_declared_as_the_paths_have_them() {
    for (path, method, operation) in operations(&contract()) {
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut seen = HashSet::new();
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap();
            assert!(seen.insert((name, parameter["in"].as_str().unwrap())));
            assert!(parameter["schema"].is_object(), "{method} {path} {name}");
            assert!(
                parameter["description"].is_string(),
                "{method} {path} {name}"
            );
            assert!(parameter["in"] != "path" || parameter["required"] == true);
        }
        let declared: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let named = path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(declared, named.collect(), "{method} {path}");
    }
}

#[test]
fn every_operation_is_described() {
    let contract = contract();
    let tags: HashSet<_> = contract["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();

    for (path, method, operation) in operations(&contract) {
        for text in ["summary", "description"] {
            let text = operation[text].as_str().unwrap_or_default();
            assert!(!text.trim().is_empty(), "{method} {path}");
        }
        let own = operation["tags"].as_array().unwrap();
        assert_eq!(own.len(), 1, "{method} {path}");
        assert!(tags.contains(own[0].as_str().unwrap()), "{method} {path}");
    }
}

#[test]
fn operation_ids_are_unique_camel_case_and_stable() {
    let ids: Vec<_> = operations(&contract())
        .into_iter()
        .map(|(.., operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect();

    for id in &ids {
        assert!(
            id.starts_with(|first: char| first.is_ascii_lowercase()),
            "{id}"
        );
        assert!(
            id.chars()
                .all(|character| character.is_ascii_alphanumeric()),
            "{id}"
        );
    }
    let unique: HashSet<_> = ids.iter().map(String::as_str).collect();
    assert_eq!(unique.len(), ids.len());
    // Generated clients carry these names: adding is fine, renaming breaks them.
    for id in PROMISED.split_whitespace() {
        assert!(unique.contains(id), "{id}");
    }
}

/// The operations that the design promises and that are built.
const PROMISED: &str = "
    createSession createPersonalAccessToken listPersonalAccessTokens revokePersonalAccessToken
    getCurrentUser updateCurrentUser createUser listUsers getUser updateUser deleteUser
    createNamespace listNamespaces getNamespace updateNamespace deleteNamespace
    listMembers putMember removeMember
    listAchievements createAchievement getAchievement updateAchievement deleteAchievement
    awardAchievement listRecipients listUniqueUsers
    getUserAchievement updateUserAchievement acceptUserAchievement declineUserAchievement
    revokeUserAchievement deleteUserAchievement listUserAchievements listBadges
    reorderUserAchievements listFeatureFlags putFeatureFlag getSettings updateSettings";

#[test]
fn every_operation_declares_its_answers() {
    for (path, method, operation) in operations(&contract()) {
        let responses = operation["responses"].as_object().unwrap();
        let successes = responses.keys().filter(|status| status.starts_with('2'));
        assert_eq!(successes.count(), 1, "{method} {path}");

        for (status, response) in responses {
            assert!(
                response["description"].is_string(),
                "{method} {path} {status}"
            );
            let content = &response["content"];
            if status.starts_with(['4', '5']) || status == "default" {
                let problem = json!({ "$ref": "#/components/schemas/Problem" });
                let schema = &content["application/problem+json"]["schema"];
                assert_eq!(schema, &problem, "{method} {path} {status}");
                assert_eq!(content.as_object().unwrap().len(), 1);
            } else if status == "204" || status == "304" {
                assert!(content.is_null(), "{method} {path}");
            } else {
                let schema = &content["application/json"]["schema"];
                assert!(schema["$ref"].is_string(), "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn every_operation_declares_the_failures_that_it_can_answer() {
    for (path, method, operation) in operations(&contract()) {
        let mut statuses = vec!["401", "500"];
        if operation["requestBody"].is_object() {
            statuses.extend(["400", "413", "415", "422"]);
        }
        if path.contains('{') {
            statuses.push("404");
        }

        for status in statuses {
            let response = &operation["responses"][status];
            assert!(response.is_object(), "{method} {path} {status}");
        }
    }
}

#[test]
fn every_operation_declares_who_may_call_it() {
    let contract = contract();
    let schemes = contract["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    let mut public = BTreeSet::new();

    for (path, method, operation) in operations(&contract) {
        let security = operation["security"].as_array().unwrap();
        assert!(!security.is_empty(), "{method} {path}");
        for requirement in security {
            let requirement = requirement.as_object().unwrap();
            assert!(
                requirement
                    .keys()
                    .all(|scheme| schemes.contains_key(scheme))
            );
            if requirement.is_empty() {
                public.insert(operation["operationId"].as_str().unwrap().to_owned());
            }
        }
    }

    assert_eq!(public, PUBLIC.map(String::from).into());
}

#[actix_web::test]
async fn anonymous_callers_are_refused_where_a_token_is_needed() {
    let app = TestApp::new().await;

    for (path, method, operation) in operations(&contract()) {
        let id = operation["operationId"].as_str().unwrap();
        let path = path
            .replace("{user}", "root")
            .replace("{name}", "achievements")
            .replace("{namespace}", "1")
            .replace("{id}", "1");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        // An empty object is invalid in most places: who may call comes before that.
        for body in [Value::Null, json!({})] {
            let response = app.call(method.clone(), ANONYMOUS, &path, body).await;

            assert_eq!(response.status == 401, !PUBLIC.contains(&id), "{id}");
        }
    }
}

#[test]
fn every_reference_resolves() {
    let contract = contract();
    let mut found = Vec::new();
    objects(&contract, String::new(), &mut found);
    let mut used = BTreeSet::new();

    for (place, object) in found {
        if let Some(reference) = object.get("$ref") {
            let reference = reference.as_str().unwrap();
            assert!(resolve(&contract, reference).is_object(), "{place}");
            used.insert(reference.strip_prefix("#/components/").unwrap().to_owned());
        }
    }

    let defined = ["schemas", "headers"].iter().flat_map(|kind| {
        let components = contract["components"][kind].as_object().unwrap();
        components.keys().map(move |name| format!("{kind}/{name}"))
    });
    assert_eq!(used, defined.collect(), "a component that nothing uses");
}

#[test]
fn schemas_are_well_formed() {
    let contract = contract();
    let types = ["array", "boolean", "integer", "number", "object", "string"];

    for (name, schema) in contract["components"]["schemas"].as_object().unwrap() {
        let kind = schema["type"].as_str().unwrap_or_default();
        assert!(types.contains(&kind), "{name}");
        let properties = schema["properties"].as_object();
        for member in schema["required"].as_array().into_iter().flatten() {
            let member = member.as_str().unwrap();
            assert!(properties.unwrap().contains_key(member), "{name} {member}");
        }
        for (member, property) in properties.into_iter().flatten() {
            let typed = property["type"]
                .as_str()
                .is_some_and(|kind| types.contains(&kind));
            assert!(typed || property["$ref"].is_string(), "{name} {member}");
            assert!(!member.contains('_'), "{name} {member}");
            let examples = property.get("examples");
            assert!(examples.is_none_or(Value::is_array), "{name} {member}");
        }
    }
}

/// The schemas of the bodies that clients send.
fn request_bodies(contract: &Value) -> Vec<(String, Value)> {
    let bodies = operations(contract)
        .into_iter()
        .filter_map(|(.., operation)| {
            let id = operation["operationId"].as_str()?.to_owned();
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let reference = schema["$ref"].as_str()?;
            Some((id, resolve(contract, reference).clone()))
        });
    bodies.collect()
}

#[test]
fn every_string_in_a_body_is_bounded() {
    let bodies = request_bodies(&contract());
    assert!(bodies.len() >= 15);

    for (id, schema) in bodies {
        for (name, property) in schema["properties"].as_object().unwrap() {
            if property["type"] == "string" {
                // The values of an enumeration are a bound.
                let bounded = property["maxLength"].is_u64() || property["enum"].is_array();
                assert!(bounded, "{id} {name}");
            }
        }
    }
}

#[test]
fn enumerations_in_answers_may_grow() {
    let contract = contract();
    let expected = [
        ("Status", vec!["pending", "accepted", "declined", "revoked"]),
        ("Visibility", vec!["private", "internal", "public"]),
        ("State", vec!["active", "blocked"]),
        (
            "Role",
            vec![
                "guest",
                "planner",
                "reporter",
                "developer",
                "maintainer",
                "owner",
            ],
        ),
    ];

    for (name, values) in expected {
        let schema = &contract["components"]["schemas"][name];
        assert_eq!(schema["type"], "string", "{name}");
        assert!(schema.get("enum").is_none(), "{name}");
        let listed: BTreeSet<_> = schema["x-extensible-enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_str().unwrap())
            .collect();
        assert_eq!(listed, values.iter().copied().collect(), "{name}");
        let description = schema["description"].as_str().unwrap();
        assert!(
            values.iter().all(|value| description.contains(value)),
            "{name}"
        );
    }
}

#[test]
fn lists_are_pages_that_take_limit_and_after() {
    for (path, method, operation) in operations(&contract()) {
        let id = operation["operationId"].as_str().unwrap();
        if !id.starts_with("list") {
            continue;
        }
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        assert!(schema["$ref"].as_str().unwrap().ends_with("Page"), "{id}");
        let names: Vec<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert!(
            names.contains(&"limit") && names.contains(&"after"),
            "{method} {path}"
        );
    }
}
