//! The program as an operator uses it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::app::free_address;
use crate::server::Server;

const ACCOLADE: &str = env!("CARGO_BIN_EXE_accolade");

/// Ends its process with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn shell(script: &str, directory: &std::path::Path) -> Output {
    let path = format!(
        "{}:{}",
        std::path::Path::new(ACCOLADE).parent().unwrap().display(),
        env!("PATH")
    );
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", script])
        .current_dir(directory)
        .env("PATH", path)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_commands_that_the_demo_prints_work_as_printed() {
    let directory = tempfile::tempdir().unwrap();
    let mut demo = Command::new(ACCOLADE);
    demo.args(["demo", "--listen", "127.0.0.1:0"])
        .current_dir(&directory)
        .env("TMPDIR", directory.path());
    let mut demo = Running(
        demo.stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let output = BufReader::new(demo.0.stdout.take().unwrap());
    let lines: Vec<_> = output
        .lines()
        .map(Result::unwrap)
        .take_while(|line| line != "Stop with Ctrl+C.")
        .collect();

    let commands: Vec<_> = lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| line.starts_with("curl "))
        .collect();
    let answers: Vec<Value> = commands
        .iter()
        .map(|command| {
            serde_json::from_slice(&shell(command, directory.path()).stdout).expect(command)
        })
        .collect();

    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["nodes"][0]["achievement"]["name"], "Codebreaker");
    assert_eq!(answers[0]["nodes"][0]["achievement"].get("namespace"), None);
    assert_eq!(answers[1]["user"]["username"], "barbara");
    assert!(
        answers[2]["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|award| award["status"] == "pending")
    );
}

#[actix_web::test]
async fn the_first_award_of_the_readme_works_as_printed() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("## The first award").unwrap();
    let blocks: Vec<_> = section
        .split("```sh")
        .skip(1)
        .take(2)
        .map(|block| block.split("```").next().unwrap())
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let address = free_address().to_string();
    let wait =
        format!("until curl -sf http://{address}/readyz; do sleep 0.1; done; trap 'kill %1' EXIT");
    let script = [blocks[0], &wait, blocks[1]]
        .join("\n")
        .replace("127.0.0.1:8080", &address)
        .replace("curl ", "curl -sf ");

    let output = shell(
        &format!("export ACCOLADE_LISTEN={address}\n{script}"),
        directory.path(),
    );

    assert!(output.status.success(), "{}", text(&output.stderr));
    let badge = r#"{"nodes":[{"achievement":{"id":1,"namespace":{"id":1,"fullPath":"compilers""#;
    assert!(
        text(&output.stdout).contains(badge),
        "{}",
        text(&output.stdout)
    );
}

#[actix_web::test]
async fn an_operator_creates_users_and_tokens_that_work() {
    let server = Server::start().await;

    let created = server.print(&[
        "user",
        "create",
        "Ada",
        "--email",
        "ada@example.com",
        "--name",
        "Ada Lovelace",
    ]);
    let token = server.print(&["token", "create", "ada"]);
    let (status, ada) = server
        .call(Method::GET, &token, "/user", Value::Null)
        .await
        .unwrap();

    assert_eq!(created, "Created the user Ada with the id 1.");
    assert_eq!(status, 200);
    assert_eq!(
        (&ada["name"], &ada["admin"]),
        (&json!("Ada Lovelace"), &json!(false))
    );
}

#[actix_web::test]
async fn a_password_from_standard_input_signs_in() {
    let server = Server::start().await;
    let script = format!(
        "echo 'correct horse' | DATABASE_URL='{}' accolade user create ada --email ada@example.com --admin --password-stdin",
        server.database_url()
    );
    let output = shell(&script, &server.file(""));
    assert!(output.status.success(), "{}", text(&output.stderr));

    let body = json!({ "username": "ADA", "password": "correct horse" });
    let (status, session) = server
        .call(Method::POST, "", "/sessions", body)
        .await
        .unwrap();
    let token = session["accessToken"].as_str().unwrap();
    let (_, ada) = server
        .call(Method::GET, token, "/user", Value::Null)
        .await
        .unwrap();

    assert_eq!((status, &session["tokenType"]), (201, &json!("Bearer")));
    assert_eq!(ada["admin"], true);
}

