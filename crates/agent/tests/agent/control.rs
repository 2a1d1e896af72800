//! A control plane that remembers what it is told, and may be careless on purpose.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_agent::Link;
use pierhead_model::assignment::Report;
use pierhead_model::id::DeploymentId;
use pierhead_model::log::LogLine;
use pierhead_wire::link::{End, memory};
use pierhead_wire::{AgentToControl, ControlToAgent};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// How messages are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Careful,
    /// Loses every second acknowledgement and doubles what it sends.
    Careless,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) reports: BTreeMap<DeploymentId, Report>,
    pub(crate) lines: BTreeMap<DeploymentId, Vec<LogLine>>,
    pub(crate) refusals: Vec<String>,
    pub(crate) hellos: usize,
    pub(crate) pongs: Vec<u64>,
    pub(crate) usages: usize,
}

/// What the control plane knows; it outlives links.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    seen: Arc<Mutex<Seen>>,
    changed: Arc<watch::Sender<()>>,
    manner: Manner,
}

/// One link in use.
#[derive(Debug)]
pub(crate) struct Connection {
    to_agent: mpsc::Sender<ControlToAgent>,
    task: JoinHandle<()>,
    manner: Manner,
}

impl Control {
    pub(crate) fn new(manner: Manner) -> Self {
        Self { seen: Arc::default(), changed: Arc::new(watch::Sender::new(())), manner }
    }

    /// A new link; the other end is for the agent.
    pub(crate) fn connect(&self) -> (Connection, Link) {
        let (ours, theirs) = memory();
        let ours: End<ControlToAgent, AgentToControl> = ours;
        let (to_agent, from_agent) = ours.split();
        let task = tokio::spawn(listen(self.clone(), to_agent.clone(), from_agent));
        (Connection { to_agent, task, manner: self.manner }, theirs)
    }

    /// Waits until something was seen.
    pub(crate) async fn until<T>(&self, what: &str, look: impl Fn(&Seen) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(found) = look(&self.seen.lock()) {
                    return found;
                }
                changed.changed().await.unwrap();
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("did not see: {what}; saw {:?}", self.seen.lock()),
        }
    }

    pub(crate) async fn report(
        &self,
        id: &DeploymentId,
        what: &str,
        good: impl Fn(&Report) -> bool,
    ) -> Report {
        self.until(what, |seen| seen.reports.get(id).filter(|report| good(report)).cloned()).await
    }

    pub(crate) fn log(&self, id: &DeploymentId) -> Vec<String> {
        let seen = self.seen.lock();
        let lines = seen.lines.get(id).into_iter().flatten();
        lines.map(|line| format!("{}: {}", line.step, line.text)).collect()
    }
}

impl Connection {
    pub(crate) async fn send(&self, message: ControlToAgent) {
        if self.manner == Manner::Careless {
            self.to_agent.send(message.clone()).await.unwrap();
        }
        self.to_agent.send(message).await.unwrap();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(
    control: Control,
    to_agent: mpsc::Sender<ControlToAgent>,
    mut from_agent: mpsc::Receiver<AgentToControl>,
) {
    let mut number = 0;
    while let Some(message) = from_agent.recv().await {
        number += 1;
        let answer = control.remember(message);
        control.changed.send_replace(());
        let lost = control.manner == Manner::Careless && number % 2 == 0;
        if let (Some(answer), false) = (answer, lost)
            && to_agent.send(answer).await.is_err()
        {
            return;
        }
    }
}

impl Control {
    /// Keeps the first of each line and the newest of each report, as a real one does.
    fn remember(&self, message: AgentToControl) -> Option<ControlToAgent> {
        let mut seen = self.seen.lock();
        match message {
            AgentToControl::Hello { .. } => {
                seen.hellos += 1;
                None
            }
            AgentToControl::Refused { reason } => {
                seen.refusals.push(reason);
                None
            }
            AgentToControl::Inventory { .. } | AgentToControl::ImageKept { .. } => None,
            // There is no other node.
            AgentToControl::SeekImage { reference } => {
                Some(ControlToAgent::ImageFound { reference, image: None })
            }
            AgentToControl::Report(report) => {
                let (deployment, sequence) = (report.deployment.clone(), report.sequence);
                let known = seen.reports.get(&deployment).map_or(0, |known| known.sequence);
                if sequence > known {
                    seen.reports.insert(deployment.clone(), report);
                }
                Some(ControlToAgent::ReportStored { deployment, sequence })
            }
            AgentToControl::Log { deployment, lines } => {
                let known = seen.lines.entry(deployment.clone()).or_default();
                for line in lines {
                    let last = known.len() as u64;
                    assert!(line.number <= last + 1, "a gap before line {} of {deployment}", line.number);
                    if line.number == last + 1 {
                        known.push(line);
                    }
                }
                let through = known.len() as u64;
                Some(ControlToAgent::LogStored { deployment, through })
            }
            AgentToControl::Usage { .. } => {
                seen.usages += 1;
                None
            }
            AgentToControl::Pong { number } => {
                seen.pongs.push(number);
                None
            }
        }
    }
}
