//! The database itself: migrations, and what clients are told when it fails.

use std::cell::Cell;
use std::process::Command;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use accolade::db::Db;
use accolade::error::Error;
use actix_web::http::Method;
use actix_web::{ResponseError, rt};
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel_migrations::{FileBasedMigrations, MigrationHarness};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::app::{Database, TestApp};
use crate::server::Server;

#[test]
fn instances_that_start_at_once_migrate_once() {
    let database = Database::create();
    let migrate = || {
        let mut accolade = Command::new(env!("CARGO_BIN_EXE_accolade"));
        accolade
            .arg("migrate")
            .env("DATABASE_URL", &database.url)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };

    let started: Vec<_> = (0..6).map(|_| migrate()).collect();

    for process in started {
        let output = process.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn every_migration_is_reversible() {
    fn there_and_back<C, B>(connection: &mut C, folder: &str)
    where
        B: diesel::backend::Backend,
        C: MigrationHarness<B>,
        FileBasedMigrations: MigrationSource<B>,
    {
        let migrations = || FileBasedMigrations::from_path(folder).unwrap();
        connection.run_pending_migrations(migrations()).unwrap();
        connection.revert_all_migrations(migrations()).unwrap();
        connection.run_pending_migrations(migrations()).unwrap();
    }
    let database = Database::create();

    match database.url.strip_prefix("sqlite://") {
        Some(path) => there_and_back(
            &mut SqliteConnection::establish(path).unwrap(),
            "migrations/sqlite",
        ),
        None => there_and_back(
            &mut PgConnection::establish(&database.url).unwrap(),
            "migrations/postgres",
        ),
    }
}

#[test]
fn both_databases_have_the_same_migrations() {
    let names = |folder: &str| {
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut names: Vec<_> = files
            .map(|path| path.file_name().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };

    assert_eq!(names("migrations/sqlite"), names("migrations/postgres"));
}

#[actix_web::test]
async fn a_schema_that_is_newer_than_the_program_is_left_alone() {
    let server = Server::start().await;
    server.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");

    let output = server.run(&["migrate"]);

    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        message.contains("its schema is newer (99990101000000)"),
        "{message}"
    );
}

#[actix_web::test]
async fn a_locked_database_is_a_503_after_a_while() {
    let server = Server::start().await;
    let root = root(&server);
    let body = json!({ "path": "compilers", "name": "Compilers" });

    let lock = server.lock();
    let (status, problem) = server
        .call(Method::POST, &root, "/namespaces", body.clone())
        .await
        .unwrap();
    drop(lock);

    assert_eq!(
        (status, &problem["type"]),
        (503, &json!("/problems/unavailable")),
        "{problem}"
    );
    assert_eq!(
        server
            .call(Method::POST, &root, "/namespaces", body)
            .await
            .unwrap()
            .0,
        201
    );
}

#[actix_web::test]
async fn a_database_that_fails_is_a_503_and_serves_again_once_it_is_back() {
    let server = Server::start().await;
    let root = root(&server);
    let create = async |path: String| {
        let body = json!({ "path": path, "name": "x".repeat(200) });
        server
            .call(Method::POST, &root, "/namespaces", body)
            .await
            .unwrap()
    };

    server.break_database();
    let mut refused = Vec::new();
    for number in 0..3 {
        let (status, problem) = create(format!("broken-{number}")).await;
        if status != 201 {
            refused.push((status, problem["type"].clone()));
        }
    }
    server.mend_database();

    assert_eq!(refused.len(), 3);
    let unavailable = (503, json!("/problems/unavailable"));
    assert!(
        refused.iter().all(|answer| *answer == unavailable),
        "{refused:?}"
    );
    let mended = Instant::now();
    let mut last = create("mended".into()).await;
    // Each connection of the pool learns of the failure by itself.
    while last.0 == 503 && mended.elapsed() < Duration::from_secs(10) {
        last = create("mended".into()).await;
    }
    assert_eq!(last.0, 201, "{}", last.1);
    assert_eq!(
        server
            .call(Method::GET, &root, "/namespaces/mended", Value::Null)
            .await
            .unwrap()
            .0,
        200
    );
}

fn root(server: &Server) -> String {
    server.print(&[
        "user",
        "create",
        "root",
        "--email",
        "root@example.com",
        "--admin",
    ]);
    server.print(&["token", "create", "root"])
}

#[actix_web::test]
async fn so_many_writes_wait_in_turn_and_more_are_refused_at_once() {
    let app = TestApp::new().await;
    let (release, wait) = mpsc::channel::<()>();
    let (wait, done) = (Arc::new(Mutex::new(wait)), Arc::new(Mutex::new(Vec::new())));
    let begun = Cell::new(0);
    let writes = (0..1200).map(async |number| {
        let (wait, done) = (wait.clone(), done.clone());
        begun.set(begun.get() + 1);
        let write = app.accolade.db.write(move |_| {
            // Until it is released, for ever after.
            let _ = wait.lock().unwrap().recv();
            done.lock().unwrap().push(number);
            Ok(())
        });
        write.await
    });

    let release = async {
        while begun.get() < 1200 {
            tokio::task::yield_now().await;
        }
        drop(release);
    };
    let (written, ()) = join(join_all(writes), release).await;

    let refused: Vec<_> = written
        .iter()
        .filter_map(|one| one.as_ref().err())
        .collect();
    // Those that are under way have left the queue.
    assert!((160..=180).contains(&refused.len()), "{}", refused.len());
    for error in refused {
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        let answer = error.error_response();
        assert_eq!(answer.status(), 503);
        assert!(answer.headers().contains_key("retry-after"));
    }
    // SQLite has one that writes. Those that have a connection to PostgreSQL are not ordered among
    // themselves, and any may be held up there.
    let most = if app.database.url.starts_with("sqlite") {
        0
    } else {
        50
    };
    let done = done.lock().unwrap();
    let mut in_turn = done.clone();
    in_turn.sort();
    let place = |number| in_turn.binary_search(number).unwrap();
    let off: usize = done
        .iter()
        .enumerate()
        .map(|(at, number)| at.abs_diff(place(number)))
        .sum();
    assert!(off <= most * done.len(), "{done:?}");
}

#[actix_web::test]
async fn who_has_given_up_waiting_for_a_connection_has_nothing_done() {
    let app = TestApp::new().await;
    let db = Db::open(&app.database.url, None, 1).unwrap();
    let (begin, begun) = oneshot::channel();
    let (release, wait) = mpsc::channel::<()>();
    let hold = db.scan(move |_| {
        begin.send(()).unwrap();
        let _ = wait.recv(); // Until it is dropped.
        Ok("held")
    });
    let done = Arc::new(Mutex::new(Vec::new()));
    let work = |name| {
        let done = done.clone();
        db.scan(move |_| {
            done.lock().unwrap().push(name);
            Ok(name)
        })
    };

    let others = async {
        begun.await.unwrap();
        let gone = rt::time::timeout(Duration::from_millis(100), work("gone")).await;
        let refused = work("refused").await;
        drop(release);
        (gone, refused, work("served").await)
    };
    let (held, (gone, refused, served)) = join(hold, others).await;

    assert!(gone.is_err());
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!((held.unwrap(), served.unwrap()), ("held", "served"));
    assert_eq!(*done.lock().unwrap(), ["served"]);
}

/// A lock that holds until it is dropped.
struct Lock(#[expect(dead_code, reason = "held, not read")] Raw);

/// Another connection to the database.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub fn open(url: &str) -> Self {
        let Some(path) = url.strip_prefix("sqlite://") else {
            return Self::Postgres(PgConnection::establish(url).unwrap());
        };
        let mut connection = Self::Sqlite(SqliteConnection::establish(path).unwrap());
        connection.execute("PRAGMA busy_timeout = 5000");
        connection
    }

    /// How many rows there are of what is asked for: a table, and which of it.
    pub fn count(&mut self, what: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Rows {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let query = diesel::sql_query(format!("SELECT count(*) AS number FROM {what}"));
        let rows: Rows = match self {
            Self::Sqlite(connection) => query.get_result(connection).unwrap(),
            Self::Postgres(connection) => query.get_result(connection).unwrap(),
        };
        rows.number
    }

    pub fn execute(&mut self, sql: &str) {
        match self {
            Self::Sqlite(connection) => connection.batch_execute(sql).unwrap(),
            Self::Postgres(connection) => connection.batch_execute(sql).unwrap(),
        }
    }
}

impl Server {
    pub fn execute(&self, sql: &str) {
        Raw::open(self.database_url()).execute(sql);
    }

    /// Locks what writing a namespace needs.
    fn lock(&self) -> Lock {
        let mut connection = Raw::open(self.database_url());
        connection.execute(match connection {
            Raw::Sqlite(_) => "BEGIN IMMEDIATE",
            Raw::Postgres(_) => "BEGIN; LOCK TABLE namespaces IN EXCLUSIVE MODE",
        });
        Lock(connection)
    }

    /// SQLite: the disk is full. PostgreSQL: connections end, and no new ones are taken.
    fn break_database(&self) {
        if self.database_url().starts_with("sqlite") {
            return self.limit_files("0");
        }
        self.on_postgres("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false");
        self.on_postgres(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
        );
    }

    fn mend_database(&self) {
        if self.database_url().starts_with("sqlite") {
            return self.limit_files("unlimited");
        }
        self.on_postgres("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true");
    }

    /// Sets how large a file the process may write: any write beyond fails as on a full disk.
    fn limit_files(&self, size: &str) {
        let arguments = [
            format!("--pid={}", self.pid()),
            format!("--fsize={size}:unlimited"),
        ];
        assert!(
            Command::new("prlimit")
                .args(arguments)
                .status()
                .unwrap()
                .success()
        );
    }

    fn on_postgres(&self, sql: &str) {
        let server = std::env::var("TEST_DATABASE_URL").unwrap();
        let name = self.database_url().rsplit('/').next().unwrap();
        PgConnection::establish(&server)
            .unwrap()
            .batch_execute(&sql.replace("{}", name))
            .unwrap();
    }
}
