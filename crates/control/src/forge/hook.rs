//! Webhooks that Pierhead makes at a service for one project, and takes away again. An app has its own for everything.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Forge;
use super::call::{Caller, Trouble};
use super::link::Usable;

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
    usable: &Usable,
    url: &str,
    secret: &SecretString,
) -> Result<String, Trouble> {
    let path = path(usable);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    for left in caller.get::<Vec<Hook>>(&path, &[("per_page", "100")]).await?.body {
        if left.is_at(url) {
            let id = left.id.to_string();
            caller.delete(&[&path[..], &[id.as_str()]].concat()).await?;
        }
    }
    let made: Hook = caller.post(&path, &document(usable.forge, url, secret)).await?;
    Ok(made.id.to_string())
}

/// What is gone already is as good.
pub(crate) async fn remove(caller: &Caller<'_>, usable: &Usable, id: &str) -> Result<(), Trouble> {
    let path = path(usable);
    let path: Vec<&str> = path.iter().map(String::as_str).chain([id]).collect();
    caller.delete(&path).await
}

fn path(usable: &Usable) -> Vec<String> {
    let (owner, name) = usable.owner_and_name();
    match usable.forge {
        Forge::Gitlab => vec!["projects".into(), usable.link.repository_id.to_string(), "hooks".into()],
        Forge::GithubApp | Forge::Github | Forge::Gitea => {
            vec!["repos".into(), owner.into(), name.into(), "hooks".into()]
        }
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
