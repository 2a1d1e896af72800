//! `nodes`: the machines that deployments run on.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::cli::client::types::Node;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;

#[derive(Debug, Args)]
pub(crate) struct NodesArgs {
    #[command(subcommand)]
    command: Option<NodesCommand>,
}

#[derive(Debug, Subcommand)]
enum NodesCommand {
    /// List the nodes of every environment, or of one with --environment
    #[command(visible_alias = "ls")]
    List,
    /// Give a node no new deployments; what runs there runs on
    Cordon { node: String },
    /// Give a node new deployments again
    Uncordon { node: String },
    /// Move what is live on a node to others
    Drain { node: String },
    /// Add a node on another machine; its token is shown this once
    Add {
        /// Small letters, digits and `-`
        name: String,
        /// Where its agent listens, `host:port`; without one the agent dials this server
        address: Option<String>,
    },
    /// Remove a node that has no deployments any more
    #[command(visible_alias = "rm")]
    Remove {
        node: String,
        /// It will never come back: deploy what was live there on other nodes
        #[arg(long)]
        lost: bool,
    },
    /// Trust the certificate that a node shows now, after comparing it with what its agent printed
    ApproveCertificate { node: String, thumbprint: String },
    /// Give a node a new token, shown this once; the old one is dead at once
    RotateToken { node: String },
    /// Take a node's token away: it is disconnected at once
    RevokeToken { node: String },
}

pub(crate) async fn run(context: &Context, args: &NodesArgs) -> Result<(), Error> {
    let (node, call, said) = match args.command.as_ref().unwrap_or(&NodesCommand::List) {
        NodesCommand::List => return list(context).await,
        NodesCommand::Cordon { node } => (node, "cordon", "gets no new deployments; what runs there runs on"),
        NodesCommand::Uncordon { node } => (node, "uncordon", "gets new deployments again"),
        NodesCommand::Drain { node } => {
            (node, "drain", "is drained: each service ends when it is healthy elsewhere")
        }
        NodesCommand::RevokeToken { node } => {
            (node, "revoke-token", "is disconnected; what runs there runs on")
        }
        NodesCommand::Add { name, address } => return add(context, name, address.as_deref()).await,
        NodesCommand::Remove { node, lost } => return remove(context, node, *lost).await,
        NodesCommand::ApproveCertificate { node, thumbprint } => {
            let approved = context.client()?.node_approve(node, thumbprint).await?;
            context.say(&format!("The certificate of the node {} is trusted now.", approved.body.name));
            return Ok(());
        }
        NodesCommand::RotateToken { node } => {
            let rotated = context.client()?.node_change(node, "rotate-token").await?;
            return show_token(context, &rotated.body, &rotated.raw);
        }
    };
    let changed = context.client()?.node_change(node, call).await?;
    context.say(&format!("The node {} {said}.", changed.body.name));
    Ok(())
}

async fn add(context: &Context, name: &str, address: Option<&str>) -> Result<(), Error> {
    let client = context.client()?;
    let environment = match &context.globals.environment {
        Some(environment) => environment.clone(),
        None => {
            let mut all = client.environments().await?.body.into_iter().map(|environment| environment.name);
            match (all.next(), all.next()) {
                (Some(only), None) => only,
                _ => {
                    return Err(Error::usage(
                        "there is more than one environment",
                        "Say which: pierhead nodes add NAME ADDRESS --environment ENVIRONMENT",
                    ));
                }
            }
        }
    };
    let added = client.node_add(&environment, name, address).await?;
    show_token(context, &added.body, &added.raw)
}

/// The token alone goes to standard output, for a script that hands it on.
fn show_token(context: &Context, node: &Node, raw: &Value) -> Result<(), Error> {
    let token = node.token.as_deref().unwrap_or_default();
    context.say(&format!("The token of the node {}, shown this once:", node.name));
    context.show(raw, || vec![token.to_owned()])?;
    let how = match &node.address {
        Some(address) => {
            let port = address.rsplit_once(':').map_or("8410", |(_, port)| port);
            format!("PIERHEAD_AGENT_TOKEN=… pierhead agent --listen 0.0.0.0:{port}")
        }
        None => "PIERHEAD_AGENT_TOKEN=… pierhead agent --control-address THIS-SERVER:PORT".to_owned(),
    };
    context.say(&format!("On that machine: {how}"));
    Ok(())
}

async fn remove(context: &Context, node: &str, lost: bool) -> Result<(), Error> {
    context.agree_by_name("node", node)?;
    context.client()?.node_remove(node, lost).await?;
    context.say(&format!("The node {node} is removed."));
    Ok(())
}

async fn list(context: &Context) -> Result<(), Error> {
    let client = context.client()?;
    let environments = match &context.globals.environment {
        Some(name) => vec![name.clone()],
        None => client.environments().await?.body.into_iter().map(|environment| environment.name).collect(),
    };
    let mut table = Table::new(&["ID", "NAME", "ENVIRONMENT", "STATUS", "CPU", "MEMORY", "SINCE"]);
    let mut items = Vec::new();
    for environment in environments {
        let nodes = client.nodes(&environment).await?;
        for node in nodes.body {
            let (cpu, memory) = match (&node.usage, &node.machine) {
                (Some(usage), Some(machine)) => (
                    format!("{:.1}/{}", usage.cpu, machine.cpu_cores),
                    format!("{}/{} MB", usage.memory_mb, machine.memory_mb),
                ),
                _ => (String::new(), String::new()),
            };
            let since = context.moment(node.online_since);
            table.row([node.id, node.name, environment.clone(), node.status, cpu, memory, since]);
        }
        if let Some(Value::Array(more)) = nodes.raw.get("items") {
            items.extend(more.iter().cloned());
        }
    }
    context.show_table(&json!({ "items": items, "next_cursor": null }), &table, "No node yet.")
}
