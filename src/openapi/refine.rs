//! Makes of what utoipa writes what client generators read well, and says once what many operations
//! share: conditions, retries, and what can be done next.

use serde_json::{Map, Value, json};

use crate::idempotency::{IDEMPOTENCY_KEY, LONGEST};
use crate::paging::LONGEST_CURSOR;

/// Makes of what utoipa writes what client generators read well.
pub fn refine(document: &mut Value) {
    each_operation(document, |path, method, operation| {
        operation["operationId"] =
            camel_case(operation["operationId"].as_str().unwrap_or_default()).into();
        describe_parameters(path, operation);
        drop_failures_that_cannot_happen(path, method, operation);
        take_conditions(method, operation);
        name_headers(operation);
        name_scopes(operation);
        lead_on(operation);
    });
    document["components"]["headers"] = headers();
    document["servers"][0]["x-internal"] = false.into();
    without_null(document);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return;
    };
    schemas.values_mut().for_each(extensible);
    rename_pages(document);
    refer_to_components(document);
    close_bodies(document);
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        schemas.values_mut().for_each(bounded);
    }
}

fn each_operation(document: &mut Value, mut change: impl FnMut(&str, &str, &mut Value)) {
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        item.as_object_mut()
            .into_iter()
            .flatten()
            .for_each(|(method, operation)| change(path, method, operation));
    }
}

/// `revoke_user_achievement` to `revokeUserAchievement`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        name + &word[..1].to_uppercase() + &word[1..]
    })
}

/// Says once what the parameters in paths are.
fn describe_parameters(path: &str, operation: &mut Value) {
    let Some(parameters) = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut)
    else {
        return;
    };
    parameters.sort_by_key(|parameter| parameter["in"] != "path");
    for parameter in parameters {
        let (description, schema) = match parameter["name"].as_str() {
            Some("namespace") => (
                "The id of the namespace, or its full path with each `/` encoded as `%2F`.",
                json!({ "type": "string", "minLength": 1, "maxLength": 1024, "pattern": FULL_PATH, "examples": ["compilers/llvm"] }),
            ),
            Some("user") => (
                "The id of the user, or the username.",
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": SLUG_OR_ID, "examples": ["ada"] }),
            ),
            Some("id") => (
                match path.split('/').nth(1) {
                    Some("achievements") => "The id of the achievement.",
                    Some("user-achievements") => "The id of the award.",
                    _ => "The id.",
                },
                json!({ "type": "integer", "format": "int64", "minimum": 1, "maximum": LARGEST, "examples": [42] }),
            ),
            Some("token") => (
                "The token of the mailed link.",
                json!({ "type": "string", "minLength": 1, "maxLength": 4096, "pattern": JWT }),
            ),
            Some("name") => (
                "The name of the feature.",
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": SLUG_OR_ID, "examples": ["achievements"] }),
            ),
            Some("after") => {
                parameter["schema"]["maxLength"] = LONGEST_CURSOR.into();
                parameter["schema"]["pattern"] = CURSOR.into();
                continue;
            }
            Some("search") => {
                parameter["schema"]["pattern"] = LINE.into();
                continue;
            }
            _ => continue,
        };
        parameter["description"] = description.into();
        parameter["schema"] = schema;
    }
}

/// Every operation can fail in every way, but for those that depend on what it takes.
fn drop_failures_that_cannot_happen(path: &str, method: &str, operation: &mut Value) {
    let creates = takes_idempotency_key(operation);
    let has_body = operation.get("requestBody").is_some();
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has_query =
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == "query"));
    let Some(responses) = operation
        .get_mut("responses")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    if !has_body {
        ["408", "413", "415"]
            .iter()
            .for_each(|status| drop(responses.remove(*status)));
    }
    if !has_body && !has_query && !creates {
        responses.remove("422");
    }
    if !matches!(method, "patch" | "put" | "delete") {
        responses.remove("412");
    }
    if !path.starts_with("/award-acceptances/") {
        responses.remove("410");
    }
    responses.sort_keys();
}

