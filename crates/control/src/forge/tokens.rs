//! Tokens of an app's installation: each good for one repository and one purpose, for an hour.
//!
//! They are sealed in the database rather than kept in memory, so that after a restart a node is told at once what it needs. A
//! node's token may read that repository and nothing else.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::git_access::{GitCredential, GitSecret};
use pierhead_store::InstallationToken;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::Forge;
use super::app::App;
use super::call::{Caller, Trouble};
use super::link::Usable;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// One that ends sooner is not given to anybody: what it is for may take a while.
const LEAST_LEFT: jiff::SignedDuration = jiff::SignedDuration::from_mins(15);

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Purpose {
    /// For git.
    Read,
    /// For statuses, deployments and comments.
    Write,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Forge(#[from] Trouble),
    #[error(transparent)]
    Here(#[from] Error),
}

impl Failed {
    pub(crate) fn into_error(self, forge: Forge) -> Error {
        match self {
            Self::Forge(trouble) => trouble.into_error(forge),
            Self::Here(error) => error,
        }
    }
}

#[derive(Deserialize)]
struct Minted {
    token: SecretString,
    expires_at: Timestamp,
}

/// The one that is there, if it is good for long enough.
pub(crate) async fn stored(
    core: &Core,
    usable: &Usable,
    purpose: Purpose,
) -> Result<Option<SecretString>, Error> {
    let found = core.store.installation_token(&usable.link.project, &purpose.to_string()).await.stored()?;
    let fresh = found.filter(|it| it.expires_at.duration_since(core.outside.now()) > LEAST_LEFT);
    let open =
        |it: InstallationToken| core.key.open(&place(usable, purpose), &it.sealed).map_err(Error::internal);
    fresh.map(open).transpose()
}

/// The one that is there, or a new one.
pub(crate) async fn ensure(core: &Core, usable: &Usable, purpose: Purpose) -> Result<SecretString, Failed> {
    if let Some(there) = stored(core, usable, purpose).await? {
        return Ok(there);
    }
    let made = mint(core, usable, purpose).await;
    // Without rights to write, it can be read all the same; and a wrong key of the app is nobody's repository's fault.
    if let (Purpose::Read, Err(Failed::Forge(trouble))) = (purpose, &made)
        && matches!(trouble, Trouble::Refused { status: 403 | 404 | 422, .. })
    {
        let why = format!("GitHub gives no token for {}: {trouble}", usable.link.repository);
        tracing::warn!(project = %usable.link.project, why, "a project's connection cannot be used");
        core.store
            .source_link_trouble(&usable.link.project, Some(&why))
            .await
            .stored()
            .map_err(Failed::Here)?;
    }
    let minted = made?;
    let place = place(usable, purpose);
    let sealed = core.key.seal(&place, minted.token.expose_secret(), &*core.outside);
    let sealed = sealed.map_err(|error| Failed::Here(Error::internal(error)))?;
    let kept = InstallationToken { sealed, expires_at: minted.expires_at };
    let stored = core.store.installation_token_put(&usable.link.project, &purpose.to_string(), &kept).await;
    stored.stored().map_err(Failed::Here)?;
    Ok(minted.token)
}

async fn mint(core: &Core, usable: &Usable, purpose: Purpose) -> Result<Minted, Failed> {
    let app = App::needed(core).await?;
    let installation = usable.link.installation.unwrap_or_default().to_string();
    let caller = Caller { core, forge: Forge::GithubApp, api: usable.api.clone(), token: app.jwt(core)? };
    let permissions = match purpose {
        Purpose::Read => json!({ "contents": "read", "metadata": "read" }),
        Purpose::Write => json!({
            "metadata": "read", "statuses": "write", "deployments": "write", "pull_requests": "write",
        }),
    };
    let body = json!({ "repository_ids": [usable.link.repository_id], "permissions": permissions });
    Ok(caller.post(&["app", "installations", &installation, "access_tokens"], &body).await?)
}

/// What git shows to the repository's server, if it is there already. Nobody is asked for it here.
pub(crate) async fn readable(core: &Core, usable: &Usable) -> Result<Option<GitCredential>, Error> {
    if usable.forge != Forge::GithubApp {
        return Ok(None);
    }
    let Some(token) = stored(core, usable, Purpose::Read).await? else { return Ok(None) };
    let (authority, _) = usable.link.place.split_once('/').unwrap_or((&usable.link.place, ""));
    let secret =
        GitSecret::Token { username: "x-access-token".to_owned(), token: token.expose_secret().to_owned() };
    Ok(Some(GitCredential { authority: authority.to_owned(), secret }))
}

fn place(usable: &Usable, purpose: Purpose) -> String {
    format!("installation_tokens/{}/{purpose}", usable.link.project)
}

/// For a look, or a node: whether the project's repository can be entered now. A link that needs no token is always ready.
pub(crate) async fn ready_to_read(core: &Arc<Core>, usable: &Usable) -> Result<(), Failed> {
    match usable.forge {
        Forge::GithubApp => ensure(core, usable, Purpose::Read).await.map(drop),
        Forge::Github | Forge::Gitlab | Forge::Gitea => Ok(()),
    }
}
