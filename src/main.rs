//! The command line: settings, database, server. Wiring only.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use accolade::config::{Config, LogFormat, Serving, Storage, Switched};
use accolade::mail::Mailer;
use accolade::openapi::CONTRACT;
use accolade::scopes::Scopes;
use accolade::sessions::hash;
use accolade::users::{CreateUser, User, UserKey};
use accolade::{Accolade, app, demo, feature_flags, personal_access_tokens, users};
use actix_web::HttpServer;
use clap::{Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

/// A self-hosted service for awarding achievements.
#[derive(Parser)]
#[command(
    version,
    about,
    max_term_width = 100,
    after_help = "Every setting is a flag and an environment variable. Begin with `accolade demo`."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Subcommand)]
enum Command {
    /// Serve, after bringing the database's schema up to date
    Serve(Serving),
    /// Serve a fresh data directory full of examples, and print what to try
    Demo(Serving),
    /// Manage users
    #[command(subcommand)]
    User(UserCommand),
    /// Manage personal access tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Turn a feature on or off
    #[command(subcommand)]
    Feature(FeatureCommand),
    /// Bring the database's schema up to date
    Migrate,
    /// Print the OpenAPI document
    Openapi,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Create a user
    Create {
        username: String,
        /// The user's mail address
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// The user's name; the username where it is left out
        #[arg(long)]
        name: Option<String>,
        /// Make the user an administrator
        #[arg(long)]
        admin: bool,
        /// Read a password to sign in with from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Create a personal access token, and print it alone
    Create { username: String },
}

#[derive(Subcommand)]
enum FeatureCommand {
    Enable { name: Feature },
    Disable { name: Feature },
}

#[derive(Clone, Copy, ValueEnum)]
enum Feature {
    Achievements,
}

type Outcome = Result<(), Box<dyn Error>>;

#[actix_web::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command, cli.storage).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, storage: Storage) -> Outcome {
    match command {
        Command::Serve(serving) => {
            log(serving.log_format);
            // Made while the database is opened.
            std::thread::spawn(|| LazyLock::force(&CONTRACT));
            let (db, keys) = (storage.open()?, storage.keys()?);
            let enabled = serving.achievements == Switched::Enabled;
            db.write(move |conn| feature_flags::ensure_achievements(enabled, conn))
                .await?;
            let (listener, config) = listen(&serving)?;
            let (avatars, mailer) = (serving.avatars(&storage)?, serving.mailer(&storage)?);
            tracing::info!(address = %listener.local_addr()?, base_url = config.link(""), "serving");
            serve(
                Accolade::new(config, db, keys, avatars)?,
                mailer,
                listener,
                &serving,
            )
            .await
        }
        Command::Demo(serving) => {
            log(serving.log_format);
            let (listener, config) = listen(&serving)?;
            let storage = demo::storage(&storage)?;
            let (avatars, mailer) = (serving.avatars(&storage)?, serving.mailer(&storage)?);
            let accolade = Accolade::new(config, storage.open()?, storage.keys()?, avatars)?;
            let story = demo::seed(&accolade, &storage).await?;
            // In one piece; whoever has read enough of it does not end the service.
            let _ = std::io::stdout().write_all(format!("{story}\n").as_bytes());
            serve(accolade, mailer, listener, &serving).await
        }
        Command::User(UserCommand::Create {
            username,
            email,
            name,
            admin,
            password_stdin,
        }) => {
            let password = if password_stdin {
                Some(password_from_stdin()?)
            } else {
                None
            };
            let input = CreateUser::checked(
                &username,
                &email,
                name.as_deref(),
                password.as_deref(),
                admin,
            )?;
            let hash = password.as_deref().map(hash).transpose()?;
            let user = storage
                .open()?
                .write(move |conn| users::create(&input, hash, conn))
                .await?;
            println!(
                "Created the user {} with the id {}.",
                user.username, user.id
            );
            Ok(())
        }
        Command::Token(TokenCommand::Create { username }) => {
            let (db, keys) = (storage.open()?, storage.keys()?);
            let key = UserKey::Username(username.to_lowercase());
            let token = db
                .write(move |conn| {
                    let user = User::find(&key, conn)?;
                    personal_access_tokens::create(
                        user.id,
                        "Command line",
                        Scopes::ALL,
                        None,
                        conn,
                    )?
                    .sign(user.id, &keys)
                })
                .await
                .map_err(|error| named(error, &username))?;
            println!("{token}");
            Ok(())
        }
        Command::Feature(command) => {
            let enabled = matches!(command, FeatureCommand::Enable { .. });
            storage
                .open()?
                .write(move |conn| feature_flags::set_achievements(enabled, conn))
                .await?;
            // When it is told, it is so everywhere.
            actix_web::rt::time::sleep(accolade::cache::FRESH).await;
            println!("Achievements are {}.", if enabled { "on" } else { "off" });
            Ok(())
        }
        Command::Migrate => {
            storage.open()?;
            println!("The schema is up to date.");
            Ok(())
        }
        Command::Openapi => {
            print!("{}", CONTRACT.json());
            Ok(())
        }
    }
}

fn named(error: accolade::error::Error, username: &str) -> String {
    match error {
        accolade::error::Error::NotFound => {
            format!(
                "there is no user {username}: create one with accolade user create {username} --email ADDRESS"
            )
        }
        error => error.to_string(),
    }
}

fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A log that cannot be written, on a full disk, must not end the process.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
}

fn password_from_stdin() -> Result<String, String> {
    let mut password = String::new();
    std::io::stdin()
        .read_to_string(&mut password)
        .map_err(|error| format!("cannot read the password from standard input: {error}"))?;
    Ok(password.trim_end_matches(['\r', '\n']).into())
}

/// Takes the port first, so that the base URL knows it.
fn listen(serving: &Serving) -> Result<(TcpListener, Config), Box<dyn Error>> {
    let listener = TcpListener::bind(serving.listen).map_err(|error| {
        format!(
            "cannot listen on {}: {error}; choose another with --listen",
            serving.listen
        )
    })?;
    let config = serving.config(&format!("http://{}", listener.local_addr()?))?;
    Ok((listener, config))
}

async fn serve(
    accolade: Accolade,
    mailer: Mailer,
    listener: TcpListener,
    serving: &Serving,
) -> Outcome {
    accolade.work_behind_the_scenes(mailer);
    let mut server = HttpServer::new(move || app(accolade.clone()))
        .client_request_timeout(Duration::from_secs(10))
        .shutdown_timeout(30)
        .listen(listener)?;
    if let Some(workers) = serving.workers {
        server = server.workers(workers.into());
    }
    server.run().await?;
    Ok(())
}
