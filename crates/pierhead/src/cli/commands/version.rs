//! `version`: of this program, and of the server when asked.

use clap::Args;
use reqwest::Method;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Ask the server for its version too
    #[arg(long)]
    check: bool,
}

pub(crate) async fn run(context: &Context, args: &VersionArgs) -> Result<(), Error> {
    let mine = env!("CARGO_PKG_VERSION");
    if !args.check {
        return context.show(&json!({ "version": mine }), || vec![format!("pierhead {mine}")]);
    }
    let client = context.client()?;
    let url = client
        .base()
        .join("healthz")
        .map_err(|error| Error::Garbled { url: client.base().to_string(), why: error.to_string() })?;
    let response = client.send(&client.request_to(Method::GET, url), None).await?;
    let theirs =
        response.headers().get("pierhead-version").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let raw = json!({ "version": mine, "server": theirs, "url": client.base() });
    context.show(&raw, || {
        let server = theirs.as_deref().unwrap_or("of an unknown version");
        vec![format!("pierhead {mine}"), format!("server   {server} at {}", client.base())]
    })
}
