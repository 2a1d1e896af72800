//! `nodes`: the machines that deployments run on.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

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
}

pub(crate) async fn run(context: &Context, args: &NodesArgs) -> Result<(), Error> {
    let (node, call, said) = match args.command.as_ref().unwrap_or(&NodesCommand::List) {
        NodesCommand::List => return list(context).await,
        NodesCommand::Cordon { node } => (node, "cordon", "gets no new deployments; what runs there runs on"),
        NodesCommand::Uncordon { node } => (node, "uncordon", "gets new deployments again"),
        NodesCommand::Drain { node } => {
            (node, "drain", "is drained: each service ends when it is healthy elsewhere")
        }
    };
    let changed = context.client()?.node_change(node, call).await?;
    context.say(&format!("The node {} {said}.", changed.body.name));
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
