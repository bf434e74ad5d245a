//! What was acknowledged stays, under load and when the process is killed.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::rt;
use serde_json::{Value, json};

use crate::server::{Server, call};

const CLIENTS: usize = 32;

/// What clients know: the last acknowledged status of each award, and the one that they asked for
/// without an answer.
#[derive(Default)]
struct Journal {
    acknowledged: HashMap<i64, &'static str>,
    unanswered: HashMap<i64, &'static str>,
    requests: usize,
    /// Answers that no client should get.
    refused: Vec<String>,
}

struct Story {
    server: Server,
    root: String,
    achievement: i64,
    /// Id and token of one user for each client.
    users: Vec<(i64, String)>,
    journal: Rc<RefCell<Journal>>,
}

impl Story {
    async fn begin() -> Self {
        let server = Server::start().await;
        server.print(&[
            "user",
            "create",
            "root",
            "--email",
            "root@example.com",
            "--admin",
        ]);
        let root = server.print(&["token", "create", "root"]);
        let post = async |path: &str, body: Value| {
            let (status, json) = server.call(Method::POST, &root, path, body).await.unwrap();
            assert_eq!(status, 201, "{json}");
            json["id"].as_i64().unwrap()
        };
        post(
            "/namespaces",
            json!({ "path": "compilers", "name": "Compilers" }),
        )
        .await;
        let achievement = post(
            "/namespaces/compilers/achievements",
            json!({ "name": "First merge" }),
        )
        .await;
        let mut users = Vec::new();
        for number in 0..CLIENTS {
            let username = format!("user{number}");
            let email = format!("{username}@example.com");
            let id = post("/users", json!({ "username": username, "email": email })).await;
            users.push((id, server.print(&["token", "create", &username])));
        }
        Self {
            server,
            root,
            achievement,
            users,
            journal: Rc::default(),
        }
    }

    /// Lets every client work until it is told to stop or gets no answer.
    fn work(&self, stop: &Rc<Cell<bool>>) -> Vec<rt::task::JoinHandle<()>> {
        let clients = self.users.iter().map(|(user, token)| Client {
            address: self.server.address(),
            root: self.root.clone(),
            token: token.clone(),
            user: *user,
            achievement: self.achievement,
            journal: self.journal.clone(),
        });
        clients
            .map(|client| rt::spawn(client.work(stop.clone())))
            .collect()
    }

    /// Every award is as it was acknowledged, or as it was asked for last.
    async fn check(&self) {
        let journal = self.journal.take();
        assert_eq!(journal.refused, Vec::<String>::new());
        for (id, acknowledged) in &journal.acknowledged {
            let path = format!("/user-achievements/{id}");
            let (status, json) = self
                .server
                .call(Method::GET, &self.root, &path, Value::Null)
                .await
                .unwrap();
            assert_eq!(
                status, 200,
                "award {id} was acknowledged as {acknowledged}, and is lost"
            );
            let now = json["status"].as_str().unwrap();
            let asked = journal.unanswered.get(id);
            assert!(
                now == *acknowledged || asked == Some(&now),
                "award {id}: {acknowledged}, {asked:?}, is {now}"
            );
        }
        self.journal.replace(journal);
    }
}

struct Client {
    address: std::net::SocketAddr,
    root: String,
    token: String,
    user: i64,
    achievement: i64,
    journal: Rc<RefCell<Journal>>,
}

impl Client {
    async fn work(self, stop: Rc<Cell<bool>>) {
        while !stop.get() && self.round().await.is_some() {}
    }

