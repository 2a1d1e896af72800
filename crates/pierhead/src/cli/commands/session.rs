//! `login`, `logout`, `whoami`.

mod browser;

use clap::Args;
use pierhead_model::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use crate::cli::client::Identity;
use crate::cli::context::Context;
use crate::cli::credentials::Server;
use crate::cli::error::Error;
use crate::output::style::{WARN, paint};

#[derive(Debug, Args)]
#[command(
    after_help = "Without a terminal: set PIERHEAD_EMAIL and PIERHEAD_PASSWORD, or use PIERHEAD_TOKEN and do not sign in."
)]
pub(crate) struct LoginArgs {
    /// The account [variable: PIERHEAD_EMAIL; the password's: PIERHEAD_PASSWORD]
    #[arg(long)]
    email: Option<String>,
    /// Confirm it in a browser where you are signed in: no password is typed here
    #[arg(long, conflicts_with = "email")]
    browser: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// On every device and every server
    #[arg(long)]
    all: bool,
}

pub(crate) async fn login(context: &Context, args: &LoginArgs) -> Result<(), Error> {
    let url = context.server()?;
    if args.browser {
        let server = browser::sign_in(context, &url).await?;
        return keep(context, &url, server);
    }
    let loopback = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && !loopback {
        context.say(&paint(WARN, &format!("{url} is not encrypted: your password can be read on the way")));
    }
    let email = match args.email.as_deref().or_else(|| context.environment.get("PIERHEAD_EMAIL")) {
        Some(email) => email.to_owned(),
        None => {
            context.may_ask(
                "signing in needs an email address",
                "Add --email, or set PIERHEAD_EMAIL and PIERHEAD_PASSWORD.",
            )?;
            context.printer.ask(&format!("Email for {url}: "));
            context.read_line()?
        }
    };
    let password = match context.environment.get("PIERHEAD_PASSWORD") {
        Some(password) => SecretString::from(password.to_owned()),
        None => {
            context.may_ask(
                "signing in needs a password",
                "Set PIERHEAD_PASSWORD, or use an API token in PIERHEAD_TOKEN.",
            )?;
            context.read_secret("Password: ")?
        }
    };
    let client = context.client_as(url.clone(), Identity::Nobody)?;
    let tokens = client.login(&email, password.expose_secret()).await?;
    keep(context, &url, Server::new(email, &tokens, Timestamp::now()))
}

fn keep(context: &Context, url: &Url, server: Server) -> Result<(), Error> {
    let store = context.credentials()?;
    let (_lock, email) = (store.lock()?, server.email.clone());
    store.save(url, server)?;
    context.say(&format!("Signed in to {url} as {email}."));
    if context.json() {
        return context.print_json(&json!({ "url": url, "email": email }));
    }
    Ok(())
}

pub(crate) async fn logout(context: &Context, args: &LogoutArgs) -> Result<(), Error> {
    let url = context.server()?;
    let store = context.credentials()?;
    if store.load()?.server(&url).is_none() && !args.all {
        context.say(&format!("Not signed in to {url}."));
        return Ok(());
    }
    // The server may be gone; forgetting the tokens here must work all the same.
    if let Err(error) = context.client()?.logout(args.all).await {
        context.say(&format!("{url} was not told: {error}"));
    }
    let _lock = store.lock()?;
    store.forget((!args.all).then_some(&url))?;
    context.say(&format!("Signed out of {}.", if args.all { "every server" } else { url.as_str() }));
    Ok(())
}

pub(crate) async fn whoami(context: &Context) -> Result<(), Error> {
    let client = context.client()?;
    let me = client.me().await?;
    context.show(&me.raw, || {
        let role = if me.body.role.is_empty() { String::new() } else { format!(" ({})", me.body.role) };
        vec![format!("{}{role} at {}", me.body.email, client.base())]
    })
}
