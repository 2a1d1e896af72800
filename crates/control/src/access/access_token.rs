//! Access tokens: JWTs of one fixed algorithm, one issuer, one purpose.
//!
//! The library's own look at the clock is off: time is handed in, and `exp` must be a number.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use pierhead_model::Timestamp;
use pierhead_model::id::{TokenId, UserId};
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};

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

pub(crate) struct AccessTokens(SecretBox<[u8; 32]>);

impl std::fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessTokens([secret])")
    }
}

impl AccessTokens {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(SecretBox::new(Box::new(key)))
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
        let key = EncodingKey::from_secret(self.0.expose_secret());
        encode(&Header::new(Algorithm::HS256), &claims, &key).map_err(Error::internal)
    }

    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Subject, Error> {
        const REFUSED: Error = Error::Unauthenticated { detail: "The token is not valid: sign in again." };
        if token.len() > MAXIMUM_BYTES {
            return Err(REFUSED);
        }
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        rules.set_issuer(&[ISSUER]);
        rules.set_audience(&["access"]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let key = DecodingKey::from_secret(self.0.expose_secret());
        let claims = decode::<Claims>(token, &key, &rules).map_err(|_| REFUSED)?.claims;
        if claims.exp <= now.as_second() {
            return Err(Error::TokenExpired);
        }
        Ok(Subject { user: claims.sub, session: claims.sid })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Outside as _;
    use crate::testing::Fixed;

    fn subject() -> Subject {
        Subject {
            user: UserId::new(Timestamp::UNIX_EPOCH, 1),
            session: TokenId::new(Timestamp::UNIX_EPOCH, 2),
        }
    }

    #[test]
    fn is_valid_for_a_day() {
        let (tokens, outside) = (AccessTokens::new([1; 32]), Fixed::default());
        let token = tokens.issue(subject(), outside.now()).unwrap();
        assert_eq!(tokens.verify(&token, outside.now()).unwrap(), subject());
        outside.advance(LIFETIME_S);
        assert!(matches!(tokens.verify(&token, outside.now()), Err(Error::TokenExpired)));
    }

    #[test]
    fn refuses_other_keys_other_algorithms_and_bent_claims() {
        let (tokens, now) = (AccessTokens::new([1; 32]), Fixed::default().now());
        let key = EncodingKey::from_secret(&[1; 32]);
        let forge = |header: Header, claims: serde_json::Value| encode(&header, &claims, &key).unwrap();
        let good = serde_json::json!({
            "sub": subject().user, "sid": subject().session, "iss": ISSUER, "aud": "access", "iat": 0, "exp": now.as_second() + 9,
        });
        assert!(tokens.verify(&forge(Header::new(Algorithm::HS256), good.clone()), now).is_ok());
        let mut refused = vec![
            forge(Header::new(Algorithm::HS512), good.clone()),
            AccessTokens::new([2; 32]).issue(subject(), now).unwrap(),
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
            refused.push(forge(Header::new(Algorithm::HS256), bent));
        }
        let mut without_expiry = good;
        without_expiry.as_object_mut().unwrap().remove("exp");
        refused.push(forge(Header::new(Algorithm::HS256), without_expiry));
        for token in refused {
            assert!(matches!(tokens.verify(&token, now), Err(Error::Unauthenticated { .. })), "{token:.40}");
        }
    }
}
