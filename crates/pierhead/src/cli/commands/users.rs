//! `users` for administrators, and `sessions`: where one is signed in.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::invitations;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct UsersArgs {
    #[command(subcommand)]
    command: Option<UsersCommand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InstanceRole {
    /// Sees and may do everything
    Admin,
    User,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// List accounts
    #[command(visible_alias = "ls")]
    List,
    /// Invite somebody to have an account
    #[command(visible_alias = "add")]
    Invite { email: String },
    /// Make an account an administrator's, or not
    SetRole { user: String, role: InstanceRole },
    /// Make a link with which somebody sets another password, to hand over
    ResetPassword { user: String },
    /// Refuse an account from now on, and sign it out everywhere
    Disable { user: String },
    /// Take an account again
    Enable { user: String },
}

pub(crate) async fn run(context: &Context, args: &UsersArgs) -> Result<(), Error> {
    let client = context.client()?;
    let (user, change) = match args.command.as_ref().unwrap_or(&UsersCommand::List) {
        UsersCommand::List => {
            let users = client.users().await?;
            let mut table = Table::new(&["EMAIL", "NAME", "ROLE", "STATE", "ID"]);
            for user in users.body {
                let state = if user.disabled { "disabled" } else { "" };
                table.row([user.email, user.name, user.role, state.to_owned(), user.id]);
            }
            return context.show_table(&users.raw, &table, "Nobody has an account.");
        }
        UsersCommand::Invite { email } => {
            return invitations::show(context, &client.user_invite(email).await?);
        }
        UsersCommand::ResetPassword { user } => {
            let made = client.user_password_link(user).await?;
            return context.show(&made.raw, || {
                vec![
                    made.body.link.clone().unwrap_or_default(),
                    format!("Good once, until {}.", context.moment(Some(made.body.expires_at))),
                ]
            });
        }
        UsersCommand::SetRole { user, role: InstanceRole::Admin } => (user, json!({ "role": "admin" })),
        UsersCommand::SetRole { user, role: InstanceRole::User } => (user, json!({ "role": "user" })),
        UsersCommand::Disable { user } => (user, json!({ "disabled": true })),
        UsersCommand::Enable { user } => (user, json!({ "disabled": false })),
    };
    let changed = client.user_update(user, &change).await?;
    context.show(&changed.raw, || {
        let state = if changed.body.disabled { "disabled" } else { "may sign in" };
        vec![plain(&format!("{}  {}  {state}", changed.body.email, changed.body.role))]
    })
}

#[derive(Debug, Args)]
pub(crate) struct SessionsArgs {
    #[command(subcommand)]
    command: Option<SessionsCommand>,
}

#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// List where you are signed in
    #[command(visible_alias = "ls")]
    List,
    /// Sign out somewhere; everywhere is `logout --all`
    #[command(visible_aliases = ["delete", "remove", "rm"])]
    Revoke { id: String },
}

pub(crate) async fn sessions(context: &Context, args: &SessionsArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&SessionsCommand::List) {
        SessionsCommand::List => {
            let sessions = client.sessions().await?;
            let mut table = Table::new(&["ID", "", "FROM", "WITH", "LAST USED"]);
            for session in sessions.body {
                let current = if session.current { "*" } else { "" };
                table.row([
                    session.id,
                    current.to_owned(),
                    session.ip.unwrap_or_default(),
                    session.user_agent.unwrap_or_default(),
                    context.moment(Some(session.last_used_at)),
                ]);
            }
            context.show_table(&sessions.raw, &table, "You are signed in nowhere.")
        }
        SessionsCommand::Revoke { id } => {
            client.session_revoke(id).await?;
            context.say(&format!("Signed out: {id}."));
            Ok(())
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct IdentitiesArgs {
    #[command(subcommand)]
    command: Option<IdentitiesCommand>,
}

#[derive(Debug, Subcommand)]
enum IdentitiesCommand {
    /// List the accounts elsewhere that you sign in with; the console links another one
    #[command(visible_alias = "ls")]
    List,
    /// Let go of one; the last way to sign in stays
    #[command(visible_aliases = ["delete", "remove", "rm"])]
    Unlink { id: String },
}

pub(crate) async fn identities(context: &Context, args: &IdentitiesArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&IdentitiesCommand::List) {
        IdentitiesCommand::List => {
            let identities = client.identities().await?;
            let mut table = Table::new(&["ID", "AT", "EMAIL", "LAST USED"]);
            for identity in identities.body {
                table.row([
                    identity.id,
                    identity.label,
                    identity.email.unwrap_or_default(),
                    context.moment(Some(identity.last_used_at)),
                ]);
            }
            let none = "You sign in with your password only; the console links accounts elsewhere.";
            context.show_table(&identities.raw, &table, none)
        }
        IdentitiesCommand::Unlink { id } => {
            client.identity_unlink(id).await?;
            context.say(&format!("It signs nobody in any more: {id}."));
            Ok(())
        }
    }
}