/// A member without a value is left out, never null: `["string", "null"]` is `"string"`.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(elements) => elements.iter_mut().for_each(without_null),
        Value::Object(members) => {
            members.values_mut().for_each(without_null);
            if let Some(Value::Array(types)) = members.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    members.insert("type".into(), only);
                }
            }
            if let Some(Value::Array(choices)) = members.get_mut("oneOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [only] = choices.as_mut_slice() {
                    let only = std::mem::take(only);
                    members.remove("oneOf");
                    members.extend(only.as_object().cloned().unwrap_or_default());
                }
            }
        }
        _ => {}
    }
}

/// Enumerations may grow: published as strings, with the present values for those who want them.
fn extensible(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    let Some(Value::Array(values)) = members.remove("enum") else {
        return;
    };
    let list: Vec<_> = values
        .iter()
        .filter_map(Value::as_str)
        .map(|value| format!("`{value}`"))
        .collect();
    let description = members
        .get("description")
        .and_then(Value::as_str)
        .unwrap_or_default();
    members.insert(
        "description".into(),
        format!("{description} One of {}; more may come.", list.join(", "))
            .trim()
            .into(),
    );
    members.insert(
        "examples".into(),
        values
            .first()
            .map(|value| json!([value]))
            .unwrap_or_default(),
    );
    members.insert("x-extensible-enum".into(), Value::Array(values));
}

/// `Page_User` to `UserPage`.
fn rename_pages(document: &mut Value) {
    let renamed = |name: &str| {
        name.strip_prefix("Page_")
            .map(|entry| format!("{entry}Page"))
    };
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        *schemas = std::mem::take(schemas)
            .into_iter()
            .map(|(name, schema)| (renamed(&name).unwrap_or(name), schema))
            .collect::<Map<_, _>>();
    }
    fn walk(value: &mut Value, renamed: &impl Fn(&str) -> Option<String>) {
        match value {
            Value::Array(elements) => elements
                .iter_mut()
                .for_each(|element| walk(element, renamed)),
            Value::Object(members) => {
                members
                    .values_mut()
                    .for_each(|member| walk(member, renamed));
                if let Some(Value::String(reference)) = members.get_mut("$ref")
                    && let Some(name) = reference.rsplit('/').next().and_then(renamed)
                {
                    *reference = format!("#/components/schemas/{name}");
                }
            }
            _ => {}
        }
    }
    walk(document, &renamed);
}

/// An inlined copy of a component becomes a reference to it: generators name types by components.
fn refer_to_components(document: &mut Value) {
    fn walk(value: &mut Value, names: &[(Value, String)]) {
        match value {
            Value::Array(elements) => elements.iter_mut().for_each(|element| walk(element, names)),
            Value::Object(members) => members.values_mut().for_each(|member| {
                match names.iter().find(|(schema, _)| schema == member) {
                    Some((_, name)) => {
                        *member = json!({ "$ref": format!("#/components/schemas/{name}") })
                    }
                    None => walk(member, names),
                }
            }),
            _ => {}
        }
    }
    let Some(schemas) = document["components"]["schemas"].as_object() else {
        return;
    };
    let names: Vec<_> = schemas
        .iter()
        .map(|(name, schema)| (schema.clone(), name.clone()))
        .collect();
    walk(&mut document["paths"], &names);
    for (_, schema) in document["components"]["schemas"]
        .as_object_mut()
        .into_iter()
        .flatten()
    {
        walk(schema, &names);
    }
}

/// The schema of what the operation answers when it is done, with its status.
fn done(operation: &Value) -> Option<(&str, Option<&str>)> {
    let (status, response) = operation["responses"]
        .as_object()?
        .iter()
        .find(|(status, _)| status.starts_with('2'))?;
    let schema = response.pointer("/content/application~1json/schema/$ref");
    Some((status, schema.and_then(Value::as_str)))
}

