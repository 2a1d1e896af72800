//! Who is told of what happens to a project's deployments: added, tried, looked at, told again.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_model::Timestamp;
use pierhead_model::notice::{Notice, NoticeFormat, NoticeKind};
use pierhead_model::pipeline::name::CatalogueName;
use pierhead_store::{NoticeEndpoint, Project, StoredNotice};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use super::auth::Principal;
use crate::access::address;
use crate::access::policy::{self, WRITE_PROJECT, shortened};
use crate::core::Core;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::outside::random_half;

/// Of one project: more is a mistake, and each costs a look at every event.
const MOST: usize = 20;
const LONGEST_URL: usize = 2048;
/// Notifications that are shown.
const SHOWN: u64 = 100;

#[derive(Debug)]
pub struct Notices(pub(crate) Arc<Core>);

/// Somebody who is told.
#[derive(Debug, Clone)]
pub struct NoticeEndpointView {
    pub name: CatalogueName,
    pub format: NoticeFormat,
    /// Where it is: the rest of the address is as good as a password.
    pub host: String,
    pub events: BTreeSet<NoticeKind>,
    pub created_by: String,
    pub created_at: Timestamp,
}

impl From<NoticeEndpoint> for NoticeEndpointView {
    fn from(endpoint: NoticeEndpoint) -> Self {
        let NoticeEndpoint { name, format, host, events, created_by, created_at, .. } = endpoint;
        Self { name, format, host, events, created_by, created_at }
    }
}

/// Somebody who shall be told.
#[derive(Debug)]
pub struct NewNoticeEndpoint {
    pub name: String,
    /// `standard`, `slack`, `discord`, `email`.
    pub format: String,
    /// Where to; an e-mail address for `email`.
    pub url: SecretString,
    /// Everything when it is empty.
    pub events: Vec<String>,
}

