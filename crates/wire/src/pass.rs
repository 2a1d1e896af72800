//! Passes: how a browser that was let in by the control plane shows it to an ingress.
//!
//! A *ticket* is what the control plane sends a browser back with; the ingress takes it once, within a minute, and gives a *cookie*
//! for it, which only that hostname gets. A *bearer* is for programs. All three are a MAC over their use and their end, with a key
//! that the control plane derives for one hostname of one project: what is good for one is good for no other, and the ingress can
//! tell without asking anybody.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

const FORMAT: &str = "phv1";
/// Longer texts are not looked at.
const LONGEST: usize = 160;
const NONCE_BYTES: usize = 16;

/// How long a ticket is good for, in seconds: a browser follows it at once.
pub const TICKET_S: i64 = 60;
/// How long who was let in stays in before the control plane is asked again, in seconds.
pub const STAY_S: i64 = 30 * 60;

/// Where a browser comes back with a ticket.
pub const ENTRANCE: &str = "/.well-known/pierhead/visit";

/// What a pass is for: one that is stolen from one place is no good in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Ticket,
    Cookie,
    Bearer,
}

impl Use {
    const fn label(self) -> &'static str {
        match self {
            Self::Ticket => "t",
            Self::Cookie => "c",
            Self::Bearer => "b",
        }
    }
}

/// The key of one hostname of one project, from its base64.
#[derive(Clone)]
pub struct PassKey(hmac::Key);

impl std::fmt::Debug for PassKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassKey([secret])")
    }
}

impl PassKey {
    /// `None` when it is not the base64 of 32 bytes.
    pub fn from_base64(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32)?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A pass that is good until `until`, in seconds since 1970. `nonce` makes it one of its kind.
    pub fn issue(&self, used_as: Use, until: i64, nonce: &[u8; NONCE_BYTES]) -> String {
        let said = format!("{FORMAT}.{}.{until}.{}", used_as.label(), URL_SAFE_NO_PAD.encode(nonce));
        let mac = hmac::sign(&self.0, said.as_bytes());
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Until when a pass is good, if it is one of this key, for this use, and not over yet.
    pub fn check(&self, pass: &str, used_as: Use, now: i64) -> Option<i64> {
        if pass.len() > LONGEST {
            return None;
        }
        let (said, mac) = pass.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        hmac::verify(&self.0, said.as_bytes(), &mac).ok()?;
        let mut parts = said.split('.');
        let fits = parts.next() == Some(FORMAT) && parts.next() == Some(used_as.label());
        let until: i64 = parts.next()?.parse().ok()?;
        (fits && now < until).then_some(until)
    }
}

/// Whether a text may be a pass, before anybody looks closer.
pub fn looks_like_one(text: &str) -> bool {
    text.strip_prefix(FORMAT).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> PassKey {
        PassKey::from_base64(&STANDARD.encode([byte; 32])).unwrap()
    }

    #[test]
    fn good_for_one_key_one_use_and_a_while() {
        let pass = key(1).issue(Use::Ticket, 100, &[7; 16]);
        assert!(looks_like_one(&pass));
        assert_eq!(key(1).check(&pass, Use::Ticket, 99), Some(100));
        assert_eq!(key(1).check(&pass, Use::Ticket, 100), None, "over");
        assert_eq!(key(2).check(&pass, Use::Ticket, 99), None, "another hostname");
        for other in [Use::Cookie, Use::Bearer] {
            assert_eq!(key(1).check(&pass, other, 99), None, "{other:?}");
        }
    }

    #[test]
    fn whatever_is_changed_breaks_it() {
        let pass = key(1).issue(Use::Cookie, 100, &[7; 16]);
        for index in 0..pass.len() {
            let mut bent = pass.clone().into_bytes();
            bent[index] = if bent[index] == b'1' { b'2' } else { b'1' };
            let bent = String::from_utf8(bent).unwrap();
            // The last character of a base64 text has bits that say nothing, and those must be zero.
            assert_eq!(key(1).check(&bent, Use::Cookie, 0), None, "{bent}");
        }
        for nonsense in ["", ".", "phv1", "phv1.c.100.x.", "phv1.c.-1.x.AAAA", &"phv1.".repeat(99)] {
            assert_eq!(key(1).check(nonsense, Use::Cookie, 0), None, "{nonsense}");
        }
        assert!(PassKey::from_base64("AAAA").is_none());
    }
}
