//! Webhooks as GitHub sends them.

use aws_lc_rs::hmac;
use serde_json::json;

/// A webhook that can be sent any number of times.
#[derive(Debug, Clone)]
pub struct Hook {
    pub event: String,
    pub delivery: String,
    pub body: String,
    pub signature: String,
}

impl Hook {
    /// A push of `commit` to a branch of the repository at `url`.
    pub fn push(url: &str, branch: &str, commit: &str, delivery: &str, secret: &str) -> Self {
        let body = json!({
            "ref": format!("refs/heads/{branch}"),
            "after": commit,
            "repository": { "clone_url": url, "default_branch": "main" },
            "head_commit": { "id": commit, "message": format!("Change {branch}") },
            "sender": { "login": "octocat" },
        });
        Self::new("push", delivery, body.to_string(), secret)
    }

    pub fn new(event: &str, delivery: &str, body: String, secret: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = format!("sha256={}", hex::encode(hmac::sign(&key, body.as_bytes())));
        Self { event: event.to_owned(), delivery: delivery.to_owned(), body, signature }
    }
}
