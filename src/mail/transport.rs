use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::queue::Outcome;

/// How long the server may take for each answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a server says that it does not accept our sign-in (RFC 4954).
const REFUSES_US: [u16; 4] = [530, 534, 535, 538];

/// How mails leave: over SMTP, or into files.
pub enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Files(PathBuf),
}

impl Transport {
    /// To the server at the URL: `smtp://` (with `?tls=required` for STARTTLS) or `smtps://`, with
    /// `user:password@` where it wants that. The error says what to do, and no password.
    pub fn smtp(url: &str) -> Result<Self, String> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| {
            "SMTP_URL must be like smtps://user:password@mail.example.com".to_owned()
        })?;
        Ok(Self::Smtp(transport.timeout(Some(PATIENCE)).build()))
    }

    /// Into `.eml` files of the directory. The error says what to do, in a line.
    pub fn files(directory: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(directory)
            .map_err(|error| format!("cannot keep mails in {}: {error}", directory.display()))?;
        Ok(Self::Files(directory.into()))
    }

    /// Sends the mail; `name` is unique to it. The error tells the log why it was not sent.
    pub async fn send(&self, message: Message, name: &str) -> (Outcome, Option<String>) {
        match self {
            Self::Smtp(smtp) => match smtp.send(message).await {
                Ok(_) => (Outcome::Sent, None),
                Err(error) => {
                    let outcome = match () {
                        // The server refuses us, not the mail: it waits until the settings are right.
                        () if error
                            .status()
                            .is_some_and(|code| REFUSES_US.contains(&u16::from(code))) =>
                        {
                            Outcome::Unreachable
                        }
                        () if error.is_permanent() => Outcome::Refused,
                        () if error.is_transient() || error.is_client() => Outcome::Deferred,
                        () => Outcome::Unreachable,
                    };
                    (outcome, Some(error.to_string()))
                }
            },
            Self::Files(directory) => match write(directory, name, &message.formatted()) {
                Ok(()) => (Outcome::Sent, None),
                Err(error) => (Outcome::Unreachable, Some(error.to_string())),
            },
        }
    }
}

impl fmt::Debug for Transport {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Smtp(_) => f.write_str("Smtp"),
            Self::Files(directory) => f.debug_tuple("Files").field(directory).finish(),
        }
    }
}

/// Whole or not at all.
fn write(directory: &Path, name: &str, content: &[u8]) -> std::io::Result<()> {
    let temporary = directory.join(format!(".{name}"));
    std::fs::write(&temporary, content)?;
    std::fs::rename(&temporary, directory.join(name))
}
