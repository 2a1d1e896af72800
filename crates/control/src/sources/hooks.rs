//! Webhooks: verified over their raw bytes, durable before they are answered, each counted once.
//!
//! Who may have signed it: the installation's own secret speaks for every project, a project's secret for that project only.
//! Where the address names no project, the repository in the payload says whose secrets to try; that is all that is read
//! before the signature is found good.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::pull::PullRequest;
use pierhead_store::{Ask, Asked, Delivery, Project};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use super::following::{self, Target};
use super::installations;
use super::payload::{self, Happening, Parsed, Provider, Pull, Push};
use super::signature::{self, Envelope};
use crate::access::policy;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::forge::app::App;

/// Longer ids are no ids.
const LONGEST_ID: usize = 200;

#[derive(Debug)]
pub struct Hooks(pub(crate) Arc<Core>);

/// A webhook as it arrived.
#[derive(Debug)]
pub struct Incoming<'i> {
    /// `github`, `gitlab`, `gitea`, `generic`.
    pub provider: &'i str,
    /// When its address names a project.
    pub project: Option<&'i str>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: &'i [u8],
}

/// What became of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub delivery: String,
    pub event: String,
    /// It was delivered before: nothing follows a second time.
    pub duplicate: bool,
    pub outcome: String,
    /// Those that are looked at because of it.
    pub projects: Vec<String>,
}

/// Whose secret signed it.
enum Signer {
    Installation,
    /// GitHub itself, in the name of the app.
    App,
    Projects(Vec<Project>),
}

impl Hooks {
    /// Takes a webhook. It is durable when this returns.
    pub async fn receive(&self, incoming: Incoming<'_>) -> Result<Received, Error> {
        let provider: Provider = incoming.provider.parse().map_err(|_| {
            Error::not_found("kind of webhook", incoming.provider.chars().take(80).collect::<String>())
        })?;
        let named = match incoming.project {
            Some(name) => Some(self.named(name).await?),
            None if provider == Provider::Generic => return Err(unsigned()),
            None => None,
        };
        let document = decoded(&incoming);
        let signer = self.signer(provider, named.as_ref(), &incoming, &document).await?;
        let header = |name: &str| incoming.headers.get(name).map(String::as_str);
        let (event, delivery) = identity(provider, &header, incoming.body)?;
        let payload: Value = match serde_json::from_slice(&document) {
            Ok(payload) => payload,
            // A generic webhook may say nothing: it only means its project.
            Err(_) if provider == Provider::Generic && document.is_empty() => Value::Null,
            Err(error) => return Err(Error::invalid("", format!("the payload is not JSON: {error}"))),
        };
        let parsed = payload::read(provider, &event, &payload);
        self.accept(Sent { provider, event, delivery, signer }, parsed).await
    }

    async fn accept(&self, sent: Sent, parsed: Parsed) -> Result<Received, Error> {
        let now = self.0.outside.now();
        let Sent { provider, event, delivery, signer } = sent;
        let repository = parsed.places.first().cloned();
        let of_app = matches!(signer, Signer::App);
        let (scope, projects) = match signer {
            Signer::Installation | Signer::App => {
                let places: Vec<String> = parsed.places.into_iter().collect();
                (None, self.0.store.projects_of_repository(&places).await.stored()?)
            }
            Signer::Projects(projects) => {
                let own = |project: &Project| {
                    let source = project.settings.source.as_ref();
                    provider == Provider::Generic
                        || source.is_some_and(|it| parsed.places.contains(&it.repository.place()))
                };
                let scope = projects.first().map(|project| project.id.clone());
                (scope, projects.into_iter().filter(own).collect())
            }
        };
        let (asks, mut outcome) = asks_of(provider, &parsed.happening, &projects, now);
        let mut about: Vec<String> = Vec::new();
        for ask in &asks {
            let project = projects.iter().find(|project| project.id == ask.project);
            about.extend(project.map(|project| project.name.to_string()));
        }
        if let Happening::Installation(told) = &parsed.happening {
            // Nobody else knows what became of an installation.
            outcome = if of_app {
                installations::told(&self.0, told).await?
            } else {
                "installations are told by the app itself".to_owned()
            };
        }
        let record = Delivery {
            provider: provider.to_string(),
            scope,
            id: delivery.clone(),
            event: event.clone(),
            repository,
            outcome: outcome.clone(),
            received_at: now,
        };
        let fresh = self.0.store.delivery_accept(&record, &asks).await.stored()?;
        if fresh {
            tracing::info!(provider = record.provider, event, delivery, outcome, "a webhook");
        }
        if fresh && !asks.is_empty() {
            self.0.signals.sources.raise();
        }
        let outcome = if fresh { outcome } else { "it was delivered before".to_owned() };
        Ok(Received { delivery, event, duplicate: !fresh, outcome, projects: about })
    }

