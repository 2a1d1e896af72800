//! `registries`: where images come from, and with which account.

use clap::{Args, Subcommand};
use secrecy::ExposeSecret as _;

use crate::cli::client::pipelines::RegistryRequest;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::output::Table;
use crate::output::safe_text::plain;

#[derive(Debug, Args)]
pub(crate) struct RegistriesArgs {
    #[command(subcommand)]
    command: Option<RegistriesCommand>,
}

#[derive(Debug, Subcommand)]
enum RegistriesCommand {
    /// List registries
    #[command(visible_alias = "ls")]
    List,
    /// Add a registry
    Add {
        name: String,
        /// As images name it, such as `registry.example.com:5000`
        host: String,
        #[command(flatten)]
        account: Account,
    },
    /// Change the account of a registry
    Set {
        name: String,
        #[command(flatten)]
        account: Account,
    },
    /// Ask a registry whether it is there and accepts the account
    Test { name: String },
    /// Remove a registry with its account
    #[command(visible_aliases = ["remove", "rm"])]
    Delete { name: String },
}

#[derive(Debug, Args)]
struct Account {
    /// The account; without one, access is anonymous
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Read the password or token from standard input instead of asking for it
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Without TLS: the password can then be read on the way
    #[arg(long)]
    plain_http: bool,
}

pub(crate) async fn run(context: &Context, args: &RegistriesArgs) -> Result<Exit, Error> {
    let client = context.client()?;
    match args.command.as_ref().unwrap_or(&RegistriesCommand::List) {
        RegistriesCommand::List => {
            let found = client.registries().await?;
            let mut table = Table::new(&["NAME", "HOST", "ACCOUNT", "TLS"]);
            for registry in found.body.items {
                let tls = if registry.plain_http { "no" } else { "yes" };
                table.row([
                    registry.name,
                    registry.host,
                    registry.username.unwrap_or_default(),
                    tls.to_owned(),
                ]);
            }
            context.show_table(
                &found.raw,
                &table,
                "No registry: images are asked for without an account.",
            )?;
        }
        RegistriesCommand::Add { name, host, account } => {
            let body = request(context, name, host.clone(), account)?;
            let made = client.registry_create(&body).await?;
            context
                .say(&format!("The registry {name} is added; test it with: pierhead registries test {name}"));
            context.show(&made.raw, || vec![made.body.name.clone()])?;
        }
        RegistriesCommand::Set { name, account } => {
            let found = client.registry(name).await?.body;
            let body = request(context, name, found.host, account)?;
            let changed = client.registry_replace(&body, found.version).await?;
            context.say(&format!(
                "The registry {name} is changed; test it with: pierhead registries test {name}"
            ));
            context.show(&changed.raw, || vec![changed.body.name.clone()])?;
        }
        RegistriesCommand::Test { name } => {
            let found = client.registry_test(name).await?;
            let test = &found.body;
            context.show(&found.raw, || {
                let line = match (&test.problem, test.authenticated) {
                    (Some(problem), _) => format!("failed  {}", problem.detail),
                    (None, true) => "ok      it accepts the account".to_owned(),
                    (None, false) => "ok      it answers; no account is used".to_owned(),
                };
                vec![plain(&line)]
            })?;
            return Ok(if test.ok { Exit::Done } else { Exit::Failure });
        }
        RegistriesCommand::Delete { name } => {
            context.agree(&format!("Remove the registry {name} with its account?"))?;
            client.registry_delete(name).await?;
            context.say(&format!("The registry {name} is removed."));
        }
    }
    Ok(Exit::Done)
}

fn request(context: &Context, name: &str, host: String, account: &Account) -> Result<RegistryRequest, Error> {
    let password = match &account.username {
        None => None,
        Some(_) if account.password_stdin => Some(context.read_line()?),
        Some(_) => {
            context.may_ask("an account needs its password or token", "Add --password-stdin.")?;
            Some(context.read_secret("Password or token: ")?.expose_secret().to_owned())
        }
    };
    Ok(RegistryRequest {
        name: name.to_owned(),
        host,
        username: account.username.clone(),
        password,
        plain_http: account.plain_http,
    })
}
