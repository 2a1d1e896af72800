//! `notifications`: who is told when something happens to a project's deployments.

use clap::{Args, Subcommand, ValueEnum};
use secrecy::SecretString;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct NoticesArgs {
    #[command(subcommand)]
    command: Option<NoticesCommand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, strum::Display)]
#[strum(serialize_all = "snake_case")]
enum Format {
    /// A signed Standard Webhook
    Standard,
    /// An incoming webhook of Slack, or of what speaks its language
    Slack,
    Discord,
    /// A letter to somebody who has an account here; its address is an e-mail address
    Email,
}

#[derive(Debug, Subcommand)]
enum NoticesCommand {
    /// List notifications
    #[command(visible_alias = "ls")]
    List,
    /// Add one; its address is asked for, because it is as good as a password
    #[command(visible_alias = "create")]
    Add {
        name: String,
        #[arg(long, value_enum, default_value_t = Format::Standard)]
        format: Format,
        /// Tell only this: deployment.started, deployment.live, deployment.failed
        #[arg(long = "event", value_name = "EVENT")]
        events: Vec<String>,
        /// Read the address from standard input instead of asking for it
        #[arg(long)]
        url_stdin: bool,
    },
    /// Send a test
    Test { name: String },
    /// Show what was sent, and what it came to
    Sent { name: String },
    /// Send something again
    Replay { name: String, id: String },
    /// Tell nobody there any more
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { name: String },
}

pub(crate) async fn run(context: &Context, args: &NoticesArgs) -> Result<(), Error> {
    let client = context.client()?;
    let project = target::project(context, &client).await?.name;
    match args.command.as_ref().unwrap_or(&NoticesCommand::List) {
        NoticesCommand::List => {
            let found = client.notifications(&project).await?;
            let mut table = Table::new(&["NAME", "FORMAT", "HOST", "EVENTS"]);
            for it in found.body.items {
                table.row([it.name, it.format, it.host, it.events.join(",")]);
            }
            context.show_table(&found.raw, &table, "Nobody is told of this project's deployments.")
        }
        NoticesCommand::Add { name, format, events, url_stdin } => {
            let url = if *url_stdin {
                SecretString::from(context.read_line()?)
            } else {
                context.may_ask("the address is needed", "Add --url-stdin.")?;
                context.read_secret("Address: ")?
            };
            let format = format.to_string();
            let made = client.notification_create(&project, (name, &format), &url, events).await?;
            context.say(&format!("Added; try it with: pierhead notifications test {}", plain(name)));
            context.show(&made.raw, || {
                let secret = made.body.secret.as_ref();
                let secret =
                    secret.map(|it| plain(&format!("It is signed with {it}, which is not shown again.")));
                std::iter::once(plain(&made.body.name)).chain(secret).collect()
            })
        }
        NoticesCommand::Test { name } => {
            let begun = client.notification_test(&project, name).await?;
            context.say(&format!("On its way; see: pierhead notifications sent {}", plain(name)));
            context.show(&begun.raw, || vec![plain(&begun.body.id)])
        }
        NoticesCommand::Sent { name } => {
            let found = client.notifications_sent(&project, name).await?;
            let mut table = Table::new(&["ID", "STATE", "ATTEMPTS", "WHEN", "ANSWER"]);
            for it in found.body.items {
                let when = context.moment(it.created_at);
                table.row([it.id, it.state, it.attempts.to_string(), when, it.answer.unwrap_or_default()]);
            }
            context.show_table(&found.raw, &table, "Nothing was sent there yet.")
        }
        NoticesCommand::Replay { name, id } => {
            let begun = client.notification_replay(&project, name, id).await?;
            context.say("It is sent again.");
            context.show(&begun.raw, || vec![plain(&begun.body.id)])
        }
        NoticesCommand::Delete { name } => {
            context.agree(&format!("Delete the notification {name} of {project}?"))?;
            client.notification_delete(&project, name).await?;
            context.say("Deleted.");
            Ok(())
        }
    }
}
