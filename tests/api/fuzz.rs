//! Random requests made from the contract: valid, nearly valid and garbage. Whatever is sent, the answer
//! is one that the contract lists, and never a fault of ours.
//!
//! FUZZ_REQUESTS says how many (`tests/run fuzz` sends 20,000, `tests/soak fuzz` 100,000). They are the same each time, so that a
//! change is judged by what it changes; another FUZZ_SEED makes others.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use accolade::auth::Role;
use accolade::openapi::CONTRACT;
use accolade::time::now;
use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::Method;
use actix_web::test::TestRequest;
use actix_web::{Error, test};
use chrono::TimeDelta;
use fastrand::Rng;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::app::{TestApp, User, form};

/// What the suite sends where nobody says how many.
const REQUESTS: usize = 5_000;
/// How many requests a world lasts.
const ROUND: usize = 1_000;
/// What there is in it, by name.
const KNOWN: [&str; 8] = [
    "ada",
    "grace",
    "root",
    "compilers",
    "compilers/llvm",
    "secret",
    "achievements",
    "First merge",
];

/// An operation of the contract.
struct Operation {
    id: String,
    method: Method,
    path: String,
    parameters: Vec<Value>,
    /// The schema of its JSON body, and of its form.
    json: Option<Value>,
    form: Option<Value>,
    /// What each status answers: nothing, or a media type and its schema.
    answers: HashMap<u16, Option<(String, Rc<Validator>)>>,
    headers: HashMap<u16, Vec<String>>,
}

fn operations(contract: &Value) -> Vec<Operation> {
    let mut validators: BTreeMap<String, Rc<Validator>> = BTreeMap::new();
    let mut validator = |schema: &Value| {
        let compile = || {
            let mut root = schema.clone();
            root["components"] = contract["components"].clone();
            let validator = jsonschema::options().should_validate_formats(true);
            Rc::new(validator.build(&root).unwrap())
        };
        validators
            .entry(schema.to_string())
            .or_insert_with(compile)
            .clone()
    };
    let mut operations = Vec::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let content = &operation["requestBody"]["content"];
            let schema = |media_type: &str| {
                let schema = content.get(media_type).map(|content| &content["schema"]);
                schema.map(|schema| resolve(contract, schema).clone())
            };
            let (mut answers, mut headers) = (HashMap::new(), HashMap::new());
            for (status, response) in operation["responses"].as_object().unwrap() {
                let status: u16 = status.parse().unwrap();
                let content = response["content"]
                    .as_object()
                    .and_then(|all| all.iter().next());
                let answer = content.map(|(media_type, content)| {
                    (media_type.clone(), validator(&content["schema"]))
                });
                answers.insert(status, answer);
                let names = response["headers"].as_object().into_iter().flatten();
                headers.insert(status, names.map(|(name, _)| name.clone()).collect());
            }
            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().into(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                parameters: operation["parameters"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default(),
                json: schema("application/json"),
                form: schema("multipart/form-data"),
                answers,
                headers,
            });
        }
    }
    operations
}

fn resolve<'a>(contract: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => contract.pointer(&reference[1..]).unwrap(),
        None => schema,
    }
}

/// What is random about requests, and what there is to ask for.
struct Fuzzer {
    rng: Rng,
    contract: Value,
    callers: Vec<Option<String>>,
    tags: Vec<String>,
}

/// Text that has broken something somewhere.
const GARBAGE: [&str; 28] = [
    "",
    " ",
    "null",
    "true",
    "0",
    "-1",
    "1e400",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999999",
    "%00",
    "\u{0}",
    "\u{feff}",
    "\u{202e}abc",
    "é́́́",
    "🏅🏅🏅",
    "' OR 1=1 --",
    "\"; DROP TABLE users; --",
    "../../etc/passwd",
    "..%2f..",
    "%",
    "%zz",
    "<script>",
    "\r\nX-Injected: 1",
    "{}",
    "[]",
    "a/b/c",
    "ß",
];

impl Fuzzer {
    fn garbage(&mut self) -> String {
        match self.rng.u8(..10) {
            0 => "x".repeat(self.rng.usize(..3000)),
            1 => (0..self.rng.usize(..40))
                .map(|_| self.rng.char(..))
                .collect(),
            _ => self.rng.choice(GARBAGE).unwrap().to_owned(),
        }
    }

