//! `invitations`: into teams, and to oneself.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::teams::Role;
use crate::cli::client::Answer;
use crate::cli::client::access::Invitation;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;

#[derive(Debug, Args)]
pub(crate) struct InvitationsArgs {
    #[command(subcommand)]
    command: Option<InvitationsCommand>,
}

#[derive(Debug, Subcommand)]
enum InvitationsCommand {
    /// List the invitations to you, or with --team those of a team
    #[command(visible_alias = "ls")]
    List {
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
    },
    /// Invite somebody into a team
    #[command(visible_alias = "add")]
    Create {
        team: String,
        email: String,
        #[arg(long, value_name = "ROLE", default_value = "developer")]
        role: Role,
    },
    /// Send another link; the earlier one is worthless then
    Resend { team: String, id: String },
    /// Withdraw an invitation
    #[command(visible_aliases = ["withdraw", "remove", "rm"])]
    Delete { team: String, id: String },
    /// Accept an invitation; without an id, what is behind the # of its link is asked for
    Accept { id: Option<String> },
    /// Decline an invitation; without an id, what is behind the # of its link is asked for
    Decline { id: Option<String> },
}

pub(crate) async fn run(context: &Context, args: &InvitationsArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&InvitationsCommand::List { team: None }) {
        InvitationsCommand::List { team } => {
            let found = client.invitations(team.as_deref()).await?;
            let mut table = Table::new(&["ID", "TEAM", "EMAIL", "ROLE", "INVITED BY", "EXPIRES"]);
            for it in found.body {
                let expires = format!("{:.0}", it.expires_at);
                table.row([it.id, it.team.unwrap_or_default(), it.email, it.role, it.invited_by, expires]);
            }
            context.show_table(&found.raw, &table, "No invitation waits for an answer.")
        }
        InvitationsCommand::Create { team, email, role } => {
            show(context, &client.invite(team, email, role.as_str()).await?)
        }
        InvitationsCommand::Resend { team, id } => show(context, &client.invitation_resend(team, id).await?),
        InvitationsCommand::Delete { team, id } => {
            client.invitation_delete(team, id).await?;
            context.say("Withdrawn: its link is worthless.");
            Ok(())
        }
        InvitationsCommand::Accept { id } => {
            client.invitation_answer("accept", &which(context, id.as_deref())?).await?;
            context.say("Accepted: see pierhead teams");
            Ok(())
        }
        InvitationsCommand::Decline { id } => {
            client.invitation_answer("decline", &which(context, id.as_deref())?).await?;
            context.say("Declined.");
            Ok(())
        }
    }
}

fn which(context: &Context, id: Option<&str>) -> Result<Value, Error> {
    if let Some(id) = id {
        return Ok(json!({ "invitation": id }));
    }
    context.may_ask("an invitation is answered by its id or its link", "Name its id.")?;
    let link = context.read_secret("Link, or what is behind its #: ")?;
    let link = link.expose_secret();
    Ok(json!({ "token": link.rsplit_once('#').map_or(link, |(_, token)| token).trim() }))
}

/// The link on stdout when there is one: then it is for the inviter to send.
pub(super) fn show(context: &Context, invited: &Answer<Invitation>) -> Result<(), Error> {
    let Invitation { email, link, .. } = &invited.body;
    context.say(&match link {
        Some(_) => format!("Send this link to {email}; it is shown only this once:"),
        None => format!("A letter to {email} is on its way."),
    });
    context.show(&invited.raw, || link.iter().cloned().collect())
}
