//! `open`: the live URL, or the console, in a browser.

use std::process::{Command, Stdio};

use clap::Args;
use serde_json::json;
use url::Url;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// A slot or a deployment [default: what is live]
    target: Option<String>,
    /// The console instead of the deployment
    #[arg(long)]
    console: bool,
    /// Only print the address
    #[arg(long)]
    print: bool,
}

pub(crate) async fn run(context: &Context, args: &OpenArgs) -> Result<(), Error> {
    let client = context.client()?;
    let address = if args.console {
        client.base().to_string()
    } else {
        let deployment = target::deployment(context, &client, args.target.as_deref()).await?;
        let by_id = args.target.as_deref().is_some_and(|given| given.contains(&deployment.id));
        let own = if by_id { deployment.own_url().map(str::to_owned) } else { None };
        own.unwrap_or(deployment.url)
    };
    // The address comes from a server and goes to a program: only what is plainly a web page.
    let url = Url::parse(&address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| Error::Garbled {
        url: client.base().to_string(),
        why: format!("`{address}` is not a web address"),
    })?;
    let opened = !args.print && !context.json() && context.printer.stdout_is_terminal() && open(&url);
    if opened {
        context.say(&format!("Opened {url}"));
        return Ok(());
    }
    context.show(&json!({ "url": url }), || vec![url.to_string()])
}

/// Whether there was a program for it.
pub(super) fn open(url: &Url) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = || Stdio::null();
    Command::new(program)
        .arg(url.as_str())
        .stdin(quiet())
        .stdout(quiet())
        .stderr(quiet())
        .status()
        .is_ok_and(|status| status.success())
}
