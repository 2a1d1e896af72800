//! The way to the service that has a project's repository, and whether it may be used now.

use pierhead_model::id::ProjectId;
use pierhead_model::source::RepositoryUrl;
use pierhead_store::{Project, ProjectOwner, SourceLink};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Forge;
use super::call::Caller;
use super::tokens::{self, Purpose};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// A link that may be used.
#[derive(Debug, Clone)]
pub(crate) struct Usable {
    pub(crate) link: SourceLink,
    pub(crate) forge: Forge,
    pub(crate) api: Url,
}

impl Usable {
    /// Owner and name of the repository. GitLab's owner has slashes where groups are in groups.
    pub(crate) fn owner_and_name(&self) -> (&str, &str) {
        self.link.repository.rsplit_once('/').unwrap_or(("", &self.link.repository))
    }

    /// A caller that may write there, for what it is told.
    pub(crate) async fn caller<'c>(&self, core: &'c Core) -> Result<Caller<'c>, tokens::Failed> {
        let token = match self.forge {
            Forge::GithubApp => tokens::ensure(core, self, Purpose::Write).await?,
            Forge::Github | Forge::Gitlab | Forge::Gitea => {
                open(core, &self.link.project, self.link.token.as_deref().unwrap_or_default())?
            }
        };
        Ok(Caller { core, forge: self.forge, api: self.api.clone(), token })
    }
}

/// The link of a project, if it has one that may be used; otherwise why not.
pub(crate) async fn usable(core: &Core, project: &Project) -> Result<Option<Result<Usable, String>>, Error> {
    let Some(link) = core.store.source_link(&project.id).await.stored()? else { return Ok(None) };
    if let Some(why) = why_unused(project, &link) {
        return Ok(Some(Err(why)));
    }
    let forge: Forge = link.provider.parse().map_err(Error::internal)?;
    let api: Url = link.api_url.parse().map_err(Error::internal)?;
    Ok(Some(Ok(Usable { link, forge, api })))
}

/// The same, where only the project's id is known.
pub(crate) async fn usable_of(core: &Core, project: &ProjectId) -> Result<Option<Usable>, Error> {
    if core.store.source_link(project).await.stored()?.is_none() {
        return Ok(None);
    }
    let Some(project) = core.store.project_get(project).await.stored()? else { return Ok(None) };
    Ok(usable(core, &project).await?.and_then(Result::ok))
}

/// Why a link must not be used, or cannot.
pub(crate) fn why_unused(project: &Project, link: &SourceLink) -> Option<String> {
    if let Some(trouble) = &link.trouble {
        return Some(trouble.clone());
    }
    let place = project.settings.source.as_ref().map(|source| source.repository.place());
    if place.as_deref() != Some(link.place.as_str()) {
        let now = place.unwrap_or_else(|| "no repository".to_owned());
        return Some(format!(
            "it is for {}, and the project is built from {now}: connect it again",
            link.place
        ));
    }
    if owner_text(project.owner.as_ref()) != link.owner {
        return Some("the project was given to others since: one of them connects it again".to_owned());
    }
    None
}

/// Whose a project is, as links remember it.
pub(crate) fn owner_text(owner: Option<&ProjectOwner>) -> String {
    match owner {
        Some(ProjectOwner::User(user)) => format!("user:{user}"),
        Some(ProjectOwner::Team(team)) => format!("team:{team}"),
        None => "nobody".to_owned(),
    }
}

/// Owner and name of a repository, as its address says them: services keep upper and lower case.
pub(crate) fn repository_path(repository: &RepositoryUrl) -> String {
    let rest = repository.as_str().split_once("://").map_or(repository.as_str(), |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.split_once('/').map_or("", |(_, path)| path).trim_matches('/');
    path.strip_suffix(".git").unwrap_or(path).to_owned()
}

pub(crate) fn seal(core: &Core, project: &ProjectId, token: &SecretString) -> Result<String, Error> {
    core.key.seal(&place(project), token.expose_secret(), &*core.outside).map_err(Error::internal)
}

pub(crate) fn open(core: &Core, project: &ProjectId, sealed: &str) -> Result<SecretString, Error> {
    core.key.open(&place(project), sealed).map_err(Error::internal)
}

fn place(project: &ProjectId) -> String {
    format!("source_links/{project}/token")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_called_as_its_address_calls_it() {
        for (address, path) in [
            ("https://github.com/Acme/Shop.git", "Acme/Shop"),
            ("git@gitlab.com:acme/web/shop.git", "acme/web/shop"),
            ("ssh://git@git.example.com:2222/acme/shop/", "acme/shop"),
            ("https://example.com", ""),
        ] {
            let Ok(url) = RepositoryUrl::parse(address) else { continue };
            assert_eq!(repository_path(&url), path, "{address}");
        }
    }
}
