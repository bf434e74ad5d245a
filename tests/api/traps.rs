//! What breaks generated clients, each as a test. The clients themselves are run in `tests/clients`.

use accolade::auth::Role;
use accolade::openapi::CONTRACT;
use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::TestApp;

fn contract() -> Value {
    serde_json::from_str(CONTRACT.json()).unwrap()
}

fn operations(contract: &Value) -> Vec<&Value> {
    let items = contract["paths"].as_object().unwrap().values();
    items
        .flat_map(|item| item.as_object().unwrap().values())
        .collect()
}

/// Every object of the document.
fn objects(value: &Value) -> Vec<&Value> {
    let inner: Vec<&Value> = match value {
        Value::Object(members) => members.values().collect(),
        Value::Array(elements) => elements.iter().collect(),
        _ => Vec::new(),
    };
    let own = value.is_object().then_some(value);
    own.into_iter()
        .chain(inner.into_iter().flat_map(objects))
        .collect()
}

#[actix_web::test]
async fn null_for_what_was_not_set_changes_nothing() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let namespace = app.namespace("compilers", &grace, Role::Owner).await;
    let achievement = app.achievement(namespace, "First merge").await;
    let path = format!("/achievements/{achievement}");
    app.patch(&grace, &path, json!({ "description": "Landed" }))
        .await;

    // As clients in Dart do, while those in Kotlin and Swift leave members out.
    let body = json!({ "name": "First patch", "description": null });
    let response = app.patch(&grace, &path, body).await;

    assert_eq!(response.json["name"], "First patch");
    assert_eq!(response.json["description"], "Landed");
}

#[actix_web::test]
async fn a_part_may_have_a_list_as_its_content_type() {
    let app = TestApp::new().await;
    let grace = app.user("grace").await;
    let namespace = app.namespace("compilers", &grace, Role::Owner).await;
    let achievement = app.achievement(namespace, "First merge").await;

    // As clients in Kotlin do.
    let mut body =
        b"--between\r\nContent-Disposition: form-data; name=\"avatar\"; filename=\"a.png\"\r\n\
        Content-Type: image/png, image/jpeg, image/webp, image/gif\r\n\r\n"
            .to_vec();
    body.extend_from_slice(include_bytes!("../clients/avatar.png"));
    body.extend_from_slice(b"\r\n--between--\r\n");
    let token = format!("Bearer {}", grace.token);
    let headers = [
        ("Authorization", token.as_str()),
        ("Content-Type", crate::app::FORM),
    ];
    let path = format!("/achievements/{achievement}/avatar");
    let response = app.send(Method::PUT, &path, &headers, body).await;

    assert_eq!(response.status, 200);
    assert!(response.json["avatarUrl"].is_string());
}

#[test]
fn nothing_is_a_choice_of_schemas() {
    let contract = contract();

    for object in objects(&contract) {
        for word in ["oneOf", "anyOf", "allOf", "not", "discriminator"] {
            assert!(object.get(word).is_none(), "{word} in {object}");
        }
    }
}

#[test]
fn no_webhook_shares_a_tag() {
    assert!(contract().get("webhooks").is_none());
}

#[test]
fn what_answers_enumerate_may_grow() {
    let contract = contract();
    let schemas = contract["components"]["schemas"].as_object().unwrap();
    let growing: Vec<_> = schemas
        .iter()
        .filter(|(_, schema)| schema.get("x-extensible-enum").is_some())
        .collect();

    for (name, schema) in &growing {
        assert_eq!(schema["type"], "string", "{name}");
        assert!(schema.get("enum").is_none(), "{name}");
        for value in schema["x-extensible-enum"].as_array().unwrap() {
            let listed = format!("`{}`", value.as_str().unwrap());
            assert!(
                schema["description"].as_str().unwrap().contains(&listed),
                "{name}"
            );
        }
    }
    let names: Vec<_> = growing.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "MailStatus",
        "Role",
        "Scope",
        "State",
        "Status",
        "Visibility",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

#[test]
fn json_stands_before_forms() {
    let contract = contract();
    let mut both = 0;

    for operation in operations(&contract) {
        let content = operation["requestBody"]["content"].as_object();
        let media_types: Vec<_> = content
            .into_iter()
            .flat_map(|content| content.keys())
            .collect();
        if let [first, second, ..] = media_types.as_slice() {
            assert_eq!(
                [first.as_str(), second.as_str()],
                ["application/json", "multipart/form-data"]
            );
            both += 1;
        }
    }

    assert_eq!(both, 2);
}

#[test]
fn files_are_binary_strings() {
    let contract = contract();
    let mut files = 0;

    for object in objects(&contract) {
        for word in ["contentMediaType", "contentEncoding"] {
            assert!(object.get(word).is_none(), "{object}");
        }
        if object.get("format") == Some(&json!("binary")) {
            assert_eq!(object["type"], "string");
            files += 1;
        }
    }

    assert_eq!(files, 3);
}

#[test]
fn every_answer_is_json_or_nothing() {
    let contract = contract();

    for operation in operations(&contract) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let expected = match status.as_bytes()[0] {
                b'2' => "application/json",
                _ => "application/problem+json",
            };
            let content = response["content"].as_object();
            for media_type in content.into_iter().flat_map(|content| content.keys()) {
                assert_eq!(media_type, expected, "{}", operation["operationId"]);
            }
        }
    }
}

#[test]
fn nothing_is_null() {
    let contract = contract();

    for object in objects(&contract) {
        assert!(object.get("nullable").is_none(), "{object}");
        let kind = object.get("type");
        assert!(
            kind != Some(&json!("null")) && !kind.is_some_and(Value::is_array),
            "{object}"
        );
    }
}

#[test]
fn every_object_has_a_name() {
    let contract = contract();
    let schemas = contract["components"]["schemas"].as_object().unwrap();

    let inner = schemas
        .values()
        .flat_map(|schema| objects(schema).into_iter().skip(1));
    let outside = objects(&contract["paths"]);
    for object in inner.chain(outside) {
        let anonymous = object.get("type") == Some(&json!("object"));
        assert!(!anonymous, "{object} needs a name in components");
    }
}

#[test]
fn nothing_is_constant() {
    let contract = contract();

    for object in objects(&contract) {
        assert!(object.get("const").is_none(), "{object}");
    }
}

#[test]
fn every_status_is_listed() {
    let contract = contract();

    for operation in operations(&contract) {
        let statuses = operation["responses"].as_object().unwrap().keys();
        for status in statuses {
            assert!(
                status.parse::<u16>().is_ok(),
                "{status} of {}",
                operation["operationId"]
            );
        }
    }
}
