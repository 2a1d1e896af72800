//! A person's account at GitHub: there and back, and a token that acts in their name.
//!
//! With it Pierhead sees what they see, and nothing else: which installations, which repositories, and whether they may write
//! there. Tokens end after eight hours and are renewed, each renewal once.

use pierhead_model::Timestamp;
use pierhead_model::id::UserId;
use pierhead_store::GithubConnection;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::Forge;
use super::app::App;
use super::call::{Caller, below};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::sign_in::flow::Flow;
use crate::sign_in::openid::web_form;

/// What a flow to here is called: an answer to another one is not taken.
pub(crate) const FLOW: &str = "github-app";
/// A token that ends sooner is renewed first.
const LEAST_LEFT: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);

/// GitHub answers mistakes with 200 too.
#[derive(Deserialize)]
struct Exchanged {
    access_token: Option<SecretString>,
    expires_in: Option<i64>,
    refresh_token: Option<SecretString>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    id: u64,
    login: String,
}

/// Where a person lets Pierhead see what they see.
pub(crate) fn address(core: &Core, app: &App, flow: &Flow) -> Url {
    let mut url = below(&app.web_url, &["login", "oauth", "authorize"]);
    url.query_pairs_mut()
        .append_pair("client_id", &app.client_id)
        .append_pair("redirect_uri", &redirect(core))
        .append_pair("state", &flow.state)
        .append_pair("code_challenge", &flow.challenge())
        .append_pair("code_challenge_method", "S256");
    url
}

/// Where GitHub sends them back to: a page of the console, which is signed in as them.
pub(crate) fn redirect(core: &Core) -> String {
    format!("{}/console/github", core.access.console_url)
}

/// Takes the code that somebody came back with.
pub(crate) async fn finish(
    core: &Core,
    app: &App,
    (user, code): (&UserId, &str),
    flow: &Flow,
) -> Result<GithubConnection, Error> {
    let redirect = redirect(core);
    let fields =
        [("code", code), ("redirect_uri", redirect.as_str()), ("code_verifier", flow.verifier.as_str())];
    let exchanged = exchange(core, app, &fields).await?;
    let account: Account = {
        let token = exchanged.0.clone();
        let caller = Caller { core, forge: Forge::Github, api: app.api_url.clone(), token };
        caller.get(&["user"], &[]).await.map_err(|trouble| trouble.into_error(Forge::Github))?.body
    };
    let connection = sealed(core, user, (account.id, account.login), exchanged)?;
    core.store.github_connection_put(&connection).await.stored()?;
    Ok(connection)
}

/// A caller in a person's name, or the advice to connect first. Who asks makes sure that nobody else asks for them meanwhile.
pub(crate) async fn caller<'c>(core: &'c Core, app: &App, user: &UserId) -> Result<Caller<'c>, Error> {
    let advice = "Connect your GitHub account first: `pierhead github connect`, or Settings in the console.";
    let missing = || Error::Conflict { detail: advice.to_owned() };
    let found = core.store.github_connection(user).await.stored()?.ok_or_else(missing)?;
    let open = |what: &str, sealed: &str| core.key.open(&place(user, what), sealed).map_err(Error::internal);
    let now = core.outside.now();
    let ends = found.expires_at.is_some_and(|at| at.duration_since(now) < LEAST_LEFT);
    let token = if ends {
        let Some(refresh) = &found.refresh_token else { return Err(missing()) };
        let refresh = open("refresh", refresh)?;
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose_secret())];
        let exchanged = match exchange(core, app, &fields).await {
            Err(Error::Conflict { .. }) => {
                // It was used, or taken back: only the person can connect again.
                core.store.github_connection_delete(user).await.stored()?;
                return Err(missing());
            }
            exchanged => exchanged?,
        };
        let token = exchanged.0.clone();
        let renewed = sealed(core, user, (found.github_id, found.login), exchanged)?;
        core.store.github_connection_put(&renewed).await.stored()?;
        token
    } else {
        open("token", &found.token)?
    };
    Ok(Caller { core, forge: Forge::Github, api: app.api_url.clone(), token })
}

type Tokens = (SecretString, Option<Timestamp>, Option<SecretString>);

async fn exchange(core: &Core, app: &App, fields: &[(&str, &str)]) -> Result<Tokens, Error> {
    let secret = app.client_secret(core)?;
    let own = [("client_id", app.client_id.as_str()), ("client_secret", secret.expose_secret())];
    let form: Vec<(&str, &str)> = own.into_iter().chain(fields.iter().copied()).collect();
    let url = below(&app.web_url, &["login", "oauth", "access_token"]);
    let request = core.outgoing.request(reqwest::Method::POST, &url).header("accept", "application/json");
    let failed = |why: String| Error::Unavailable { detail: format!("GitHub did not take the code: {why}.") };
    let reply = core.outgoing.ask(web_form(request, &form)).await.map_err(failed)?;
    let exchanged: Exchanged = serde_json::from_slice(&reply.body)
        .map_err(|_| failed(format!("it answered {}, and something that is not understood", reply.status)))?;
    let Some(token) = exchanged.access_token else {
        let error: String = exchanged.error.unwrap_or_default();
        let error: String = error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(64).collect();
        let detail = format!("GitHub did not take the code ({error}): begin again.");
        return Err(Error::Conflict { detail });
    };
    let lifetime = exchanged.expires_in.map(jiff::SignedDuration::from_secs);
    let expires_at = lifetime.and_then(|lifetime| core.outside.now().checked_add(lifetime).ok());
    Ok((token, expires_at, exchanged.refresh_token))
}

fn sealed(
    core: &Core,
    user: &UserId,
    (github_id, login): (u64, String),
    (token, expires_at, refresh): Tokens,
) -> Result<GithubConnection, Error> {
    let seal = |what: &str, secret: &SecretString| {
        core.key.seal(&place(user, what), secret.expose_secret(), &*core.outside).map_err(Error::internal)
    };
    Ok(GithubConnection {
        user: user.clone(),
        github_id,
        login,
        token: seal("token", &token)?,
        expires_at,
        refresh_token: refresh.map(|refresh| seal("refresh", &refresh)).transpose()?,
        connected_at: core.outside.now(),
    })
}

fn place(user: &UserId, what: &str) -> String {
    format!("github_connections/{user}/{what}")
}
