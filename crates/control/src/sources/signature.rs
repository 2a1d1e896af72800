//! How webhooks prove where they come from. Everything is compared in constant time, over the bytes as they arrived.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// How far a signed time may be from now, as the Standard Webhooks recommend.
const TOLERANCE_S: i64 = 5 * 60;

/// `sha256=<hex>`: GitHub, and what follows it.
pub(crate) fn hub(secret: &[u8], body: &[u8], said: &str) -> bool {
    said.strip_prefix("sha256=").is_some_and(|said| hexadecimal(secret, body, said))
}

/// `<hex>`: Gitea and Forgejo.
pub(crate) fn hexadecimal(secret: &[u8], body: &[u8], said: &str) -> bool {
    let Ok(said) = hex::decode(said) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    !secret.is_empty() && hmac::verify(&key, body, &said).is_ok()
}

/// The secret itself: GitLab.
pub(crate) fn token(secret: &[u8], said: &str) -> bool {
    !secret.is_empty() && verify_slices_are_equal(secret, said.as_bytes()).is_ok()
}

/// What a Standard Webhook signs beside its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'e> {
    pub(crate) id: &'e str,
    /// Seconds since 1970.
    pub(crate) timestamp: &'e str,
    /// `v1,<base64>`, several of them separated by spaces while a secret is replaced.
    pub(crate) signatures: &'e str,
}

/// Standard Webhooks. The secret is `whsec_<base64>`; another one is used as it is.
pub(crate) fn standard(secret: &str, body: &[u8], envelope: Envelope<'_>, now_s: i64) -> bool {
    let fresh = envelope.timestamp.parse::<i64>().is_ok_and(|at| (now_s.abs_diff(at)) <= TOLERANCE_S as u64);
    let signed = sign(secret, body, envelope.id, envelope.timestamp);
    let matches = |said: &str| {
        said.strip_prefix("v1,")
            .and_then(|said| BASE64.decode(said).ok())
            .is_some_and(|said| verify_slices_are_equal(&signed, &said).is_ok())
    };
    !secret.is_empty() && fresh && envelope.signatures.split(' ').any(matches)
}

/// The signature of a Standard Webhook.
pub(crate) fn sign(secret: &str, body: &[u8], id: &str, timestamp: &str) -> Vec<u8> {
    let decoded = secret.strip_prefix("whsec_").and_then(|text| BASE64.decode(text).ok());
    let key = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation.
    #[test]
    fn the_hub_signature_is_that_of_its_documentation() {
        let (secret, body) = (b"It's a Secret to Everybody", b"Hello, World!");
        let said = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(hub(secret, body, said));
        assert!(!hub(secret, b"Hello, World! ", said), "whitespace counts");
        assert!(!hub(b"other", body, said));
        for bad in
            ["", "sha256=", "sha256=zz", "x", "sha1=757107ea", "sha256=757107ea0eb2509fc211", &said[7..]]
        {
            assert!(!hub(secret, body, bad), "{bad}");
        }
        assert!(!hub(b"", b"", "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
    }

    /// The example of the Standard Webhooks' own documentation.
    #[test]
    fn a_standard_webhook_is_verified_and_not_for_long() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = br#"{"test": 2432232314}"#;
        let envelope = Envelope {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: "1614265330",
            signatures: "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        };
        assert!(standard(secret, body, envelope, 1_614_265_330));
        assert!(standard(secret, body, envelope, 1_614_265_330 + 299));
        assert!(!standard(secret, body, envelope, 1_614_265_330 + 301), "too old");
        assert!(!standard(secret, body, envelope, 1_614_265_330 - 301), "from the future");
        assert!(!standard(secret, body, Envelope { id: "other", ..envelope }, 1_614_265_330));
        assert!(!standard(secret, b"{}", envelope, 1_614_265_330));
    }

    #[test]
    fn an_empty_secret_opens_nothing() {
        assert!(!token(b"", ""));
        assert!(token(b"abc", "abc") && !token(b"abc", "abd") && !token(b"abc", "abcd"));
    }
}
