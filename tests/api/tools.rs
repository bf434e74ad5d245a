//! The other ends that the tests talk to: programs of Node.js in `tests/tools`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use actix_web::rt;
use mail_parser::MessageParser;
use serde_json::Value;

/// A program of `tests/tools`, which needs `npm ci` there once.
pub fn tool(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools");
    assert!(
        folder.join("node_modules").exists(),
        "run npm ci in tests/tools, or tests/run, which does"
    );
    let mut node = Command::new("node");
    node.arg(folder.join(name));
    node
}

/// An SMTP server that keeps what it takes.
pub struct SmtpServer {
    process: Child,
    directory: PathBuf,
}

impl SmtpServer {
    pub async fn start(address: SocketAddr, directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        let port = address.port().to_string();
        let process = tool("smtp.js").arg(port).arg(directory).spawn().unwrap();
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the SMTP server did not start"
            );
            rt::time::sleep(Duration::from_millis(50)).await;
        }
        Self {
            process,
            directory: directory.into(),
        }
    }

    pub fn mails(&self) -> Vec<Mail> {
        mails(&self.directory)
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A mail as its reader's program shows it.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    pub message_id: String,
    pub text: String,
    pub html: String,
    /// How many headers there are of each name that must stand once.
    pub recipients: usize,
    pub raw: String,
}

impl Mail {
    /// The token of the link to accept, of the text and of the HTML part.
    pub fn tokens(&self) -> Vec<String> {
        [&self.text, &self.html]
            .into_iter()
            .filter_map(|part| token(part))
            .collect()
    }
}

fn token(part: &str) -> Option<String> {
    let (_, rest) = part.split_once("/-/awarded_achievements/")?;
    Some(rest.split_once("/accept")?.0.into())
}

/// The mails in the directory, oldest first.
pub fn mails(directory: &Path) -> Vec<Mail> {
    let Ok(files) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    files.sort();
    files
        .iter()
        .map(|path| read(&std::fs::read(path).unwrap()))
        .collect()
}

fn read(raw: &[u8]) -> Mail {
    let mail = MessageParser::default().parse(raw).unwrap();
    let to: Vec<_> = mail
        .to()
        .unwrap()
        .iter()
        .filter_map(|address| address.address())
        .collect();
    Mail {
        to: to.join(", "),
        subject: mail.subject().unwrap().into(),
        message_id: mail.message_id().unwrap().into(),
        text: mail.body_text(0).unwrap().into(),
        html: mail.body_html(0).unwrap().into(),
        recipients: to.len() + mail.cc().into_iter().count() + mail.bcc().into_iter().count(),
        raw: String::from_utf8_lossy(raw).into(),
    }
}

/// Opens the page in a browser without JavaScript, on a narrow screen, and presses the button with
/// the keyboard where one is named. Answers what the page says and what axe finds wrong.
pub async fn browse(address: &str, screenshot: &Path, scheme: &str, button: Option<&str>) -> Value {
    let mut browser = tool("page.js");
    browser
        .arg(address)
        .arg(screenshot)
        .arg(scheme)
        .args(button);
    let output = rt::task::spawn_blocking(move || browser.output().unwrap())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the expression is to a script of the page, in a browser.
pub async fn run_in_page(address: &str, expression: &str) -> Value {
    let mut browser = tool("script.js");
    browser.arg(address).arg(expression);
    let output = rt::task::spawn_blocking(move || browser.output().unwrap())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}
