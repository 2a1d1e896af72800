//! Registries: where images come from, and with which account. For admins only.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::pipeline::name::CatalogueName;
use pierhead_registry::RegistryName;
use pierhead_registry::client::Ping;
use pierhead_store::{StoreError, StoredCredentials, StoredRegistry};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::images::password_place;

#[derive(Debug)]
pub struct Registries(pub(crate) Arc<Core>);

/// A registry somebody describes.
#[derive(Debug, Clone)]
pub struct NewRegistry {
    pub name: String,
    /// As images name it: `ghcr.io`.
    pub host: String,
    pub username: Option<String>,
    /// `None` keeps the one that there is.
    pub password: Option<SecretString>,
    pub plain_http: bool,
    pub token_servers: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct RegistryView {
    pub name: CatalogueName,
    pub host: String,
    pub username: Option<String>,
    pub plain_http: bool,
    pub token_servers: Vec<String>,
    pub version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a test of the connection found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryTest {
    /// Whether the registry accepts the credentials; `false` without credentials.
    pub authenticated: bool,
    pub problem: Option<RegistryProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryProblem {
    /// `unreachable`, `credentials_refused`, …
    pub kind: &'static str,
    pub detail: String,
}

const SEEDED: &str = "registries_seeded";

impl Registries {
    pub async fn list(&self, principal: &Principal) -> Result<Vec<RegistryView>, Error> {
        principal.require_admin()?;
        Ok(self.0.store.registry_list().await.stored()?.into_iter().map(view).collect())
    }

    pub async fn get(&self, principal: &Principal, name: &str) -> Result<RegistryView, Error> {
        principal.require_admin()?;
        self.find(name).await.map(view)
    }

    pub async fn create(&self, principal: &Principal, new: NewRegistry) -> Result<RegistryView, Error> {
        principal.require_admin()?;
        let now = self.0.outside.now();
        let name = CatalogueName::parse(&new.name).map_err(|error| Error::invalid("/name", error))?;
        let registry = self.described(name, new, None, now)?;
        let deed = principal.does(&self.0, "registry.create", (&registry.name, &registry.name));
        let unit = self.0.store.begin().await.stored()?;
        match unit.registry_create(&registry).await {
            Err(StoreError::Taken { .. }) => return Err(self.taken(&registry).await?),
            done => done.stored()?,
        }
        deed.after(told(&registry)).commit(unit).await?;
        Ok(view(registry))
    }

    /// Replaces what a registry says. Its name stays.
    pub async fn replace(
        &self,
        principal: &Principal,
        name: &str,
        new: NewRegistry,
        if_version: Option<u64>,
    ) -> Result<RegistryView, Error> {
        principal.require_admin()?;
        let before = self.find(name).await?;
        if new.name != before.name.as_str() {
            return Err(Error::invalid("/name", "a registry keeps its name: make a new one instead"));
        }
        let mut changed = self.described(before.name.clone(), new, Some(&before), self.0.outside.now())?;
        changed.version = if_version.unwrap_or(before.version);
        let deed = principal.does(&self.0, "registry.update", (&before.name, &before.name));
        let unit = self.0.store.begin().await.stored()?;
        match unit.registry_update(&changed).await {
            Err(StoreError::Taken { .. }) => return Err(self.taken(&changed).await?),
            done => done.asked_for("registry", &name)?,
        };
        deed.before(told(&before)).after(told(&changed)).commit(unit).await?;
        self.find(name).await.map(view)
    }

    pub async fn delete(&self, principal: &Principal, name: &str) -> Result<(), Error> {
        principal.require_admin()?;
        let found = self.find(name).await?;
        let unit = self.0.store.begin().await.stored()?;
        unit.registry_delete(&found.name).await.asked_for("registry", &name)?;
        let deed = principal.does(&self.0, "registry.delete", (&found.name, &found.name));
        deed.before(told(&found)).commit(unit).await
    }

    /// Asks the registry whether it is one, and whether it accepts the credentials.
    pub async fn test(&self, principal: &Principal, name: &str) -> Result<RegistryTest, Error> {
        principal.require_admin()?;
        let stored = self.find(name).await?;
        let registry = self.0.images.connect(&self.0, &stored)?;
        Ok(match registry.ping().await {
            Ok(ping) => RegistryTest { authenticated: ping == Ping::Authenticated, problem: None },
            Err(error) => RegistryTest {
                authenticated: false,
                problem: Some(RegistryProblem { kind: error.name(), detail: error.to_string() }),
            },
        })
    }

    async fn find(&self, name: &str) -> Result<StoredRegistry, Error> {
        let not_found = || Error::not_found("registry", name.chars().take(80).collect::<String>());
        let name = CatalogueName::parse(name).map_err(|_| not_found())?;
        self.0.store.registry_get(&name).await.stored()?.ok_or_else(not_found)
    }

    /// Whether the name or the host is taken.
    async fn taken(&self, registry: &StoredRegistry) -> Result<Error, Error> {
        let other = self.0.store.registry_by_host(&registry.host).await.stored()?;
        Ok(match other.filter(|other| other.name != registry.name) {
            Some(other) => Error::Conflict {
                detail: format!(
                    "The registry `{}` has the host {} already: an image says by its host which account is used.",
                    other.name, registry.host
                ),
            },
            None => Error::NameTaken { what: "registry", name: registry.name.to_string() },
        })
    }

    fn described(
        &self,
        name: CatalogueName,
        new: NewRegistry,
        before: Option<&StoredRegistry>,
        now: Timestamp,
    ) -> Result<StoredRegistry, Error> {
        let mut problems = Vec::new();
        let host: Option<RegistryName> = match new.host.parse() {
            Ok(host) => Some(host),
            Err(error) => {
                problems.push(FieldProblem::new("/host", error));
                None
            }
        };
        let is_host = |text: &str| text.parse::<RegistryName>().is_ok();
        for (index, server) in new.token_servers.iter().enumerate().filter(|(_, server)| !is_host(server)) {
            let detail = format!("`{}` is not a host", server.chars().take(80).collect::<String>());
            problems.push(FieldProblem::new(format!("/token_servers/{index}"), detail));
        }
        let credentials = match (new.username.filter(|name| !name.is_empty()), new.password) {
            (None, None) => None,
            (None, Some(_)) => {
                problems.push(FieldProblem::new("/username", "a password needs its user name"));
                None
            }
            (Some(username), Some(password)) => {
                let place = password_place(&name);
                let sealed = self.0.key.seal(&place, password.expose_secret(), &*self.0.outside);
                Some(StoredCredentials { username, password: sealed.map_err(Error::internal)? })
            }
            // A password is kept for its own account and host only.
            (Some(username), None) => {
                let kept = before.filter(|before| host.as_ref().is_some_and(|it| it.as_str() == before.host));
                let kept = kept.and_then(|it| it.credentials.clone()).filter(|it| it.username == username);
                if kept.is_none() {
                    problems.push(FieldProblem::new("/password", "a user name needs its password or token"));
                }
                kept
            }
        };
        let (Some(host), true) = (host, problems.is_empty()) else { return Err(Error::Validation(problems)) };
        Ok(StoredRegistry {
            name,
            host: host.to_string(),
            plain_http: new.plain_http,
            token_servers: new.token_servers,
            credentials,
            version: 1,
            created_at: before.map_or(now, |before| before.created_at),
            updated_at: now,
        })
    }
}

/// The public registries that everybody uses, on a new installation.
pub(crate) async fn seed(core: &Core) -> Result<(), Error> {
    if core.store.setting_get(SEEDED).await.stored()?.is_some() {
        return Ok(());
    }
    let now = core.outside.now();
    for (name, host) in [("docker-hub", "docker.io"), ("ghcr", "ghcr.io"), ("quay", "quay.io")] {
        let registry = StoredRegistry {
            name: CatalogueName::parse(name).map_err(Error::internal)?,
            host: host.to_owned(),
            plain_http: false,
            token_servers: Vec::new(),
            credentials: None,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        core.store.registry_ensure(&registry).await.stored()?;
    }
    core.store.setting_ensure(SEEDED, "yes").await.stored().map(drop)
}

/// What is told of a registry: never its password.
fn told(registry: &StoredRegistry) -> Value {
    let username = registry.credentials.as_ref().map(|it| &it.username);
    let StoredRegistry { host, plain_http, token_servers, .. } = registry;
    json!({ "host": host, "plain_http": plain_http, "token_servers": token_servers, "username": username })
}

fn view(registry: StoredRegistry) -> RegistryView {
    RegistryView {
        name: registry.name,
        host: registry.host,
        username: registry.credentials.map(|it| it.username),
        plain_http: registry.plain_http,
        token_servers: registry.token_servers,
        version: registry.version,
        created_at: registry.created_at,
        updated_at: registry.updated_at,
    }
}
