//! A project is connected with the service that has its repository: so that it is entered there, and told there what became of it.

use pierhead_model::Timestamp;
use pierhead_model::source::RepositoryUrl;
use pierhead_store::{Feedback, Project, SourceLink, Unit};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::auth::Principal;
use super::github::Repository;
use super::sources::{SourceView, Sources};
use crate::access::policy::{self, WRITE_PROJECT};
use crate::error::{Error, StoreResult as _};
use crate::forge::call::{Caller, Trouble, below};
use crate::forge::link::{self, Usable};
use crate::forge::{Forge, hook};
use crate::services::github::Github;
use crate::sources::hooks;

/// Longer ones are no tokens.
const LONGEST_TOKEN: usize = 4096;

/// How a project shall be connected.
#[derive(Debug)]
pub struct NewLink {
    /// `github_app`, `github`, `gitlab`, `gitea`.
    pub provider: String,
    /// For all but the app.
    pub token: Option<SecretString>,
    /// Where the API is, when it is not where the repository's server has it.
    pub api_url: Option<String>,
}

/// How a project is connected.
#[derive(Debug, Clone)]
pub struct LinkView {
    pub provider: String,
    pub repository: String,
    pub api_url: String,
    /// Whether Pierhead made the webhook there.
    pub webhook: bool,
    /// Why it is not used.
    pub unused: Option<String>,
    /// Why the newest deployment that was not told there was not.
    pub problem: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
}

#[derive(Deserialize)]
struct InstallationOf {
    id: u64,
    suspended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct GitlabProject {
    id: u64,
    path_with_namespace: String,
}

impl Sources {
    /// Connects a project. Who does it proves that they may write to the repository: by their own account, or by the token.
    pub async fn connect(
        &self,
        principal: &Principal,
        github: &Github,
        project: &str,
        new: NewLink,
    ) -> Result<SourceView, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let repository = project.settings.source.as_ref().map(|source| source.repository.clone());
        let repository = repository.ok_or_else(|| Error::Conflict {
            detail: "This project has no repository: set source.repository first.".to_owned(),
        })?;
        let forge: Forge = new.provider.parse().map_err(|_| {
            Error::invalid("/provider", "must be github_app, github, gitlab or gitea (for Forgejo too)")
        })?;
        let link = match (forge, new.token) {
            (Forge::GithubApp, None) => self.through_app(principal, github, &project, &repository).await?,
            (Forge::GithubApp, Some(_)) => {
                return Err(Error::invalid(
                    "/token",
                    "an app needs none: leave it out, or connect by `github`",
                ));
            }
            (_, None) => return Err(Error::invalid("/token", "is needed to connect in this way")),
            (forge, Some(token)) => {
                let api = api_of(forge, &repository, new.api_url.as_deref())?;
                self.by_token(principal, &project, &repository, (forge, api, token)).await?
            }
        };
        let before = self.core.store.source_link(&project.id).await.stored()?;
        let unit = self.core.store.begin().await.stored()?;
        self.take_hook_away(&unit, before.as_ref()).await?;
        unit.source_link_put(&link).await.stored()?;
        let told = json!({ "provider": link.provider, "repository": link.repository, "installation": link.installation });
        let deed = principal.does_to(&self.core, "project.connect", &project);
        deed.after(told).commit(unit).await?;
        self.core.signals.hooks.raise();
        self.core.store.followed_hurry(&project.id, self.core.outside.now()).await.stored()?;
        self.core.signals.sources.raise();
        self.view(&project).await
    }

    async fn through_app(
        &self,
        principal: &Principal,
        github: &Github,
        project: &Project,
        repository: &RepositoryUrl,
    ) -> Result<SourceLink, Error> {
        let (person, app) = github.in_name_of(principal).await?;
        if repository.authority() != app.authority() {
            let detail = format!(
                "The project is built from {}, and the app is one of {}.",
                repository.place(),
                app.authority()
            );
            return Err(Error::Conflict { detail });
        }
        if repository.is_ssh() {
            let detail = format!(
                "The app enters repositories over https: change the project's repository to https://{}.git.",
                repository.place()
            );
            return Err(Error::Conflict { detail });
        }
        let found = writable(&person, repository).await?;
        let caller = Caller {
            core: &self.core,
            forge: Forge::GithubApp,
            api: app.api_url.clone(),
            token: app.jwt(&self.core)?,
        };
        let (owner, name) = found.full_name.split_once('/').unwrap_or_default();
        let installed = caller.get::<InstallationOf>(&["repos", owner, name, "installation"], &[]).await;
        let installation = match installed {
            Ok(answer) => answer.body,
            Err(Trouble::Refused { status: 404, .. }) => {
                let detail = format!(
                    "The app is not installed for {}: install it, or give it this repository, at {}.",
                    found.full_name,
                    app.install_url()
                );
                return Err(Error::Conflict { detail });
            }
            Err(trouble) => return Err(trouble.into_error(Forge::Github)),
        };
        if installation.suspended_at.is_some() {
            let detail = format!("The app's installation for {owner} is suspended at GitHub.");
            return Err(Error::Conflict { detail });
        }
        let forge = Forge::GithubApp;
        Ok(SourceLink {
            installation: Some(installation.id),
            ..self.link(principal, project, forge, &app.api_url, (found.full_name, found.id))
        })
    }

