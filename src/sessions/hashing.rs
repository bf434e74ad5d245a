use std::sync::{Arc, LazyLock};

use actix_web::web;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Passwords to hashes and back to a yes or no: argon2id with the crate's defaults, which are
/// OWASP's (19 MiB, two passes).
pub struct Hashing {
    /// Bounds the memory that sign-ins take together.
    slots: Semaphore,
    /// What an unknown user's password is compared with, so that it takes as long.
    nobody: Arc<LazyLock<String>>,
}

impl Default for Hashing {
    fn default() -> Self {
        let nobody = || hash("nobody's password").unwrap_or_default();
        Self {
            slots: Semaphore::new(4),
            nobody: Arc::new(LazyLock::new(nobody)),
        }
    }
}

impl Hashing {
    /// The hash to store for a password, where there is one.
    pub async fn hash(&self, password: Option<&str>) -> Result<Option<String>> {
        let Some(password) = password.map(String::from) else {
            return Ok(None);
        };
        let _slot = self.slots.acquire().await.map_err(Error::internal)?;
        web::block(move || hash(&password))
            .await
            .map_err(Error::internal)?
            .map(Some)
    }

    /// Whether the password is that of the stored hash.
    pub async fn verify(&self, password: &str, stored: Option<String>) -> Result<bool> {
        let (known, nobody) = (stored.is_some(), self.nobody.clone());
        let password = password.to_owned();
        let _slot = self.slots.acquire().await.map_err(Error::internal)?;
        let matches = web::block(move || {
            // Made at the first sign-in, whoever that is: it tells nothing.
            let nobody = LazyLock::force(&nobody);
            let stored = stored.as_ref().unwrap_or(nobody);
            Argon2::default()
                .verify_password(password.as_bytes(), stored.as_str())
                .is_ok()
        });
        Ok(matches.await.map_err(Error::internal)? && known)
    }
}

/// The hash of a password, with a salt of its own, as a PHC string.
pub fn hash(password: &str) -> Result<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| Error::internal(error.to_string()))
}
