//! `login --browser`: the server is told that somebody wants in, a person confirms it where they are signed in already.

use std::time::{Duration, Instant};

use url::Url;

use crate::cli::client::types::DeviceToken;
use crate::cli::client::{Client, Identity};
use crate::cli::commands::open;
use crate::cli::context::Context;
use crate::cli::credentials::Server;
use crate::cli::error::Error;
use crate::output::safe_text::plain;

/// A server that is away for a moment is asked again, but not all the time.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const TOO_MANY_REQUESTS: u16 = 429;

/// What is kept of a sign-in that was confirmed.
pub(super) async fn sign_in(context: &Context, url: &Url) -> Result<Server, Error> {
    let client = context.client_as(url.clone(), Identity::Nobody)?;
    let begun = client.device_begin(&machine(context)).await?;
    let (address, code) = (plain(&begun.verification_url), plain(&begun.user_code));
    context.say(&format!("Open {address}\nand confirm the code {code} there."));
    if context.printer.stdout_is_terminal() {
        // Only what is plainly a web page goes to a program; where none opens, the address was said.
        let page =
            Url::parse(&begun.verification_url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let _opened = page.is_some_and(|page| open::open(&page));
    }
    let token = wait(&client, &begun.device_code, begun.interval, begun.expires_in).await?;
    let refused = || {
        Error::local(
            "nobody was signed in",
            "it was refused in the browser",
            "Sign in again when that was a mistake.",
        )
    };
    let (token, email) = token.token.zip(token.email).ok_or_else(refused)?;
    Ok(Server::with_token(email, token.token, token.expires_at))
}

/// Asks until there is an answer, or the time is over.
async fn wait(
    client: &Client<'_>,
    code: &str,
    interval_s: u64,
    expires_in_s: u64,
) -> Result<DeviceToken, Error> {
    let interval = Duration::from_secs(interval_s.clamp(1, 60));
    let over = Instant::now() + Duration::from_secs(expires_in_s.min(3600));
    let mut pause = interval;
    loop {
        tokio::time::sleep(pause).await;
        match client.device_token(code).await {
            Ok(told) if told.status != "pending" => return Ok(told),
            Ok(_) => pause = interval.max(pause / 2),
            // A server that is busy or away: the sign-in is kept there.
            Err(error) if Instant::now() < over && may_pass(&error) => pause = (pause * 2).min(LONGEST_PAUSE),
            Err(error) => return Err(error),
        }
    }
}

fn may_pass(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } => true,
        Error::Problem(problem) => problem.status == TOO_MANY_REQUESTS || problem.status >= 500,
        _ => false,
    }
}

/// What the person who confirms it sees: this machine's name.
fn machine(context: &Context) -> String {
    let of_system = || fs_err::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = context.environment.get("HOSTNAME").map(str::to_owned).or_else(of_system);
    let name =
        name.map(|name| name.trim().chars().take(60).collect::<String>()).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "a machine without a name".to_owned())
}