impl Notices {
    pub async fn list(&self, principal: &Principal, project: &str) -> Result<Vec<NoticeEndpointView>, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let found = self.0.store.notice_endpoints(&project.id).await.stored()?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// Adds one; what a standard one is signed with is told this one time.
    pub async fn create(
        &self,
        principal: &Principal,
        project: &str,
        new: NewNoticeEndpoint,
    ) -> Result<(NoticeEndpointView, Option<String>), Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let (endpoint, secret) = self.described(principal, &project, &new).await?;
        if self.0.store.notice_endpoints(&project.id).await.stored()?.len() >= MOST {
            let detail = format!("A project has at most {MOST} notifications: delete one first.");
            return Err(Error::Conflict { detail });
        }
        let told = json!({ "name": endpoint.name, "format": endpoint.format, "host": endpoint.host });
        let unit = self.0.store.begin().await.stored()?;
        match unit.notice_endpoint_create(&endpoint).await {
            Err(pierhead_store::StoreError::Taken { .. }) => {
                return Err(Error::NameTaken { what: "notification", name: endpoint.name.to_string() });
            }
            done => done.stored()?,
        }
        let deed = principal.does_to(&self.0, "project.notification_create", &project);
        deed.after(told).commit(unit).await?;
        Ok((endpoint.into(), secret))
    }

    /// Whoever may change a project must not make this server write to strangers: the address is one of an account here.
    async fn addressee(
        &self,
        principal: &Principal,
        text: &str,
    ) -> Result<Result<String, &'static str>, Error> {
        let Ok(address) = address::parse(text) else { return Ok(Err("must be an e-mail address")) };
        if self.0.access.mailer.is_none() {
            let detail = "No letters can be sent here: an administrator sets `mail.server` and `mail.from`.";
            return Err(Error::Conflict { detail: detail.to_owned() });
        }
        if principal.is_admin() || self.0.store.user_by_email(&address).await.stored()?.is_some() {
            return Ok(Ok(address));
        }
        Ok(Err("must be the address of somebody who has an account here"))
    }

    async fn described(
        &self,
        principal: &Principal,
        project: &Project,
        new: &NewNoticeEndpoint,
    ) -> Result<(NoticeEndpoint, Option<String>), Error> {
        let mut problems = Vec::new();
        let name = CatalogueName::parse(&new.name);
        let format = new.format.parse::<NoticeFormat>();
        let url = match format {
            Ok(NoticeFormat::Email) => self.addressee(principal, new.url.expose_secret()).await?,
            Ok(NoticeFormat::Standard | NoticeFormat::Slack | NoticeFormat::Discord) | Err(_) => {
                checked(new.url.expose_secret())
            }
        };
        for (pointer, problem) in [
            ("/name", name.as_ref().err().map(ToString::to_string)),
            ("/format", format.err().map(|_| "must be `standard`, `slack`, `discord` or `email`".to_owned())),
            ("/url", url.as_ref().err().map(|&problem| problem.to_owned())),
        ] {
            problems.extend(problem.map(|problem| FieldProblem::new(pointer, problem)));
        }
        let mut events = BTreeSet::new();
        for (index, event) in new.events.iter().enumerate() {
            match event.parse() {
                Ok(kind) if kind != NoticeKind::Test => drop(events.insert(kind)),
                _ => {
                    let known = NoticeKind::ALL.map(|kind| kind.to_string()).join(", ");
                    problems.push(FieldProblem::new(
                        format!("/events/{index}"),
                        format!("must be one of {known}"),
                    ));
                }
            }
        }
        if events.is_empty() {
            events.extend(NoticeKind::ALL);
        }
        let (Ok(name), Ok(format), Ok(host), true) = (name, format, url, problems.is_empty()) else {
            return Err(Error::Validation(problems));
        };
        let core = &self.0;
        let seal = |what: &str, text: &str| {
            let place = place(project, &name, what);
            core.key.seal(&place, text, &*core.outside).map_err(Error::internal)
        };
        let secret = (format == NoticeFormat::Standard).then(|| {
            let mut bytes = [0; 32];
            core.outside.fill(&mut bytes);
            format!("whsec_{}", BASE64.encode(bytes))
        });
        let endpoint = NoticeEndpoint {
            project: project.id.clone(),
            format,
            url: seal("url", new.url.expose_secret())?,
            host,
            secret: secret.as_deref().map(|secret| seal("secret", secret)).transpose()?,
            events,
            created_by: principal.email.clone(),
            created_at: core.outside.now(),
            name,
        };
        Ok((endpoint, secret))
    }

    pub async fn delete(&self, principal: &Principal, project: &str, name: &str) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let endpoint = self.find(&project, name).await?;
        let unit = self.0.store.begin().await.stored()?;
        unit.notice_endpoint_delete(&project.id, &endpoint.name).await.stored()?;
        let deed = principal.does_to(&self.0, "project.notification_delete", &project);
        deed.after(json!({ "name": endpoint.name })).commit(unit).await
    }

    /// Sends something that says that it is a test.
    pub async fn test(&self, principal: &Principal, project: &str, name: &str) -> Result<String, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let endpoint = self.find(&project, name).await?;
        let notice = Notice {
            kind: NoticeKind::Test,
            at: self.0.outside.now(),
            project: project.name.clone(),
            deployment: None,
            slot: None,
            failure: None,
        };
        let id = format!("test-{:016x}", random_half(&*self.0.outside));
        self.0.store.notice_add(&endpoint, &id, &notice).await.stored()?;
        self.0.signals.notices.raise();
        Ok(id)
    }

    /// What was told, the newest first.
    pub async fn sent(
        &self,
        principal: &Principal,
        project: &str,
        name: &str,
    ) -> Result<Vec<StoredNotice>, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let endpoint = self.find(&project, name).await?;
        self.0.store.notices_of(&project.id, &endpoint.name, SHOWN).await.stored()
    }

    /// Tells something again, with the same id and the same words.
    pub async fn replay(
        &self,
        principal: &Principal,
        project: &str,
        name: &str,
        id: &str,
    ) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let endpoint = self.find(&project, name).await?;
        let now = self.0.outside.now();
        if !self.0.store.notice_replay(&project.id, &endpoint.name, id, now).await.stored()? {
            return Err(Error::not_found("sent notification", shortened(id)));
        }
        self.0.signals.notices.raise();
        Ok(())
    }

    async fn find(&self, project: &Project, name: &str) -> Result<NoticeEndpoint, Error> {
        let unknown = || Error::not_found("notification", shortened(name));
        let parsed = CatalogueName::parse(name).map_err(|_| unknown())?;
        self.0.store.notice_endpoint(&project.id, &parsed).await.stored()?.ok_or_else(unknown)
    }
}

/// The host of an address that can be told something.
fn checked(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(text).map_err(|_| "must be an address such as https://example.com/hooks/1")?;
    if text.len() > LONGEST_URL {
        return Err("is longer than any address");
    }
    if !matches!(url.scheme(), "https" | "http") {
        return Err("must begin with https:// or http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name and no password");
    }
    let host = url.host_str().ok_or("must name a host")?;
    Ok(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn place(project: &Project, name: &CatalogueName, what: &str) -> String {
    place_of(project.id.as_ref(), name, what)
}

fn place_of(project: &str, name: &CatalogueName, what: &str) -> String {
    format!("notices/{project}/{}/{what}", name.as_str())
}

/// Where to send to, and what to sign with, in the clear.
pub(crate) fn opened(
    core: &Core,
    endpoint: &NoticeEndpoint,
) -> Result<(SecretString, Option<SecretString>), Error> {
    let open = |what: &str, sealed: &str| {
        let place = place_of(endpoint.project.as_ref(), &endpoint.name, what);
        core.key.open(&place, sealed).map_err(Error::internal)
    };
    let url = open("url", &endpoint.url)?;
    let secret = endpoint.secret.as_deref().map(|sealed| open("secret", sealed)).transpose()?;
    Ok((url, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_can_be_told_something() {
        assert_eq!(checked("https://hooks.example.com/a?b=c").unwrap(), "hooks.example.com");
        assert_eq!(checked("http://10.0.0.1:9000/").unwrap(), "10.0.0.1:9000", "judged when it is sent to");
        for bad in ["", "example.com", "ftp://example.com/", "https://u:p@example.com/", "file:///etc/passwd"]
        {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
