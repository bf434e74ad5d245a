//! The service under test: on a port and a database of its own, with what it can create.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use accolade::Accolade;
use accolade::auth::{Caller, Role};
use accolade::avatars::Avatars;
use accolade::config::Config;
use accolade::db::Db;
use accolade::feature_flags::set_achievements;
use accolade::personal_access_tokens;
use accolade::scopes::Scopes;
use accolade::time::now;
use accolade::tokens::Keys;
use accolade::users::{self, CreateUser};
use actix_test::TestServer;
use actix_web::http::Method;
use actix_web::rt;
use diesel::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The service with a database of its own: SQLite in a directory in memory, or a database of the
/// PostgreSQL server at `TEST_DATABASE_URL`.
pub struct TestApp {
    server: TestServer,
    pub accolade: Accolade,
    root: User,
    /// Where its files are.
    pub database: Database,
}

/// Somebody who calls the service.
#[derive(Clone)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub token: String,
}

/// Nobody: calls without a token.
pub const ANONYMOUS: Option<&User> = None;

pub struct Response {
    pub status: u16,
    pub headers: actix_web::http::header::HeaderMap,
    /// Null where the answer has no body or another media type.
    pub json: Value,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The fields that a problem lists.
    pub fn fields(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_array().expect("errors");
        errors
            .iter()
            .map(|error| error["field"].as_str().unwrap())
            .collect()
    }

    /// One member of every node of a page.
    pub fn nodes(&self, member: &str) -> Vec<Value> {
        let nodes = self.json["nodes"]
            .as_array()
            .unwrap_or_else(|| panic!("no page: {}", self.json));
        nodes
            .iter()
            .map(|node| node.pointer(member).cloned().unwrap_or(Value::Null))
            .collect()
    }

    pub fn id(&self) -> i64 {
        self.json["id"]
            .as_i64()
            .unwrap_or_else(|| panic!("{}: {}", self.status, self.json))
    }
}

impl TestApp {
    /// With achievements turned on.
    pub async fn new() -> Self {
        let app = Self::fresh().await;
        app.accolade
            .db
            .write(|conn| set_achievements(true, conn))
            .await
            .unwrap();
        app
    }

    /// As it is after the first start: with one administrator, `root`.
    pub async fn fresh() -> Self {
        Self::with(Config::new("https://accolade.test").unwrap()).await
    }

    /// The same with other settings.
    pub async fn with(config: Config) -> Self {
        let database = Database::create();
        let (server, accolade) = start(config, &database);
        let root = create_user(&accolade, "root", true).await;
        Self {
            server,
            accolade,
            root,
            database,
        }
    }

    /// Another instance beside this one, on the same database and files.
    pub fn another(&self) -> Self {
        self.beside(Config::new("https://accolade.test").unwrap())
    }

    /// The same with other settings.
    pub fn beside(&self, config: Config) -> Self {
        let (server, accolade) = start(config, &self.database);
        Self {
            server,
            accolade,
            root: self.root(),
            database: self.database.clone(),
        }
    }

    /// The administrator.
    pub fn root(&self) -> User {
        self.root.clone()
    }

    pub async fn user(&self, username: &str) -> User {
        create_user(&self.accolade, username, false).await
    }

    /// A private top-level namespace in which the user has the role. Its owner is root.
    pub async fn namespace(&self, path: &str, user: &User, role: Role) -> i64 {
        self.namespace_of(path, None, "private", user, role).await
    }

    pub async fn public_namespace(&self, path: &str, user: &User, role: Role) -> i64 {
        self.namespace_of(path, None, "public", user, role).await
    }

    pub async fn namespace_of(
        &self,
        path: &str,
        parent: Option<i64>,
        visibility: &str,
        user: &User,
        role: Role,
    ) -> i64 {
        let body =
            json!({ "path": path, "name": path, "parentId": parent, "visibility": visibility });
        let id = self.post(&self.root, "/namespaces", body).await.id();
        if user.id != self.root.id {
            self.member(id, user, role).await;
        }
        id
    }

    /// Gives the user the role.
    pub async fn member(&self, namespace: i64, user: &User, role: Role) {
        let path = format!("/namespaces/{namespace}/members/{}", user.id);
        let role = format!("{role:?}").to_lowercase();
        assert_eq!(
            self.put(&self.root, &path, json!({ "role": role }))
                .await
                .status,
            200
        );
    }

    /// An achievement of the namespace.
    pub async fn achievement(&self, namespace: i64, name: &str) -> i64 {
        self.post(
            &self.root,
            &format!("/namespaces/{namespace}/achievements"),
            json!({ "name": name }),
        )
        .await
        .id()
    }

    /// A pending award by root.
    pub async fn award(&self, achievement: i64, user: &User) -> i64 {
        self.post(
            &self.root,
            &format!("/achievements/{achievement}/award"),
            json!({ "userId": user.id }),
        )
        .await
        .id()
    }

