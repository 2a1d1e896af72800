//! Passwords of visitors: hashed slowly, so proven once and remembered for a while.
//!
//! A browser sends its password with every request, and a hash takes some twenty milliseconds and 19 MiB. What was right a moment
//! ago is known by a keyed digest; what is not known is hashed on few threads, each address may have it done only so often, and
//! nobody waits for a thread for long.

use std::sync::Arc;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use aws_lc_rs::{hmac, rand};
use moka::sync::Cache;
use tokio::sync::Semaphore;

/// Hashes at the same time.
const AT_ONCE: usize = 2;
/// Pairs that are known to fit, and for how long.
const PROVEN: u64 = 10_000;
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// For a thread.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Passwords {
    proven: Cache<[u8; 32], ()>,
    key: hmac::Key,
    threads: Arc<Semaphore>,
}

/// What is to be known of a name and a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    Right,
    Wrong,
    /// Too many are being looked at.
    Busy,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        let mut key = [0; 32];
        // Without randomness there is no TLS either; a key of zeros would still be known to this process only.
        let _ = rand::fill(&mut key);
        Self {
            proven: Cache::builder().max_capacity(PROVEN).time_to_live(KNOWN_FOR).build(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            threads: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    fn digest(&self, hash: &str, password: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(hash.len() as u64).to_be_bytes());
        context.update(hash.as_bytes());
        context.update(password.as_bytes());
        let mut digest = [0; 32];
        let tag = context.sign();
        for (to, from) in digest.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        digest
    }

    /// Whether this was right a moment ago.
    pub(crate) fn is_proven(&self, hash: &str, password: &str) -> bool {
        self.proven.contains_key(&self.digest(hash, password))
    }

    /// Hashes the password. `is_known` is false for a name that there is not, which takes as long.
    pub(crate) async fn prove(&self, hash: String, password: String, is_known: bool) -> Proof {
        let Ok(Ok(permit)) = tokio::time::timeout(PATIENCE, Arc::clone(&self.threads).acquire_owned()).await
        else {
            return Proof::Busy;
        };
        let digest = self.digest(&hash, &password);
        let fits = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            PasswordHash::new(&hash)
                .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
        });
        if matches!(fits.await, Ok(true)) && is_known {
            self.proven.insert(digest, ());
            return Proof::Right;
        }
        Proof::Wrong
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher as _;

    use super::*;

    #[tokio::test]
    async fn is_hashed_once_and_known_for_this_hash_only() {
        let passwords = Passwords::new();
        let hash = |text: &str| Argon2::default().hash_password(text.as_bytes()).unwrap().to_string();
        let (stored, other) = (hash("correct horse"), hash("correct horse"));
        let prove = |hash: &str, password: &str, is_known| {
            passwords.prove(hash.to_owned(), password.to_owned(), is_known)
        };
        assert!(!passwords.is_proven(&stored, "correct horse"));
        assert_eq!(prove(&stored, "battery staple", true).await, Proof::Wrong);
        assert_eq!(prove(&stored, "correct horse", false).await, Proof::Wrong, "nobody has that name");
        assert_eq!(prove("no hash", "correct horse", true).await, Proof::Wrong);
        assert!(!passwords.is_proven(&stored, "correct horse"));
        assert_eq!(prove(&stored, "correct horse", true).await, Proof::Right);
        assert!(passwords.is_proven(&stored, "correct horse"));
        assert!(!passwords.is_proven(&stored, "battery staple"));
        assert!(!passwords.is_proven(&other, "correct horse"), "it was changed since");
    }
}
