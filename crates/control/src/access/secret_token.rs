//! Secrets that are shown once and stored hashed: API tokens, refresh tokens, set-up links.
//!
//! 256 random bits need no slow hash. The prefix says what it is, for people and for scanners that look for leaked secrets.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use pierhead_model::digest::Digest;

use crate::outside::Outside;

/// What a secret is for; one kind is never accepted as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An API token of a person or a machine.
    Api,
    Refresh,
    /// In a browser's cookie.
    Cookie,
    Setup,
    Invitation,
    /// To set a password anew.
    Reset,
    /// Of a command line that waits to be signed in by a browser.
    Device,
}

impl TokenKind {
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Api => "phd_pat_",
            Self::Refresh => "phd_ref_",
            Self::Cookie => "phd_ses_",
            Self::Setup => "phd_set_",
            Self::Invitation => "phd_inv_",
            Self::Reset => "phd_rst_",
            Self::Device => "phd_dev_",
        }
    }
}

/// A new secret and what is stored of it.
pub(crate) fn generate(kind: TokenKind, outside: &dyn Outside) -> (String, String) {
    let mut bytes = [0; 32];
    outside.fill(&mut bytes);
    let token = format!("{}{}", kind.prefix(), BASE64.encode(bytes));
    let hash = hash(&token);
    (token, hash)
}

/// What is stored of a secret. Looking it up by this hash leaks nothing through time: the hash of a guess is not near the
/// hash of the secret.
pub(crate) fn hash(token: &str) -> String {
    Digest::of(token.as_bytes()).to_hex()
}

/// Whether a text could be a secret of this kind.
pub(crate) fn is(kind: TokenKind, text: &str) -> bool {
    text.len() < 128 && text.starts_with(kind.prefix())
}
