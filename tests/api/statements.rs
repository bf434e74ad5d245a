//! What the database is asked: statements that are prepared once, and lists that follow an index.

use std::collections::{BTreeSet, HashMap};

use actix_web::http::Method;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};

use crate::database::Raw;
use crate::mail::eventually;
use crate::server::Server;

/// Every list and the objects beside them.
const READS: [&str; 19] = [
    "/personal-access-tokens?limit=2",
    "/users?limit=2",
    "/users?limit=2&search=a",
    "/users/ada",
    "/users/2",
    "/namespaces?limit=2",
    "/namespaces/compilers",
    "/namespaces/1",
    "/namespaces/compilers/members?limit=2",
    "/namespaces/compilers/achievements?limit=2",
    "/achievements/1",
    "/achievements/1/user-achievements?limit=2",
    "/achievements/1/user-achievements?limit=2&status=accepted",
    "/achievements/1/users?limit=2",
    "/users/ada/user-achievements?limit=2",
    "/users/2/user-achievements?limit=2&includeHidden=true&status=pending",
    "/users/ada/badges?limit=2",
    "/users/2/badges",
    "/user-achievements/1",
];

/// Has a server log its statements, and keep no answers.
const LOGGED: [(&str, &str); 3] = [
    ("RUST_LOG", "accolade::db=trace"),
    ("ACCOLADE_LOG_FORMAT", "json"),
    ("ACCOLADE_CACHE_LIMIT", "0"),
];

/// A server, its administrator's token and that of a maintainer, ada.
async fn begin(settings: &[(&str, &str)]) -> (Server, String, String) {
    let server = Server::start_with(settings).await;
    for (username, admin) in [("root", &["--admin"][..]), ("ada", &[])] {
        let create = ["user", "create", username, "--email", "a@example.com"];
        server.print(&[&create[..], admin].concat());
    }
    let root = server.print(&["token", "create", "root"]);
    let ada = server.print(&["token", "create", "ada"]);
    let group = json!({ "path": "compilers", "name": "Compilers", "visibility": "public" });
    call(&server, Method::POST, &root, "/namespaces", group).await;
    let member = "/namespaces/compilers/members/ada";
    call(
        &server,
        Method::PUT,
        &root,
        member,
        json!({ "role": "maintainer" }),
    )
    .await;
    for name in ["First merge", "Second merge", "Third merge"] {
        let achievements = "/namespaces/compilers/achievements";
        call(
            &server,
            Method::POST,
            &ada,
            achievements,
            json!({ "name": name }),
        )
        .await;
    }
    for id in 1..=3 {
        award(&server, &ada).await;
        let accept = format!("/user-achievements/{id}/accept");
        call(&server, Method::POST, &ada, &accept, Value::Null).await;
    }
    (server, root, ada)
}

async fn call(server: &Server, method: Method, token: &str, path: &str, body: Value) {
    let (status, json) = server.call(method, token, path, body).await.unwrap();
    assert!(status < 400, "{path}: {json}");
}

async fn award(server: &Server, token: &str) {
    let body = json!({ "username": "ada", "awardMessage": "Well done" });
    call(server, Method::POST, token, "/achievements/1/award", body).await;
}

/// One member of the lines of the log that have it.
fn log(server: &Server, member: &str) -> Vec<String> {
    let log = std::fs::read_to_string(server.file("log")).unwrap();
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line[member].as_str().map(str::to_owned))
        .map(|query| query.split(" -- binds: ").next().unwrap().to_owned())
        .collect()
}