    /// A stranger does not learn which projects there are. Nobody is signed in here: the signature says who may.
    async fn named(&self, name: &str) -> Result<Project, Error> {
        policy::named_project(&self.0, name).await?.ok_or_else(unsigned)
    }

    async fn signer(
        &self,
        provider: Provider,
        named: Option<&Project>,
        incoming: &Incoming<'_>,
        document: &[u8],
    ) -> Result<Signer, Error> {
        let now_s = self.0.outside.now().as_second();
        let signed_with =
            |secret: &SecretString| is_signed(provider, secret.expose_secret(), incoming, now_s);
        let candidates = match named {
            Some(project) => vec![project.clone()],
            None => {
                if self.0.webhook_secret.as_ref().is_some_and(signed_with) {
                    return Ok(Signer::Installation);
                }
                if provider == Provider::Github
                    && let Some(app) = App::load(&self.0).await?
                    && signed_with(&app.webhook_secret(&self.0)?)
                {
                    return Ok(Signer::App);
                }
                let places = payload::places_unverified(document);
                self.0.store.projects_of_repository(&places).await.stored()?
            }
        };
        let mut signers = Vec::new();
        for project in candidates {
            if secret_of(&self.0, &project).await?.is_some_and(|(secret, _)| signed_with(&secret)) {
                signers.push(project);
            }
        }
        if signers.is_empty() {
            tracing::warn!(%provider, "a webhook with a missing or wrong signature was refused");
            return Err(unsigned());
        }
        Ok(Signer::Projects(signers))
    }
}

struct Sent {
    provider: Provider,
    event: String,
    delivery: String,
    signer: Signer,
}

/// The secret of a project's webhooks, and since when it is that one.
pub(crate) async fn secret_of(
    core: &Core,
    project: &Project,
) -> Result<Option<(SecretString, Timestamp)>, Error> {
    let Some((sealed, since)) = core.store.hook_secret_get(&project.id).await.stored()? else {
        return Ok(None);
    };
    let opened = core.key.open(&secret_place(project), &sealed).map_err(Error::internal)?;
    Ok(Some((opened, since)))
}

pub(crate) fn secret_place(project: &Project) -> String {
    format!("hook_secrets/{}", project.id)
}

fn unsigned() -> Error {
    Error::Unauthenticated {
        detail: "The webhook's signature is missing or wrong: give the sender the secret of this project's webhooks.",
    }
}

fn is_signed(provider: Provider, secret: &str, incoming: &Incoming<'_>, now_s: i64) -> bool {
    let header = |name: &str| incoming.headers.get(name).map(String::as_str);
    let (key, body) = (secret.as_bytes(), incoming.body);
    let hub = || header("x-hub-signature-256").is_some_and(|said| signature::hub(key, body, said));
    match provider {
        Provider::Github => hub(),
        Provider::Gitea => match header("x-gitea-signature").or_else(|| header("x-forgejo-signature")) {
            Some(said) => signature::hexadecimal(key, body, said),
            None => hub(),
        },
        Provider::Gitlab => header("x-gitlab-token").is_some_and(|said| signature::token(key, said)),
        Provider::Generic => {
            let fields = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
            let (Some(id), Some(timestamp), Some(signatures)) = fields else { return false };
            signature::standard(secret, body, Envelope { id, timestamp, signatures }, now_s)
        }
    }
}

