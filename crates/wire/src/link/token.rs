//! The token of an agent or an ingress: shown once, never sent, proved by both sides.
//!
//! It names whose it is, so who is started with it knows who it is and whom it should meet. Only a key derived from it is kept,
//! encrypted, by the control plane: who reads the database can neither show the token nor prove it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use pierhead_model::id::{IngressId, NodeId};
use zeroize::Zeroizing;

const SECRET_BYTES: usize = 32;

/// Whose a token is. What is proved with one kind proves nothing of another.
pub trait Bearer: Clone + fmt::Debug + fmt::Display + FromStr {
    /// For people, and for scanners that look for leaked secrets.
    const PREFIX: &'static str;
    /// What its key is derived for.
    const LABEL: &'static str;
    const ERROR: InvalidToken;
}

impl Bearer for NodeId {
    const PREFIX: &'static str = "phd_agt_";
    const LABEL: &'static str = "pierhead agent token 1";
    const ERROR: InvalidToken = InvalidToken::Agent;
}

impl Bearer for IngressId {
    const PREFIX: &'static str = "phd_ing_";
    const LABEL: &'static str = "pierhead ingress token 1";
    const ERROR: InvalidToken = InvalidToken::Ingress;
}

/// What an agent or an ingress is started with.
#[derive(Clone)]
pub struct LinkToken<Id> {
    bearer: Id,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

pub type AgentToken = LinkToken<NodeId>;
pub type IngressToken = LinkToken<IngressId>;

/// The text is no such token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    #[error(
        "this is not an agent's token: it begins with `{}` and is shown once, when a node is added or its token rotated",
        NodeId::PREFIX
    )]
    Agent,
    #[error(
        "this is not an ingress's token: it begins with `{}` and is shown once, when an ingress is added or its token rotated",
        IngressId::PREFIX
    )]
    Ingress,
}

impl<Id: Bearer> LinkToken<Id> {
    /// A token from 32 random bytes.
    pub fn new(bearer: Id, secret: [u8; SECRET_BYTES]) -> Self {
        Self { bearer, secret: Zeroizing::new(secret) }
    }

    /// Whose it is.
    pub const fn bearer(&self) -> &Id {
        &self.bearer
    }

    /// What it is proved with.
    pub fn key(&self) -> TokenKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &*self.secret);
        let tag = hmac::sign(&key, format!("{} {}", Id::LABEL, self.bearer).as_bytes());
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(tag.as_ref());
        TokenKey(bytes)
    }

    /// The text that is shown once.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}{}.{}", Id::PREFIX, self.bearer, BASE64.encode(*self.secret)))
    }
}

impl<Id: Bearer> fmt::Debug for LinkToken<Id> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkToken").field("bearer", &self.bearer).finish_non_exhaustive()
    }
}

impl<Id: Bearer> FromStr for LinkToken<Id> {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let rest = text.trim().strip_prefix(Id::PREFIX).ok_or(Id::ERROR)?;
        let (bearer, secret) = rest.split_once('.').ok_or(Id::ERROR)?;
        let bearer = bearer.parse().map_err(|_| Id::ERROR)?;
        let secret = Zeroizing::new(BASE64.decode(secret).map_err(|_| Id::ERROR)?);
        Ok(Self::new(bearer, secret.as_slice().try_into().map_err(|_| Id::ERROR)?))
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
        assert_eq!(read.bearer(), token.bearer());
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
    fn a_token_is_of_one_kind() {
        let ingress = IngressToken::new(IngressId::new(pierhead_model::Timestamp::UNIX_EPOCH, 1), [7; 32]);
        let text = ingress.expose();
        assert_eq!(text.parse::<IngressToken>().unwrap().bearer(), ingress.bearer());
        assert_eq!(text.parse::<AgentToken>().unwrap_err(), InvalidToken::Agent);
        let agent = AgentToken::new(node(1), [7; 32]).expose();
        assert_eq!(agent.parse::<IngressToken>().unwrap_err(), InvalidToken::Ingress);
        assert!(InvalidToken::Ingress.to_string().contains("phd_ing_"));
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
