//! `sign-up` and `mail`: who may make an account, and whether letters can be sent.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct SignUpArgs {
    /// Who may from now on; shows who may when nothing is said
    policy: Option<Policy>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// Who an administrator invites
    Closed,
    /// Who anybody invites
    Invitation,
    /// Everybody
    Open,
}

impl Policy {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Invitation => "invitation",
            Self::Open => "open",
        }
    }
}

pub(crate) async fn sign_up(context: &Context, args: &SignUpArgs) -> Result<(), Error> {
    let client = context.client()?;
    let found = match args.policy {
        None => client.sign_up_policy().await?,
        Some(policy) => client.sign_up_policy_put(policy.as_str()).await?,
    };
    context.show(&found.raw, || {
        let says = match &*found.body.policy {
            "closed" => "who an administrator invites",
            "invitation" => "who anybody invites",
            "open" => "everybody",
            _ => "see the server's documentation",
        };
        vec![plain(&format!("{}: {says}", found.body.policy))]
    })
}

#[derive(Debug, Args)]
pub(crate) struct MailArgs {
    #[command(subcommand)]
    command: Option<MailCommand>,
}

#[derive(Debug, Subcommand)]
enum MailCommand {
    /// Whether letters can be sent, and which were not
    Show,
    /// Send a letter to yourself, at once
    Test,
}

pub(crate) async fn mail(context: &Context, args: &MailArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&MailCommand::Show) {
        MailCommand::Show => {
            let mail = client.mail().await?;
            context.show(&mail.raw, || {
                let body = &mail.body;
                let Some(server) = &body.server else {
                    return vec!["No letters are sent: set mail.server and mail.from.".to_owned()];
                };
                let from = body.from.as_deref().unwrap_or_default();
                let mut lines = vec![
                    plain(&format!("From {from} by {server}")),
                    format!("{} on the way, {} given up", body.waiting, body.given_up),
                ];
                lines.extend(body.troubles.iter().map(|it| plain(&format!("{}: {}", it.to, it.error))));
                lines
            })
        }
        MailCommand::Test => {
            client.mail_test().await?;
            context.say("The server has taken a letter to you.");
            Ok(())
        }
    }
}
