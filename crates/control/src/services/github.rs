//! The GitHub App of this installation, and what people see at GitHub with their own accounts there.

use std::sync::Arc;

use pierhead_model::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use super::auth::Principal;
use super::page::{Page, PageRequest};
use crate::access::policy;
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::forge::app::{self, App};
use crate::forge::call::{Caller, Trouble, below};
use crate::forge::{Forge, account};
use crate::sign_in::flow::Flow;

/// The longest page that GitHub gives.
const LONGEST_PAGE: u32 = 100;
/// Repositories of an installation that are looked through for a search.
const SEARCHED_PAGES: u32 = 10;
const GITHUB: &str = "https://github.com";

#[derive(Debug)]
pub struct Github {
    core: Arc<Core>,
    /// A renewal is good once: two at the same time would take each other's.
    renewing: Mutex<()>,
}

/// An app that an administrator made at GitHub.
#[derive(Debug)]
pub struct NewGithubApp {
    pub id: u64,
    pub private_key: SecretString,
    pub webhook_secret: SecretString,
    pub client_secret: SecretString,
    /// `https://github.com` when it is left out.
    pub url: Option<String>,
}

#[derive(Debug, Clone)]
pub struct GithubAppView {
    pub id: u64,
    pub name: String,
    pub slug: String,
    pub url: String,
    /// Where it is installed, or given more repositories.
    pub install_url: String,
    pub set_by: String,
    pub set_at: Timestamp,
}

/// What there is of GitHub, for one person.
#[derive(Debug, Clone)]
pub struct GithubView {
    pub app: Option<GithubAppView>,
    /// Their account there, and since when.
    pub connection: Option<(String, Timestamp)>,
}

/// What an administrator's browser posts to GitHub to make an app.
#[derive(Debug, Clone)]
pub struct ManifestView {
    pub url: String,
    pub manifest: Value,
}

/// Where the browser goes, and what is given back with what it returns with.
#[derive(Debug, Clone)]
pub struct ConnectionBegun {
    pub url: String,
    pub continuation: String,
}

#[derive(Debug, Clone)]
pub struct InstallationView {
    pub id: u64,
    pub account: String,
    /// `User` or `Organization`.
    pub account_type: String,
    /// `all` or `selected` repositories.
    pub repositories: String,
    pub suspended: bool,
}

#[derive(Debug, Clone)]
pub struct RepositoryView {
    pub name: String,
    pub clone_url: String,
    pub default_branch: Option<String>,
    pub private: bool,
    /// Whether the person may write there, and so connect a project with it.
    pub may_connect: bool,
    pub pushed_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Identity {
    id: u64,
    slug: Option<String>,
    name: String,
    client_id: Option<String>,
}

#[derive(Deserialize)]
struct Converted {
    id: u64,
    slug: Option<String>,
    name: String,
    client_id: String,
    client_secret: SecretString,
    webhook_secret: Option<SecretString>,
    pem: SecretString,
}

#[derive(Deserialize)]
struct Installations {
    installations: Vec<Installation>,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
    account: Option<InstallationAccount>,
    repository_selection: String,
    suspended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct InstallationAccount {
    /// Of an enterprise: none.
    login: Option<String>,
    slug: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A repository, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) full_name: String,
    clone_url: String,
    default_branch: Option<String>,
    private: bool,
    pushed_at: Option<Timestamp>,
    pub(crate) permissions: Option<Permissions>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Permissions {
    pub(crate) push: bool,
}

#[derive(Deserialize)]
struct Repositories {
    repositories: Vec<Repository>,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "ref")]
    name: String,
}

