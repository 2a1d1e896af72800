//! Watching a deployment until it is live or has failed.
//!
//! The deployment's state is what decides; the live log only makes it visible sooner. So the state is asked for at intervals
//! whatever the log does, and a log that cannot be had costs detail, never the outcome.

mod failure;
mod milestones;
mod plain;
mod terminal;

use std::time::Duration;

use pierhead_model::deployment::State;

use super::client::Client;
use super::client::calls::LogFilter;
use super::client::sse::{LogFollower, LogItem};
use super::client::types::{Deployment, LogLine};
use super::commands::logs;
use super::context::Context;
use super::error::Error;

/// How often the state is asked for while nothing is heard.
const REFRESH: Duration = Duration::from_millis(500);
/// How long a second Ctrl-C still means "cancel".
const SECOND_PRESS: Duration = Duration::from_secs(3);

/// How much of the log is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ShowLogs {
    /// All of it, as it comes.
    Full,
    /// Its end, when a step fails.
    #[default]
    Tail,
    None,
}

/// Tells a person how far a deployment is.
trait Reporter {
    fn deployment(&mut self, deployment: &Deployment);
    fn line(&mut self, line: &LogLine);
    /// Called now and then.
    fn tick(&mut self) {}
    /// Nothing more will move.
    fn finish(&mut self) {}
}

/// Follows to the end, says how it ended, and answers with the address. An error when it did not become live.
pub(crate) async fn until_live(
    context: &Context,
    client: &Client<'_>,
    deployment: Deployment,
    show: ShowLogs,
) -> Result<(), Error> {
    let id = deployment.id.clone();
    let ended = until_ended(context, client, deployment, show).await?;
    match ended.state {
        State::Failed => Err(failure::explain(context, client, &ended, show).await),
        State::Queued | State::Building | State::Provisioning | State::Production | State::Inactive => {
            if context.json() {
                let answer = client.deployment(&id).await?;
                return context.show(&answer.raw, Vec::new);
            }
            if !context.printer.stdout_is_terminal() {
                context.printer.answer(&ended.url)?;
            }
            Ok(())
        }
    }
}

/// Follows until it is live or ended.
async fn until_ended(
    context: &Context,
    client: &Client<'_>,
    deployment: Deployment,
    show: ShowLogs,
) -> Result<Deployment, Error> {
    let printer = &context.printer;
    let mut reporter: Box<dyn Reporter> = if printer.animates() && show != ShowLogs::Full {
        Box::new(terminal::Terminal::new(printer))
    } else {
        Box::new(plain::Plain::new(printer, show))
    };
    let ended = watch(context, client, deployment, reporter.as_mut()).await;
    reporter.finish();
    let (ended, printed) = ended?;
    if show == ShowLogs::Full {
        let rest = logs::pages(client, &ended.id, printed, &LogFilter::default()).await?;
        rest.iter().filter_map(|line| logs::understand(line).ok()).for_each(|line| reporter.line(&line));
    }
    Ok(ended)
}

/// The deployment as it ended, and the number of the last line that was reported.
async fn watch(
    context: &Context,
    client: &Client<'_>,
    mut deployment: Deployment,
    reporter: &mut dyn Reporter,
) -> Result<(Deployment, u64), Error> {
    let id = deployment.id.clone();
    let mut follower = Some(LogFollower::new(client, &id, 0, LogFilter::default()));
    let mut refresh = tokio::time::interval(REFRESH);
    refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let waited_enough = sleep_for(context.globals.timeout);
    tokio::pin!(waited_enough);
    let mut printed = 0;
    let mut step = String::new();
    loop {
        reporter.deployment(&deployment);
        if !deployment.state.is_in_progress() {
            return Ok((deployment, printed));
        }
        // Until something may have changed the deployment.
        let item = tokio::select! {
            item = hear(follower.as_mut()) => Some(item),
            _ = refresh.tick() => {
                reporter.tick();
                None
            }
            () = &mut waited_enough => return Err(waited_too_long(&id)),
            _ = tokio::signal::ctrl_c() => return Err(interrupted(context, client, &id).await),
        };
        match item {
            Some(Ok(LogItem::Line(line))) => {
                if let Ok(line) = logs::understand(&line) {
                    reporter.line(&line);
                    printed = line.number;
                    if line.step == step {
                        continue;
                    }
                    step.clone_from(&line.step);
                }
            }
            Some(Ok(LogItem::State | LogItem::Gap { .. })) | None => {}
            Some(Ok(LogItem::End) | Err(_)) => follower = None,
        }
        deployment = client.deployment(&id).await?.body;
    }
}

async fn hear(follower: Option<&mut LogFollower<'_>>) -> Result<LogItem, Error> {
    match follower {
        Some(follower) => follower.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_for(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

fn waited_too_long(id: &str) -> Error {
    Error::TimedOut {
        what: format!("deployment {id} is not live yet"),
        fix: format!("It goes on. Wait for it with: pierhead deployments wait {id}"),
    }
}

/// The first press leaves, the second cancels.
async fn interrupted(context: &Context, client: &Client<'_>, id: &str) -> Error {
    if context.printer.stderr_is_terminal() {
        context.printer.complain(&format!(
            "\nstill running: pierhead logs -f {id}; press again within 3 s to cancel it"
        ));
        tokio::select! {
            _ = tokio::signal::ctrl_c() => match client.deployment_act(id, "cancel").await {
                Ok(_) => context.printer.complain("cancelled"),
                Err(error) => return error,
            },
            () = tokio::time::sleep(SECOND_PRESS) => {}
        }
    }
    Error::Interrupted
}