/// Whether it creates or awards something for a caller.
fn takes_idempotency_key(operation: &Value) -> bool {
    operation["operationId"] != "createSession"
        && done(operation).is_some_and(|(status, _)| status == "201")
}

/// Declares the headers that make an operation depend on what the client has or did.
fn take_conditions(method: &str, operation: &mut Value) {
    let Some((status, schema)) = done(operation) else {
        return;
    };
    let (status, schema) = (status.to_owned(), schema.unwrap_or_default().to_owned());
    let page = schema.contains("/Page_");
    // Every object has an ETag, and so have the page that apps read all the time and the order.
    let tagged = !schema.is_empty()
        && (!page || schema.ends_with("/Page_Badge") || method == "put")
        && !schema.ends_with("/Session")
        && !schema.ends_with("/PersonalAccessToken");
    if page && method == "get" {
        promise(operation, &status, "Link");
    }
    if tagged {
        promise(operation, &status, "ETag");
    }
    if tagged && method == "get" {
        let unchanged = json!({ "description": "It is still as you have it" });
        operation["responses"]["304"] = unchanged;
        promise(operation, "304", "ETag");
        let description = "The `ETag` of an earlier answer: 304 where it is still the same.";
        take(operation, "If-None-Match", description, entity_tags());
    }
    if matches!(method, "patch" | "put" | "delete") {
        let description =
            "The `ETag` of what you read: 412, and no change, where it is another one now.";
        take(operation, "If-Match", description, entity_tags());
    }
    if takes_idempotency_key(operation) {
        promise(operation, &status, "Idempotent-Replayed");
        let description = "A key of your own, such as a UUID. The request repeated with it within 24 hours does \
                           nothing, and gets the first answer.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]([ -~]*[!-~])?$", "examples": ["9b2f6f0e-5c1d-4b0e-8f43-6d0b8f4a7c11"] });
        take(operation, IDEMPOTENCY_KEY, description, schema);
    }
    if let Some(responses) = operation["responses"].as_object_mut() {
        responses.sort_keys();
    }
}