#[actix_web::test]
async fn an_operator_turns_achievements_off_and_on() {
    let server = Server::start().await;
    server.print(&["user", "create", "ada", "--email", "ada@example.com"]);
    let badges = async || {
        server
            .call(Method::GET, "", "/users/ada/badges", Value::Null)
            .await
            .unwrap()
            .0
    };

    assert_eq!(badges().await, 200);
    assert_eq!(
        server.print(&["feature", "disable", "achievements"]),
        "Achievements are off."
    );
    assert_eq!(badges().await, 404);
    assert_eq!(
        server.print(&["feature", "enable", "achievements"]),
        "Achievements are on."
    );
    assert_eq!(badges().await, 200);
}

#[actix_web::test]
async fn the_variable_decides_the_flag_at_the_first_start_alone() {
    let mut server = Server::start().await;
    server.print(&["user", "create", "ada", "--email", "ada@example.com"]);
    server.print(&["feature", "disable", "achievements"]);

    server.kill_and_restart().await;

    let (status, problem) = server
        .call(Method::GET, "", "/users/ada/badges", Value::Null)
        .await
        .unwrap();
    assert_eq!(
        (status, &problem["type"]),
        (404, &json!("/problems/feature-disabled"))
    );
}

#[actix_web::test]
async fn what_goes_wrong_is_said_in_one_line_with_an_exit_code() {
    let server = Server::start().await;
    server.print(&["user", "create", "ada", "--email", "ada@example.com"]);
    let failure = |arguments: &[&str]| {
        let output = server.run(arguments);
        (output.status.code(), text(&output.stderr))
    };

    let cases = [
        (
            vec!["user", "create", "ADA", "--email", "ada@example.com"],
            "error: The username is taken. Choose another one.\n",
        ),
        (
            vec!["user", "create", "123", "--email", "ada@example.com"],
            "error: the username must contain something other than digits\n",
        ),
        (
            vec!["token", "create", "nobody"],
            "error: there is no user nobody: create one with accolade user create nobody --email ADDRESS\n",
        ),
        (
            vec!["migrate", "--database-url", "mysql://localhost/x"],
            "error: cannot open the database: DATABASE_URL must begin with postgres:// or sqlite://\n",
        ),
        (
            vec!["serve", "--listen", "127.0.0.1:0", "--base-url", "nonsense"],
            "error: ACCOLADE_BASE_URL must be an address such as https://accolade.example.com, not nonsense\n",
        ),
        (
            vec!["serve", "--signing-key", "nonsense"],
            "error: ACCOLADE_SIGNING_KEY is not an Ed25519 private key in PEM: no items found\n",
        ),
    ];
    for (arguments, message) in cases {
        assert_eq!(
            failure(&arguments),
            (Some(1), message.into()),
            "{arguments:?}"
        );
    }
    assert_eq!(failure(&["feature", "enable", "nonsense"]).0, Some(2));
    assert_eq!(failure(&["nonsense"]).0, Some(2));
}

#[test]
fn help_explains_every_setting_of_the_readme() {
    let help = text(
        &Command::new(ACCOLADE)
            .args(["serve", "--help"])
            .output()
            .unwrap()
            .stdout,
    );
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = include_str!("../../README.md");

    let settings = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | `--"));
    let settings: Vec<_> = settings
        .map(|(variable, rest)| (variable, rest.split_once('`').unwrap().0))
        .collect();

    assert!(settings.len() >= 10);
    for (variable, flag) in &settings {
        assert!(
            help.contains(&format!("env: {variable}")),
            "{variable} is not in --help"
        );
        assert!(
            help.contains(&format!("--{flag}")),
            "--{flag} is not in --help"
        );
    }
    assert_eq!(
        help.matches("[env: ").count(),
        settings.len(),
        "README.md does not list every setting"
    );
}

#[test]
fn the_contract_is_printed() {
    let output = Command::new(ACCOLADE).arg("openapi").output().unwrap();

    assert_eq!(
        text(&output.stdout),
        include_str!("../../openapi/accolade.json")
    );
}

#[actix_web::test]
async fn the_signing_key_is_made_once_for_its_owner_alone() {
    let mut server = Server::start().await;
    let path = server.file("signing-key.pem");
    let key = std::fs::read(&path).unwrap();
    server.kill_and_restart().await;

    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(std::fs::read(&path).unwrap(), key);
    let others = std::fs::read_dir(server.file(""))
        .unwrap()
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.contains("signing-key").then_some(name)
        });
    assert_eq!(others.collect::<Vec<_>>(), ["signing-key.pem"]);
}