    async fn by_token(
        &self,
        principal: &Principal,
        project: &Project,
        repository: &RepositoryUrl,
        (forge, api, token): (Forge, Url, SecretString),
    ) -> Result<SourceLink, Error> {
        let text = token.expose_secret();
        if text.is_empty() || text.len() > LONGEST_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid("/token", "must be the token as its server shows it, in one line"));
        }
        let sealed = link::seal(&self.core, &project.id, &token)?;
        let caller = Caller { core: &self.core, forge, api: api.clone(), token };
        let path = link::repository_path(repository);
        let known = if forge == Forge::Gitlab {
            let found = caller.get::<GitlabProject>(&["projects", &path], &[]).await;
            let found = found.map_err(|trouble| refused(trouble, forge, &path))?.body;
            (found.path_with_namespace, found.id)
        } else {
            let found = writable(&caller, repository).await?;
            (found.full_name, found.id)
        };
        let link = self.link(principal, project, forge, &api, known);
        Ok(SourceLink { token: Some(sealed), place: repository.place(), ..link })
    }

    fn link(
        &self,
        principal: &Principal,
        project: &Project,
        forge: Forge,
        api: &Url,
        (repository, repository_id): (String, u64),
    ) -> SourceLink {
        let source = project.settings.source.as_ref();
        SourceLink {
            project: project.id.clone(),
            provider: forge.to_string(),
            api_url: api.to_string(),
            place: source.map(|source| source.repository.place()).unwrap_or_default(),
            repository,
            repository_id,
            installation: None,
            owner: link::owner_text(project.owner.as_ref()),
            token: None,
            hook: None,
            trouble: None,
            created_by: principal.email.clone(),
            created_at: self.core.outside.now(),
        }
    }

    /// Forgets how a project is connected, and takes away the webhook that was made for it.
    pub async fn disconnect(&self, principal: &Principal, project: &str) -> Result<(), Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let Some(link) = self.core.store.source_link(&project.id).await.stored()? else { return Ok(()) };
        let unit = self.core.store.begin().await.stored()?;
        self.take_hook_away(&unit, Some(&link)).await?;
        unit.source_link_delete(&project.id).await.stored()?;
        let deed = principal.does_to(&self.core, "project.disconnect", &project);
        let told = json!({ "provider": link.provider, "repository": link.repository });
        deed.before(told).commit(unit).await?;
        self.core.signals.hooks.raise();
        Ok(())
    }

    /// Makes the project's webhook at its service, with the project's own secret.
    pub async fn make_hook(&self, principal: &Principal, project: &str) -> Result<SourceView, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let usable = self.linked(&project).await?;
        if usable.forge == Forge::GithubApp {
            let detail = "The app has a webhook of its own: there is nothing to make.";
            return Err(Error::Conflict { detail: detail.to_owned() });
        }
        if hooks::secret_of(&self.core, &project).await?.is_none() {
            self.renew_secret(principal, project.name.as_str()).await?;
        }
        let Some((secret, _)) = hooks::secret_of(&self.core, &project).await? else {
            return Err(Error::Conflict { detail: "The project's webhooks have no secret.".to_owned() });
        };
        let provider = usable.forge;
        let console = &self.core.access.console_url;
        let url = format!("{console}/api/v1/hooks/{provider}/{}", project.name);
        let caller = usable.caller(&self.core).await.map_err(|failed| failed.into_error(provider))?;
        let made = hook::make(&caller, (&usable).into(), &url, &secret).await;
        let made = made.map_err(|trouble| refused(trouble, provider, &usable.link.repository))?;
        let unit = self.core.store.begin().await.stored()?;
        unit.source_link_hook(&project.id, Some(&made)).await.stored()?;
        let deed = principal.does_to(&self.core, "project.webhook_make", &project);
        deed.after(json!({ "url": url, "repository": usable.link.repository })).commit(unit).await?;
        self.view(&project).await
    }

    /// Takes away the webhook that was made at the project's service.
    pub async fn remove_hook(&self, principal: &Principal, project: &str) -> Result<(), Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let link = self.core.store.source_link(&project.id).await.stored()?;
        let Some(link) = link.filter(|link| link.hook.is_some()) else { return Ok(()) };
        let unit = self.core.store.begin().await.stored()?;
        self.take_hook_away(&unit, Some(&link)).await?;
        unit.source_link_hook(&project.id, None).await.stored()?;
        principal.does_to(&self.core, "project.webhook_remove", &project).commit(unit).await?;
        self.core.signals.hooks.raise();
        Ok(())
    }

    /// Notes that the webhook of a link is to be taken away at its service, which may be out of reach now.
    async fn take_hook_away(&self, unit: &Unit, link: Option<&SourceLink>) -> Result<(), Error> {
        let Some(link) = link else { return Ok(()) };
        unit.hook_removal_put(link, self.core.outside.now()).await.stored()
    }

    pub(super) async fn linked(&self, project: &Project) -> Result<Usable, Error> {
        match link::usable(&self.core, project).await? {
            Some(Ok(usable)) => Ok(usable),
            Some(Err(why)) => {
                Err(Error::Conflict { detail: format!("The connection cannot be used: {why}.") })
            }
            None => Err(Error::Conflict {
                detail: "The project is not connected: `pierhead source connect` does that.".to_owned(),
            }),
        }
    }
}

