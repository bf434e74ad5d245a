//! The contract: an OpenAPI document, made from the routes and served beside them.

pub mod down;
mod refine;

use std::str::FromStr;
use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, HttpResponse, get};
use serde_json::{Value, json};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_actix_web::AppExt;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::error::{Error, Problem, Result, Violation};
use crate::scopes::Scope;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Accolade",
        description = "A self-hosted service for awarding achievements: maintainers of a namespace define \
            achievements and award them to people, people decide which of them appear on their profile.\n\n\
            Send a token as `Authorization: Bearer`: a session's, from `POST /sessions`, or a personal access token.\n\n\
            A member without a value is left out of an answer, never `null`. In a PATCH, a member that is absent or \
            `null` stays as it is. \
            A change with `If-Match` and the `ETag` of what you read overwrites nobody's. A creation or an award with \
            an `Idempotency-Key` can be repeated: it happens once. Failures are problem documents (RFC 9457) that list every field that is wrong. \
            Lists are paged: send the `endCursor` of a page as `after`, or follow the `Link` header.",
        license(name = "MIT", identifier = "MIT"),
        contact(name = "The operators of this instance"),
    ),
    servers((url = "/", description = "This instance, in production or for tests")),
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
                "The accessToken of a session, or a personal access token, or a token of the identity provider. Verified as RFC8725 has it.",
            ))
            .build();
        api.components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// What is served beside the contract, to be read alone.
const BESIDE: [&str; 9] = [
    "/openapi.json",
    "/openapi-3.0.json",
    "/problems",
    "/problems/{type}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/.well-known/jwks.json",
    "/uploads/-/system/achievements/achievement/avatar/{id}/{hash}.png",
];

/// The contract of this build: made by who needs it first.
pub static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::new);

/// What the service promises, and what it knows of its operations from that.
pub struct Contract {
    json: String,
    json_3_0: String,
    /// Each documented path with its methods, as in an `Allow` header.
    paths: Vec<(ResourceDef, String)>,
    operations: Vec<Operation>,
}

/// What is to be known of an operation before it is called.
struct Operation {
    method: Method,
    path: ResourceDef,
    /// A personal access token needs one of these.
    scopes: Vec<Scope>,
    /// Whether it is for anonymous callers too.
    public: bool,
}

impl Contract {
    fn new() -> Self {
        let (_, api) = App::new()
            .into_utoipa_app()
            .openapi(Api::openapi())
            .configure(crate::routes)
            .split_for_parts();
        let mut document = serde_json::to_value(api).unwrap_or_default(); // Made of strings: cannot fail.
        refine::refine(&mut document);
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
        let mut paths: Vec<_> = paths.chain(beside).collect();
        // As they are routed: fixed ones first.
        paths.sort_by_key(|(path, _)| path.pattern().is_some_and(|path| path.contains('{')));
        Self {
            operations: operations(&document),
            json: format!("{document:#}\n"),
            json_3_0: format!("{:#}\n", down::to_3_0(&document)),
            paths,
        }
    }

    /// The document.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The same in OpenAPI 3.0, for generators that read no other.
    pub fn json_3_0(&self) -> &str {
        &self.json_3_0
    }

    /// What a documented path takes, as in an `Allow` header.
    pub fn methods(&self, path: &str) -> Option<&str> {
        let known = self.paths.iter().find(|(known, _)| known.is_match(path));
        known.map(|(_, allowed)| allowed.as_str())
    }

    /// The scopes of which a request needs one.
    pub fn scopes(&self, method: &Method, path: &str) -> &[Scope] {
        let operation =
            |operation: &&Operation| operation.method == method && operation.path.is_match(path);
        match self.operations.iter().find(operation) {
            Some(operation) if operation.scopes.is_empty() => &ANY,
            Some(operation) => &operation.scopes,
            // A page, or nothing at all.
            None if method.is_safe() => &ANY,
            None => &[Scope::Manage],
        }
    }

    /// Whether there are operations at the path.
    pub fn is_documented(&self, path: &str) -> bool {
        self.operations
            .iter()
            .any(|operation| operation.path.is_match(path))
    }

    /// Whether anybody may read what is at the path.
    pub fn is_public(&self, path: &str) -> bool {
        self.public_reads()
            .any(|operation| operation.path.is_match(path))
    }

    /// The same of a route's pattern.
    pub fn is_public_route(&self, route: &str) -> bool {
        self.public_reads()
            .any(|operation| operation.path.pattern() == Some(route))
    }

    fn public_reads(&self) -> impl Iterator<Item = &Operation> {
        self.operations
            .iter()
            .filter(|operation| operation.public && operation.method == Method::GET)
    }
}

/// What an operation needs that says nothing of scopes.
const ANY: [Scope; 3] = [Scope::Read, Scope::Award, Scope::Manage];

/// The operations of the document. Those at fixed paths first, as they are routed.
fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let security = operation["security"].as_array().into_iter().flatten();
            let bearers = security
                .clone()
                .filter_map(|scheme| scheme["bearer"].as_array());
            operations.push(Operation {
                method: Method::from_str(&method.to_uppercase()).unwrap_or_default(),
                path: ResourceDef::new(path.as_str()),
                scopes: bearers
                    .flatten()
                    .filter_map(|scope| Scope::named(scope.as_str()?))
                    .collect(),
                public: security.clone().any(|scheme| scheme == &json!({})),
            });
        }
    }
    operations.sort_by_key(|operation| {
        operation
            .path
            .pattern()
            .is_some_and(|path| path.contains('{'))
    });
    operations
}

pub(crate) fn routes(config: &mut ServiceConfig) {
    let ui = Config::from("/openapi.json")
        .persist_authorization(true)
        .try_it_out_enabled(true);
    config
        .service(openapi_json)
        .service(openapi_3_0_json)
        .service(SwaggerUi::new("/swagger-ui/{_:.*}").config(ui));
}

#[get("/openapi.json")]
async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(CONTRACT.json.as_str())
}

#[get("/openapi-3.0.json")]
async fn openapi_3_0_json() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(CONTRACT.json_3_0.as_str())
}

/// What no route takes: a known address with another method, or an unknown one.
pub async fn unmatched(request: HttpRequest) -> Result<HttpResponse> {
    Err(not_served(&request))
}

fn not_served(request: &HttpRequest) -> Error {
    match CONTRACT.methods(request.match_info().as_str()) {
        Some(allowed) => Error::MethodNotAllowed(request.method().to_string(), allowed.into()),
        None => Error::NotFound,
    }
}

/// What a path is answered whose parameters cannot be read. An operation at a fixed path, such as
/// `/user-achievements/priorities`, also looks like one with an id to the methods that it lacks.
pub fn unreadable(request: &HttpRequest) -> Error {
    let mut patterns = CONTRACT.paths.iter().filter_map(|(path, _)| path.pattern());
    match patterns.any(|path| path == request.match_info().as_str()) {
        true => not_served(request),
        false => Error::NotFound,
    }
}
