//! What webhooks say, in one language.
//!
//! Providers add fields and kinds of events whenever they like, so nothing here refuses: what is not understood is of no
//! concern, and says so.

mod generic;
mod gitea;
mod github;
mod gitlab;

use std::collections::BTreeSet;

use pierhead_model::Timestamp;
use pierhead_model::pull::PullRequest;
use pierhead_model::source::RepositoryUrl;
use serde::Deserialize;
use serde_json::Value;

/// Who sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Provider {
    Github,
    Gitlab,
    /// Forgejo too.
    #[strum(serialize = "gitea", serialize = "forgejo")]
    Gitea,
    /// Anybody, as a Standard Webhook.
    Generic,
}

/// What a webhook means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// Branches moved.
    Pushed(Push),
    Pull(Box<Pull>),
    /// An app was installed, taken away, or given other repositories.
    Installation(Installation),
    /// The provider tries whether we are here.
    Ping,
    /// Nothing that anything follows from; why.
    Nothing(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// `None`: whichever is the project's.
    pub(crate) branch: Option<String>,
    /// Where it is now, when the payload says so.
    pub(crate) commit: Option<String>,
    /// The first line of that commit's message.
    pub(crate) message: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) default_branch: Option<String>,
}

/// What became of an app's installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Installation {
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) change: InstallationChange,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InstallationChange {
    /// Nothing can be entered through it any more; in which word.
    Ended(&'static str),
    /// It can be used (again).
    Usable,
    /// By their ids: those that were given, and those that were taken away.
    Repositories { added: Vec<u64>, removed: Vec<u64> },
}

/// What is told of a pull request, or merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pull {
    pub(crate) request: PullRequest,
    pub(crate) commit: Option<String>,
    pub(crate) default_branch: Option<String>,
}

/// What a webhook means, and which repository it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// Every address that the payload gives for its repository, as places.
    pub(crate) places: BTreeSet<String>,
    pub(crate) happening: Happening,
}

/// Reads a payload.
pub(crate) fn read(provider: Provider, event: &str, payload: &Value) -> Parsed {
    match provider {
        Provider::Github => github::read(event, payload),
        Provider::Gitea => gitea::read(event, payload),
        Provider::Gitlab => gitlab::read(event, payload),
        Provider::Generic => generic::read(payload),
    }
}

/// Where payloads say which repository they are about.
const ADDRESSES: [&str; 7] =
    ["clone_url", "ssh_url", "html_url", "git_http_url", "git_ssh_url", "web_url", "http_url"];

fn places(payload: &Value) -> BTreeSet<String> {
    let repositories = ["repository", "project"].into_iter().filter_map(|name| payload.get(name));
    repositories.flat_map(|repository| places_of(|name| repository.get(name))).collect()
}

fn places_of<'v>(address: impl Fn(&str) -> Option<&'v Value>) -> Vec<String> {
    let place = |text: &str| Some(RepositoryUrl::parse(text).ok()?.place());
    ADDRESSES.iter().filter_map(|name| place(address(name)?.as_str()?)).collect()
}

/// The places of the repository of a text that nobody has verified, for finding who may have signed it: nothing else of it
/// is read, or kept.
pub(crate) fn places_unverified(text: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Payload {
        repository: Option<Addresses>,
        project: Option<Addresses>,
    }
    #[derive(Deserialize)]
    struct Addresses {
        clone_url: Option<String>,
        ssh_url: Option<String>,
        html_url: Option<String>,
        git_http_url: Option<String>,
        git_ssh_url: Option<String>,
        web_url: Option<String>,
        http_url: Option<String>,
    }
    let Ok(payload) = serde_json::from_slice::<Payload>(text) else { return Vec::new() };
    let found = [payload.repository, payload.project].into_iter().flatten().flat_map(|it| {
        [it.clone_url, it.ssh_url, it.html_url, it.git_http_url, it.git_ssh_url, it.web_url, it.http_url]
    });
    found.flatten().filter_map(|text| Some(RepositoryUrl::parse(&text).ok()?.place())).collect()
}

/// Text at a JSON pointer, without control characters and not longer than a person reads.
fn text(payload: &Value, pointer: &str) -> Option<String> {
    let found = payload.pointer(pointer)?.as_str()?;
    let first = found.lines().next().unwrap_or_default();
    let shown: String = first.chars().filter(|c| !c.is_control()).take(300).collect();
    (!shown.is_empty()).then_some(shown)
}

/// A commit at a JSON pointer; `None` for the zeros that stand for "there is none".
fn commit(payload: &Value, pointer: &str) -> Option<String> {
    let found = payload.pointer(pointer)?.as_str()?;
    let hash = matches!(found.len(), 40 | 64)
        && found.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (hash && !is_zero(found)).then(|| found.to_owned())
}

fn is_zero(hash: &str) -> bool {
    !hash.is_empty() && hash.bytes().all(|b| b == b'0')
}

fn nothing(why: impl Into<String>) -> Happening {
    Happening::Nothing(why.into())
}

/// The branch of a pushed reference, or why nothing follows from it.
fn branch_of(payload: &Value) -> Result<String, Happening> {
    let Some(reference) = payload.pointer("/ref").and_then(Value::as_str) else {
        return Err(nothing("the push names no reference"));
    };
    let Some(branch) = reference.strip_prefix("refs/heads/") else {
        return Err(nothing("tags are not followed"));
    };
    let gone = payload.pointer("/after").and_then(Value::as_str).is_some_and(is_zero);
    if gone || payload.pointer("/deleted").and_then(Value::as_bool) == Some(true) {
        return Err(nothing("the branch was deleted"));
    }
    Ok(branch.chars().take(255).collect())
}

fn time(payload: &Value, pointer: &str) -> Option<Timestamp> {
    payload.pointer(pointer)?.as_str()?.parse().ok()
}
