//! What a person does about a repository that not everybody may read: a deploy key, a token, a server's key.

use pierhead_model::Timestamp;
use pierhead_model::git_access::HostKey;
use pierhead_model::source::RepositoryUrl;
use pierhead_store::{Project, StoredAccess, StoredGitCredential};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::auth::Principal;
use super::sources::{SourceView, Sources};
use crate::access::policy::{self, WRITE_PROJECT};
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::sources::access::{self, DeployKey, KEY, TOKEN};

/// Longer ones are no tokens.
const LONGEST_TOKEN: usize = 4096;
const LONGEST_NAME: usize = 200;

/// How a project's repository is entered, without what is secret.
#[derive(Debug, Clone)]
pub struct AccessView {
    /// `token` or `key`; `None` when the repository is entered without one.
    pub kind: Option<String>,
    /// The server that it is for: host and port.
    pub authority: Option<String>,
    pub username: Option<String>,
    /// Of a key: what is pasted into the repository's settings.
    pub public_key: Option<String>,
    pub created_by: Option<String>,
    pub created_at: Option<Timestamp>,
    /// Where a deploy key is pasted, for servers whose settings are known.
    pub settings_url: Option<String>,
    /// Why it is not used, when the repository is now on another server or entered in another way.
    pub unused: Option<String>,
    /// Host keys that somebody approved.
    pub host_keys: Vec<HostKey>,
}

impl Sources {
    /// Makes a deploy key for the project's repository: the one that was there is good no longer.
    pub async fn make_deploy_key(&self, principal: &Principal, project: &str) -> Result<SourceView, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let repository = repository_of(&project)?;
        if !repository.is_ssh() {
            let detail = "A deploy key is for an ssh address, such as git@host:team/repository.git: change the project's \
                          repository, or give it a token.";
            return Err(Error::Conflict { detail: detail.to_owned() });
        }
        let pair = DeployKey::generate(&self.core, &format!("pierhead-{}", project.name))?;
        let stored = StoredGitCredential {
            kind: KEY.to_owned(),
            authority: repository.authority().to_owned(),
            username: None,
            sealed: access::seal(&self.core, &project.id, KEY, &pair.private)?,
            public_key: Some(pair.public.clone()),
            created_by: principal.email.clone(),
            created_at: self.core.outside.now(),
        };
        self.put_credential(principal, &project, Some(stored), "project.deploy_key").await
    }

    /// Gives the project a token for its repository. It is not shown again.
    pub async fn put_token(
        &self,
        principal: &Principal,
        project: &str,
        (username, token): (Option<String>, SecretString),
    ) -> Result<SourceView, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let repository = repository_of(&project)?;
        if !repository.is_https() {
            let detail = "A token is sent over https only: change the project's repository, or make a deploy key for an ssh \
                          address.";
            return Err(Error::Conflict { detail: detail.to_owned() });
        }
        let username = username.filter(|name| !name.is_empty());
        let username = username.unwrap_or_else(|| usual_name(repository.authority()).to_owned());
        let mut problems = Vec::new();
        let printable = |text: &str| text.chars().all(|c| !c.is_control());
        if username.len() > LONGEST_NAME || !printable(&username) {
            problems.push(FieldProblem::new("/username", "must be a short name without control characters"));
        }
        let text = token.expose_secret();
        if text.is_empty() || text.len() > LONGEST_TOKEN || !printable(text) {
            problems
                .push(FieldProblem::new("/token", "must be the token as its server shows it, in one line"));
        }
        if !problems.is_empty() {
            return Err(Error::Validation(problems));
        }
        let stored = StoredGitCredential {
            kind: TOKEN.to_owned(),
            authority: repository.authority().to_owned(),
            username: Some(username),
            sealed: access::seal(&self.core, &project.id, TOKEN, &token)?,
            public_key: None,
            created_by: principal.email.clone(),
            created_at: self.core.outside.now(),
        };
        self.put_credential(principal, &project, Some(stored), "project.repository_token").await
    }

    /// Forgets the project's credential.
    pub async fn delete_credential(&self, principal: &Principal, project: &str) -> Result<(), Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let stored = self.core.store.source_access(&project.id).await.stored()?;
        if stored.credential.is_none() {
            return Ok(());
        }
        self.put_credential(principal, &project, None, "project.credential_delete").await.map(drop)
    }

    async fn put_credential(
        &self,
        principal: &Principal,
        project: &Project,
        credential: Option<StoredGitCredential>,
        action: &'static str,
    ) -> Result<SourceView, Error> {
        let told = credential.as_ref().map(|it| {
            json!({ "kind": it.kind, "server": it.authority, "username": it.username, "public_key": it.public_key })
        });
        let unit = self.core.store.begin().await.stored()?;
        unit.source_credential_put(&project.id, credential).await.stored()?;
        let deed = principal.does_to(&self.core, action, project);
        match told {
            Some(told) => deed.after(told).commit(unit).await?,
            None => deed.commit(unit).await?,
        }
        self.look_again(project).await?;
        self.view(project).await
    }

    /// Branches that could not be looked at may be looked at now.
    async fn look_again(&self, project: &Project) -> Result<(), Error> {
        self.core.store.followed_hurry(&project.id, self.core.outside.now()).await.stored()?;
        self.core.signals.sources.raise();
        Ok(())
    }

    /// The keys that the server of the project's repository shows now: to compare, and to approve.
    pub async fn shown_host_keys(&self, principal: &Principal, project: &str) -> Result<Vec<HostKey>, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        self.shown(&project).await
    }

    async fn shown(&self, project: &Project) -> Result<Vec<HostKey>, Error> {
        let repository = repository_of(project)?;
        if !repository.is_ssh() {
            let detail = "Only servers with an ssh address have host keys.".to_owned();
            return Err(Error::Conflict { detail });
        }
        self.repositories.host_keys(repository).await
    }

    /// Approves the key with this fingerprint, if the server shows it now. Others that were approved for it are good no longer.
    pub async fn approve_host_key(
        &self,
        principal: &Principal,
        project: &str,
        fingerprint: &str,
    ) -> Result<SourceView, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let shown = self.shown(&project).await?;
        let Some(key) = shown.iter().find(|key| key.fingerprint() == fingerprint.trim()) else {
            let shown: Vec<String> = shown.iter().map(HostKey::fingerprint).collect();
            let detail = format!("the server shows another key now: {}", shown.join(", "));
            return Err(Error::invalid("/fingerprint", detail));
        };
        let told =
            json!({ "server": key.host, "algorithm": key.algorithm, "fingerprint": key.fingerprint() });
        let unit = self.core.store.begin().await.stored()?;
        let mut keys = unit.source_access(&project.id).await.stored()?.host_keys;
        keys.retain(|known| known.host != key.host);
        keys.push(key.clone());
        unit.source_host_keys_put(&project.id, &keys).await.stored()?;
        let deed = principal.does_to(&self.core, "project.host_key_approve", &project);
        deed.after(told).commit(unit).await?;
        self.look_again(&project).await?;
        self.view(&project).await
    }
}