    /// A value by the schema; now and then one that is nearly so, or not at all.
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        let schema = resolve(&self.contract, schema).clone();
        match self.rng.u8(..150) {
            0 => return Value::Null,
            1 => return self.garbage().into(),
            2 => return json!(self.rng.i64(..)),
            3 => return json!(self.rng.f64() * 1e300),
            4 => return json!([self.garbage(), null, {}]),
            5 => return (0..depth * 40).fold(json!({}), |inner, _| json!({ "a": inner })),
            _ => {}
        }
        match schema["type"].as_str().unwrap_or_default() {
            "object" => {
                let mut members = Map::new();
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                for (name, member) in schema["properties"].as_object().into_iter().flatten() {
                    let needed = required.iter().any(|required| required == name);
                    if self.rng.u8(..20) < if needed { 19 } else { 8 } {
                        members.insert(name.clone(), self.value(member, depth + 1));
                    }
                }
                if self.rng.u8(..40) == 0 {
                    members.insert(self.garbage(), self.garbage().into());
                }
                Value::Object(members)
            }
            "array" => {
                let length = if self.rng.u8(..50) == 0 {
                    1100
                } else {
                    self.rng.usize(..4)
                };
                (0..length)
                    .map(|_| self.value(&schema["items"], depth + 1))
                    .collect()
            }
            "integer" => match self.rng.u8(..8) {
                0 => schema["maximum"].clone(),
                1 => json!(self.rng.i64(-2..200)),
                _ => json!(self.rng.i64(1..12)),
            },
            "boolean" => self.rng.bool().into(),
            _ => self.text(&schema).into(),
        }
    }

    fn text(&mut self, schema: &Value) -> String {
        let examples = schema["examples"].as_array().cloned().unwrap_or_default();
        let values = schema["x-extensible-enum"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let candidates: Vec<_> = examples
            .iter()
            .chain(&values)
            .filter_map(Value::as_str)
            .collect();
        let longest = schema["maxLength"].as_u64().unwrap_or(64) as usize;
        match self.rng.u8(..20) {
            0 => "é".repeat(longest),
            1 => "x".repeat(longest + 1),
            2 => self.garbage(),
            3 => self.rng.choice(KNOWN).unwrap().to_owned(),
            4 => format!("n{}", self.rng.u32(..100_000)),
            _ => candidates
                .get(self.rng.usize(..candidates.len().max(1)))
                .map_or_else(
                    || format!("n{}", self.rng.u32(..100_000)),
                    |text| (*text).to_owned(),
                ),
        }
    }

    fn request(&mut self, operation: &Operation) -> (TestRequest, String) {
        let mut path = operation.path.clone();
        let (mut query, mut headers) = (Vec::new(), Vec::new());
        for parameter in &operation.parameters {
            let name = parameter["name"].as_str().unwrap();
            match parameter["in"].as_str().unwrap() {
                "path" => {
                    let value = match self.rng.u8(..12) {
                        0 => encoded(&self.garbage()),
                        1 => "999999".into(),
                        2..=4 => encoded(self.rng.choice(KNOWN).unwrap()),
                        _ if name == "token" => {
                            self.tags[self.rng.usize(..self.tags.len())].clone()
                        }
                        _ => self.rng.i64(1..9).to_string(),
                    };
                    path = path.replace(&format!("{{{name}}}"), &value);
                }
                "query" if self.rng.u8(..3) == 0 => {
                    let value = match self.value(&parameter["schema"], 0) {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    query.push(format!("{name}={}", encoded(&value)));
                }
                "header" if self.rng.u8(..3) == 0 => {
                    let value = match self.rng.u8(..4) {
                        0 => self.garbage(),
                        1 => "*".into(),
                        2 => format!("k{}", self.rng.u8(..40)),
                        _ => self.tags[self.rng.usize(..self.tags.len())].clone(),
                    };
                    headers.push((name.to_owned(), value));
                }
                _ => {}
            }
        }
        if self.rng.u8(..40) == 0 {
            query.push(format!(
                "{}={}",
                encoded(&self.garbage()),
                encoded(&self.garbage())
            ));
        }
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        // Text that no address can hold is no request.
        let uri = path
            .parse()
            .unwrap_or_else(|_| "/".parse::<actix_web::http::Uri>().unwrap());
        let mut request = TestRequest::default()
            .method(operation.method.clone())
            .uri(&uri.to_string());
        let caller = self.rng.usize(..self.callers.len());
        if let Some(token) = &self.callers[caller] {
            request = request.insert_header(("Authorization", format!("Bearer {token}")));
        } else if self.rng.u8(..10) == 0 {
            headers.push(("Authorization".into(), self.garbage()));
        }
        for (name, value) in headers {
            if let Ok(value) = actix_web::http::header::HeaderValue::from_str(&value) {
                request = request.insert_header((name, value));
            }
        }
        let (request, body) = self.body(operation, request);
        (
            request,
            format!("{} {path} by caller {caller} {body}", operation.method),
        )
    }

    fn body(&mut self, operation: &Operation, request: TestRequest) -> (TestRequest, String) {
        let Some(schema) = operation.json.as_ref().or(operation.form.as_ref()) else {
            return (request, String::new());
        };
        let as_form = operation.json.is_none() || operation.form.is_some() && self.rng.bool();
        let media_type = match self.rng.u8(..40) {
            0 => "text/plain".into(),
            1 => self
                .garbage()
                .replace(|character: char| !character.is_ascii_graphic(), ""),
            _ if as_form => crate::app::FORM.into(),
            _ => "application/json".into(),
        };
        let schema = if as_form {
            operation.form.as_ref().unwrap_or(schema)
        } else {
            schema
        };
        let value = self.value(schema, 0);
        let mut body = match &value {
            Value::Object(members) if as_form => {
                let parts: Vec<_> = members
                    .iter()
                    .map(|(name, value)| {
                        let name = name.replace(['"', '\r', '\n'], "");
                        let text = value
                            .as_str()
                            .map_or_else(|| value.to_string(), String::from);
                        (name, text.into_bytes())
                    })
                    .collect();
                let parts: Vec<_> = parts
                    .iter()
                    .map(|(name, text)| (name.as_str(), &text[..]))
                    .collect();
                form(&parts)
            }
            value => value.to_string().into_bytes(),
        };
        match self.rng.u8(..60) {
            0 => body.truncate(body.len() / 2),
            1 if !body.is_empty() => {
                let place = self.rng.usize(..body.len());
                body[place] = self.rng.u8(..);
            }
            2 => body = vec![b'['; 20_000],
            3 => body.resize(300 * 1024, b' '),
            _ => {}
        }
        let shown = String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
        (
            request
                .insert_header(("Content-Type", media_type))
                .set_payload(body),
            shown,
        )
    }
}

/// Every byte that is no letter or digit, as `%XX`.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => (byte as char).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// What is wrong with the answer, by the contract.
fn judge(
    operation: &Operation,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<(), String> {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    if status >= 500 {
        return Err("a fault of ours".into());
    }
    let answer = operation
        .answers
        .get(&status)
        .ok_or("a status that is not in the contract")?;
    for name in &operation.headers[&status] {
        let sometimes = ["Link", "Idempotent-Replayed"].contains(&name.as_str());
        if !sometimes && header(name).is_none() {
            return Err(format!("no {name}"));
        }
    }
    let Some((media_type, validator)) = answer else {
        return if body.is_empty() {
            Ok(())
        } else {
            Err("a body".into())
        };
    };
    if header("content-type").is_none_or(|(_, value)| value != media_type) {
        return Err("another content type".into());
    }
    let json: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if status >= 400 && json["status"] != status {
        return Err("a problem of another status".into());
    }
    if status == 422 && json["type"] == "/problems/validation-failed" && json["errors"][0].is_null()
    {
        return Err("no field is named".into());
    }
    validator
        .validate(&json)
        .map_err(|error| format!("{error} at {}", error.instance_path()))
}

/// The service, called without a network.
async fn send<R, B: MessageBody>(
    service: &impl Service<R, Response = ServiceResponse<B>, Error = Error>,
    request: R,
) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let response = match test::try_call_service(service, request).await {
        Ok(response) => response,
        Err(error) => {
            return (
                error.error_response().status().as_u16(),
                Vec::new(),
                Vec::new(),
            );
        }
    };
    let status = response.status().as_u16();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| {
        (
            name.to_string(),
            value.to_str().unwrap_or_default().to_owned(),
        )
    });
    let headers = headers.collect();
    (status, headers, test::read_body(response).await.to_vec())
}

