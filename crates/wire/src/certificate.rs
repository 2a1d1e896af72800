//! Certificates on their way to an ingress.

use serde::{Deserialize, Serialize};

/// A certificate and its key, for all of its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// In lower case; a wildcard as `*.example.com`.
    pub names: Vec<String>,
    /// PEM, the certificate itself first.
    pub chain: String,
    pub key: PrivateKey,
}

/// A private key as PEM. It is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrivateKey(String);

impl PrivateKey {
    pub const fn new(pem: String) -> Self {
        Self(pem)
    }

    /// The key itself: for who signs with it, and for who seals it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PrivateKey([secret])")
    }
}
