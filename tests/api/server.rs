//! The real program in a process of its own, to be killed and started again.

use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use actix_test::Client;
use actix_web::http::Method;
use serde_json::Value;

use crate::app::{Database, FORM, form, free_address};

/// `accolade serve` on a port and a database of its own.
pub struct Server {
    database: Database,
    address: SocketAddr,
    environment: Vec<(String, String)>,
    process: Child,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With these settings too, given by the environment.
    pub async fn start_with(environment: &[(&str, &str)]) -> Self {
        let database = Database::on_disk();
        let address = free_address();
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let environment: Vec<_> = environment.iter().map(owned).collect();
        let process = serve(&database, address, &environment);
        let server = Self {
            database,
            address,
            environment,
            process,
        };
        server.ready().await;
        server
    }

    /// Runs the program with these arguments on the same database.
    pub fn run(&self, arguments: &[&str]) -> Output {
        accolade(&self.database).args(arguments).output().unwrap()
    }

    /// The standard output of [`Server::run`], which must succeed.
    pub fn print(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().into()
    }

    /// `kill -9`, and a start on what is left.
    pub async fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.restart().await;
    }

    /// Starts again after the process has ended.
    pub async fn restart(&mut self) {
        self.process = serve(&self.database, self.address, &self.environment);
        self.ready().await;
    }

    /// Asks the process to stop, and waits until it has.
    pub async fn terminate(&mut self) -> Duration {
        let asked = Instant::now();
        ask_to_stop(&self.process);
        let status = loop {
            match self.process.try_wait().unwrap() {
                Some(status) => break status,
                None => actix_web::rt::time::sleep(Duration::from_millis(10)).await,
            }
        };
        assert!(status.success());
        asked.elapsed()
    }

    /// The most memory that the process has had, in MiB.
    pub fn peak_memory(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    pub fn file(&self, name: &str) -> std::path::PathBuf {
        self.database.directory.path().join(name)
    }

    /// Calls the server. The error is that no whole answer came.
    pub async fn call(
        &self,
        method: Method,
        token: &str,
        path: &str,
        body: Value,
    ) -> Result<(u16, Value), String> {
        call(self.address, method, token, path, body).await
    }

    /// Sends the file as the avatar of the achievement.
    pub async fn put_avatar(&self, token: &str, achievement: i64, file: &[u8]) -> (u16, Value) {
        let path = format!("http://{}/achievements/{achievement}/avatar", self.address);
        let request = client().put(path).bearer_auth(token).force_close();
        let request = request.content_type(FORM);
        let mut response = request.send_body(form(&[("avatar", file)])).await.unwrap();
        let body = response.body().await.unwrap();
        (
            response.status().as_u16(),
            serde_json::from_slice(&body).unwrap(),
        )
    }

    /// What is at an address of ours.
    pub async fn fetch(&self, url: &str) -> (u16, Vec<u8>) {
        let mut response = client().get(url).force_close().send().await.unwrap();
        let body = response.body().limit(16 << 20).await.unwrap();
        (response.status().as_u16(), body.to_vec())
    }

    /// Starts another instance beside this one.
    pub fn another(&self) -> Instance {
        Instance(serve(&self.database, free_address(), &self.environment))
    }

    /// What the server says in plain text.
    pub async fn text(&self, path: &str) -> (u16, String) {
        let client = actix_test::Client::default();
        let url = format!("http://{}{path}", self.address);
        let mut response = client.get(url).send().await.unwrap();
        let body = response.body().await.unwrap();
        (
            response.status().as_u16(),
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    async fn ready(&self) {
        let began = Instant::now();
        while !matches!(
            self.call(Method::GET, "", "/readyz", Value::Null).await,
            Ok((200, _))
        ) {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the server did not start"
            );
            actix_web::rt::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Another instance on the same database, until it is dropped.
pub struct Instance(Child);

impl Instance {
    /// Asks it to stop, and waits until it has.
    pub fn terminate(&mut self) {
        ask_to_stop(&self.0);
        self.0.wait().unwrap();
    }
}

fn ask_to_stop(process: &Child) {
    let mut kill = Command::new("kill");
    kill.args(["-TERM", &process.id().to_string()]);
    assert!(kill.status().unwrap().success());
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn client() -> Client {
    thread_local! {
        static CLIENT: Client = Client::builder().timeout(Duration::from_secs(60)).finish();
    }
    CLIENT.with(Client::clone)
}

/// Calls the server at the address.
pub async fn call(
    address: SocketAddr,
    method: Method,
    token: &str,
    path: &str,
    body: Value,
) -> Result<(u16, Value), String> {
    let request = client().request(method, format!("http://{address}{path}"));
    let request = if token.is_empty() {
        request
    } else {
        request.bearer_auth(token)
    };
    let sent = if body.is_null() {
        request.send()
    } else {
        request.send_json(&body)
    };
    let mut response = sent.await.map_err(|error| error.to_string())?;
    let body = response.body().await.map_err(|error| error.to_string())?;
    Ok((
        response.status().as_u16(),
        serde_json::from_slice(&body).unwrap_or_default(),
    ))
}

fn serve(database: &Database, address: SocketAddr, environment: &[(String, String)]) -> Child {
    accolade(database)
        .args(["serve", "--listen", &address.to_string()])
        .env("ACCOLADE_ACHIEVEMENTS", "enabled")
        .env("RUST_LOG", "warn")
        .envs(environment.iter().cloned())
        .stderr(
            match environment.iter().any(|(name, _)| name == "RUST_LOG") {
                true => log(database).into(),
                false => Stdio::inherit(),
            },
        )
        .spawn()
        .unwrap()
}

/// Where the log goes of who asks for one.
fn log(database: &Database) -> std::fs::File {
    let log = database.directory.path().join("log");
    let mut options = std::fs::File::options();
    options.create(true).append(true).open(log).unwrap()
}

fn accolade(database: &Database) -> Command {
    // Where a file may grow no more, a write is to fail, not to end the process.
    let mut command = Command::new("bash");
    command.args([
        "-c",
        "trap '' XFSZ; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_accolade"),
    ]);
    command
        .env("ACCOLADE_DATA_DIR", database.directory.path())
        .env("ACCOLADE_LISTEN", "127.0.0.1:0")
        .env("DATABASE_URL", &database.url);
    command
}
