//! `redeploy`, `cancel`, `rollback`: what is done to a deployment that exists.

use clap::Args;
use pierhead_model::deployment::State;

use crate::cli::client::Answer;
use crate::cli::client::Client;
use crate::cli::client::calls::DeploymentFilter;
use crate::cli::client::types::Deployment;
use crate::cli::context::Context;
use crate::cli::deploying::{self, ShowLogs};
use crate::cli::error::Error;
use crate::cli::target;

#[derive(Debug, Args)]
pub(crate) struct RedeployArgs {
    /// An id, v18 or an address [default: the newest of the slot]
    deployment: Option<String>,
    /// Do not wait
    #[arg(short, long, visible_alias = "no-wait")]
    detach: bool,
    /// How much of the log to show
    #[arg(long, value_name = "AMOUNT", default_value = "tail")]
    logs: ShowLogs,
}

#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// An id, v18 or an address [default: the one that is on its way]
    deployment: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pierhead rollback          to the release before this one\n  pierhead rollback v12\n  pierhead rollback --steps 2 --dry-run"
)]
pub(crate) struct RollbackArgs {
    /// An id, v12 or an address [default: the one that was live before]
    deployment: Option<String>,
    /// How many releases back
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "deployment", value_parser = clap::value_parser!(u16).range(1..))]
    steps: u16,
    /// Keep today's variables instead of those it had
    #[arg(long)]
    current_variables: bool,
    /// Only say which one it would be
    #[arg(long)]
    dry_run: bool,
    /// Do not wait
    #[arg(short, long, visible_alias = "no-wait")]
    detach: bool,
}

pub(crate) async fn redeploy(context: &Context, args: &RedeployArgs) -> Result<(), Error> {
    let client = context.client()?;
    let deployment = match &args.deployment {
        Some(given) => target::deployment(context, &client, Some(given)).await?,
        None => newest(context, &client).await?,
    };
    let accepted = client.deployment_act(&deployment.id, "redeploy").await?;
    finish(context, &client, accepted, args.detach, args.logs).await
}

pub(crate) async fn cancel(context: &Context, args: &CancelArgs) -> Result<(), Error> {
    let client = context.client()?;
    let id = match &args.deployment {
        Some(given) => target::deployment(context, &client, Some(given)).await?.id,
        None => match target::in_progress(context, &client).await? {
            Some(deployment) => deployment.id,
            None => {
                return Err(Error::not_found(
                    "nothing is on its way",
                    "See what is live with: pierhead status",
                ));
            }
        },
    };
    let answer = client.deployment_act(&id, "cancel").await?;
    context.say(&format!("cancelling {id}; what is live stays as it is"));
    context.show(&answer.raw, Vec::new)
}

pub(crate) async fn rollback(context: &Context, args: &RollbackArgs) -> Result<(), Error> {
    let client = context.client()?;
    let deployment = match &args.deployment {
        Some(given) => target::deployment(context, &client, Some(given)).await?,
        None => earlier(context, &client, usize::from(args.steps)).await?,
    };
    if args.dry_run {
        let answer = client.deployment(&deployment.id).await?;
        return context.show(&answer.raw, || vec![format!("{} {}", answer.body.id, answer.body.version())]);
    }
    context.say(&format!("back to {} ({})", deployment.id, deployment.version()));
    let accepted = client.rollback(&deployment.id, args.current_variables).await?;
    finish(context, &client, accepted, args.detach, ShowLogs::Tail).await
}

/// The release that was live `steps` before the one that is.
async fn earlier(context: &Context, client: &Client<'_>, steps: usize) -> Result<Deployment, Error> {
    let project = target::project(context, client).await?;
    let state = State::Inactive.to_string();
    let filter = DeploymentFilter { slot: Some(context.slot()), state: Some(&state), limit: None };
    let inactive = client.deployments(&project.name, &filter).await?.body;
    let mut earlier = inactive
        .into_iter()
        .filter(|deployment| deployment.release.is_some() && deployment.live_since().is_some());
    earlier.nth(steps - 1).ok_or_else(|| {
        let what = format!("there is no earlier release of {} in {}", project.name, context.slot());
        Error::not_found(what, "See all deployments with: pierhead deployments list")
    })
}

async fn newest(context: &Context, client: &Client<'_>) -> Result<Deployment, Error> {
    let newest = target::latest(context, client).await?;
    newest.ok_or_else(|| Error::not_found("there is no deployment yet", "Deploy first: pierhead deploy"))
}

pub(super) async fn finish(
    context: &Context,
    client: &Client<'_>,
    accepted: Answer<Deployment>,
    detach: bool,
    logs: ShowLogs,
) -> Result<(), Error> {
    if detach {
        return context.show(&accepted.raw, || vec![accepted.body.url.clone()]);
    }
    deploying::until_live(context, client, accepted.body, logs).await
}
