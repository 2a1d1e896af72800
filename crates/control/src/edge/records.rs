//! Records that the platform itself puts into a zone: a port, and Cloudflare behind it, whose caches are told here too.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::caches::Caches;

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
    zones: Arc<Mutex<HashMap<String, KnownZone>>>,
}

/// The zone of a name that was asked for, `None` when there is none, and since when that is known.
type KnownZone = (Option<String>, Instant);

/// How long it is believed that a name is in a zone, or in none.
const ZONE_KNOWN_FOR: Duration = Duration::from_secs(3600);

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
        Ok(Self { options, http: http.build()?, zones: Arc::default() })
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
            if let Some(id) = self.look_for_zone(rest).await? {
                return Ok(id);
            }
        }
        Err(format!("the account at Cloudflare has no zone for `{name}`, or the token does not include it"))
    }
}

impl Cloudflare {
    async fn look_for_zone(&self, name: &str) -> Result<Option<String>, String> {
        let found = self.result(reqwest::Method::GET, &format!("/zones?name={name}"), None).await?;
        Ok(found.as_array().and_then(|zones| zones.first()?.get("id")?.as_str()).map(ToOwned::to_owned))
    }

    /// The same, asked for once in a while: most names have neighbours.
    async fn zone_named(&self, name: &str) -> Result<Option<String>, String> {
        let known = self.zones.lock().get(name).cloned();
        if let Some((zone, since)) = known
            && since.elapsed() < ZONE_KNOWN_FOR
        {
            return Ok(zone);
        }
        let id = self.look_for_zone(name).await?;
        self.zones.lock().insert(name.to_owned(), (id.clone(), Instant::now()));
        Ok(id)
    }

    /// The zone of a hostname, asked for as seldom as can be: names beside each other are in one zone.
    async fn zone_of_host(&self, host: &str) -> Result<Option<String>, String> {
        let mut rest = host;
        while let Some((_, parent)) = rest.split_once('.') {
            if parent.contains('.')
                && let Some(zone) = self.zone_named(parent).await?
            {
                return Ok(Some(zone));
            }
            rest = parent;
        }
        // The name of a zone itself.
        if host.contains('.') { self.zone_named(host).await } else { Ok(None) }
    }
}

#[async_trait]
impl Caches for Cloudflare {
    async fn purge(&self, hosts: &[String]) -> Result<(), String> {
        let mut by_zone: BTreeMap<String, Vec<&String>> = BTreeMap::new();
        for host in hosts {
            if let Some(zone) = self.zone_of_host(host).await? {
                by_zone.entry(zone).or_default().push(host);
            }
        }
        for (zone, hosts) in by_zone {
            let path = format!("/zones/{zone}/purge_cache");
            self.result(reqwest::Method::POST, &path, Some(json!({ "hosts": hosts }))).await?;
        }
        Ok(())
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