#[actix_web::test]
async fn what_is_asked_often_is_prepared_once_a_connection() {
    let (server, root, ada) = begin(&LOGGED).await;
    for _ in 0..30 {
        for path in READS {
            call(&server, Method::GET, &root, path, Value::Null).await;
        }
        award(&server, &ada).await;
    }

    let mut prepared = HashMap::<_, usize>::new();
    for query in log(&server, "prepared") {
        *prepared.entry(query).or_default() += 1;
    }
    let mut run = HashMap::<_, usize>::new();
    for query in log(&server, "query") {
        *run.entry(query).or_default() += 1;
    }
    let often: Vec<_> = run.iter().filter(|(_, times)| **times >= 30).collect();
    assert!(often.len() >= 25, "{}: {run:#?}", often.len());
    for (query, times) in often {
        // diesel prepares an UPDATE anew each time: it may set other columns.
        if query.starts_with("SELECT ") || query.starts_with("INSERT ") {
            // A connection for each core that reads, and one that writes, or those of the pools.
            let prepared = prepared.get(query).copied().unwrap_or_default();
            assert!(
                (1..=12).contains(&prepared),
                "{prepared} of {times}: {query}"
            );
        }
    }
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    postgres: String,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// How the database would run the statement.
fn plan(url: &str, query: &str) -> String {
    if let Some(path) = url.strip_prefix("sqlite://") {
        let mut connection = SqliteConnection::establish(path).unwrap();
        let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {query}"));
        let steps: Vec<Step> = explain.load(&mut connection).unwrap();
        return steps
            .iter()
            .map(|step| format!("{}\n", step.detail))
            .collect();
    }
    let mut connection = PgConnection::establish(url).unwrap();
    // With three rows it would do without indexes.
    let settings = "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; \
         SET plan_cache_mode = force_generic_plan; ";
    connection
        .batch_execute(&format!("{settings} PREPARE asked AS {query}"))
        .unwrap();
    let binds = (1..).take_while(|number| query.contains(&format!("${number}")));
    let nulls = vec!["NULL"; binds.count()].join(", ");
    let execute = match nulls.as_str() {
        "" => "EXECUTE asked".to_owned(),
        nulls => format!("EXECUTE asked({nulls})"),
    };
    let explain = diesel::sql_query(format!("EXPLAIN (COSTS OFF) {execute}"));
    let lines: Vec<Line> = explain.load(&mut connection).unwrap();
    lines
        .iter()
        .map(|line| format!("{}\n", line.postgres))
        .collect()
}

/// What one step of a plan may read in full: what has a row or two.
const SMALL: [&str; 6] = [
    "CONSTANT ROW",
    "horizon",
    "sqlite_sequence",
    "settings",
    "feature_flags",
    "__diesel_schema_migrations",
];

#[actix_web::test]
async fn every_read_follows_an_index() {
    let (server, root, ada) = begin(&LOGGED).await;
    for path in READS {
        for token in ["", &ada, &root] {
            let answer = server.call(Method::GET, token, path, Value::Null);
            assert!(answer.await.unwrap().0 < 500, "{path}");
        }
    }

    let asked: BTreeSet<_> = log(&server, "query").into_iter().collect();
    let reads: Vec<_> = asked
        .iter()
        .filter(|query| query.starts_with("SELECT "))
        .collect();
    assert!(reads.len() > 20, "{reads:#?}");
    for query in reads {
        let plan = plan(server.database_url(), query);
        println!("{query}\n{plan}");
        for step in plan.lines() {
            let step = step.trim_start_matches(['-', '>', ' ']);
            let scanned = step
                .strip_prefix("SCAN ")
                .or(step.strip_prefix("Seq Scan on "));
            assert!(
                scanned.is_none_or(|table| SMALL.iter().any(|small| table.starts_with(small))),
                "{query}\n{plan}"
            );
            // PostgreSQL does not know that there is but one such user, whose badges come in order.
            let one_user =
                query.contains(r#"FROM ((("users" LEFT OUTER JOIN "user_achievements" ON"#);
            let sorted = step.contains("TEMP B-TREE")
                || step.starts_with("Sort")
                || step.starts_with("Incremental Sort");
            assert!(!sorted || one_user, "{query}\n{plan}");
        }
    }
}

#[derive(QueryableByName)]
struct Reads {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[actix_web::test]
async fn what_changed_before_is_not_read_again() {
    let (mut server, _, ada) = begin(&[]).await;
    if server.database_url().starts_with("sqlite") {
        return; // Only PostgreSQL keeps a plan from when there was nothing to be read.
    }
    server.execute("DELETE FROM changes");
    server.execute("VACUUM (ANALYZE) changes");
    server.terminate().await;
    server.restart().await;
    let mut connection = PgConnection::establish(server.database_url()).unwrap();
    let mut scanned = || -> i64 {
        let query =
            "SELECT seq_tup_read AS rows FROM pg_stat_user_tables WHERE relname = 'changes'";
        let reads: Reads = diesel::sql_query(query)
            .get_result(&mut connection)
            .unwrap();
        reads.rows
    };

    let before = scanned();
    for _ in 0..100 {
        award(&server, &ada).await;
    }
    // What a connection has read is counted when it ends, at the latest.
    server.terminate().await;
    let others =
        "pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'";
    let ended = || Raw::open(server.database_url()).count(others) <= 2;
    eventually(20, async || ended().then_some(())).await;

    let scanned = scanned() - before;
    assert!(scanned < 100, "{scanned} rows for 100 awards");
}
