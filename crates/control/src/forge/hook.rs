//! Webhooks that Pierhead makes at a service for one project, tries out, and takes away again. An app has its own for everything.

use pierhead_model::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Forge;
use super::call::{Caller, Trouble};
use super::link::Usable;

/// The repository whose webhooks are meant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) forge: Forge,
    /// As the service names it.
    pub(crate) repository: &'p str,
    pub(crate) repository_id: u64,
}

impl<'p> From<&'p Usable> for Place<'p> {
    fn from(usable: &'p Usable) -> Self {
        let link = &usable.link;
        Self { forge: usable.forge, repository: &link.repository, repository_id: link.repository_id }
    }
}

#[derive(Deserialize)]
struct Hook {
    id: u64,
    /// GitLab's.
    url: Option<String>,
    config: Option<Config>,
}

#[derive(Deserialize)]
struct Config {
    url: Option<String>,
}

impl Hook {
    fn is_at(&self, url: &str) -> bool {
        let own = self.url.as_deref().filter(|_| self.config.is_none());
        own.or_else(|| self.config.as_ref()?.url.as_deref()) == Some(url)
    }
}

/// Makes the one webhook that sends to `url`; those that an attempt before left are taken away first.
pub(crate) async fn make(
    caller: &Caller<'_>,
    place: Place<'_>,
    url: &str,
    secret: &SecretString,
) -> Result<String, Trouble> {
    let id = place.repository_id.to_string();
    let path = path(place, &id);
    for left in caller.get::<Vec<Hook>>(&path, &[("per_page", "100")]).await?.body {
        if left.is_at(url) {
            let id = left.id.to_string();
            caller.delete(&[&path[..], &[id.as_str()]].concat()).await?;
        }
    }
    let made: Hook = caller.post(&path, &document(place.forge, url, secret)).await?;
    Ok(made.id.to_string())
}

/// What is gone already is as good.
pub(crate) async fn remove(caller: &Caller<'_>, place: Place<'_>, hook: &str) -> Result<(), Trouble> {
    let id = place.repository_id.to_string();
    caller.delete(&[&path(place, &id)[..], &[hook]].concat()).await
}

/// Asks the service to send something by this webhook now. GitHub and Gitea do it after their answer; GitLab before it, so that
/// its answer says why it could not.
pub(crate) async fn send_something(caller: &Caller<'_>, place: Place<'_>, hook: &str) -> Result<(), Trouble> {
    let id = place.repository_id.to_string();
    let how: &[&str] = match place.forge {
        Forge::GithubApp | Forge::Github => &[hook, "pings"],
        Forge::Gitlab => &[hook, "test", "push_events"],
        Forge::Gitea => &[hook, "tests"],
    };
    let path = [&path(place, &id)[..], how].concat();
    caller.call::<Value>(Method::POST, &path, &[], None).await.map(drop)
}

/// What became of the newest that GitHub sent by this webhook; the others do not tell.
pub(crate) async fn newest_attempt(
    caller: &Caller<'_>,
    place: Place<'_>,
    hook: &str,
) -> Result<Option<Attempt>, Trouble> {
    let id = place.repository_id.to_string();
    let path = [&path(place, &id)[..], &[hook, "deliveries"]].concat();
    attempts(caller, &path).await
}

/// Where the webhook of an app goes, asked in the app's own name.
pub(crate) async fn address_of_app(caller: &Caller<'_>) -> Result<Option<String>, Trouble> {
    Ok(caller.get::<Config>(&["app", "hook", "config"], &[]).await?.body.url)
}

/// The newest that was sent by the webhook of an app, asked in the app's own name.
pub(crate) async fn newest_attempt_of_app(caller: &Caller<'_>) -> Result<Option<Attempt>, Trouble> {
    attempts(caller, &["app", "hook", "deliveries"]).await
}

async fn attempts(caller: &Caller<'_>, path: &[&str]) -> Result<Option<Attempt>, Trouble> {
    let newest: Vec<Attempt> = caller.get(path, &[("per_page", "1")]).await?.body;
    Ok(newest.into_iter().next())
}

/// What became of something that GitHub sent:
/// <https://docs.github.com/en/rest/repos/webhooks#list-deliveries-for-a-repository-webhook>.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) delivered_at: Timestamp,
    /// `OK`, or why not, in GitHub's words.
    pub(crate) status: String,
    /// 0 without an answer.
    pub(crate) status_code: u16,
    pub(crate) event: String,
}

impl Attempt {
    pub(crate) const fn is_good(&self) -> bool {
        self.status_code >= 200 && self.status_code < 300
    }
}

fn path<'p>(place: Place<'p>, repository_id: &'p str) -> Vec<&'p str> {
    // GitLab's owner has slashes where groups are in groups: it is asked by number.
    let (owner, name) = place.repository.rsplit_once('/').unwrap_or(("", place.repository));
    match place.forge {
        Forge::Gitlab => vec!["projects", repository_id, "hooks"],
        Forge::GithubApp | Forge::Github | Forge::Gitea => vec!["repos", owner, name, "hooks"],
    }
}

fn document(forge: Forge, url: &str, secret: &SecretString) -> Value {
    let secret = secret.expose_secret();
    match forge {
        Forge::GithubApp | Forge::Github => json!({
            "name": "web",
            "active": true,
            "events": ["push", "pull_request"],
            "config": { "url": url, "content_type": "json", "secret": secret, "insecure_ssl": "0" },
        }),
        Forge::Gitlab => json!({
            "url": url,
            "token": secret,
            "push_events": true,
            "merge_requests_events": true,
            "enable_ssl_verification": true,
        }),
        Forge::Gitea => json!({
            "type": "gitea",
            "active": true,
            "events": ["push", "pull_request", "pull_request_sync"],
            "config": { "url": url, "content_type": "json", "secret": secret },
        }),
    }
}
