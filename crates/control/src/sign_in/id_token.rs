//! Checking an ID token (OpenID Connect Core 1.0, 3.1.3.7): which key signed it, by which algorithm, for whom, until when.
//!
//! Two algorithms are taken, both with public keys. The algorithm must be one that the key is for: a public key is never used as
//! the secret of a symmetric one, and `none` is no algorithm. Time is handed in.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use pierhead_model::Timestamp;
use serde::{Deserialize, Deserializer};

/// Longer texts are not looked at.
const MAXIMUM_BYTES: usize = 16 << 10;
/// How far the issuer's clock may be from ours.
const SKEW_S: i64 = 60;
/// A token is used within seconds after it was made.
const OLDEST_S: i64 = 600;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'e> {
    pub(crate) issuer: &'e str,
    pub(crate) client_id: &'e str,
    pub(crate) nonce: &'e str,
    pub(crate) now: Timestamp,
}

/// What is read of a token, and of what the issuer says elsewhere about who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Profile {
    pub(crate) sub: String,
    #[serde(default)]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    pub(crate) email_verified: bool,
    #[serde(default)]
    pub(crate) name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(flatten)]
    profile: Profile,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Some providers write `"true"`. Everything but those two is no.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let said = serde_json::Value::deserialize(deserializer)?;
    Ok(said == serde_json::Value::Bool(true) || said == "true")
}

/// Why a token is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// It names a key that is not known: perhaps a newer one.
    #[error("the ID token is signed with a key that the issuer does not show")]
    UnknownKey,
    #[error("the ID token is not signed with RS256 or ES256 by a key that is for that")]
    Algorithm,
    #[error("the signature of the ID token is wrong, or it is no token")]
    Signature,
    #[error("the ID token is of another issuer")]
    Issuer,
    #[error("the ID token is for another program")]
    Audience,
    #[error("the ID token is over, or not good yet: check the clocks of both machines")]
    Time,
    #[error("the ID token was made for another sign-in")]
    Nonce,
    #[error("the ID token says of nobody who they are")]
    Subject,
}

pub(crate) fn check(token: &str, keys: &JwkSet, expected: Expected<'_>) -> Result<Profile, Unfit> {
    if token.len() > MAXIMUM_BYTES {
        return Err(Unfit::Signature);
    }
    let header = decode_header(token).map_err(|_| Unfit::Algorithm)?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
        return Err(Unfit::Algorithm);
    }
    let key = match &header.kid {
        Some(kid) => keys.find(kid).ok_or(Unfit::UnknownKey)?,
        // Without a name it must be clear which one is meant.
        None => {
            let mut fitting = keys.keys.iter().filter(|key| is_for(key, header.alg));
            match (fitting.next(), fitting.next()) {
                (Some(only), None) => only,
                _ => return Err(Unfit::UnknownKey),
            }
        }
    };
    if !is_for(key, header.alg) {
        return Err(Unfit::Algorithm);
    }
    let mut rules = Validation::new(header.alg);
    // All of these are looked at below, with the time that was handed in.
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let key = DecodingKey::from_jwk(key).map_err(|_| Unfit::Algorithm)?;
    let claims = decode::<Claims>(token, &key, &rules).map_err(|_| Unfit::Signature)?.claims;
    claims.fit(expected)
}

impl Claims {
    fn fit(self, expected: Expected<'_>) -> Result<Profile, Unfit> {
        let now = expected.now.as_second();
        if self.iss != expected.issuer {
            return Err(Unfit::Issuer);
        }
        let for_us = match &self.aud {
            Audience::One(one) => one == expected.client_id,
            // With several, it must be said that it was us who asked.
            Audience::Several(all) => {
                all.iter().any(|it| it == expected.client_id) && (all.len() == 1 || self.azp.is_some())
            }
        };
        if !for_us || self.azp.is_some_and(|azp| azp != expected.client_id) {
            return Err(Unfit::Audience);
        }
        let over = self.exp <= now.saturating_sub(SKEW_S);
        let early = self.iat > now + SKEW_S || self.nbf.is_some_and(|nbf| nbf > now + SKEW_S);
        let old = self.iat < now - OLDEST_S - SKEW_S;
        if over || early || old {
            return Err(Unfit::Time);
        }
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err(Unfit::Nonce);
        }
        if self.profile.sub.is_empty() || self.profile.sub.len() > 255 {
            return Err(Unfit::Subject);
        }
        Ok(self.profile)
    }
}

/// Whether a key may have signed with an algorithm.
fn is_for(key: &Jwk, algorithm: Algorithm) -> bool {
    let signs = !matches!(&key.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature);
    let (kind, name) = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => (true, KeyAlgorithm::RS256),
        (AlgorithmParameters::EllipticCurve(curve), Algorithm::ES256) => {
            (curve.curve == EllipticCurve::P256, KeyAlgorithm::ES256)
        }
        _ => return false,
    };
    signs && kind && key.common.key_algorithm.is_none_or(|said| said == name)
}

#[cfg(test)]
mod tests;
