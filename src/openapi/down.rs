//! The contract in OpenAPI 3.0, for generators that read no other: the same operations and members.

use serde_json::{Value, json};

/// What the refined document of 3.1 says, as 3.0 says it.
pub fn to_3_0(document: &Value) -> Value {
    let mut document = document.clone();
    document["openapi"] = "3.0.3".into();
    if let Some(license) = document["info"]["license"].as_object_mut() {
        license.remove("identifier");
        license.insert("url".into(), "https://opensource.org/license/mit".into());
    }
    walk(&mut document);
    for (_, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            let schemes = operation["security"].as_array_mut().into_iter().flatten();
            for scheme in schemes.filter(|scheme| scheme.get("bearer").is_some()) {
                // Bearer schemes have no scopes in 3.0; the descriptions name them.
                *scheme = json!({ "bearer": [] });
            }
            if let Some(schemes) = operation["security"].as_array_mut() {
                schemes.dedup();
            }
        }
    }
    document
}

fn walk(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(walk),
        Value::Object(members) => {
            // A reference stands alone.
            if let Some(reference) = members
                .get("$ref")
                .filter(|reference| reference.is_string())
            {
                *value = json!({ "$ref": reference });
                return;
            }
            // A schema has one example.
            if let Some(Value::Array(examples)) = members.get_mut("examples") {
                let example = examples.first_mut().map(Value::take).unwrap_or_default();
                members.remove("examples");
                members.insert("example".into(), example);
            }
            members.values_mut().for_each(walk);
        }
        _ => {}
    }
}