/// The memory of this process that is in use, in bytes.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// A few people, groups, achievements and awards in every status; the ids are all below 9.
async fn world(app: &TestApp) -> Vec<User> {
    let users = [
        app.user("ada").await,
        app.user("grace").await,
        app.user("linus").await,
    ];
    let [ada, grace, linus] = &users;
    let compilers = app.public_namespace("compilers", grace, Role::Owner).await;
    let secret = app.namespace("secret", linus, Role::Maintainer).await;
    app.namespace_of("llvm", Some(compilers), "internal", grace, Role::Owner)
        .await;
    for (namespace, name) in [(compilers, "First merge"), (secret, "Hidden talent")] {
        let achievement = app.achievement(namespace, name).await;
        app.award(achievement, ada).await;
        app.accepted(achievement, ada).await;
        app.hidden(achievement, grace).await;
        app.revoked(achievement, linus).await;
    }
    users.into_iter().chain([app.root()]).collect()
}

#[actix_web::test]
async fn whatever_is_sent_the_answer_is_in_the_contract() {
    let number =
        |name: &str| -> Option<u64> { std::env::var(name).ok().map(|text| text.parse().unwrap()) };
    let requests = number("FUZZ_REQUESTS").map_or(REQUESTS, |number| number as usize);
    let seed = number("FUZZ_SEED").unwrap_or(1);
    println!("FUZZ_SEED={seed} FUZZ_REQUESTS={requests}");
    let contract: Value = serde_json::from_str(CONTRACT.json()).unwrap();
    let operations = operations(&contract);
    let mut fuzzer = Fuzzer {
        rng: Rng::with_seed(seed),
        contract,
        callers: Vec::new(),
        tags: vec!["\"stale\"".into()],
    };
    let mut report = Report::default();
    let mut before = 0;

    let rounds = requests.div_ceil(ROUND);
    for round in 0..rounds {
        fuzz(&mut fuzzer, &operations, &mut report).await;
        if round == rounds / 4 {
            before = resident();
        }
        if round % 10 == 9 {
            println!("{} requests, {} MiB", (round + 1) * ROUND, resident() >> 20);
        }
    }

    let Report {
        statuses,
        succeeded,
        wrong,
    } = report;
    println!("{statuses:?}\n{succeeded:?}");
    let shown = wrong
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        wrong.is_empty(),
        "{} wrong with FUZZ_SEED={seed}:\n{shown}",
        wrong.len()
    );
    let grown = resident().saturating_sub(before) >> 20;
    println!("memory grew by {grown} MiB in the last three quarters");
    // In the suite the other tests of this process take and leave memory too.
    if requests > REQUESTS {
        assert!(grown < 64, "memory grew by {grown} MiB");
    }
    // A fuzzer that is always refused tests nothing.
    assert!(succeeded.len() * 4 > operations.len() * 3, "{succeeded:?}");
}