fn repository_of(project: &Project) -> Result<&RepositoryUrl, Error> {
    let source = project.settings.source.as_ref();
    source.map(|source| &source.repository).ok_or_else(|| Error::Conflict {
        detail: "This project has no repository: set source.repository first.".to_owned(),
    })
}

/// What the hosting services want as a name beside a token; most others take any.
fn usual_name(authority: &str) -> &'static str {
    match authority {
        "github.com" => "x-access-token",
        "bitbucket.org" => "x-token-auth",
        _ => "oauth2",
    }
}

pub(super) fn view(project: &Project, stored: StoredAccess) -> AccessView {
    let repository = project.settings.source.as_ref().map(|source| &source.repository);
    let StoredAccess { credential, host_keys } = stored;
    let unused = credential.as_ref().zip(repository).and_then(|(credential, repository)| {
        let fits = if credential.kind == KEY { repository.is_ssh() } else { repository.is_https() };
        let (of, now) = (&credential.authority, repository.authority());
        match (fits, of == now) {
            (true, true) => None,
            (false, _) => Some(format!("the repository's address does not take a {}", credential.kind)),
            (true, false) => Some(format!("it is for {of}, and the repository is on {now} now")),
        }
    });
    let is_key = credential.as_ref().is_some_and(|it| it.kind == KEY);
    let settings_url = repository.filter(|_| is_key).and_then(settings_url);
    let Some(it) = credential else {
        return AccessView {
            kind: None,
            authority: None,
            username: None,
            public_key: None,
            created_by: None,
            created_at: None,
            settings_url: None,
            unused: None,
            host_keys,
        };
    };
    AccessView {
        kind: Some(it.kind),
        authority: Some(it.authority),
        username: it.username,
        public_key: it.public_key,
        created_by: Some(it.created_by),
        created_at: Some(it.created_at),
        settings_url,
        unused,
        host_keys,
    }
}

/// The page where a repository's deploy keys are.
fn settings_url(repository: &RepositoryUrl) -> Option<String> {
    let place = repository.place();
    let page = match repository.authority() {
        "github.com" => "settings/keys/new",
        "gitlab.com" => "-/settings/repository#js-deploy-keys-settings",
        "bitbucket.org" => "admin/access-keys/",
        "codeberg.org" => "settings/keys",
        _ => return None,
    };
    Some(format!("https://{place}/{page}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_pasted_where_the_service_keeps_them() {
        for (repository, page) in [
            ("git@github.com:ada/shop.git", Some("https://github.com/ada/shop/settings/keys/new")),
            ("git@codeberg.org:ada/shop.git", Some("https://codeberg.org/ada/shop/settings/keys")),
            ("ssh://git@git.example.com/ada/shop", None),
        ] {
            let repository = RepositoryUrl::parse(repository).unwrap();
            assert_eq!(settings_url(&repository).as_deref(), page);
        }
    }
}
