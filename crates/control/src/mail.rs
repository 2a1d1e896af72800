//! Letters to people. How they travel is handed in; without a way, links are shown to who asked for them.

use async_trait::async_trait;

use crate::error::Error;

/// A letter, as plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// An address.
    pub to: String,
    pub subject: String,
    pub text: String,
}

/// Carries letters.
#[async_trait]
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Returns when the next server has taken the letter over.
    async fn send(&self, letter: Letter) -> Result<(), Error>;
}