    /// An award that the user has accepted.
    pub async fn accepted(&self, achievement: i64, user: &User) -> i64 {
        let id = self.award(achievement, user).await;
        assert_eq!(
            self.post(
                user,
                &format!("/user-achievements/{id}/accept"),
                Value::Null
            )
            .await
            .status,
            200
        );
        id
    }

    /// An accepted award that the user has hidden.
    pub async fn hidden(&self, achievement: i64, user: &User) -> i64 {
        let id = self.accepted(achievement, user).await;
        let body = json!({ "showOnProfile": false });
        assert_eq!(
            self.patch(user, &format!("/user-achievements/{id}"), body)
                .await
                .status,
            200
        );
        id
    }

    /// An award that the user has declined.
    pub async fn declined(&self, achievement: i64, user: &User) -> i64 {
        let id = self.award(achievement, user).await;
        assert_eq!(
            self.post(
                user,
                &format!("/user-achievements/{id}/decline"),
                Value::Null
            )
            .await
            .status,
            200
        );
        id
    }

    /// An accepted award that root has revoked.
    pub async fn revoked(&self, achievement: i64, user: &User) -> i64 {
        let id = self.accepted(achievement, user).await;
        assert_eq!(
            self.post(
                &self.root,
                &format!("/user-achievements/{id}/revoke"),
                Value::Null
            )
            .await
            .status,
            200
        );
        id
    }

    pub async fn get<'a>(&self, user: impl Into<Option<&'a User>>, path: &str) -> Response {
        self.call(Method::GET, user, path, Value::Null).await
    }

    pub async fn post<'a>(
        &self,
        user: impl Into<Option<&'a User>>,
        path: &str,
        body: Value,
    ) -> Response {
        self.call(Method::POST, user, path, body).await
    }

    pub async fn put<'a>(
        &self,
        user: impl Into<Option<&'a User>>,
        path: &str,
        body: Value,
    ) -> Response {
        self.call(Method::PUT, user, path, body).await
    }

    pub async fn patch<'a>(
        &self,
        user: impl Into<Option<&'a User>>,
        path: &str,
        body: Value,
    ) -> Response {
        self.call(Method::PATCH, user, path, body).await
    }

    pub async fn delete<'a>(&self, user: impl Into<Option<&'a User>>, path: &str) -> Response {
        self.call(Method::DELETE, user, path, Value::Null).await
    }

    /// Calls the service; a body that is not null is sent as JSON.
    pub async fn call<'a>(
        &self,
        method: Method,
        user: impl Into<Option<&'a User>>,
        path: &str,
        body: Value,
    ) -> Response {
        self.call_with(&[], method, user, path, body).await
    }

    /// The same with more headers.
    pub async fn call_with<'a>(
        &self,
        headers: &[(&str, &str)],
        method: Method,
        user: impl Into<Option<&'a User>>,
        path: &str,
        body: Value,
    ) -> Response {
        let token = user.into().map(|user| format!("Bearer {}", user.token));
        let mut headers = headers.to_vec();
        headers.extend(token.iter().map(|token| ("Authorization", token.as_str())));
        let body = if body.is_null() {
            Vec::new()
        } else {
            headers.push(("Content-Type", "application/json"));
            body.to_string().into_bytes()
        };
        self.send(method, path, &headers, body).await
    }

    /// Sends the parts as a form.
    pub async fn form<'a>(
        &self,
        method: Method,
        user: impl Into<Option<&'a User>>,
        path: &str,
        parts: &[(&str, &[u8])],
    ) -> Response {
        let token = user.into().map(|user| format!("Bearer {}", user.token));
        let mut headers: Vec<_> = token
            .iter()
            .map(|token| ("Authorization", token.as_str()))
            .collect();
        headers.push(("Content-Type", FORM));
        self.send(method, path, &headers, form(parts)).await
    }

    /// Sets the avatar of the achievement. Answers its address, without the base URL.
    pub async fn avatar(&self, achievement: i64, file: &[u8]) -> String {
        let path = format!("/achievements/{achievement}/avatar");
        let parts = [("avatar", file)];
        let response = self.form(Method::PUT, &self.root, &path, &parts).await;
        let url = response.json["avatarUrl"].as_str();
        let url = url.unwrap_or_else(|| panic!("{}: {}", response.status, response.json));
        url.strip_prefix("https://accolade.test").unwrap().into()
    }

    /// The files of all avatars, as `key/name`, sorted.
    pub fn avatar_files(&self) -> Vec<String> {
        let folder = self.avatar_folder();
        let mut files = Vec::new();
        for key in folder.read_dir().unwrap() {
            let key = key.unwrap().path();
            // An empty folder that was left is to be seen, too.
            files.push(key.clone());
            files.extend(key.read_dir().unwrap().map(|file| file.unwrap().path()));
        }
        let name = |file: PathBuf| file.strip_prefix(&folder).unwrap().display().to_string();
        let mut files: Vec<_> = files.into_iter().map(name).collect();
        files.sort();
        files
    }

    pub fn avatar_folder(&self) -> PathBuf {
        self.database.directory.path().join("avatars")
    }

    pub fn address(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Sends exactly this.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Response {
        let url = self.server.url(path);
        let request = headers
            .iter()
            .fold(awc(&self.server, method, url), |request, (name, value)| {
                request.insert_header((*name, *value))
            });
        let mut response = request.send_body(body).await.expect("an answer");
        let body = response
            .body()
            .limit(16 << 20)
            .await
            .expect("a body")
            .to_vec();
        let headers = response.headers().clone();
        let media_type = headers
            .get("content-type")
            .map_or("", |value| value.to_str().unwrap());
        let json = match media_type {
            // The answer to a HEAD has none.
            "application/json" | "application/problem+json" if !body.is_empty() => {
                serde_json::from_slice(&body).expect("JSON")
            }
            _ => Value::Null,
        };
        let status = response.status().as_u16();
        if status >= 400 && !body.is_empty() {
            assert_eq!(media_type, "application/problem+json", "{path}");
            assert_eq!(json["status"], status, "{path}");
        }
        Response {
            status,
            headers,
            json,
            body,
        }
    }
}

