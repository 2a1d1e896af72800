//! Whether the service that has a project's repository reaches us: it is asked to send something, and either that arrives or
//! the service says why it could not be delivered.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use pierhead_model::address::AddressRule;
use pierhead_store::{Delivery, Project};
use url::{Host, Url};

use super::auth::Principal;
use super::sources::Sources;
use crate::access::policy::{self, WRITE_PROJECT};
use crate::error::{Error, StoreResult as _};
use crate::forge::app::App;
use crate::forge::call::{Caller, Trouble};
use crate::forge::hook::{self, Attempt, Place};
use crate::forge::link::{self, Usable};
use crate::forge::{Forge, tokens};

/// How long something that was asked for may be on its way. GitHub itself gives up after 10 s.
const PATIENCE: Duration = Duration::from_secs(12);
const LOOK_EVERY: Duration = Duration::from_millis(150);
/// Deliveries that are looked at.
const NEWEST: u64 = 20;
const UNTIL_THEN: &str = "Until then pushes are found within ten minutes.";

/// Whether pushes are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Reach {
    Reached,
    Unreached,
    /// Nobody can be asked.
    Unknown,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceCheck {
    pub reach: Reach,
    /// What happened, and what to do about it.
    pub detail: String,
}

impl SourceCheck {
    fn unknown(detail: impl Into<String>) -> Self {
        Self { reach: Reach::Unknown, detail: detail.into() }
    }

    fn unreached(detail: impl Into<String>) -> Self {
        Self { reach: Reach::Unreached, detail: detail.into() }
    }
}

