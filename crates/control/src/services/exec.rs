//! Commands that people run in the container of a service.

use std::sync::Arc;
use std::time::Duration;

use pierhead_model::assignment::Report;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::pipeline::StepName;
use pierhead_model::sleep::Rest;
use pierhead_store::DeploymentRecord;
use pierhead_wire::exec::{Begin, Receiving, Sending, TerminalSize, directions};
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use super::auth::Principal;
use crate::access::policy::{self, WRITE_DEPLOYMENT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::fleet;

/// The one service of a project with a repository.
const SERVICE: &str = "service";
/// What is run when nothing is said. There is one in almost every image.
const SHELL: &str = "sh";
/// Of all words together, in bytes: far below what a kernel takes.
const COMMAND_BYTES: usize = 64 << 10;
/// How long one that sleeps may take to wake up.
const WAKE_LIMIT: Duration = Duration::from_secs(90);
const WAKE_PERIOD: Duration = Duration::from_millis(100);
/// How often it is said that a service is needed while somebody is in it. The shortest sleep that can be set is longer.
const NEEDED_PERIOD: Duration = Duration::from_secs(1);
/// Larger terminals are none.
const LARGEST_TERMINAL: u16 = 5_000;

#[derive(Debug)]
pub struct Exec(pub(crate) Arc<Core>);

/// What somebody wants to run, and where.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// May be left out where there is one.
    pub service: Option<String>,
    /// Counted from 1; any that runs when nothing is said.
    pub replica: Option<u32>,
    /// Of a deployment on several nodes: the name or id of one; the one that leads when nothing is said.
    pub node: Option<String>,
    /// A shell when it is empty.
    pub command: Vec<String>,
    pub terminal: Option<Terminal>,
}

/// A terminal, and what its program calls it.
#[derive(Debug, Clone)]
pub struct Terminal {
    pub size: TerminalSize,
    /// Such as `xterm-256color`.
    pub kind: Option<String>,
}

/// A connection to a command. The service does not sleep while it is held.
#[derive(Debug)]
pub struct Running {
    pub sending: Sending,
    pub receiving: Receiving,
    /// Of what is run where.
    pub service: StepName,
    _awake: AbortOnDropHandle<()>,
}

impl Exec {
    /// Whether somebody may run commands in a deployment: asked again while one runs.
    pub async fn may(&self, principal: &Principal, deployment: &str) -> Result<(), Error> {
        policy::deployment(&self.0, principal, deployment, WRITE_DEPLOYMENT).await.map(drop)
    }

    /// Runs a command. One that sleeps is woken first.
    ///
    /// Fails with `Conflict` where nothing runs in which it could, and with `Unavailable` when the node cannot be reached. That the
    /// container itself is gone, or has no such program, is said on the connection.
    pub async fn begin(&self, principal: &Principal, id: &str, wanted: Wanted) -> Result<Running, Error> {
        let core = &self.0;
        let record = policy::deployment(core, principal, id, WRITE_DEPLOYMENT).await?;
        let environment = checked(&wanted)?;
        let place = self.place(&record, &wanted).await?;
        let awake = self.awake(&record.deployment.id, &place).await?;
        let (mut sending, receiving) = directions(core.fleet.execute(&place.node).await?);
        let command = if wanted.command.is_empty() { vec![SHELL.to_owned()] } else { wanted.command };
        // The words after the first are nobody's business: people write passwords there.
        let what = json!({ "service": place.service, "program": command.first(), "terminal": wanted.terminal.is_some() });
        let unit = core.store.begin().await.stored()?;
        let deployment = &record.deployment;
        let deed = principal.does(core, "deployment.exec", (&deployment.id, &record.project_name));
        deed.of_project(&deployment.project).after(what).commit(unit).await?;
        let begin = Begin {
            deployment: place.known_as,
            service: place.service.clone(),
            replica: wanted.replica,
            command,
            environment,
            terminal: wanted.terminal.map(|terminal| terminal.size),
        };
        sending.send(&begin).await.map_err(|_| fleet::left(&place.node))?;
        Ok(Running { sending, receiving, service: place.service, _awake: awake })
    }

    async fn place(&self, record: &DeploymentRecord, wanted: &Wanted) -> Result<Place, Error> {
        let deployment = &record.deployment;
        let share = match &wanted.node {
            None => None,
            Some(name) => {
                let absent = || Error::not_found("node of this deployment", name);
                let node = self.0.store.node_find(name).await.stored()?.ok_or_else(absent)?;
                match deployment.node.as_ref() == Some(&node.id) {
                    true => None,
                    false => Some(record.shares.iter().find(|it| it.node == node.id).ok_or_else(absent)?),
                }
            }
        };
        let (node, known_as, report) = match share {
            Some(share) => (Some(&share.node), &share.id, share.report.as_ref()),
            None => (deployment.node.as_ref(), &deployment.id, record.report.as_ref()),
        };
        let nothing = || Error::Conflict {
            detail: format!("Nothing of deployment {} runs: it is {}.", deployment.id, deployment.state),
        };
        let (node, report) = node.zip(report).filter(|_| !deployment.state.is_ended()).ok_or_else(nothing)?;
        let service = chosen(&services_of(report), wanted.service.as_deref())?;
        Ok(Place { node: node.clone(), known_as: known_as.clone(), service })
    }