    /// An award through its life, and a look at the profile. None when the server is gone.
    async fn round(&self) -> Option<()> {
        let award = format!("/achievements/{}/award", self.achievement);
        let awarded = self
            .call(
                Method::POST,
                &self.root,
                &award,
                json!({ "userId": self.user }),
            )
            .await?;
        let id = awarded["id"].as_i64()?;
        self.journal.borrow_mut().acknowledged.insert(id, "pending");
        self.change(id, "accept", &self.token, "accepted").await?;
        let order = json!({ "userAchievementIds": [id] });
        self.call(
            Method::PUT,
            &self.token,
            "/user-achievements/priorities",
            order,
        )
        .await?;
        let badges = format!("/users/{}/badges", self.user);
        let seen = self.call(Method::GET, "", &badges, Value::Null).await?;
        if seen["nodes"][0]["count"].as_i64() < Some(1) {
            self.journal
                .borrow_mut()
                .refused
                .push(format!("an accepted award is not on the profile: {seen}"));
        }
        if id % 2 == 0 {
            self.change(id, "revoke", &self.root, "revoked").await?;
        }
        Some(())
    }

    async fn change(&self, id: i64, verb: &str, token: &str, becomes: &'static str) -> Option<()> {
        self.journal.borrow_mut().unanswered.insert(id, becomes);
        self.call(
            Method::POST,
            token,
            &format!("/user-achievements/{id}/{verb}"),
            Value::Null,
        )
        .await?;
        self.journal.borrow_mut().acknowledged.insert(id, becomes);
        Some(())
    }

    async fn call(&self, method: Method, token: &str, path: &str, body: Value) -> Option<Value> {
        let (status, json) = call(self.address, method, token, path, body).await.ok()?;
        let mut journal = self.journal.borrow_mut();
        journal.requests += 1;
        if status >= 300 {
            journal.refused.push(format!("{path}: {status} {json}"));
        }
        Some(json)
    }
}

#[actix_web::test]
async fn no_request_of_32_parallel_clients_fails_and_no_acknowledged_change_is_lost() {
    let story = Story::begin().await;
    let (began, stop) = (Instant::now(), Rc::new(Cell::new(false)));

    let clients = story.work(&stop);
    rt::time::sleep(Duration::from_secs(10)).await;
    stop.set(true);
    for client in clients {
        client.await.unwrap();
    }

    story.check().await;
    let (requests, seconds) = (
        story.journal.borrow().requests,
        began.elapsed().as_secs_f64(),
    );
    println!(
        "{:.0} requests a second, {} MiB at most",
        requests as f64 / seconds,
        story.server.peak_memory()
    );
    assert!(requests > 1000, "{requests} requests are no load");
}

#[actix_web::test]
async fn no_acknowledged_change_is_lost_when_the_server_is_killed() {
    let mut story = Story::begin().await;
    let key = std::fs::read(story.server.file("signing-key.pem")).unwrap();

    for _ in 0..5 {
        let stop = Rc::new(Cell::new(false));
        let clients = story.work(&stop);
        rt::time::sleep(Duration::from_millis(1200)).await;
        story.server.kill_and_restart().await;
        stop.set(true);
        for client in clients {
            client.await.unwrap();
        }
    }

    story.check().await;
    assert!(
        story.journal.borrow().acknowledged.len() > 100,
        "too little was acknowledged to lose any"
    );
    assert_eq!(
        std::fs::read(story.server.file("signing-key.pem")).unwrap(),
        key
    );
    story.server.print(&["migrate"]);
}

#[actix_web::test]
async fn a_server_that_is_asked_to_stop_answers_the_requests_that_it_has_begun_to_read() {
    let mut server = Server::start().await;
    server.print(&[
        "user",
        "create",
        "root",
        "--email",
        "root@example.com",
        "--admin",
    ]);
    let token = server.print(&["token", "create", "root"]);
    let body = r#"{"path": "compilers", "name": "Compilers"}"#;
    let head = format!(
        "POST /namespaces HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    let address = server.address();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(head.as_bytes()).unwrap();
    let mut begun = [0; 25];
    connection.read_exact(&mut begun).unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100 Continue\r\n\r\n");

    let rest = std::thread::spawn(move || {
        // It takes no more connections once it is to stop.
        while TcpStream::connect(address).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
        connection.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    });
    let took = server.terminate().await;

    let answer = rest.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(took < Duration::from_secs(30), "{took:?}");
}
