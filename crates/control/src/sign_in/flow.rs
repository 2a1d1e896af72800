//! What belongs to one way there and back. It is in a cookie of the browser that began, sealed: nobody can read or make one,
//! another browser has none, and strangers cannot fill the database by beginning.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::id::UserId;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::core::Core;
use crate::error::Error;
use crate::outside::Outside;

/// How long somebody may take there.
pub(crate) const LIFETIME_S: i64 = 600;
const PLACE: &str = "sign_in/flow";
/// Where one goes when nothing else was asked for.
const HOME: &str = "/console/";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) provider: String,
    /// Comes back with the answer: an answer to something that this browser did not ask is not taken.
    pub(crate) state: String,
    /// Comes back in the ID token: a token that was made for another sign-in is not taken.
    pub(crate) nonce: String,
    /// Goes with the code: whoever steals one cannot use it (RFC 7636).
    pub(crate) verifier: String,
    pub(crate) return_to: String,
    /// Who is signed in and wants to link; otherwise somebody signs in.
    pub(crate) link: Option<UserId>,
    pub(crate) expires_at: Timestamp,
}

impl Flow {
    pub(crate) fn new(
        provider: &str,
        return_to: Option<&str>,
        link: Option<UserId>,
        outside: &dyn Outside,
    ) -> Result<Self, Error> {
        let random = || {
            let mut bytes = [0; 32];
            outside.fill(&mut bytes);
            BASE64.encode(bytes)
        };
        let return_to = return_to.unwrap_or(HOME);
        if !is_inside(return_to) {
            return Err(Error::invalid("/return_to", "must be a path of the console: /console/…"));
        }
        Ok(Self {
            provider: provider.to_owned(),
            state: random(),
            nonce: random(),
            verifier: random(),
            return_to: return_to.to_owned(),
            link,
            expires_at: outside.now() + SignedDuration::from_secs(LIFETIME_S),
        })
    }

    /// What is asked for with the verifier's hash (S256).
    pub(crate) fn challenge(&self) -> String {
        BASE64.encode(Sha256::digest(self.verifier.as_bytes()))
    }

    /// For the cookie.
    pub(crate) fn sealed(&self, core: &Core) -> Result<String, Error> {
        let text = serde_json::to_string(self).map_err(Error::internal)?;
        core.key.seal(PLACE, &text, &*core.outside).map_err(Error::internal)
    }

    /// The one that a browser has, if the answer belongs to it.
    pub(crate) fn of_answer(core: &Core, cookie: &str, provider: &str, state: &str) -> Option<Self> {
        let text = core.key.open(PLACE, cookie).ok()?;
        let flow: Self = serde_json::from_str(text.expose_secret()).ok()?;
        // By their hashes, so that the time it takes tells nothing.
        let same_state = Sha256::digest(&flow.state) == Sha256::digest(state);
        let fits = same_state && flow.provider == provider && flow.expires_at > core.outside.now();
        fits.then_some(flow)
    }
}

/// Whether a path stays within the console. What a link says is where somebody goes, so nothing else is taken.
pub(crate) fn is_inside(path: &str) -> bool {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let leaves = path.split(['/', '?', '#']).any(|part| {
        let part = part.to_ascii_lowercase().replace("%2e", ".");
        part == ".." || part == "."
    });
    path.len() <= 512 && path.starts_with(HOME) && plain && !leaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixed;

    #[test]
    fn open_redirect_one_comes_back_to_the_console_and_nowhere_else() {
        for path in ["/console/", "/console/projects/shop?tab=logs#L7", "/console/invitation"] {
            assert!(is_inside(path), "{path}");
        }
        for path in [
            "",
            "/",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/console/",
            "console/",
            "/console",
            "/console/..//evil.example",
            "/console/%2e%2E/api/v1/auth/logout",
            "/console/\\evil",
            "/console/\r\nset-cookie: a=b",
            "/console/ x",
            "javascript:alert(1)",
            "/consoles/",
        ] {
            assert!(!is_inside(path), "{path}");
            assert!(Flow::new("p", Some(path), None, &Fixed::default()).is_err(), "{path}");
        }
        assert!(!is_inside(&format!("/console/{}", "a".repeat(512))));
    }

    #[test]
    fn the_challenge_is_the_one_of_the_standard() {
        // RFC 7636, appendix B.
        let flow = Flow {
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
            ..Flow::new("p", None, None, &Fixed::default()).unwrap()
        };
        assert_eq!(flow.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