/// Waits until the service stamps what happens with another time: it knows milliseconds.
pub async fn next_moment() {
    let before = now();
    while now() == before {
        rt::time::sleep(Duration::from_micros(200)).await;
    }
}

/// An address on this machine that nobody listens at. Its port is below those that the system gives to
/// connections, so that it stays free until it is bound.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() as u16 % 12_000;
    loop {
        let next = (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 20_000 + next));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// An instance on the database.
pub fn open(config: Config, database: &Database) -> Accolade {
    let folder = database.directory.path();
    let db = Db::open(&database.url, None, 2).unwrap();
    let keys = Keys::from_file(&folder.join("signing-key.pem")).unwrap();
    let avatars = Avatars::open(None, &folder.join("avatars")).unwrap();
    Accolade::new(config, db, keys, avatars).unwrap()
}

/// The same on a port of its own.
fn start(config: Config, database: &Database) -> (TestServer, Accolade) {
    let accolade = open(config, database);
    let shared = accolade.clone();
    let server = actix_test::start(move || accolade::app(shared.clone()));
    (server, accolade)
}

fn awc(server: &TestServer, method: Method, url: String) -> actix_test::ClientRequest {
    server
        .request(method, url)
        .timeout(std::time::Duration::from_secs(60))
}

async fn create_user(accolade: &Accolade, username: &str, admin: bool) -> User {
    let email = format!("{username}@example.com");
    let input = CreateUser::checked(username, &email, Some(username), None, admin).unwrap();
    let keys = accolade.keys.clone();
    let (username, (id, token)) = (
        username.to_owned(),
        accolade
            .db
            .write(move |conn| {
                let user = users::create(&input, None, conn)?;
                let token =
                    personal_access_tokens::create(user.id, "Test", Scopes::ALL, None, conn)?;
                Ok((user.id, token.sign(user.id, &keys)?))
            })
            .await
            .unwrap(),
    );
    User {
        id,
        username,
        token,
    }
}

impl From<&User> for Caller {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            admin: false,
            scopes: Scopes::ALL,
        }
    }
}

/// The media type of [`form`].
pub const FORM: &str = "multipart/form-data; boundary=between";

/// The parts, by name, as a form. The avatar is a file.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let file = match *name {
            "avatar" => "; filename=\"avatar\"\r\nContent-Type: application/octet-stream",
            _ => "",
        };
        let head =
            format!("--between\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--between--\r\n");
    body
}

/// A database that goes with its test, and a directory for files.
#[derive(Clone)]
pub struct Database {
    pub url: String,
    pub directory: Arc<TempDir>,
}

impl Database {
    /// In memory where it is SQLite: a flush costs nothing.
    pub fn create() -> Self {
        Self::create_in("/dev/shm".as_ref())
    }

    /// Where a flush is one.
    pub fn on_disk() -> Self {
        Self::create_in(&std::env::temp_dir())
    }

    fn create_in(folder: &Path) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let directory = tempfile::Builder::new()
            .prefix("accolade")
            .tempdir_in(folder)
            .unwrap();
        let directory = Arc::new(directory);
        let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
            let url = format!("sqlite://{}/accolade.db", directory.path().display());
            return Self { url, directory };
        };
        let name = format!(
            "test_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let mut connection =
            PgConnection::establish(&server).expect("the server at TEST_DATABASE_URL");
        diesel::sql_query(format!("CREATE DATABASE {name}"))
            .execute(&mut connection)
            .unwrap();
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        Self {
            url: url.into(),
            directory,
        }
    }
}
