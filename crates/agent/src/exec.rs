//! Commands that people run in the containers of services.
//!
//! A command lives as long as the connection that it was asked for on: who goes away takes it along, and so does this agent when it
//! ends. Who may, the control plane has decided; here it only counts what is a service of the deployment that is named.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use parking_lot::Mutex;
use pierhead_engine::StdinWriter;
use pierhead_engine::session::{Printed, PrintedStream, Process, Session, SessionSpec, TerminalSize};
use pierhead_engine::spec::Labels;
use pierhead_engine::state::{Container, Status};
use pierhead_wire::Executes;
use pierhead_wire::exec::{Begin, Ended, FromProcess, Receiving, Sending, ToProcess, directions};
use pierhead_wire::traffic::Connection;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use crate::node::Node;
use crate::steps::place::Place;
use crate::{handover, labels};

/// At the same time on one node: each is a process, and somebody else's memory.
pub(crate) const CONCURRENT: usize = 64;
/// Whoever opens a connection says at once what for.
const BEGIN_LIMIT: Duration = Duration::from_secs(10);
/// Nothing typed and nothing printed for so long: nobody is there.
const IDLE_LIMIT: Duration = Duration::from_secs(3600);
/// The engine notices an end a moment after the outputs were closed.
const END_LIMIT: Duration = Duration::from_secs(10);
const END_PERIOD: Duration = Duration::from_millis(20);

/// Runs them.
#[derive(Debug)]
pub(crate) struct Commands(pub(crate) Arc<Node>);

#[async_trait]
impl Executes for Commands {
    async fn execute(&self, connection: Box<dyn Connection>) {
        let (mut sending, mut receiving) = directions(connection);
        let Ok(Some(Ok(begin))) = tokio::time::timeout(BEGIN_LIMIT, receiving.next::<Begin>()).await else {
            return;
        };
        let ended = match self.0.commands.try_acquire() {
            Err(_) => Some(failed(format!(
                "{CONCURRENT} commands run on this node already: end one of them, or wait until one ends"
            ))),
            Ok(_running) => match self.begin(&begin).await {
                Ok(session) => serve(session, &mut sending, &mut receiving).await,
                Err(why) => Some(failed(why)),
            },
        };
        if let Some(ended) = ended {
            // Whoever asked may be gone.
            let _ = sending.send(&FromProcess::Ended(ended)).await;
        }
    }
}

fn failed(why: String) -> Ended {
    Ended::Failed { why }
}

impl Commands {
    async fn begin(&self, begin: &Begin) -> Result<Session, String> {
        let container = self.find(begin).await?;
        let engine = &self.0.engine;
        let sessions = engine.sessions().ok_or("this node's engine runs no commands")?;
        let spec = SessionSpec {
            command: handover::inside(&container, &begin.command),
            environment: begin.environment.clone(),
            terminal: begin.terminal.map(|size| TerminalSize { columns: size.columns, rows: size.rows }),
        };
        sessions.begin(&container.id, &spec).await.map_err(|error| error.to_string())
    }

    /// The container that is meant, of those that run.
    async fn find(&self, begin: &Begin) -> Result<Container, String> {
        let identity = self.0.identity().ok_or("this node has not met its control plane yet")?;
        let mut wanted: Labels = labels::of_deployment(&identity, &begin.deployment);
        wanted.insert(labels::STEP.to_owned(), begin.service.to_string());
        let engine = &self.0.engine;
        let found = engine.list(&wanted).await.map_err(|error| error.to_string())?;
        let running = found.into_iter().filter(|container| container.status == Status::Running);
        let services = running.filter_map(|container| {
            let (attempt, replica) = Place::attempt_and_replica(&container.name)?;
            let is_meant = begin.replica.is_none_or(|wanted| wanted == replica);
            is_meant.then_some(((std::cmp::Reverse(attempt), replica), container.id))
        });
        let (_, id) = services.min().ok_or_else(|| match begin.replica {
            Some(replica) => {
                format!("replica {replica} of {} does not run here at the moment", begin.service)
            }
            None => format!("{} does not run at the moment: look with `pierhead ps`", begin.service),
        })?;
        engine.inspect(&id).await.map_err(|error| error.to_string())
    }
}

/// Until the command has ended, or whoever asked for it is gone: then nobody is told.
async fn serve(session: Session, sending: &mut Sending, receiving: &mut Receiving) -> Option<Ended> {
    let Session { input, printed, process } = session;
    let heard = Mutex::new(Instant::now());
    let ended = tokio::select! {
        told = tell(printed, sending, &heard) => {
            if told { Some(end_of(&*process).await) } else { None }
        }
        () = take(input, receiving, &*process, &heard) => None,
        () = idle(&heard) => Some(failed(format!("nothing was typed or printed for {} minutes", IDLE_LIMIT.as_secs() / 60))),
    };
    if !matches!(ended, Some(Ended::Exited { .. })) {
        process.hang_up().await;
    }
    ended
}

/// Hands on what is printed until nothing more comes; `false` when nobody takes it.
async fn tell(mut printed: PrintedStream, sending: &mut Sending, heard: &Mutex<Instant>) -> bool {
    while let Some(piece) = printed.next().await {
        *heard.lock() = Instant::now();
        let message = match piece {
            Ok(Printed::Output(bytes)) => FromProcess::Output(bytes),
            Ok(Printed::Errors(bytes)) => FromProcess::Errors(bytes),
            Err(error) => {
                tracing::debug!(%error, "the output of a command was cut");
                return true;
            }
        };
        if sending.send(&message).await.is_err() {
            return false;
        }
    }
    true
}

/// Takes what is typed until whoever types is gone.
async fn take(
    mut input: StdinWriter,
    receiving: &mut Receiving,
    process: &dyn Process,
    heard: &Mutex<Instant>,
) {
    while let Some(Ok(message)) = receiving.next::<ToProcess>().await {
        *heard.lock() = Instant::now();
        // A command that has closed its input is not told anything, and goes on.
        let done = match message {
            ToProcess::Input(bytes) => input.write_all(&bytes).await.and(input.flush().await),
            ToProcess::InputEnd => input.shutdown().await,
            ToProcess::Resize(size) => {
                let size = TerminalSize { columns: size.columns, rows: size.rows };
                if let Err(error) = process.resize(size).await {
                    tracing::debug!(%error, "a terminal was not resized");
                }
                Ok(())
            }
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a command did not take its input");
        }
    }
}

async fn idle(heard: &Mutex<Instant>) {
    loop {
        let until = *heard.lock() + IDLE_LIMIT;
        if until <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(until).await;
    }
}

async fn end_of(process: &dyn Process) -> Ended {
    let asking = async {
        loop {
            match process.exit_code().await {
                Ok(Some(code)) => return Ended::Exited { code },
                Ok(None) => tokio::time::sleep(END_PERIOD).await,
                Err(error) => return failed(format!("how it ended is not known: {error}")),
            }
        }
    };
    let patience = tokio::time::timeout(END_LIMIT, asking).await;
    patience.unwrap_or_else(|_| failed("it closed its outputs and did not end".to_owned()))
}
