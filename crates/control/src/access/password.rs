//! Passwords: argon2id, on a bounded number of threads, in the same time whether the account exists or not.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::Error;

/// Bytes a password has at least and at most. The upper bound keeps hashing from being a way to use up the server.
pub(crate) const MINIMUM: usize = 10;
pub(crate) const MAXIMUM: usize = 1024;

/// Each hash takes 19 MiB and some 20 ms of a core; more at once would only starve the rest.
const AT_ONCE: usize = 2;

/// Refuses what is too short to be safe or too long to be hashed.
pub(crate) fn check(password: &SecretString) -> Result<(), Error> {
    if (MINIMUM..=MAXIMUM).contains(&password.expose_secret().len()) {
        return Ok(());
    }
    Err(Error::invalid("/password", "must have between 10 and 1024 bytes"))
}

#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    /// What is verified when there is no such account, so that both take the same time.
    decoy: Arc<str>,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, Error> {
        let decoy = hash(&SecretString::from("no account has this password"))?;
        Ok(Self { places: Arc::new(Semaphore::new(AT_ONCE)), decoy: decoy.into() })
    }

    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Error> {
        self.on_a_thread(move || hash(&password)).await?
    }

    /// Whether the password fits; `stored` is `None` when there is no such account.
    pub(crate) async fn verify(&self, password: SecretString, stored: Option<String>) -> Result<bool, Error> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.to_string());
        let fits = self
            .on_a_thread(move || {
                // A stored hash that does not parse fits no password; it must not stop the others from signing in.
                PasswordHash::new(&stored).is_ok_and(|stored| {
                    Argon2::default().verify_password(password.expose_secret().as_bytes(), &stored).is_ok()
                })
            })
            .await?;
        Ok(fits && known)
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.places.acquire().await.map_err(Error::internal)?;
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn hash(password: &SecretString) -> Result<String, Error> {
    Argon2::default()
        .hash_password(password.expose_secret().as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| Error::internal(std::io::Error::other(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fits_only_the_password_it_was_made_of() {
        let passwords = Passwords::new().unwrap();
        let stored = passwords.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(passwords.verify("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify("battery staple".into(), Some(stored)).await.unwrap());
        assert!(!passwords.verify("no account has this password".into(), None).await.unwrap());
        assert!(
            !passwords.verify("x".into(), Some("broken".into())).await.unwrap(),
            "a broken row fits nothing"
        );
    }
}
