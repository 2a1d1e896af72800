//! One question to a service, and its answer.
//!
//! GitHub asks to be left alone in three ways: with `retry-after`, with `x-ratelimit-remaining: 0` and the time of its reset, or
//! in words only, which means a minute:
//! <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>. GitLab writes
//! `ratelimit-reset`, Gitea `retry-after`.

use std::time::Duration;

use pierhead_model::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::Forge;
use crate::core::Core;
use crate::error::Error;

/// What is waited when a service says only that it was too much.
const UNNAMED: Duration = Duration::from_secs(60);
/// Longer waits are a mistake: limits are counted by the hour.
const LONGEST: Duration = Duration::from_secs(2 * 3600);
/// The version of GitHub's API that the questions are written for.
const GITHUB_VERSION: &str = "2022-11-28";

/// Why there is no answer that could be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("{0}")]
    Unreachable(String),
    #[error("it wants to be left alone for {} s", .0.as_secs())]
    Limited(Duration),
    /// `said` is the service's own sentence.
    #[error("it answered {status}{}", sentence(.said))]
    Refused { status: u16, said: String },
    #[error("it answered something that is not understood: {0}")]
    Unreadable(String),
}

fn sentence(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl Trouble {
    /// Whether the same question may be answered later.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Limited(_) => true,
            Self::Refused { status, .. } => *status >= 500,
            Self::Unreadable(_) => false,
        }
    }

    /// For whoever asked for it now.
    pub(crate) fn into_error(self, forge: Forge) -> Error {
        match self {
            Self::Limited(wait) => Error::RateLimited { retry_after_s: wait.as_secs().max(1) },
            trouble => Error::Unavailable { detail: format!("{} did not help: {trouble}.", forge.label()) },
        }
    }
}

/// The way to a service's API, with what proves who asks.
#[derive(Debug)]
pub(crate) struct Caller<'c> {
    pub(crate) core: &'c Core,
    pub(crate) forge: Forge,
    pub(crate) api: Url,
    pub(crate) token: SecretString,
}

/// An answer and what belongs to it.
#[derive(Debug)]
pub(crate) struct Told<T> {
    pub(crate) body: T,
    /// Whether there is another page.
    pub(crate) more: bool,
}

impl Caller<'_> {
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Told<T>, Trouble> {
        self.call(Method::GET, path, query, None).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &Value) -> Result<T, Trouble> {
        Ok(self.call(Method::POST, path, &[], Some(body)).await?.body)
    }

    /// Takes something away; what is not there is as good.
    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Trouble> {
        match self.call::<Value>(Method::DELETE, path, &[], None).await {
            Ok(_) | Err(Trouble::Refused { status: 404 | 410, .. }) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Told<T>, Trouble> {
        let mut url = below(&self.api, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.core.outgoing.request(method, &url);
        request = match self.forge {
            Forge::GithubApp | Forge::Github => {
                let request = request
                    .header("accept", "application/vnd.github+json")
                    .header("x-github-api-version", GITHUB_VERSION);
                // Whoever shows nothing is refused less than who shows an empty token.
                let token = self.token.expose_secret();
                if token.is_empty() { request } else { request.bearer_auth(token) }
            }
            Forge::Gitlab => request.bearer_auth(self.token.expose_secret()),
            Forge::Gitea => request.header("authorization", format!("token {}", self.token.expose_secret())),
        };
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = self.core.outgoing.ask(request).await.map_err(Trouble::Unreachable)?;
        let said = said(&reply.body);
        if let Some(wait) = wait(reply.status, &reply.headers, &said, self.core.outside.now()) {
            return Err(Trouble::Limited(wait));
        }
        if !(200..300).contains(&reply.status) {
            return Err(Trouble::Refused { status: reply.status, said });
        }
        let text = if reply.body.is_empty() { b"null".as_slice() } else { &reply.body };
        let body = serde_json::from_slice(text).map_err(|error| Trouble::Unreadable(error.to_string()))?;
        let links = reply.headers.get_all("link").iter().filter_map(|link| link.to_str().ok());
        let more = links.flat_map(|link| link.split(',')).any(|link| link.contains("rel=\"next\""));
        Ok(Told { body, more })
    }
}

/// A path below an API's address; each part is one part, whatever is in it.
pub(crate) fn below(api: &Url, path: &[&str]) -> Url {
    let mut url = api.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// How long a service wants to be left alone.
fn wait(status: u16, headers: &HeaderMap, said: &str, now: Timestamp) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let seconds = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0)).min(LONGEST);
    if !matches!(status, 403 | 429 | 503) {
        return None;
    }
    if let Some(after) = number("retry-after") {
        return Some(seconds(after.max(1)));
    }
    for (remaining, reset) in
        [("x-ratelimit-remaining", "x-ratelimit-reset"), ("ratelimit-remaining", "ratelimit-reset")]
    {
        if number(remaining) == Some(0)
            && let Some(reset) = number(reset)
        {
            return Some(seconds((reset - now.as_second()).max(1)));
        }
    }
    (status == 429 || said.to_ascii_lowercase().contains("rate limit")).then_some(UNNAMED)
}

/// The sentence of an answer that is none: GitHub's, Gitea's and GitLab's `message`.
fn said(body: &[u8]) -> String {
    let Ok(document) = serde_json::from_slice::<Value>(body) else { return String::new() };
    let found =
        ["message", "error_description", "error"].iter().find_map(|name| document.get(name)?.as_str());
    found.unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn a_service_says_how_long_it_wants_to_be_left_alone() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = (now.as_second() + 900).to_string();
        for (status, headers, said, expected) in [
            (200, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", at.as_str())], "", None),
            (403, vec![], "Resource not accessible by integration", None),
            (403, vec![("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", at.as_str())], "no", None),
            (403, vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", at.as_str())], "", Some(900)),
            (429, vec![("ratelimit-remaining", "0"), ("ratelimit-reset", at.as_str())], "", Some(900)),
            (403, vec![("retry-after", "30")], "You have exceeded a secondary rate limit", Some(30)),
            (403, vec![], "You have exceeded a secondary rate limit.", Some(60)),
            (429, vec![], "", Some(60)),
            (503, vec![("retry-after", "0")], "", Some(1)),
            (503, vec![], "", None),
            (403, vec![("retry-after", "999999999")], "", Some(7200)),
        ] {
            let headers: HeaderMap = headers
                .into_iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
                .collect();
            let found = wait(status, &headers, said, now).map(|wait| wait.as_secs());
            assert_eq!(found, expected, "{status} {headers:?} {said}");
        }
    }

    #[test]
    fn names_from_people_stay_one_part_of_the_path() {
        let api: Url = "https://gitlab.example.com/api/v4/".parse().unwrap();
        let url = below(&api, &["projects", "team/shop", "hooks", "../x?y#z"]);
        assert_eq!(
            url.as_str(),
            "https://gitlab.example.com/api/v4/projects/team%2Fshop/hooks/..%2Fx%3Fy%23z"
        );
    }
}
