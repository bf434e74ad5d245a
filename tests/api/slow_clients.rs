//! Clients that take their time, or send more than a head: the real program gives them up, and
//! everybody else notices nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use actix_web::http::Method;
use actix_web::rt::task::spawn_blocking;
use serde_json::Value;

use crate::server::Server;

const HALF_A_HEAD: &str = "GET /namespaces HTTP/1.1\r\nHost: a\r\nX-Half";
const WHOLE: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

/// The head of a request with a JSON body.
fn head(path: &str, framing: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
    )
}

/// Someone at the other end of a connection of their own.
struct Client {
    stream: TcpStream,
    began: Instant,
}

impl Client {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.address()).unwrap();
        let patience = Some(Duration::from_secs(35));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        Self {
            stream,
            began: Instant::now(),
        }
    }

    /// Sends the bytes again and again, until the other end does not take them.
    fn drip(&self, bytes: &'static [u8]) {
        let mut stream = self.stream.try_clone().unwrap();
        let began = self.began;
        spawn(move || {
            while stream.write_all(bytes).is_ok() && began.elapsed() < Duration::from_secs(35) {
                sleep(Duration::from_millis(200));
            }
        });
    }

    /// All that is answered until the connection ends, and how long that took.
    fn rest(mut self) -> (String, Duration) {
        let mut answer = Vec::new();
        match self.stream.read_to_end(&mut answer) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => {
                panic!("still open after {:?}: {error}", self.began.elapsed())
            }
            _ => {}
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer, self.began.elapsed())
    }

    /// The first answer with a body, and how long it took.
    fn answer(mut self) -> (String, Duration) {
        let mut answer = Vec::new();
        while !answer.ends_with(b"}") {
            let mut bytes = [0; 4096];
            let count = self.stream.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "no answer");
            answer.extend_from_slice(&bytes[..count]);
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        (answer, self.began.elapsed())
    }
}

async fn join<T: Send + 'static>(threads: Vec<JoinHandle<T>>) -> Vec<T> {
    let join = |thread: JoinHandle<T>| thread.join().unwrap();
    spawn_blocking(move || threads.into_iter().map(join).collect())
        .await
        .unwrap()
}

#[actix_web::test]
async fn half_a_head_is_given_up() {
    let server = Server::start().await;
    let beginnings = ["", "G", "GET /names", HALF_A_HEAD, "\r\n"];
    let clients = beginnings.into_iter().flat_map(|half| {
        [None, Some(b"a".as_slice())].map(|drips| {
            let mut client = Client::connect(&server);
            spawn(move || {
                client.stream.write_all(half.as_bytes()).unwrap();
                if let Some(bytes) = drips.filter(|_| !half.is_empty()) {
                    client.drip(bytes);
                }
                (half, client.rest())
            })
        })
    });

    for (half, (answer, waited)) in join(clients.collect()).await {
        let given_up = answer.is_empty() || answer.starts_with("HTTP/1.1 408");
        assert!(given_up, "{half:?}: {answer}");
        assert!(waited < Duration::from_secs(15), "{half:?}: {waited:?}");
    }
}

#[actix_web::test]
async fn a_connection_that_nobody_uses_any_more_is_closed() {
    let server = Server::start().await;
    let mut client = Client::connect(&server);

    let client = spawn(move || {
        client.stream.write_all(WHOLE.as_bytes()).unwrap();
        client.rest()
    });

    let (answer, waited) = join(vec![client]).await.remove(0);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(waited < Duration::from_secs(15), "{waited:?}");
}

#[actix_web::test]
async fn a_body_that_stalls_or_drips_is_answered() {
    let server = Server::start().await;
    let framings = [
        ("Content-Length: 100000", b"{".as_slice()),
        ("Transfer-Encoding: chunked", b"1\r\n{\r\n"),
    ];
    let clients = framings.into_iter().flat_map(|(framing, bytes)| {
        [false, true].map(|drips| {
            let mut client = Client::connect(&server);
            spawn(move || {
                client
                    .stream
                    .write_all(head("/sessions", framing).as_bytes())
                    .unwrap();
                if drips {
                    client.drip(bytes);
                }
                (framing, client.answer())
            })
        })
    });

    for (framing, (answer, waited)) in join(clients.collect()).await {
        assert!(answer.starts_with("HTTP/1.1 408"), "{framing}: {answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        assert!(answer.contains("\"/problems/body-timeout\""), "{answer}");
        let expected = Duration::from_secs(19)..Duration::from_secs(30);
        assert!(expected.contains(&waited), "{framing}: {waited:?}");
    }
}

#[actix_web::test]
async fn a_body_that_nobody_wants_is_not_waited_for() {
    let server = Server::start().await;
    let wants = [
        ("/award-acceptances/nonsense", "404"),
        ("/user-achievements/1/accept", "401"),
        ("/namespaces", "401"),
        ("/nowhere", "404"),
        ("/healthz", "405"),
    ];
    let clients = wants.map(|(path, status)| {
        let mut client = Client::connect(&server);
        spawn(move || {
            let head = head(path, "Content-Length: 100000");
            client.stream.write_all(head.as_bytes()).unwrap();
            client.drip(b" ");
            (path, status, client.rest())
        })
    });

    for (path, status, (answer, waited)) in join(clients.into()).await {
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{path}: {answer}");
        // The connection is of no use any more.
        assert!(waited < Duration::from_secs(30), "{path}: {waited:?}");
    }
}

#[actix_web::test]
async fn an_enormous_head_is_refused() {
    let server = Server::start().await;
    let long = "a".repeat(200 << 10);
    let heads = [
        format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /?{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{long}: a\r\n\r\n"),
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "X-Many: a\r\n".repeat(5000)
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "A:\r\n".repeat(200_000)
        ),
        format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        long.clone(),
        "\r\n".repeat(200 << 10),
    ];
    let clients = heads.map(|head| {
        let mut client = Client::connect(&server);
        spawn(move || {
            // It may be refused before it is sent.
            let _ = client.stream.write_all(head.as_bytes());
            (head[..20].to_owned(), client.rest())
        })
    });

    for (head, (answer, waited)) in join(clients.into()).await {
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{head:?}: {answer:.200}");
        assert!(waited < Duration::from_secs(15), "{head:?}: {waited:?}");
    }
    assert_answers(&server).await;
}

/// That a probe is answered at once.
async fn assert_answers(server: &Server) {
    let began = Instant::now();
    let probe = server.call(Method::GET, "", "/healthz", Value::Null).await;
    assert_eq!(probe.unwrap().0, 200);
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

#[actix_web::test]
async fn a_hundred_slow_clients_keep_nobody_waiting() {
    let server = Server::start_with(&[("ACCOLADE_WORKERS", "1")]).await;
    let body = head("/sessions", "Content-Length: 100000");
    let mut clients = Vec::new();
    for number in 0..100 {
        let mut client = Client::connect(&server);
        let beginning = if number % 2 == 0 { HALF_A_HEAD } else { &body };
        client.stream.write_all(beginning.as_bytes()).unwrap();
        clients.push(client);
    }

    for _ in 0..20 {
        for client in &mut clients {
            // The server may have given it up.
            let _ = client.stream.write_all(b"a");
        }
        assert_answers(&server).await;
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
    }

    let (answer, _) = spawn_blocking(move || clients.swap_remove(1).rest())
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}
