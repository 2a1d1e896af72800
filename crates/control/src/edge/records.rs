//! Records that the platform itself puts into a zone: a port, and Cloudflare behind it.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
const LONGEST_ANSWER: usize = 1 << 20;

/// A provider of DNS. Errors are sentences for an administrator.
#[async_trait]
pub trait Records: Send + Sync + std::fmt::Debug {
    /// Adds a TXT record beside those that are there. What it answers names the record for [`Records::remove`].
    async fn put_txt(&self, name: &str, value: &str) -> Result<String, String>;

    /// Removes a record. One that is gone is no mistake.
    async fn remove(&self, id: &str) -> Result<(), String>;
}

/// Where Cloudflare is asked, and as whom.
#[derive(Debug, Clone)]
pub struct CloudflareOptions {
    /// An API token that may edit the zone's records.
    pub token: SecretString,
    /// `https://api.cloudflare.com/client/v4`, or a stand-in for it.
    pub api_url: String,
}

/// Cloudflare's REST API.
#[derive(Debug, Clone)]
pub struct Cloudflare {
    options: CloudflareOptions,
    http: reqwest::Client,
}

/// The frame of every answer.
#[derive(Debug, Deserialize)]
struct Frame {
    success: bool,
    #[serde(default)]
    errors: Vec<Problem>,
    result: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Problem {
    code: i64,
    message: String,
}

/// The answer for a record that is gone.
const NO_SUCH_RECORD: i64 = 81044;

impl Cloudflare {
    pub fn new(options: CloudflareOptions) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none());
        Ok(Self { options, http: http.build()? })
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Frame, String> {
        let url = format!("{}{path}", self.options.api_url.trim_end_matches('/'));
        let mut request = self.http.request(method, url).bearer_auth(self.options.token.expose_secret());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let sent = request.send().await.map_err(|error| format!("Cloudflare cannot be reached: {error}"))?;
        let status = sent.status();
        let body = super::bounded(sent, LONGEST_ANSWER).await?;
        serde_json::from_slice(&body).map_err(|_| format!("Cloudflare answered {status}, and no JSON"))
    }

    async fn result(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, String> {
        let frame = self.call(method, path, body).await?;
        match (frame.success, frame.result) {
            (true, Some(result)) => Ok(result),
            (true, None) => Ok(Value::Null),
            (false, _) => Err(refusal(&frame.errors)),
        }
    }

    /// The zone that a name is in: the longest of its parents that is one.
    async fn zone(&self, name: &str) -> Result<String, String> {
        let mut rest = name;
        while let Some((_, parent)) = rest.split_once('.') {
            rest = parent;
            if !rest.contains('.') {
                break;
            }
            let found = self.result(reqwest::Method::GET, &format!("/zones?name={rest}"), None).await?;
            let id = found.as_array().and_then(|zones| zones.first()?.get("id")?.as_str());
            if let Some(id) = id {
                return Ok(id.to_owned());
            }
        }
        Err(format!("the account at Cloudflare has no zone for `{name}`, or the token does not include it"))
    }
}

fn refusal(problems: &[Problem]) -> String {
    let said: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    format!("Cloudflare refused: {}", said.join("; "))
}

#[async_trait]
impl Records for Cloudflare {
    async fn put_txt(&self, name: &str, value: &str) -> Result<String, String> {
        let zone = self.zone(name).await?;
        let record = json!({ "type": "TXT", "name": name, "content": format!("\"{value}\""), "ttl": 60 });
        let path = format!("/zones/{zone}/dns_records");
        let made = self.result(reqwest::Method::POST, &path, Some(record)).await?;
        let id = made.get("id").and_then(Value::as_str).ok_or("Cloudflare did not say what it made")?;
        Ok(format!("{zone}/{id}"))
    }

    async fn remove(&self, id: &str) -> Result<(), String> {
        let (zone, record) = id.split_once('/').ok_or("that is no record of Cloudflare")?;
        let path = format!("/zones/{zone}/dns_records/{record}");
        let frame = self.call(reqwest::Method::DELETE, &path, None).await?;
        let is_gone = frame.errors.iter().any(|problem| problem.code == NO_SUCH_RECORD);
        if frame.success || is_gone { Ok(()) } else { Err(refusal(&frame.errors)) }
    }
}
