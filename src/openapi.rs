//! The contract: an OpenAPI document, made from the routes and served beside them.

use std::str::FromStr;

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpRequest, HttpResponse, get};
use serde_json::{Map, Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::{Error, Problem, Result, Violation};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Accolade",
        description = "A self-hosted service for awarding achievements: maintainers of a namespace define \
            achievements and award them to people, people decide which of them appear on their profile.\n\n\
            Send a token as `Authorization: Bearer`: a session's, from `POST /sessions`, or a personal access token.\n\n\
            A member without a value is left out of an answer, never `null`. In a PATCH, a member that is absent or \
            `null` stays as it is. Failures are problem documents (RFC 9457) that list every field that is wrong. \
            Lists are paged: send the `endCursor` of a page as `after`, or follow the `Link` header.",
        license(name = "MIT", identifier = "MIT"),
    ),
    servers((url = "/", description = "This instance")),
    tags(
        (name = "sessions", description = "Signing in, and tokens for programs"),
        (name = "users", description = "People: their accounts and profiles"),
        (name = "namespaces", description = "The groups that achievements belong to, and their members"),
        (name = "achievements", description = "What a namespace awards"),
        (name = "user achievements", description = "Awards, from pending to a badge on a profile"),
        (name = "instance", description = "What administrators decide for everyone"),
    ),
    components(schemas(Problem, Violation)),
    modifiers(&Bearer),
)]
struct Api;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some(
                "The accessToken of a session, or a personal access token.",
            ))
            .build();
        api.components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// What is served beside the contract, to be read alone.
const BESIDE: [&str; 6] = [
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/metrics",
    "/.well-known/jwks.json",
    "/uploads/-/system/achievements/achievement/avatar/{id}/{hash}.png",
];

/// The contract of this build.
pub struct Contract {
    json: String,
    /// Each documented path with its methods, as in an `Allow` header.
    paths: Vec<(ResourceDef, String)>,
}

impl Contract {
    #[expect(
        clippy::new_without_default,
        reason = "it is made from the routes, once"
    )]
    pub fn new() -> Self {
        let (_, api) = App::new()
            .into_utoipa_app()
            .openapi(Api::openapi())
            .configure(crate::routes)
            .split_for_parts();
        let mut document = serde_json::to_value(api).unwrap_or_default(); // Made of strings: cannot fail.
        refine(&mut document);
        let paths = document["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(path, item)| {
                let methods = item
                    .as_object()
                    .into_iter()
                    .flatten()
                    .filter_map(|(name, _)| Method::from_str(&name.to_uppercase()).ok());
                let mut methods: Vec<_> = methods.map(|method| method.to_string()).collect();
                if methods.iter().any(|method| method == "GET") {
                    methods.push("HEAD".into());
                }
                (ResourceDef::new(path.as_str()), methods.join(", "))
            });
        let beside = BESIDE.map(|path| (ResourceDef::new(path), "GET, HEAD".to_owned()));
        let paths = paths.chain(beside).collect();
        Self {
            json: format!("{document:#}\n"),
            paths,
        }
    }

    /// The document.
    pub fn json(&self) -> &str {
        &self.json
    }
}

pub(crate) fn routes(config: &mut ServiceConfig) {
    let ui = Config::from("/openapi.json")
        .persist_authorization(true)
        .try_it_out_enabled(true);
    config
        .service(openapi_json)
        .service(SwaggerUi::new("/swagger-ui/{_:.*}").config(ui));
}

#[get("/openapi.json")]
async fn openapi_json(contract: Data<Contract>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(contract.json.clone())
}

/// What no route takes: a known address with another method, or an unknown one.
pub async fn unmatched(request: HttpRequest, contract: Data<Contract>) -> Result<HttpResponse> {
    match contract
        .paths
        .iter()
        .find(|(path, _)| path.is_match(request.path()))
    {
        Some((_, allowed)) => Err(Error::MethodNotAllowed(
            request.method().to_string(),
            allowed.clone(),
        )),
        None => Err(Error::NotFound),
    }
}

/// Makes of what utoipa writes what client generators read well.
fn refine(document: &mut Value) {
    each_operation(document, |path, operation| {
        operation["operationId"] =
            camel_case(operation["operationId"].as_str().unwrap_or_default()).into();
        describe_parameters(path, operation);
        drop_failures_that_cannot_happen(path, operation);
    });
    without_null(document);
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return;
    };
    schemas.values_mut().for_each(extensible);
    rename_pages(document);
    refer_to_components(document);
}

fn each_operation(document: &mut Value, mut change: impl FnMut(&str, &mut Value)) {
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        item.as_object_mut()
            .into_iter()
            .flatten()
            .for_each(|(_, operation)| change(path, operation));
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
                json!({ "type": "string", "minLength": 1, "maxLength": 1024, "examples": ["compilers%2Fllvm"] }),
            ),
            Some("user") => (
                "The id of the user, or the username.",
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "examples": ["ada"] }),
            ),
            Some("id") => (
                match path.split('/').nth(1) {
                    Some("achievements") => "The id of the achievement.",
                    Some("user-achievements") => "The id of the award.",
                    _ => "The id.",
                },
                json!({ "type": "integer", "format": "int64", "minimum": 1, "examples": [42] }),
            ),
            Some("token") => (
                "The token of the mailed link.",
                json!({ "type": "string", "minLength": 1, "maxLength": 8192 }),
            ),
            Some("name") => (
                "The name of the feature.",
                json!({ "type": "string", "minLength": 1, "maxLength": 255, "examples": ["achievements"] }),
            ),
            _ => continue,
        };
        parameter["description"] = description.into();
        parameter["schema"] = schema;
    }
}

/// Every operation can fail in every way, but for those that depend on what it takes.
fn drop_failures_that_cannot_happen(path: &str, operation: &mut Value) {
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
        ["400", "408", "413", "415"]
            .iter()
            .for_each(|status| drop(responses.remove(*status)));
    }
    if !has_body && !has_query {
        responses.remove("422");
    }
    if !path.starts_with("/award-acceptances/") {
        responses.remove("410");
    }
    if !path.ends_with("/resend") {
        responses.remove("429");
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
