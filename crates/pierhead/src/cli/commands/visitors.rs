//! `visitors`: who may visit what a project shows, and how often.

use clap::{Args, Subcommand, ValueEnum};
use pierhead_model::visitors::{Access, RateLimit, VisitorRules};
use secrecy::SecretString;

use crate::cli::client::visitors::Visitors;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct VisitorsArgs {
    #[command(subcommand)]
    command: Option<VisitorsCommand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    /// Everybody
    Public,
    /// Who knows a password, and who may see the project
    Password,
    /// Who may see the project
    Team,
}

impl From<Who> for Access {
    fn from(who: Who) -> Self {
        match who {
            Who::Public => Self::Public,
            Who::Password => Self::Password,
            Who::Team => Self::Team,
        }
    }
}

#[derive(Debug, Subcommand)]
enum VisitorsCommand {
    /// Show who may visit
    Show,
    /// Say who may visit; what is not given stays as it is
    Set {
        /// Who may visit production
        #[arg(long, value_enum, value_name = "WHO")]
        to_production: Option<Who>,
        /// Who may visit every other slot
        #[arg(long, value_enum, value_name = "WHO")]
        to_previews: Option<Who>,
        /// Requests of one address in a minute; 0 for no limit
        #[arg(long, value_name = "NUMBER")]
        per_minute: Option<u32>,
        /// Requests of one address at once; 0 for ten seconds' worth
        #[arg(long, value_name = "NUMBER")]
        burst: Option<u32>,
        /// How long a browser waits for a service that wakes up before a page says so
        #[arg(long, value_name = "SECONDS")]
        wake_page_after_s: Option<u32>,
    },
    /// Make a password that opens where access is `password`
    SetPassword {
        name: String,
        /// Read it from standard input instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// Delete a password
    DeletePassword { name: String },
    /// Print a pass with which a program may visit a protected hostname for half an hour
    Pass { host: String },
}

pub(crate) async fn run(context: &Context, args: &VisitorsArgs) -> Result<(), Error> {
    let client = context.client()?;
    let command = args.command.as_ref().unwrap_or(&VisitorsCommand::Show);
    if let VisitorsCommand::Pass { host } = command {
        let made = client.visitor_pass(host).await?;
        return context.show(&made.raw, || vec![plain(&made.body.pass)]);
    }
    let project = target::project(context, &client).await?.name;
    match command {
        VisitorsCommand::Show => {
            let found = client.visitors(&project).await?;
            context.show(&found.raw, || lines(&found.body))
        }
        VisitorsCommand::Set { to_production, to_previews, per_minute, burst, wake_page_after_s } => {
            let mut rules = client.visitors(&project).await?.body.rules;
            let before = rules;
            rules.production = to_production.map_or(rules.production, Into::into);
            rules.previews = to_previews.map_or(rules.previews, Into::into);
            rules.rate_limit = limited(rules.rate_limit, *per_minute, *burst)?;
            rules.wake_page_after_s = wake_page_after_s.or(rules.wake_page_after_s);
            if rules == before {
                return Err(Error::usage(
                    "nothing was given that is not so already",
                    "See what can be: pierhead visitors set --help",
                ));
            }
            let now = client.visitors_replace(&project, &rules).await?;
            context.say(&format!("It holds within seconds for {}.", plain(&project)));
            context.show(&now.raw, || lines(&now.body))
        }
        VisitorsCommand::SetPassword { name, password_stdin } => {
            let password = if *password_stdin {
                SecretString::from(context.read_line()?)
            } else {
                context.may_ask("the password is needed", "Add --password-stdin.")?;
                context.read_secret("Password: ")?
            };
            let made = client.visitor_password_put(&project, name, &password).await?;
            context.say(&format!("{} opens where access is `password`.", plain(name)));
            context.show(&made.raw, Vec::new)
        }
        VisitorsCommand::DeletePassword { name } => {
            context.agree(&format!("Delete the visitors' password {name} of {project}?"))?;
            client.visitor_password_delete(&project, name).await?;
            context.say("It opens nothing any more.");
            Ok(())
        }
        VisitorsCommand::Pass { .. } => Ok(()),
    }
}

fn limited(
    before: Option<RateLimit>,
    per_minute: Option<u32>,
    burst: Option<u32>,
) -> Result<Option<RateLimit>, Error> {
    let burst = match burst {
        Some(0) => None,
        Some(burst) => Some(burst),
        None => before.and_then(|limit| limit.burst),
    };
    match (per_minute, before) {
        (Some(0), _) => Ok(None),
        (Some(per_minute), _) => Ok(Some(RateLimit { per_minute, burst })),
        (None, Some(before)) => Ok(Some(RateLimit { burst, ..before })),
        (None, None) if burst.is_some() => {
            Err(Error::usage("a burst is part of a limit", "Add --per-minute NUMBER."))
        }
        (None, None) => Ok(None),
    }
}

fn lines(visitors: &Visitors) -> Vec<String> {
    let VisitorRules { production, previews, rate_limit, wake_page_after_s } = visitors.rules;
    let mut lines = vec![format!("production  {production}"), format!("previews    {previews}")];
    if let Some(limit) = rate_limit {
        lines.push(format!("limit       {} a minute, {} at once", limit.per_minute, limit.at_once()));
    }
    if let Some(seconds) = wake_page_after_s {
        lines.push(format!("wake page   after {seconds} s"));
    }
    let names: Vec<String> = visitors.passwords.iter().map(|password| plain(&password.name)).collect();
    if !names.is_empty() {
        lines.push(format!("passwords   {}", names.join(", ")));
    }
    lines
}