    /// Wakes it, waits until it is up, and keeps it so.
    async fn awake(&self, id: &DeploymentId, place: &Place) -> Result<AbortOnDropHandle<()>, Error> {
        let core = &self.0;
        let deadline = tokio::time::Instant::now() + WAKE_LIMIT;
        core.sleepers.needed(std::slice::from_ref(id), core.outside.now());
        while self.sleeps(id, place).await? {
            core.sleepers.wake(id, core.outside.now());
            if tokio::time::Instant::now() > deadline {
                let detail = format!(
                    "{} did not wake up in {} s: look at its log.",
                    place.service,
                    WAKE_LIMIT.as_secs()
                );
                return Err(Error::Unavailable { detail });
            }
            tokio::time::sleep(WAKE_PERIOD).await;
        }
        let (core, id) = (Arc::clone(core), id.clone());
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                core.sleepers.needed(std::slice::from_ref(&id), core.outside.now());
                tokio::time::sleep(NEEDED_PERIOD).await;
            }
        })))
    }

    /// Whether it is asleep, or about to be.
    async fn sleeps(&self, id: &DeploymentId, place: &Place) -> Result<bool, Error> {
        let record = self.0.store.deployment_get(id).await.stored()?;
        let Some(report) = record.and_then(|record| record.report) else { return Ok(false) };
        let instance = report.services.get(&place.service).or(report.instance.as_ref());
        let Some(reported) = instance.map(|instance| instance.rest) else { return Ok(false) };
        Ok(reported.rest != Rest::Awake || self.0.sleepers.order(id, reported).rest != Rest::Awake)
    }
}

/// Where a command runs.
#[derive(Debug)]
struct Place {
    node: NodeId,
    /// What the node calls the deployment.
    known_as: DeploymentId,
    service: StepName,
}

fn services_of(report: &Report) -> Vec<StepName> {
    if report.services.is_empty() && report.instance.is_some() {
        return StepName::parse(SERVICE).into_iter().collect();
    }
    report.services.keys().cloned().collect()
}

/// The one that is named, or the only one.
fn chosen(services: &[StepName], wanted: Option<&str>) -> Result<StepName, Error> {
    let names = || services.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (wanted, services) {
        (_, []) => {
            let detail = "It has no container to run a command in: a static site is files only.".to_owned();
            Err(Error::Conflict { detail })
        }
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(Error::invalid("/service", format!("say which one: {}", names()))),
        (Some(name), _) => services.iter().find(|it| it.as_str() == name).cloned().ok_or_else(|| {
            Error::invalid("/service", format!("there is no such service; there is {}", names()))
        }),
    }
}

/// What the command gets beside the variables of its service.
fn checked(wanted: &Wanted) -> Result<Vec<(String, String)>, Error> {
    if wanted.command.iter().map(String::len).sum::<usize>() > COMMAND_BYTES {
        return Err(Error::invalid("/command", format!("is longer than {} KiB", COMMAND_BYTES >> 10)));
    }
    if wanted.command.iter().any(|word| word.contains('\0'))
        || wanted.command.first().is_some_and(String::is_empty)
    {
        return Err(Error::invalid("/command", "names no program, or holds a NUL"));
    }
    let Some(Terminal { size, kind }) = &wanted.terminal else { return Ok(Vec::new()) };
    for (name, value) in [("columns", size.columns), ("rows", size.rows)] {
        if !(1..=LARGEST_TERMINAL).contains(&value) {
            let detail = format!("must be between 1 and {LARGEST_TERMINAL}");
            return Err(Error::invalid(format!("/terminal/{name}"), detail));
        }
    }
    let Some(kind) = kind else { return Ok(Vec::new()) };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    if kind.is_empty() || kind.len() > 64 || !kind.bytes().all(is_name) {
        return Err(Error::invalid("/terminal/kind", "is no name of a terminal, such as xterm-256color"));
    }
    Ok(vec![("TERM".to_owned(), kind.clone())])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<StepName> {
        names.iter().map(|name| StepName::parse(name).unwrap()).collect()
    }

    #[test]
    fn the_only_service_needs_no_name() {
        for (services, wanted, expected) in [
            (&["service"][..], None, Ok("service")),
            (&["api", "web"], Some("web"), Ok("web")),
            (&["api", "web"], None, Err("say which one: api, web")),
            (&["api", "web"], Some("db"), Err("there is no such service; there is api, web")),
            (&[], Some("web"), Err("a static site")),
        ] {
            let found = chosen(&names(services), wanted);
            match expected {
                Ok(name) => assert_eq!(found.unwrap().as_str(), name),
                Err(why) => assert!(found.unwrap_err().to_string().contains(why), "{services:?} {wanted:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_command_and_no_terminal_is_refused() {
        let terminal = |columns, rows, kind: &str| {
            Some(Terminal { size: TerminalSize { columns, rows }, kind: Some(kind.to_owned()) })
        };
        let command = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        for (words, terminal, good) in [
            (command(&[]), None, true),
            (command(&["ls", "-l", ""]), terminal(80, 24, "xterm-256color"), true),
            (command(&[""]), None, false),
            (command(&["ls", "a\0b"]), None, false),
            (vec!["x".repeat(COMMAND_BYTES + 1)], None, false),
            (command(&[]), terminal(0, 24, "xterm"), false),
            (command(&[]), terminal(80, 5_001, "xterm"), false),
            (command(&[]), terminal(80, 24, "a\nB=c"), false),
            (command(&[]), terminal(80, 24, ""), false),
        ] {
            let wanted = Wanted { command: words.clone(), terminal, ..Wanted::default() };
            assert_eq!(checked(&wanted).is_ok(), good, "{words:?}");
        }
    }
}