/// The repository, if whoever asks may write there.
async fn writable(caller: &Caller<'_>, repository: &RepositoryUrl) -> Result<Repository, Error> {
    let path = link::repository_path(repository);
    let (owner, name) = path.split_once('/').unwrap_or(("", &path));
    let found = caller.get::<Repository>(&["repos", owner, name], &[]).await;
    let found = found.map_err(|trouble| refused(trouble, caller.forge, &path))?.body;
    if !found.permissions.as_ref().is_some_and(|it| it.push) {
        let required = format!("that you may write to {} at {}", found.full_name, caller.forge.label());
        return Err(Error::Forbidden { required: required.into() });
    }
    Ok(found)
}

fn refused(trouble: Trouble, forge: Forge, repository: &str) -> Error {
    match trouble {
        Trouble::Refused { status: 401, .. } => {
            Error::Conflict { detail: format!("{} does not take the token.", forge.label()) }
        }
        Trouble::Refused { status: 403 | 404, said } => Error::Conflict {
            detail: format!(
                "{} does not let you do that in {repository}, or there is no such repository ({said}).",
                forge.label()
            ),
        },
        trouble => trouble.into_error(forge),
    }
}

/// Where the API of a repository's server is. A token is sent over TLS only, but within this machine.
fn api_of(forge: Forge, repository: &RepositoryUrl, told: Option<&str>) -> Result<Url, Error> {
    let bad = |why: &str| Error::invalid("/api_url", why);
    let server = || {
        // An ssh address says nothing of https.
        let authority = repository.authority();
        let host =
            if repository.is_ssh() { authority.split(':').next().unwrap_or(authority) } else { authority };
        format!("https://{host}").parse::<Url>()
    };
    let usual = |path: &str| {
        let parts: Vec<&str> = path.split('/').collect();
        server().map(|url| below(&url, &parts)).map_err(|_| bad("cannot be guessed: say where the API is"))
    };
    let url = match (told, forge) {
        (Some(told), _) => {
            told.parse().map_err(|_| bad("must be an address such as https://git.example.com/api/v1"))?
        }
        (None, Forge::GithubApp | Forge::Github) if repository.authority() == "github.com" => {
            below(&"https://api.github.com".parse().map_err(Error::internal)?, &[])
        }
        (None, Forge::GithubApp | Forge::Github) => usual("api/v3")?,
        (None, Forge::Gitlab) => usual("api/v4")?,
        (None, Forge::Gitea) => usual("api/v1")?,
    };
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && here) {
        return Err(bad("must begin with https://: a token is sent there"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("must hold no user name and no password"));
    }
    Ok(url)
}

pub(super) fn view(project: &Project, link: SourceLink, told: &[Feedback]) -> LinkView {
    let unused = link::why_unused(project, &link);
    LinkView {
        provider: link.provider,
        repository: link.repository,
        api_url: link.api_url,
        webhook: link.hook.is_some(),
        unused,
        problem: told.iter().find(|it| it.told != Some(it.state)).and_then(|it| it.answer.clone()),
        created_by: link.created_by,
        created_at: link.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_where_its_server_has_it_and_a_token_goes_over_tls() {
        let of = |forge, repository: &str, told| {
            let url = RepositoryUrl::parse(repository).unwrap();
            api_of(forge, &url, told).map(|url| url.to_string()).ok()
        };
        for (forge, repository, told, expected) in [
            (Forge::Github, "https://github.com/a/b", None, Some("https://api.github.com/")),
            (Forge::Github, "https://ghe.example.com/a/b", None, Some("https://ghe.example.com/api/v3")),
            (Forge::Gitlab, "git@gitlab.com:a/b.git", None, Some("https://gitlab.com/api/v4")),
            (
                Forge::Gitlab,
                "ssh://git@git.example.com:2222/a/b",
                None,
                Some("https://git.example.com/api/v4"),
            ),
            (
                Forge::Gitea,
                "https://git.example.com:3000/a/b",
                None,
                Some("https://git.example.com:3000/api/v1"),
            ),
            (Forge::Gitea, "https://a.example/b", Some("http://git.example.com/api/v1"), None),
            (Forge::Gitea, "https://a.example/b", Some("https://u:p@git.example.com/api/v1"), None),
            (
                Forge::Gitea,
                "https://a.example/b",
                Some("http://127.0.0.1:3000/api/v1"),
                Some("http://127.0.0.1:3000/api/v1"),
            ),
            (Forge::Gitea, "https://a.example/b", Some("http://localhost:3000/api/v1"), None),
        ] {
            assert_eq!(of(forge, repository, told).as_deref(), expected, "{repository} {told:?}");
        }
    }
}
