//! `tokens`: API tokens for machines.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::client::types::NewToken;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::output::{Table, humane};

#[derive(Debug, Args)]
pub(crate) struct TokensArgs {
    #[command(subcommand)]
    command: Option<TokensCommand>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scope {
    Read,
    Write,
    Delete,
}

impl Scope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

#[derive(Debug, Subcommand)]
enum TokensCommand {
    /// List tokens
    #[command(visible_alias = "ls")]
    List,
    /// Make a token; it is printed once, on stdout
    Create {
        name: String,
        /// What it may do
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_values = ["read", "write"])]
        scopes: Vec<Scope>,
        /// How long it is valid, such as 90d
        #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = humane::parse_duration)]
        expires: Duration,
    },
    /// Make a token worthless
    #[command(visible_aliases = ["delete", "remove", "rm"])]
    Revoke { id: String },
}

pub(crate) async fn run(context: &Context, args: TokensArgs) -> Result<(), Error> {
    let client = context.client()?;
    match args.command.unwrap_or(TokensCommand::List) {
        TokensCommand::List => {
            let tokens = client.tokens().await?;
            let mut table = Table::new(&["ID", "NAME", "SCOPES", "EXPIRES", "LAST USED"]);
            for token in tokens.body {
                let expires = token.expires_at.map(|at| format!("{at:.0}")).unwrap_or_default();
                table.row([
                    token.id,
                    token.name,
                    token.scopes.join(","),
                    expires,
                    context.moment(token.last_used_at),
                ]);
            }
            context.show_table(&tokens.raw, &table, "No token yet: pierhead tokens create NAME")
        }
        TokensCommand::Create { name, scopes, expires } => {
            let scopes = scopes.into_iter().map(|scope| scope.as_str().to_owned()).collect();
            let created =
                client.token_create(&NewToken { name, scopes, expires_in_s: expires.as_secs() }).await?;
            context.say("It is shown only this once:");
            context.show(&created.raw, || vec![created.body.token.clone()])
        }
        TokensCommand::Revoke { id } => {
            client.token_revoke(&id).await?;
            context.say(&format!("Revoked {id}."));
            Ok(())
        }
    }
}