impl Github {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, renewing: Mutex::default() }
    }

    pub async fn show(&self, principal: &Principal) -> Result<GithubView, Error> {
        let app = App::load(&self.core).await?;
        let connection = self.core.store.github_connection(&principal.user).await.stored()?;
        let connection = connection.map(|it| (it.login, it.connected_at));
        Ok(GithubView { app: app.as_ref().map(view), connection })
    }

    /// Takes an app that was made at GitHub, once GitHub has known it by its key.
    pub async fn set_app(&self, principal: &Principal, new: NewGithubApp) -> Result<GithubAppView, Error> {
        principal.require_admin()?;
        let (web_url, api_url) = places(new.url.as_deref())?;
        let mut problems = Vec::new();
        if let Err(why) = app::key_pair(new.private_key.expose_secret()) {
            problems.push(FieldProblem::new("/private_key", why));
        }
        for (pointer, secret) in
            [("/webhook_secret", &new.webhook_secret), ("/client_secret", &new.client_secret)]
        {
            if secret.expose_secret().trim().is_empty() || secret.expose_secret().len() > 1024 {
                problems
                    .push(FieldProblem::new(pointer, "must be the secret that GitHub shows or was given"));
            }
        }
        if !problems.is_empty() {
            return Err(Error::Validation(problems));
        }
        let mut told = app::Told {
            id: new.id,
            slug: String::new(),
            name: String::new(),
            web_url,
            api_url,
            client_id: String::new(),
            client_secret: new.client_secret,
            private_key: new.private_key,
            webhook_secret: new.webhook_secret,
        };
        let unproved = App::sealed(&self.core, &told, &principal.email)?;
        let caller = Caller {
            core: &self.core,
            forge: Forge::GithubApp,
            api: told.api_url.clone(),
            token: unproved.jwt(&self.core)?,
        };
        let identity: Identity = match caller.get(&["app"], &[]).await {
            Ok(answer) => answer.body,
            Err(Trouble::Refused { status: 401 | 404, said }) => {
                let why = format!("GitHub does not know the app {} by this key: {said}", told.id);
                return Err(Error::invalid("/private_key", why));
            }
            Err(trouble) => return Err(trouble.into_error(Forge::Github)),
        };
        if identity.id != told.id {
            return Err(Error::invalid("/id", format!("the key is that of the app {}", identity.id)));
        }
        told.slug = identity.slug.unwrap_or_default();
        told.name = identity.name;
        told.client_id = identity.client_id.unwrap_or_default();
        self.keep(principal, &told).await
    }

    async fn keep(&self, principal: &Principal, told: &app::Told) -> Result<GithubAppView, Error> {
        let app = App::sealed(&self.core, told, &principal.email)?;
        let before = App::load(&self.core).await?;
        let unit = self.core.store.begin().await.stored()?;
        app.store(&unit).await?;
        if before.as_ref().is_some_and(|before| before.client_id != app.client_id) {
            // Their tokens are of the app before.
            unit.github_connections_forget().await.stored()?;
        }
        let deed = principal.does(&self.core, "github_app.set", (&app.id, &app.name));
        deed.after(json!({ "id": app.id, "slug": app.slug, "url": app.web_url })).commit(unit).await?;
        Ok(view(&app))
    }

    /// Projects that were connected through it cannot be entered any more.
    pub async fn delete_app(&self, principal: &Principal) -> Result<(), Error> {
        principal.require_admin()?;
        let Some(app) = App::load(&self.core).await? else {
            return Err(Error::not_found("GitHub App", "github"));
        };
        let unit = self.core.store.begin().await.stored()?;
        App::forget(&unit).await?;
        unit.github_connections_forget().await.stored()?;
        principal.does(&self.core, "github_app.delete", (&app.id, &app.name)).commit(unit).await
    }

    /// What GitHub makes an app of, so that nobody has to fill in its form.
    pub fn manifest(
        &self,
        principal: &Principal,
        organization: Option<&str>,
        url: Option<&str>,
    ) -> Result<ManifestView, Error> {
        principal.require_admin()?;
        let (web_url, _) = places(url)?;
        let console = &self.core.access.console_url;
        let manifest = json!({
            "name": format!("Pierhead {}", self.core.install.to_string().chars().rev().take(6).collect::<String>()),
            "url": console,
            "hook_attributes": { "url": format!("{console}/api/v1/hooks/github"), "active": true },
            "redirect_url": format!("{console}/console/github-app"),
            "callback_urls": [account::redirect(&self.core)],
            "public": false,
            "default_permissions": {
                "contents": "read", "metadata": "read", "pull_requests": "write", "statuses": "write",
                "deployments": "write",
            },
            "default_events": ["push", "pull_request"],
        });
        let url = match organization {
            Some(organization) => {
                below(&web_url, &["organizations", organization, "settings", "apps", "new"])
            }
            None => below(&web_url, &["settings", "apps", "new"]),
        };
        Ok(ManifestView { url: url.into(), manifest })
    }

    /// Fetches what GitHub made of the manifest. The code is good for an hour, and once.
    pub async fn from_manifest(
        &self,
        principal: &Principal,
        code: &str,
        url: Option<&str>,
    ) -> Result<GithubAppView, Error> {
        principal.require_admin()?;
        let (web_url, api_url) = places(url)?;
        if code.is_empty() || code.len() > 200 {
            return Err(Error::invalid("/code", "must be the code that GitHub came back with"));
        }
        // Whoever has the code needs nothing else.
        let caller = Caller {
            core: &self.core,
            forge: Forge::Github,
            api: api_url.clone(),
            token: SecretString::from(String::new()),
        };
        let converted: Converted =
            match caller.post(&["app-manifests", code, "conversions"], &json!({})).await {
                Ok(converted) => converted,
                Err(Trouble::Refused { status: 404 | 422, .. }) => {
                    return Err(Error::invalid("/code", "GitHub does not know it any more: begin again"));
                }
                Err(trouble) => return Err(trouble.into_error(Forge::Github)),
            };
        let told = app::Told {
            id: converted.id,
            slug: converted.slug.unwrap_or_default(),
            name: converted.name,
            web_url,
            api_url,
            client_id: converted.client_id,
            client_secret: converted.client_secret,
            private_key: converted.pem,
            webhook_secret: converted.webhook_secret.unwrap_or_else(|| SecretString::from(String::new())),
        };
        self.keep(principal, &told).await
    }

    /// Begins to connect one's account.
    pub async fn begin(&self, principal: &Principal) -> Result<ConnectionBegun, Error> {
        let app = App::needed(&self.core).await?;
        let flow = Flow::new(account::FLOW, None, Some(principal.user.clone()), &*self.core.outside)?;
        let url = account::address(&self.core, &app, &flow).into();
        Ok(ConnectionBegun { url, continuation: flow.sealed(&self.core)? })
    }

    /// Takes what one came back with. Who began is who finishes: an address that somebody else sent connects nothing.
    pub async fn finish(
        &self,
        principal: &Principal,
        (code, state): (&str, &str),
        continuation: &str,
    ) -> Result<GithubView, Error> {
        let app = App::needed(&self.core).await?;
        let flow = Flow::of_answer(&self.core, continuation, account::FLOW, state);
        let flow = flow.filter(|flow| flow.link.as_ref() == Some(&principal.user));
        let Some(flow) = flow else {
            return Err(Error::Conflict {
                detail: "This took too long, or was begun by somebody else: begin again.".into(),
            });
        };
        if code.is_empty() || code.len() > 4096 {
            return Err(Error::invalid("/code", "must be the code that GitHub came back with"));
        }
        let connection = account::finish(&self.core, &app, (&principal.user, code), &flow).await?;
        let unit = self.core.store.begin().await.stored()?;
        let deed =
            principal.does(&self.core, "github_account.connect", (&connection.github_id, &connection.login));
        deed.commit(unit).await?;
        self.show(principal).await
    }

    pub async fn disconnect(&self, principal: &Principal) -> Result<(), Error> {
        let Some(found) = self.core.store.github_connection(&principal.user).await.stored()? else {
            return Ok(());
        };
        let unit = self.core.store.begin().await.stored()?;
        unit.github_connection_delete(&principal.user).await.stored()?;
        let deed = principal.does(&self.core, "github_account.disconnect", (&found.github_id, &found.login));
        deed.commit(unit).await
    }

    /// A caller in the name of somebody, and the app.
    pub(crate) async fn in_name_of(&self, principal: &Principal) -> Result<(Caller<'_>, App), Error> {
        let app = App::needed(&self.core).await?;
        let _one_at_a_time = self.renewing.lock().await;
        Ok((account::caller(&self.core, &app, &principal.user).await?, app))
    }

    /// Where the app is installed, as far as the person may see it.
    pub async fn installations(
        &self,
        principal: &Principal,
        page: &PageRequest,
    ) -> Result<Page<InstallationView>, Error> {
        let (caller, _) = self.in_name_of(principal).await?;
        let (number, size) = paging(page)?;
        let query = [("per_page", size.as_str()), ("page", number.text.as_str())];
        let found = caller.get::<Installations>(&["user", "installations"], &query).await;
        let found = found.map_err(|trouble| trouble.into_error(Forge::Github))?;
        let view = |it: Installation| {
            let account = it.account;
            let kind = account.as_ref().and_then(|account| account.kind.clone());
            InstallationView {
                id: it.id,
                account: account.and_then(|it| it.login.or(it.slug)).unwrap_or_default(),
                account_type: kind.unwrap_or_else(|| "Enterprise".to_owned()),
                repositories: it.repository_selection,
                suspended: it.suspended_at.is_some(),
            }
        };
        let items = found.body.installations.into_iter().map(view).collect();
        Ok(Page { items, next_cursor: number.next(found.more) })
    }

    /// What the app and the person may both enter.
    pub async fn repositories(
        &self,
        principal: &Principal,
        installation: u64,
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<RepositoryView>, Error> {
        let (caller, _) = self.in_name_of(principal).await?;
        let (number, size) = paging(page)?;
        let id = installation.to_string();
        let path = ["user", "installations", &id, "repositories"];
        let trouble = |trouble| match trouble {
            Trouble::Refused { status: 403 | 404, .. } => Error::not_found("installation", installation),
            trouble => trouble.into_error(Forge::Github),
        };
        let Some(search) = search.map(str::trim).filter(|search| !search.is_empty()) else {
            let query = [("per_page", size.as_str()), ("page", number.text.as_str())];
            let found = caller.get::<Repositories>(&path, &query).await.map_err(trouble)?;
            let items = found.body.repositories.into_iter().map(repository).collect();
            return Ok(Page { items, next_cursor: number.next(found.more) });
        };
        // GitHub's search does not know installations, so what is there is looked through.
        let search = search.to_lowercase();
        let (mut items, mut more, mut at) = (Vec::new(), true, number);
        for _ in 0..SEARCHED_PAGES {
            let longest = LONGEST_PAGE.to_string();
            let query = [("per_page", longest.as_str()), ("page", at.text.as_str())];
            let found = caller.get::<Repositories>(&path, &query).await.map_err(trouble)?;
            let named = |it: &Repository| it.full_name.to_lowercase().contains(&search);
            items.extend(found.body.repositories.into_iter().filter(named).map(repository));
            more = found.more;
            if !more {
                break;
            }
            at = Number::of(at.number + 1);
        }
        let next_cursor = more.then(|| at.text);
        Ok(Page { items, next_cursor })
    }

    /// The branches of a repository, by name; with `search`, those that begin so.
    pub async fn branches(
        &self,
        principal: &Principal,
        (owner, name): (&str, &str),
        search: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<String>, Error> {
        let (caller, _) = self.in_name_of(principal).await?;
        let (number, size) = paging(page)?;
        let trouble = |trouble| match trouble {
            Trouble::Refused { status: 403 | 404, .. } => {
                Error::not_found("repository", policy::shortened(&format!("{owner}/{name}")))
            }
            trouble => trouble.into_error(Forge::Github),
        };
        let repository = ["repos", owner, name];
        if let Some(search) = search.filter(|search| !search.is_empty()) {
            let parts: Vec<&str> = search.split('/').collect();
            let path = [&repository[..], &["git", "matching-refs", "heads"], &parts].concat();
            let found = caller.get::<Vec<Reference>>(&path, &[]).await.map_err(trouble)?;
            let name = |it: Reference| it.name.strip_prefix("refs/heads/").map(ToOwned::to_owned);
            let items = found.body.into_iter().filter_map(name).take(LONGEST_PAGE as usize).collect();
            return Ok(Page { items, next_cursor: None });
        }
        let query = [("per_page", size.as_str()), ("page", number.text.as_str())];
        let path = [&repository[..], &["branches"]].concat();
        let found = caller.get::<Vec<Branch>>(&path, &query).await.map_err(trouble)?;
        let items = found.body.into_iter().map(|branch| branch.name).collect();
        Ok(Page { items, next_cursor: number.next(found.more) })
    }
}

/// A page by its number: GitHub's own cursors.
struct Number {
    number: u32,
    text: String,
}

impl Number {
    fn of(number: u32) -> Self {
        Self { number, text: number.to_string() }
    }

    fn next(&self, more: bool) -> Option<String> {
        more.then(|| (self.number + 1).to_string())
    }
}

fn paging(page: &PageRequest) -> Result<(Number, String), Error> {
    let number = match page.cursor.as_deref() {
        None => 1,
        Some(cursor) => {
            cursor.parse().ok().filter(|it| (1..1_000_000).contains(it)).ok_or(Error::InvalidCursor)?
        }
    };
    let size = page.limit.unwrap_or(30).clamp(1, LONGEST_PAGE);
    Ok((Number::of(number), size.to_string()))
}

fn repository(it: Repository) -> RepositoryView {
    RepositoryView {
        name: it.full_name,
        clone_url: it.clone_url,
        default_branch: it.default_branch,
        private: it.private,
        may_connect: it.permissions.is_some_and(|it| it.push),
        pushed_at: it.pushed_at,
    }
}

fn view(app: &App) -> GithubAppView {
    GithubAppView {
        id: app.id,
        name: app.name.clone(),
        slug: app.slug.clone(),
        url: app.web_url.as_str().trim_end_matches('/').to_owned(),
        install_url: app.install_url(),
        set_by: app.set_by.clone(),
        set_at: app.set_at,
    }
}

/// Where GitHub's pages and its API are.
fn places(url: Option<&str>) -> Result<(Url, Url), Error> {
    let text = url.map_or(GITHUB, |url| url.trim_end_matches('/'));
    let bad = |why: &str| Error::invalid("/url", why);
    let web: Url = text.parse().map_err(|_| bad("must be an address such as https://github.com"))?;
    if !matches!(web.scheme(), "https" | "http") || web.host_str().is_none() {
        return Err(bad("must begin with https://"));
    }
    if !web.username().is_empty() || web.password().is_some() || web.query().is_some() {
        return Err(bad("must hold nothing but the server"));
    }
    let api = match web.host_str() {
        Some("github.com") => "https://api.github.com".to_owned(),
        _ => format!("{text}/api/v3"),
    };
    Ok((web, api.parse().map_err(|_| bad("must be an address such as https://github.com"))?))
}
