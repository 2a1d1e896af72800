//! `deployments`: runs, past and present.

use clap::{Args, Subcommand};

use crate::cli::client::calls::DeploymentFilter;
use crate::cli::client::types::Deployment;
use crate::cli::context::Context;
use crate::cli::deploying::{self, ShowLogs};
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::{Table, safe_text};

#[derive(Debug, Args)]
pub(crate) struct DeploymentsArgs {
    #[command(subcommand)]
    command: Option<DeploymentsCommand>,
}

#[derive(Debug, Subcommand)]
enum DeploymentsCommand {
    /// List deployments, newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only this state, such as FAILED
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<pierhead_model::deployment::State>,
        /// How many
        #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
    },
    /// Show a deployment
    #[command(visible_alias = "info")]
    Show {
        /// An id, v18, an address or a slot [default: what is live]
        deployment: Option<String>,
        #[arg(long, hide = true)]
        wait: bool,
    },
    /// Wait until a deployment is live; exit 5 when it fails
    Wait {
        /// An id, v18 or an address [default: the newest of the slot]
        deployment: Option<String>,
        /// How much of the log to show
        #[arg(long, value_name = "AMOUNT", default_value = "tail")]
        logs: ShowLogs,
    },
    /// What happened to a deployment, and when
    Events {
        /// An id, v18, an address or a slot [default: what is live]
        deployment: Option<String>,
    },
    /// Delete a deployment that is not live
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { deployment: String },
}

pub(crate) async fn run(context: &Context, args: DeploymentsArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.unwrap_or(DeploymentsCommand::List { state: None, limit: 20 }) {
        DeploymentsCommand::List { state, limit } => {
            let project = target::project(context, &client).await?;
            let state = state.map(|state| state.to_string());
            let filter = DeploymentFilter {
                slot: context.globals.slot.as_deref(),
                state: state.as_deref(),
                limit: Some(limit),
            };
            let deployments = client.deployments(&project.name, &filter).await?;
            let mut table = Table::new(&["ID", "VERSION", "STATE", "SLOT", "COMMIT", "CREATED", "MESSAGE"]);
            for deployment in &deployments.body {
                let commit = deployment.commit.as_ref();
                table.row([
                    deployment.id.clone(),
                    deployment.version(),
                    state_words(deployment),
                    deployment.slot.clone(),
                    commit.map(|commit| commit.hash.chars().take(8).collect()).unwrap_or_default(),
                    context.moment(deployment.created()),
                    commit.map(|commit| safe_text::plain(&commit.message)).unwrap_or_default(),
                ]);
            }
            context.show_table(&deployments.raw, &table, "No deployment yet: pierhead deploy")
        }
        DeploymentsCommand::Show { deployment, wait } => {
            let found = target::deployment(context, &client, deployment.as_deref()).await?;
            if wait {
                return deploying::until_live(context, &client, found, ShowLogs::Tail).await;
            }
            let answer = client.deployment(&found.id).await?;
            context.show(&answer.raw, || details(context, &answer.body))
        }
        DeploymentsCommand::Wait { deployment, logs } => {
            let found = match &deployment {
                Some(given) => target::deployment(context, &client, Some(given)).await?,
                None => target::latest(context, &client).await?.ok_or_else(|| {
                    Error::not_found("there is no deployment yet", "Deploy first: pierhead deploy")
                })?,
            };
            deploying::until_live(context, &client, found, logs).await
        }
        DeploymentsCommand::Events { deployment } => {
            let found = target::deployment(context, &client, deployment.as_deref()).await?;
            let events = client.deployment_events(&found.id).await?;
            let mut table = Table::new(&["AT", "EVENT", "FROM", "TO", "REASON"]);
            for event in events.body {
                let state = |state: Option<pierhead_model::deployment::State>| {
                    state.map(|state| state.to_string()).unwrap_or_default()
                };
                let reason = event.reason.unwrap_or_default();
                table.row([
                    format!("{:.3}", event.at),
                    event.kind,
                    state(event.from),
                    state(event.to),
                    reason,
                ]);
            }
            context.show_table(&events.raw, &table, "Nothing happened yet.")
        }
        DeploymentsCommand::Delete { deployment } => {
            let found = target::deployment(context, &client, Some(&deployment)).await?;
            context.agree(&format!("Delete deployment {} ({})?", found.id, found.version()))?;
            let answer = client.deployment_delete(&found.id).await?;
            context.say(&format!("Deleted {}.", found.id));
            context.show(&answer, Vec::new)
        }
    }
}

/// A state in any case.
fn state(text: &str) -> Result<pierhead_model::deployment::State, String> {
    text.to_uppercase().parse().map_err(|_| {
        format!("`{text}` is not a state: QUEUED, BUILDING, PROVISIONING, PRODUCTION, INACTIVE or FAILED")
    })
}

/// The state, and beside it what is not a state.
fn state_words(deployment: &Deployment) -> String {
    let conditions = deployment.conditions;
    let mut words = deployment.state.to_string();
    for (is_so, word) in [
        (conditions.offline, "offline"),
        (conditions.asleep, "asleep"),
        (conditions.crash_looping, "crash-looping"),
    ] {
        if is_so {
            words.push(',');
            words.push_str(word);
        }
    }
    words
}

fn details(context: &Context, deployment: &Deployment) -> Vec<String> {
    let commit = deployment
        .commit
        .as_ref()
        .map(|commit| format!("{} {} ({})", commit.hash, commit.message, commit.author));
    let reason = deployment.failure.as_ref().map(|reason| format!("{}: {}", reason.code, reason.detail));
    let memory = deployment.peak_memory_mb.map(|peak| format!("{peak} MB at most"));
    let place = format!("{} in {}", deployment.slot, deployment.environment);
    let trigger = deployment.trigger.as_ref().and_then(|trigger| trigger.as_str());
    let rows = [
        ("id", Some(deployment.id.clone())),
        ("version", Some(deployment.version())),
        ("project", Some(deployment.project.clone())),
        ("slot", Some(place)),
        ("state", Some(state_words(deployment))),
        ("reason", reason),
        ("url", Some(deployment.url.clone())),
        ("own url", deployment.own_url().map(str::to_owned)),
        ("commit", commit),
        ("framework", deployment.plan.as_ref().map(|plan| plan.name.clone())),
        ("node", deployment.node.clone()),
        ("memory", memory),
        ("trigger", trigger.map(str::to_owned)),
        ("created", Some(context.moment(deployment.created()))),
        ("live", deployment.live_since().map(|since| context.moment(Some(since)))),
    ];
    let mut lines: Vec<String> = rows
        .into_iter()
        .filter_map(|(label, value)| Some(format!("{label:<10} {}", safe_text::plain(&value?))))
        .collect();
    for step in &deployment.steps {
        let took = step.finished_at.map_or_else(
            || "running".to_owned(),
            |end| crate::output::humane::duration(crate::output::humane::between(step.started_at, end)),
        );
        let code = step
            .exit_code
            .filter(|code| *code != 0)
            .map(|code| format!(" · exit {code}"))
            .unwrap_or_default();
        let note = step.note.as_ref().map(|note| format!(" · {note}")).unwrap_or_default();
        lines.push(safe_text::plain(&format!("{:<10} {:<10} {took}{code}{note}", "step", step.name)));
    }
    lines
}