fn entity_tags() -> Value {
    json!({ "type": "string", "maxLength": 4096, "pattern": r#"^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$"#, "examples": ["\"2c26b46b68ffc68ff99b453c1d304134\""] })
}

/// Adds a header to those that the operation reads.
fn take(operation: &mut Value, name: &str, description: &str, schema: Value) {
    let parameter = json!({
        "name": name, "in": "header", "description": description, "required": false, "schema": schema,
    });
    match operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut)
    {
        Some(parameters) => parameters.push(parameter),
        None => operation["parameters"] = json!([parameter]),
    }
}

/// Adds a header to those of an answer.
fn promise(operation: &mut Value, status: &str, name: &str) {
    operation["responses"][status]["headers"][name] =
        json!({ "$ref": format!("#/components/headers/{name}") });
}

/// The headers of answers.
fn headers() -> Value {
    let text = |description: &str, example: &str, longest: u32, pattern: &str| {
        let schema = json!({ "type": "string", "maxLength": longest, "pattern": pattern, "examples": [example] });
        json!({ "description": description, "schema": schema })
    };
    json!({
        "ETag": text(
            "Tells this state of the object from every other; for If-Match and If-None-Match.",
            "\"2c26b46b68ffc68ff99b453c1d304134\"", 128, "^\"[0-9a-f]+\"$",
        ),
        "Idempotent-Replayed": text(
            "`true` on the first answer to a request that was repeated with its Idempotency-Key.",
            "true", 8, "^true$",
        ),
        "Link": text(
            "The next page, with rel=\"next\"; left out of the last one (RFC 8288).",
            "<https://accolade.example.com/users?after=WzIwXQ>; rel=\"next\"", 8192, "^<[^<>]+>; rel=\"next\"$",
        ),
        "Location": text(
            "The address of what was created.",
            "https://accolade.example.com/achievements/42", 4096, URL,
        ),
        "Retry-After": {
            "description": "How many seconds to wait before the next try.",
            "schema": { "type": "integer", "format": "int32", "minimum": 1, "maximum": 86400, "examples": [1] },
        },
        "WWW-Authenticate": text(
            "What is wrong with the token (RFC 6750).",
            "Bearer error=\"invalid_token\"", 1024, "^Bearer.*$",
        ),
    })
}

/// Names the headers that come with a status, whatever the operation.
fn name_headers(operation: &mut Value) {
    let known = [
        ("201", "Location"),
        ("401", "WWW-Authenticate"),
        ("429", "Retry-After"),
        ("503", "Retry-After"),
    ];
    let session = operation["operationId"] == "createSession";
    for (status, name) in known {
        let created_nothing =
            status == "201" && (session || operation["operationId"] == "createPersonalAccessToken");
        if operation["responses"].get(status).is_some() && !created_nothing {
            promise(operation, status, name);
        }
    }
}

/// Says in words which scope a personal access token needs: not all generators read it.
fn name_scopes(operation: &mut Value) {
    let schemes = operation["security"].as_array().into_iter().flatten();
    let scopes = schemes.filter_map(|scheme| scheme["bearer"][0].as_str());
    let scopes: Vec<_> = scopes.map(|scope| format!("`{scope}`")).collect();
    if !scopes.is_empty() {
        let description = operation["description"].as_str().unwrap_or_default();
        operation["description"] = format!(
            "{description}\n\nScope of the token: {}.",
            scopes.join(" or ")
        )
        .into();
    }
}

/// What can be done next with what was created, by the parameter that its id is: so that programs
/// find their way.
const NEXT: [(&str, &str, &[&str]); 5] = [
    (
        "createUser",
        "user",
        &[
            "getUser",
            "updateUser",
            "deleteUser",
            "listBadges",
            "listUserAchievements",
        ],
    ),
    (
        "createNamespace",
        "namespace",
        &[
            "getNamespace",
            "updateNamespace",
            "deleteNamespace",
            "listMembers",
            "createAchievement",
            "listAchievements",
        ],
    ),
    (
        "createAchievement",
        "id",
        &[
            "getAchievement",
            "updateAchievement",
            "deleteAchievement",
            "awardAchievement",
            "listRecipients",
            "listUniqueUsers",
        ],
    ),
    (
        "awardAchievement",
        "id",
        &[
            "getUserAchievement",
            "updateUserAchievement",
            "acceptUserAchievement",
            "declineUserAchievement",
            "resendAwardEmail",
            "revokeUserAchievement",
            "deleteUserAchievement",
        ],
    ),
    (
        "createPersonalAccessToken",
        "id",
        &["revokePersonalAccessToken"],
    ),
];

/// Links what an operation creates to what can be done with it.
fn lead_on(operation: &mut Value) {
    let Some((_, parameter, next)) = NEXT.iter().find(|(id, ..)| operation["operationId"] == *id)
    else {
        return;
    };
    let link = |id: &&str| {
        let link = json!({ "operationId": id, "parameters": { *parameter: "$response.body#/id" } });
        ((*id).to_owned(), link)
    };
    operation["responses"]["201"]["links"] = Value::Object(next.iter().map(link).collect());
}

/// Says of bodies that they have no other members, which the service refuses.
fn close_bodies(document: &mut Value) {
    let mut bodies = Vec::new();
    each_operation(document, |_, _, operation| {
        let content = operation.get("requestBody").map(|body| &body["content"]);
        let contents = content.and_then(Value::as_object).into_iter().flatten();
        let references = contents.filter_map(|(_, content)| content["schema"]["$ref"].as_str());
        bodies.extend(references.filter_map(|name| name.rsplit('/').next().map(String::from)));
    });
    for name in bodies {
        document["components"]["schemas"][name]["additionalProperties"] = false.into();
    }
}

/// What the strings are like that members are, by name: their greatest length, where their schema does
/// not say it, and their pattern. None looks around, so that every language can read them.
const STRINGS: [(&str, u32, &str); 17] = [
    ("accessToken", 8192, JWT),
    ("avatarUrl", 4096, URL),
    ("awardMessage", 200, LINE),
    ("description", 1024, LINE),
    ("detail", 8192, ""),
    ("email", 254, ""),
    ("endCursor", 2048, CURSOR),
    ("field", 512, ""),
    ("fullPath", 1024, FULL_PATH),
    ("name", 255, NAME),
    ("path", 255, SLUG),
    ("title", 255, ""),
    ("token", 8192, JWT),
    ("tokenType", 16, "^[A-Za-z]+$"),
    ("type", 255, "^/problems/[a-z-]+$"),
    ("username", 255, SLUG),
    ("webUrl", 4096, URL),
];

/// No control characters but those that are trimmed.
const LINE: &str = r"^[\t-\r ]*[^\x00-\x1F\x7F-\x9F]*[\t-\r ]*$";
/// The same, and not blank.
const NAME: &str =
    r"^[\t-\r ]*[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*[\t-\r ]*$";
/// Letters, digits, `.`, `_` and `-`; no number, and not dots and dashes alone.
const SLUG: &str = "^[0-9.-]*([A-Za-z_]|[0-9][.-]|[.-][0-9])[A-Za-z0-9._-]*$";
/// Such, or a number.
const SLUG_OR_ID: &str = "^[A-Za-z0-9._-]+$";
const FULL_PATH: &str = "^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$";
const JWT: &str = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$";
const CURSOR: &str = "^[A-Za-z0-9_-]+$";
/// Not as the format uri, which some generators make a type of its own.
const URL: &str = r"^https?://\S+$";
/// The largest avatar, where the operator does not choose another limit.
const AVATAR: u32 = 200 * 1024;

/// The largest integer that every language reads exactly.
const LARGEST: i64 = (1 << 53) - 1;

/// Bounds what is not bounded yet.
fn bounded(schema: &mut Value) {
    bound("", schema);
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (name, member) in members.into_iter().flatten() {
        bound(name, member);
        if let Some(items) = member.get_mut("items") {
            bound(name, items);
        }
    }
}

fn bound(name: &str, schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    match members.get("type").and_then(Value::as_str) {
        Some("string")
            if members
                .get("format")
                .is_some_and(|format| format == "binary") =>
        {
            members.entry("maxLength").or_insert(AVATAR.into());
        }
        Some("string")
            if members
                .get("format")
                .is_some_and(|format| format == "date-time") =>
        {
            members.entry("maxLength").or_insert(35.into());
        }
        Some("string") => {
            let known = STRINGS.iter().find(|(known, ..)| *known == name);
            let (_, longest, mut pattern) = *known.unwrap_or(&("", 64, ""));
            members.entry("maxLength").or_insert(longest.into());
            if members.contains_key("x-extensible-enum") {
                pattern = "^[a-z]+(_[a-z]+)*$";
            }
            if !pattern.is_empty() && members.get("format").is_none() {
                members.entry("pattern").or_insert(pattern.into());
            }
            if name == "email" {
                members.insert("format".into(), "email".into());
            }
        }
        Some("integer")
            if members
                .get("format")
                .is_some_and(|format| format == "int64") =>
        {
            let id = name == "id" || name.ends_with("Id") || name.ends_with("Ids");
            members.entry("minimum").or_insert(i64::from(id).into());
            members.entry("maximum").or_insert(LARGEST.into());
        }
        Some("integer") => {
            members.entry("maximum").or_insert(i32::MAX.into());
        }
        Some("array") => {
            members.entry("maxItems").or_insert(1000.into());
        }
        _ => {}
    }
}