/// What came of the requests.
#[derive(Default)]
struct Report {
    statuses: BTreeMap<u16, usize>,
    succeeded: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

/// Fuzzes a world of its own, while there is something left of it.
async fn fuzz(fuzzer: &mut Fuzzer, operations: &[Operation], report: &mut Report) {
    let app = TestApp::new().await;
    let users = world(&app).await;
    let service = test::init_service(accolade::app(app.accolade.clone())).await;
    // Sessions, which nobody revokes by accident.
    let session = |user: &User| {
        let later = now() + TimeDelta::hours(1);
        app.accolade.keys.sign(user.id, None, now(), later).unwrap()
    };
    fuzzer.callers = users
        .iter()
        .map(|user| Some(session(user)))
        .chain([None])
        .collect();
    for _ in 0..ROUND {
        let operation = &operations[fuzzer.rng.usize(..operations.len())];
        // What would end the world ends with it: now and then is often enough.
        let ends = operation.id.starts_with("delete") || operation.id == "updateUser";
        let operation = match ends && fuzzer.rng.u8(..10) != 0 {
            true => &operations[fuzzer.rng.usize(..operations.len())],
            false => operation,
        };
        let (request, shown) = fuzzer.request(operation);
        let (status, headers, body) = send(&service, request.to_request()).await;
        *report.statuses.entry(status).or_default() += 1;
        if status < 400 {
            *report.succeeded.entry(operation.id.clone()).or_default() += 1;
        }
        if let Err(reason) = judge(operation, status, &headers, &body) {
            let body = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
            let shown: String = shown.chars().take(400).collect();
            let reason: String = reason.chars().take(200).collect();
            report.wrong.push(format!(
                "{} {reason}: {shown}\n  {status} {body}",
                operation.id
            ));
        }
        if let Some((_, tag)) = headers.iter().find(|(name, _)| name == "etag") {
            fuzzer.tags.truncate(50);
            fuzzer.tags.insert(0, tag.clone());
        }
        if operation.id == "putFeatureFlag" && status < 400 {
            let on = json!({ "enabled": true });
            app.put(&app.root(), "/feature-flags/achievements", on)
                .await;
        }
    }
}
