//! Access tokens: JWTs of one fixed algorithm, one issuer, one purpose.
//!
//! The library's own look at the clock is off: time is handed in, and `exp` must be a number.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use parking_lot::RwLock;
use pierhead_model::Timestamp;
use pierhead_model::id::{TokenId, UserId};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use super::token_keys::TokenKey;
use crate::Error;

/// 24 hours.
pub(crate) const LIFETIME_S: i64 = 24 * 3600;
/// Longer texts are not looked at.
const MAXIMUM_BYTES: usize = 4096;
const ISSUER: &str = "pierhead";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    /// The session, so that signing out ends the access token too.
    sid: TokenId,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
}

/// Whom an access token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) user: UserId,
    pub(crate) session: TokenId,
}

/// What verifying found.
#[derive(Debug)]
pub(crate) enum Verified {
    Good(Subject),
    /// It names a key that is not known: perhaps a newer one.
    UnknownKey,
}

pub(crate) struct AccessTokens(RwLock<Vec<TokenKey>>);

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessTokens([secret])")
    }
}

impl AccessTokens {
    /// The newest key first: it signs.
    pub(crate) const fn new(keys: Vec<TokenKey>) -> Self {
        Self(RwLock::new(keys))
    }

    pub(crate) fn replace(&self, keys: Vec<TokenKey>) {
        *self.0.write() = keys;
    }

    pub(crate) fn issue(&self, subject: Subject, now: Timestamp) -> Result<String, Error> {
        let claims = Claims {
            sub: subject.user,
            sid: subject.session,
            iss: ISSUER.to_owned(),
            aud: "access".to_owned(),
            iat: now.as_second(),
            exp: now.as_second() + LIFETIME_S,
        };
        let keys = self.0.read();
        let newest = keys.first().ok_or_else(|| Error::Internal("there is no key for tokens".into()))?;
        let header = Header { kid: Some(newest.id.clone()), ..Header::new(Algorithm::HS256) };
        let key = EncodingKey::from_secret(newest.secret.expose_secret());
        encode(&header, &claims, &key).map_err(Error::internal)
    }

    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Verified, Error> {
        const REFUSED: Error = Error::Unauthenticated { detail: "The token is not valid: sign in again." };
        if token.len() > MAXIMUM_BYTES {
            return Err(REFUSED);
        }
        let header = decode_header(token).map_err(|_| REFUSED)?;
        let (Some(kid), Algorithm::HS256) = (header.kid, header.alg) else { return Err(REFUSED) };
        let keys = self.0.read();
        let Some(key) = keys.iter().find(|key| key.id == kid) else { return Ok(Verified::UnknownKey) };
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&["access"]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let key = DecodingKey::from_secret(key.secret.expose_secret());
        let claims = decode::<Claims>(token, &key, &rules).map_err(|_| REFUSED)?.claims;
        if claims.exp <= now.as_second() {
            return Err(Error::TokenExpired);
        }
        Ok(Verified::Good(Subject { user: claims.sub, session: claims.sid }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Outside as _;
    use crate::testing::Fixed;

    fn tokens(id: &str, key: u8) -> AccessTokens {
        AccessTokens::new(vec![TokenKey::for_test(id, key)])
    }

    fn subject() -> Subject {
        Subject {
            user: UserId::new(Timestamp::UNIX_EPOCH, 1),
            session: TokenId::new(Timestamp::UNIX_EPOCH, 2),
        }
    }

    #[test]
    fn is_valid_for_a_day() {
        let (tokens, outside) = (tokens("a", 1), Fixed::default());
        let token = tokens.issue(subject(), outside.now()).unwrap();
        let verified = tokens.verify(&token, outside.now()).unwrap();
        assert!(matches!(verified, Verified::Good(found) if found == subject()));
        outside.advance(LIFETIME_S);
        assert!(matches!(tokens.verify(&token, outside.now()), Err(Error::TokenExpired)));
    }

    #[test]
    fn algorithm_confusion_other_keys_and_bent_claims_are_refused() {
        let (tokens, now) = (tokens("a", 1), Fixed::default().now());
        let key = EncodingKey::from_secret(&[1; 32]);
        let named = |algorithm| Header { kid: Some("a".to_owned()), ..Header::new(algorithm) };
        let forge = |header: Header, claims: serde_json::Value| encode(&header, &claims, &key).unwrap();
        let good = serde_json::json!({
            "sub": subject().user, "sid": subject().session, "iss": ISSUER, "aud": "access", "iat": 0, "exp": now.as_second() + 9,
        });
        assert!(tokens.verify(&forge(named(Algorithm::HS256), good.clone()), now).is_ok());
        let mut refused = vec![
            forge(named(Algorithm::HS512), good.clone()),
            // A key that is not named is no key.
            forge(Header::new(Algorithm::HS256), good.clone()),
            tokens("a", 2).issue(subject(), now).unwrap(),
            format!("eyJhbGciOiJub25lIn0.{}.", "e30"),
            String::new(),
            "x".repeat(1 << 20),
        ];
        for (field, value) in [
            ("exp", "9999999999".into()),
            ("aud", "invite".into()),
            ("iss", "other".into()),
            ("sub", "x".into()),
        ] {
            let mut bent: serde_json::Value = good.clone();
            bent[field] = value;
            refused.push(forge(named(Algorithm::HS256), bent));
        }
        let mut without_expiry = good;
        without_expiry.as_object_mut().unwrap().remove("exp");
        refused.push(forge(named(Algorithm::HS256), without_expiry));
        for token in refused {
            assert!(matches!(tokens.verify(&token, now), Err(Error::Unauthenticated { .. })), "{token:.40}");
        }
    }

    #[test]
    fn the_key_before_still_verifies_and_an_unknown_one_is_asked_for() {
        let now = Fixed::default().now();
        let old = tokens("a", 1);
        let token = old.issue(subject(), now).unwrap();
        let both = AccessTokens::new(vec![TokenKey::for_test("b", 2), TokenKey::for_test("a", 1)]);
        assert!(matches!(both.verify(&token, now), Ok(Verified::Good(_))));
        let newer = both.issue(subject(), now).unwrap();
        assert!(matches!(old.verify(&newer, now), Ok(Verified::UnknownKey)));
    }
}