/// What the event is called, and the id by which it is known again.
fn identity<'h>(
    provider: Provider,
    header: &impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
) -> Result<(String, String), Error> {
    let any = |names: &[&str]| names.iter().find_map(|name| header(name)).map(ToOwned::to_owned);
    let (event, id) = match provider {
        Provider::Github => (any(&["x-github-event"]), any(&["x-github-delivery"])),
        Provider::Gitea => (
            any(&["x-gitea-event-type", "x-gitea-event", "x-forgejo-event", "x-gogs-event"]),
            any(&["x-gitea-delivery", "x-forgejo-delivery", "x-gogs-delivery"]),
        ),
        // A repetition has the same key; the event's own id is older than the key.
        Provider::Gitlab => (any(&["x-gitlab-event"]), any(&["idempotency-key", "x-gitlab-event-uuid"])),
        Provider::Generic => (Some("push".to_owned()), any(&["webhook-id"])),
    };
    let event =
        event.ok_or_else(|| Error::invalid("", format!("{provider}'s header with the event is missing")))?;
    // Without an id, the same bytes are the same event.
    let id = id.unwrap_or_else(|| Digest::of(body).to_hex());
    if id.len() > LONGEST_ID || event.len() > LONGEST_ID {
        return Err(Error::invalid(
            "",
            format!("the event or its id is longer than {LONGEST_ID} characters"),
        ));
    }
    Ok((event, id))
}

/// The JSON of a body: as it is, or the form field that GitHub and Gitea can be told to send.
fn decoded<'b>(incoming: &Incoming<'b>) -> std::borrow::Cow<'b, [u8]> {
    let kind = incoming.headers.get("content-type").map(String::as_str).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return incoming.body.into();
    }
    let field = url::form_urlencoded::parse(incoming.body).find(|(name, _)| name == "payload");
    field.map(|(_, value)| value.into_owned().into_bytes()).unwrap_or_default().into()
}

/// What should be looked at, and the same in words.
fn asks_of(
    provider: Provider,
    happening: &Happening,
    projects: &[Project],
    now: Timestamp,
) -> (Vec<Ask>, String) {
    let push = match happening {
        Happening::Ping => return (Vec::new(), "pong".to_owned()),
        Happening::Nothing(why) => return (Vec::new(), why.clone()),
        Happening::Installation(_) => return (Vec::new(), String::new()),
        Happening::Pull(pull) => {
            let ask = |project: &Project| ask_of_pull(provider, pull, project, now);
            let asks: Vec<Ask> = projects.iter().filter_map(ask).collect();
            let PullRequest { number, base, .. } = &pull.request;
            let outcome = match asks.is_empty() {
                true => format!("no project follows pull requests into {base}"),
                false => format!("looking at the pull request {number}"),
            };
            return (asks, outcome);
        }
        Happening::Pushed(_) if projects.is_empty() => {
            return (
                Vec::new(),
                "no project that this may speak for is built from the repository".to_owned(),
            );
        }
        Happening::Pushed(push) => push,
    };
    let asks: Vec<Ask> = projects.iter().filter_map(|project| ask_of(push, project, now)).collect();
    let looked: BTreeSet<&str> = asks.iter().map(|ask| ask.reference.as_str()).collect();
    let outcome = if asks.is_empty() {
        let branch = push.branch.as_deref().unwrap_or("its branch");
        format!("no project follows {branch}")
    } else {
        let looked: Vec<&str> = looked.into_iter().collect();
        format!("looking where {} is", looked.join(", "))
    };
    (asks, outcome)
}

fn ask_of(push: &Push, project: &Project, now: Timestamp) -> Option<Ask> {
    let branch = push.branch.as_deref();
    let target = following::of_branch(&project.settings, branch, push.default_branch.as_deref());
    let Target { reference, slot } = target?;
    let asked = Asked {
        trigger: "push".to_owned(),
        by: push.by.clone(),
        at: now,
        commit: push.commit.clone(),
        message: push.message.clone(),
    };
    Some(Ask { project: project.id.clone(), reference, slot, asked, pull: None })
}

fn ask_of_pull(provider: Provider, pull: &Pull, project: &Project, now: Timestamp) -> Option<Ask> {
    let request = &pull.request;
    let base = (request.base.as_str(), pull.default_branch.as_deref());
    let target = following::of_pull(&project.settings, provider, request.number, base);
    let Target { reference, slot } = target?;
    let asked = Asked {
        trigger: "push".to_owned(),
        by: Some(request.author.clone()),
        at: now,
        commit: pull.commit.clone().filter(|_| request.open),
        message: Some(request.title.clone()),
    };
    Some(Ask { project: project.id.clone(), reference, slot, asked, pull: Some(request.clone()) })
}
