//! The token of an agent: shown once, never sent, proved by both sides.
//!
//! It names its node, so an agent knows who it is and whom it should meet. Only a key derived from it is kept, encrypted,
//! by the control plane: who reads the database can neither show the token nor prove it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use pierhead_model::id::NodeId;
use zeroize::Zeroizing;

/// For people, and for scanners that look for leaked secrets.
const PREFIX: &str = "phd_agt_";
const SECRET_BYTES: usize = 32;

/// What an agent is started with.
#[derive(Clone)]
pub struct AgentToken {
    node: NodeId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

/// The text is no agent's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not an agent's token: it begins with `{PREFIX}` and is shown once, when a node is added or its token rotated"
)]
pub struct InvalidToken;

impl AgentToken {
    /// A token of a node from 32 random bytes.
    pub fn new(node: NodeId, secret: [u8; SECRET_BYTES]) -> Self {
        Self { node, secret: Zeroizing::new(secret) }
    }

    /// Whose it is.
    pub const fn node(&self) -> &NodeId {
        &self.node
    }

    /// What it is proved with.
    pub fn key(&self) -> TokenKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.secret);
        let tag = hmac::sign(&key, format!("pierhead agent token 1 {}", self.node).as_bytes());
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(tag.as_ref());
        TokenKey(bytes)
    }

    /// The text that is shown once.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}.{}", self.node, BASE64.encode(*self.secret)))
    }
}

impl fmt::Debug for AgentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentToken").field("node", &self.node).finish_non_exhaustive()
    }
}

impl FromStr for AgentToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let rest = text.trim().strip_prefix(PREFIX).ok_or(InvalidToken)?;
        let (node, secret) = rest.split_once('.').ok_or(InvalidToken)?;
        let node = node.parse().map_err(|_| InvalidToken)?;
        let secret = Zeroizing::new(BASE64.decode(secret).map_err(|_| InvalidToken)?);
        Ok(Self::new(node, secret.as_slice().try_into().map_err(|_| InvalidToken)?))
    }
}

/// Derived from a token: enough to prove it, not to show it.
#[derive(Clone)]
pub struct TokenKey(Zeroizing<[u8; 32]>);

impl TokenKey {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text, &mut *bytes).ok()?;
        Some(Self(bytes))
    }

    pub fn expose_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(*self.0))
    }

    pub(super) fn mac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &*self.0)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u128) -> NodeId {
        NodeId::new(pierhead_model::Timestamp::UNIX_EPOCH, number)
    }

    #[test]
    fn comes_back_from_its_text_and_shows_no_secret() {
        let token = AgentToken::new(node(1), [7; 32]);
        let text = token.expose();
        let read: AgentToken = text.parse().unwrap();
        assert_eq!(read.node(), token.node());
        assert_eq!(*read.key().0, *token.key().0);
        assert!(!format!("{token:?} {:?}", token.key()).contains("Bwc"));
        let key = TokenKey::from_hex(&token.key().expose_hex()).unwrap();
        assert_eq!(*key.0, *token.key().0);
    }

    #[test]
    fn the_same_secret_for_another_node_is_another_key() {
        let (one, other) = (AgentToken::new(node(1), [7; 32]), AgentToken::new(node(2), [7; 32]));
        assert_ne!(*one.key().0, *other.key().0);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = AgentToken::new(node(1), [7; 32]).expose();
        for bad in [
            "",
            "phd_agt_",
            "phd_pat_x",
            &good[..good.len() - 1],
            &good.replace('.', ""),
            &format!("{}A", *good),
        ] {
            assert!(bad.parse::<AgentToken>().is_err(), "{bad}");
        }
    }
}
