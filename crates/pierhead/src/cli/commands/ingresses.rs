//! `ingresses`: entry points on machines of their own.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::client::edge::Ingress;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;

#[derive(Debug, Args)]
pub(crate) struct IngressesArgs {
    #[command(subcommand)]
    command: Option<IngressesCommand>,
}

#[derive(Debug, Subcommand)]
enum IngressesCommand {
    /// List the ingresses on other machines
    #[command(visible_alias = "ls")]
    List,
    /// Add an ingress on another machine; its token is shown this once
    Add {
        /// Small letters, digits and `-`
        name: String,
    },
    /// Remove an ingress: it is told nothing more
    #[command(visible_alias = "rm")]
    Remove { ingress: String },
    /// Trust the certificate that an ingress shows now, after comparing it with what it printed
    ApproveCertificate { ingress: String, thumbprint: String },
    /// Give an ingress a new token, shown this once; the old one is dead at once
    RotateToken { ingress: String },
    /// Take an ingress's token away: it is disconnected at once
    RevokeToken { ingress: String },
}

pub(crate) async fn run(context: &Context, args: &IngressesArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&IngressesCommand::List) {
        IngressesCommand::List => {
            let ingresses = client.ingresses().await?;
            let mut table = Table::new(&["ID", "NAME", "STATUS", "TABLE", "SINCE"]);
            for it in ingresses.body {
                let table_is = match it.current {
                    Some(true) => "current",
                    Some(false) => "behind",
                    None => "",
                };
                let since = context.moment(it.online_since);
                table.row([it.id, it.name, it.status, table_is.to_owned(), since]);
            }
            context.show_table(
                &ingresses.raw,
                &table,
                "No ingress on another machine yet: pierhead ingresses add",
            )
        }
        IngressesCommand::Add { name } => {
            let added = client.ingress_add(name).await?;
            show_token(context, &added.body, &added.raw)
        }
        IngressesCommand::Remove { ingress } => {
            context.agree_by_name("ingress", ingress)?;
            client.ingress_remove(ingress).await?;
            context.say(&format!(
                "The ingress {ingress} is removed. Stop it on its machine: it serves what it has."
            ));
            Ok(())
        }
        IngressesCommand::ApproveCertificate { ingress, thumbprint } => {
            let approved = client.ingress_approve(ingress, thumbprint).await?;
            context.say(&format!("The certificate of the ingress {} is trusted now.", approved.body.name));
            Ok(())
        }
        IngressesCommand::RotateToken { ingress } => {
            let rotated = client.ingress_change(ingress, "rotate-token").await?;
            show_token(context, &rotated.body, &rotated.raw)
        }
        IngressesCommand::RevokeToken { ingress } => {
            let changed = client.ingress_change(ingress, "revoke-token").await?;
            context.say(&format!(
                "The ingress {} is disconnected; it serves what it has until it is stopped.",
                changed.body.name
            ));
            Ok(())
        }
    }
}

/// The token alone goes to standard output, for a script that hands it on.
fn show_token(context: &Context, ingress: &Ingress, raw: &Value) -> Result<(), Error> {
    let token = ingress.token.as_deref().unwrap_or_default();
    context.say(&format!("The token of the ingress {}, shown this once:", ingress.name));
    context.show(raw, || vec![token.to_owned()])?;
    context.say(
        "On that machine: PIERHEAD_INGRESS_TOKEN=… pierhead ingress --control-address THIS-SERVER:PORT (this server's agent_listen)",
    );
    Ok(())
}