impl Sources {
    /// Finds out whether the project's service reaches us, and why not. Takes as long as a webhook may be on its way.
    pub async fn check(&self, principal: &Principal, project: &str) -> Result<SourceCheck, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_PROJECT).await?;
        let console = self.core.access.console_url.as_str();
        let usable = match link::usable(&self.core, &project).await? {
            None => return Ok(SourceCheck::unknown(unconnected(console, &project))),
            Some(Err(why)) => {
                return Ok(SourceCheck::unreached(format!("The connection is not used: {why}.")));
            }
            Some(Ok(usable)) => usable,
        };
        let label = usable.forge.label();
        if is_local(console) && !is_local(usable.api.as_str()) {
            return Ok(SourceCheck::unreached(format!(
                "{console} is reached from this machine or its network only, and {label} is elsewhere: set public_url \
                 (PIERHEAD_PUBLIC_URL) to an address that the internet reaches, then make the webhook again. {UNTIL_THEN}"
            )));
        }
        match (usable.forge, usable.link.hook.clone()) {
            (Forge::GithubApp, _) => self.check_app().await,
            (_, None) => Ok(SourceCheck::unreached(format!(
                "There is no webhook at {label}: `pierhead source webhook` makes it. {UNTIL_THEN}"
            ))),
            (_, Some(hook)) => self.check_hook(&project, &usable, &hook).await,
        }
    }

    async fn check_hook(&self, project: &Project, usable: &Usable, hook: &str) -> Result<SourceCheck, Error> {
        let (label, place) = (usable.forge.label(), Place::from(usable));
        let known: BTreeSet<String> = self.arrived(project).await?.into_iter().map(|it| it.id).collect();
        let caller = match usable.caller(&self.core).await {
            Ok(caller) => caller,
            Err(tokens::Failed::Here(error)) => return Err(error),
            Err(tokens::Failed::Forge(trouble)) => return Ok(unasked(label, &trouble)),
        };
        let begun = Instant::now();
        match hook::send_something(&caller, place, hook).await {
            Ok(()) => {}
            Err(Trouble::Refused { status: 404, .. }) => {
                return Ok(SourceCheck::unreached(format!(
                    "The webhook is gone at {label}: `pierhead source webhook` makes it again. {UNTIL_THEN}"
                )));
            }
            // It tries before it answers.
            Err(Trouble::Refused { status: 422, said }) if usable.forge == Forge::Gitlab => {
                return Ok(SourceCheck::unreached(format!(
                    "GitLab could not deliver a test: {said}. {UNTIL_THEN}"
                )));
            }
            Err(trouble) => return Ok(unasked(label, &trouble)),
        }
        loop {
            let arrived = self.arrived(project).await?;
            if let Some(new) = arrived.into_iter().find(|it| !known.contains(&it.id)) {
                let (event, ms) = (new.event, begun.elapsed().as_millis());
                let detail =
                    format!("{label} reached us: its `{event}` was here {ms} ms after we asked for it.");
                return Ok(SourceCheck { reach: Reach::Reached, detail });
            }
            if begun.elapsed() > PATIENCE {
                break;
            }
            if usable.forge == Forge::Github
                && let Ok(Some(attempt)) = hook::newest_attempt(&caller, place, hook).await
                && !attempt.is_good()
            {
                return Ok(SourceCheck::unreached(undelivered(&self.core.access.console_url, &attempt)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(SourceCheck::unreached(format!(
            "{label} was asked to send something, and nothing arrived within {} s. What it tried is in the repository's settings at \
             {label}, beside the webhook. Is {} open to it, and the secret ours? `pierhead source webhook` makes both again. {UNTIL_THEN}",
            PATIENCE.as_secs(),
            self.core.access.console_url,
        )))
    }

    /// An app cannot be asked to send something, but it tells what became of what it sent.
    async fn check_app(&self) -> Result<SourceCheck, Error> {
        let app = App::needed(&self.core).await?;
        let console = &self.core.access.console_url;
        let caller = Caller {
            core: &self.core,
            forge: Forge::GithubApp,
            api: app.api_url.clone(),
            token: app.jwt(&self.core)?,
        };
        let found =
            async { Ok((hook::address_of_app(&caller).await?, hook::newest_attempt_of_app(&caller).await?)) };
        let (address, newest) = match found.await {
            Ok(found) => found,
            Err(trouble) => return Ok(unasked(Forge::GithubApp.label(), &trouble)),
        };
        let wanted = format!("{console}/api/v1/hooks/github");
        if address.as_deref() != Some(wanted.as_str()) {
            let now =
                address.map_or_else(|| "goes nowhere".to_owned(), |address| format!("goes to {address}"));
            return Ok(SourceCheck::unreached(format!(
                "The GitHub App's webhook {now}: an administrator sets it to {wanted} in the app's settings at GitHub. {UNTIL_THEN}"
            )));
        }
        Ok(match newest {
            None => SourceCheck::unknown(
                "The GitHub App has sent nothing yet. The next push shows whether it arrives.".to_owned(),
            ),
            Some(attempt) if attempt.is_good() => SourceCheck {
                reach: Reach::Reached,
                detail: format!(
                    "GitHub reaches us: what it sent last, a `{}`, was delivered at {}.",
                    attempt.event, attempt.delivered_at
                ),
            },
            Some(attempt) => SourceCheck::unreached(undelivered(console, &attempt)),
        })
    }

    /// Webhooks that the project's own secret signed, the newest first.
    async fn arrived(&self, project: &Project) -> Result<Vec<Delivery>, Error> {
        self.core.store.deliveries_of(Some(&project.id), None, NEWEST).await.stored()
    }
}

fn unconnected(console: &str, project: &Project) -> String {
    let local = if is_local(console) {
        format!(
            " {console} is reached from this machine or its network only: a provider on the internet needs public_url."
        )
    } else {
        String::new()
    };
    format!(
        "The project is not connected, so nobody can be asked to send something: push, or let your provider send a test to \
         {console}/api/v1/hooks/<provider>/{}.{local} {UNTIL_THEN}",
        project.name
    )
}

fn unasked(label: &str, trouble: &Trouble) -> SourceCheck {
    SourceCheck::unknown(format!("{label} could not be asked: {trouble}."))
}

/// What GitHub says of what it could not deliver, and what helps.
fn undelivered(console: &str, attempt: &Attempt) -> String {
    let help = match attempt.status_code {
        0 => format!("Is {console} open to the internet, with a certificate that GitHub trusts?"),
        300..=399 => {
            format!("Something sends it on from {console}: set public_url to where it is sent to.")
        }
        401 | 403 => {
            "The secret is another: `pierhead source webhook` makes the webhook again with ours.".to_owned()
        }
        404 | 405 => format!("Something else answers at {console}: is public_url right?"),
        _ => format!("Whatever stands before {console} answers so, or we did: our log knows."),
    };
    let code = if attempt.status_code == 0 { String::new() } else { format!(" ({})", attempt.status_code) };
    format!(
        "GitHub could not deliver a `{}` at {}: {}{code}. {help} {UNTIL_THEN}",
        attempt.event, attempt.delivered_at, attempt.status
    )
}

/// Whether an address is known in this machine's own network only, as far as it shows.
fn is_local(address: &str) -> bool {
    let Ok(url) = address.parse::<Url>() else { return false };
    let private = |address: IpAddr| !AddressRule::default().permits(address);
    match url.host() {
        Some(Host::Ipv4(address)) => private(address.into()),
        Some(Host::Ipv6(address)) => private(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let ends = |suffix: &str| name.rsplit('.').next() == Some(suffix);
            !name.contains('.') || ends("localhost") || ends("local") || ends("internal")
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_network_of_its_own_reaches_is_told_from_its_address() {
        for (address, local) in [
            ("http://127.0.0.1:8400", true),
            ("http://[::1]:8400", true),
            ("https://192.168.4.2", true),
            ("http://100.64.0.1", true),
            ("http://localhost:8400", true),
            ("https://pierhead.localhost", true),
            ("https://nas", true),
            ("https://nas.local", true),
            ("https://deploy.internal.", true),
            ("https://deploy.example.com", false),
            ("https://93.184.216.34", false),
            ("https://api.github.com/", false),
        ] {
            assert_eq!(is_local(address), local, "{address}");
        }
    }

    #[test]
    fn what_was_not_delivered_comes_with_what_helps() {
        for (status, status_code, help) in [
            ("failed to connect to host", 0, "open to the internet"),
            ("Invalid HTTP Response: 301", 301, "set public_url"),
            ("Invalid HTTP Response: 401", 401, "source webhook"),
            ("Invalid HTTP Response: 404", 404, "Something else answers"),
            ("Invalid HTTP Response: 502", 502, "stands before"),
        ] {
            let attempt = Attempt {
                delivered_at: "2026-01-01T00:00:00Z".parse().unwrap(),
                status: status.to_owned(),
                status_code,
                event: "ping".to_owned(),
            };
            assert!(!attempt.is_good(), "{status}");
            let said = undelivered("https://deploy.example.com", &attempt);
            assert!(said.contains(status) && said.contains(help), "{said}");
        }
    }
}
