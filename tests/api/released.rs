//! The clients that were generated from the last released contract go on working.

use accolade::openapi::{CONTRACT, down::to_3_0};
use drift::{ChangeClass, ChangeComparison};
use serde_json::{Value, json};

const RELEASED: &str = include_str!("../../openapi/released.json");

fn released() -> Value {
    serde_json::from_str(RELEASED).unwrap()
}

/// The changes that break clients of the old document, by drift, which reads OpenAPI 3.0.
fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut breaks = Vec::new();
    for change in drift::compare(&to_3_0(old), &to_3_0(new)).unwrap() {
        for found in &change.changes {
            let place = format!(
                "{}/{}",
                change.paths[0].old.current_pointer(),
                found.old_subpath
            );
            let schema = |document| {
                at(
                    document,
                    place.trim_start_matches('#').trim_end_matches('/'),
                )
            };
            let harmless = match (found.class, found.message.as_str()) {
                (ChangeClass::Trivial | ChangeClass::ForwardIncompatible, _) => true,
                // Drift leaves these two to us.
                (_, "object properties changed") => keeps_members(schema(old), schema(new)),
                (_, "object required properties changed") => change
                    .paths
                    .iter()
                    .all(|path| still_enough(path.comparison, schema(old), schema(new))),
                _ => false,
            };
            if !harmless {
                breaks.push(format!("{place}: {}", found.message));
            }
        }
    }
    // What drift does not look at: names that generated clients carry, and headers.
    for (path, item) in old["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let now = &new["paths"][path][method];
            if now["operationId"] != operation["operationId"] {
                breaks.push(format!("{method} {path} has another operationId"));
            }
            let required = |operation: &Value, name: &Value| {
                let parameters = operation["parameters"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default();
                parameters
                    .iter()
                    .any(|one| one["name"] == *name && one["required"] == true)
            };
            for parameter in now["parameters"].as_array().into_iter().flatten() {
                let name = &parameter["name"];
                if required(now, name) && !required(operation, name) {
                    breaks.push(format!("{method} {path} requires {name}"));
                }
            }
        }
    }
    breaks
}

fn at<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("nothing is at {pointer}"))
}

/// Members may come; none may go.
fn keeps_members(old: &Value, new: &Value) -> bool {
    let members = old["properties"].as_object().unwrap();
    members
        .keys()
        .all(|name| new["properties"].get(name).is_some())
}

/// A body may require less, an answer may promise more.
fn still_enough(comparison: ChangeComparison, old: &Value, new: &Value) -> bool {
    let required = |schema: &Value| -> Vec<Value> {
        schema["required"].as_array().cloned().unwrap_or_default()
    };
    let (old, new) = (required(old), required(new));
    match comparison {
        ChangeComparison::Input => new.iter().all(|name| old.contains(name)),
        _ => old.iter().all(|name| new.contains(name)),
    }
}

#[test]
fn nothing_that_was_released_breaks() {
    let now = serde_json::from_str(CONTRACT.json()).unwrap();

    let breaks = breaks(&released(), &now);

    assert!(
        breaks.is_empty(),
        "clients of openapi/released.json break: take it back, or keep the old beside the new.\n{}",
        breaks.join("\n")
    );
}

/// Changes the released document at a pointer's place, and sees whether that is noticed.
#[track_caller]
fn assert_breaks(wanted: bool, change: impl FnOnce(&mut Value)) {
    let (old, mut new) = (released(), released());
    change(&mut new);
    assert_ne!(old, new, "the change changes nothing");
    let breaks = breaks(&old, &new);
    assert_eq!(!breaks.is_empty(), wanted, "{breaks:?}");
}

fn remove(document: &mut Value, parent: &str, member: &str) {
    let parent = document.pointer_mut(parent).unwrap();
    parent.as_object_mut().unwrap().remove(member).unwrap();
}

#[test]
fn every_kind_of_break_is_noticed() {
    let award = "/paths/~1achievements~1{id}~1award/post";
    assert_breaks(true, |new| {
        remove(new, "/paths/~1achievements~1{id}", "get")
    });
    assert_breaks(true, |new| {
        new.pointer_mut(award).unwrap()["operationId"] = "giveAchievement".into();
    });
    // A member leaves an answer, or is not always there any more.
    assert_breaks(true, |new| {
        remove(
            new,
            "/components/schemas/Achievement/properties",
            "description",
        );
    });
    assert_breaks(true, |new| {
        let required = new
            .pointer_mut("/components/schemas/Achievement/required")
            .unwrap();
        required
            .as_array_mut()
            .unwrap()
            .retain(|name| name != "name");
    });
    // A body must say more, or may say less.
    assert_breaks(true, |new| {
        new["components"]["schemas"]["AwardAchievement"]["required"] = json!(["username"]);
    });
    assert_breaks(true, |new| {
        remove(
            new,
            "/components/schemas/AwardAchievement/properties",
            "awardMessage",
        );
    });
    assert_breaks(true, |new| {
        let member = "/components/schemas/AwardAchievement/properties/userId/type";
        *new.pointer_mut(member).unwrap() = "string".into();
    });
    // A header becomes required, a parameter goes.
    assert_breaks(true, |new| {
        let header = new.pointer_mut(&format!("{award}/parameters/1")).unwrap();
        assert_eq!(header["name"], "Idempotency-Key");
        header["required"] = true.into();
    });
    assert_breaks(true, |new| {
        let list = "/paths/~1namespaces~1{namespace}~1achievements/get/parameters";
        let parameters = new.pointer_mut(list).unwrap().as_array_mut().unwrap();
        parameters.retain(|parameter| parameter["name"] != "search");
    });
}

#[test]
fn additions_break_nobody() {
    assert_breaks(false, |new| {
        let operation = json!({
            "operationId": "getWeather",
            "responses": { "200": { "description": "The weather" } },
        });
        new["paths"]["/weather"] = json!({ "get": operation });
    });
    assert_breaks(false, |new| {
        let body = new
            .pointer_mut("/components/schemas/CreateAchievement/required")
            .unwrap();
        *body = json!([]);
    });
    assert_breaks(false, |new| {
        new["components"]["schemas"]["Achievement"]["properties"]["colour"] =
            json!({ "type": "string" });
    });
    assert_breaks(false, |new| {
        new["components"]["schemas"]["AwardAchievement"]["properties"]["colour"] =
            json!({ "type": "string" });
    });
}
