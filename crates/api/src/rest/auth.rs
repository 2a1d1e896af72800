//! Signing in and tokens.

use axum::Json as Answer;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use pierhead_control::{NewToken, Scope, Scopes, TokenView, Tokens};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::time;
use crate::Shared;
use crate::caller::{Caller, From};
use crate::problem::Problem;
use crate::query::Json;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    email: String,
    password: SecretString,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    refresh_token: SecretString,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetUp {
    token: SecretString,
    email: String,
    password: SecretString,
}

#[derive(Debug, Serialize)]
pub(crate) struct SignedIn {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: i64,
}

impl std::convert::From<Tokens> for SignedIn {
    fn from(tokens: Tokens) -> Self {
        let Tokens { access_token, refresh_token, expires_in_s } = tokens;
        Self { access_token, refresh_token, token_type: "Bearer", expires_in: expires_in_s }
    }
}

pub(crate) async fn login(
    State(services): State<Shared>,
    From(client): From,
    Json(login): Json<Login>,
) -> Result<Answer<SignedIn>, Problem> {
    Ok(Answer(services.auth.login(&login.email, login.password, client).await?.into()))
}

pub(crate) async fn refresh(
    State(services): State<Shared>,
    Json(body): Json<Refresh>,
) -> Result<Answer<SignedIn>, Problem> {
    use secrecy::ExposeSecret as _;
    Ok(Answer(services.auth.refresh(body.refresh_token.expose_secret()).await?.into()))
}

pub(crate) async fn set_up(
    State(services): State<Shared>,
    Json(body): Json<SetUp>,
) -> Result<(StatusCode, Answer<SignedIn>), Problem> {
    use secrecy::ExposeSecret as _;
    let tokens = services.auth.set_up(body.token.expose_secret(), &body.email, body.password).await?;
    Ok((StatusCode::CREATED, Answer(tokens.into())))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogoutQuery {
    #[serde(default)]
    everywhere: bool,
}

pub(crate) async fn logout(
    State(services): State<Shared>,
    Caller(principal): Caller,
    crate::query::Query(query): crate::query::Query<LogoutQuery>,
) -> Result<StatusCode, Problem> {
    services.auth.logout(&principal, query.everywhere).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Serialize)]
pub(crate) struct Me {
    id: String,
    email: String,
    name: String,
    role: String,
    scopes: Vec<Scope>,
}

pub(crate) async fn me(Caller(principal): Caller) -> Answer<Me> {
    let scopes = match principal.scopes {
        Scopes::All => vec![Scope::Read, Scope::Write, Scope::Delete],
        Scopes::Limited(scopes) => scopes,
    };
    let (id, role) = (principal.user.to_string(), principal.role.to_string());
    Answer(Me { id, email: principal.email, name: principal.name, role, scopes })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenRequest {
    name: String,
    #[serde(default = "all_scopes")]
    scopes: Vec<Scope>,
    expires_in_s: Option<u64>,
}

fn all_scopes() -> Vec<Scope> {
    vec![Scope::Read, Scope::Write, Scope::Delete]
}

#[derive(Debug, Serialize)]
pub(crate) struct TokenAnswer {
    id: String,
    name: String,
    scopes: Vec<Scope>,
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    /// Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

fn answer(view: TokenView, token: Option<String>) -> TokenAnswer {
    TokenAnswer {
        id: view.id.to_string(),
        name: view.name,
        scopes: view.scopes,
        created_at: time(view.created_at),
        expires_at: view.expires_at.map(time),
        last_used_at: view.last_used_at.map(time),
        token,
    }
}

pub(crate) async fn token_create(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Json(body): Json<TokenRequest>,
) -> Result<(StatusCode, Answer<TokenAnswer>), Problem> {
    let TokenRequest { name, scopes, expires_in_s } = body;
    let (token, view) =
        services.auth.token_create(&principal, NewToken { name, scopes, expires_in_s }).await?;
    Ok((StatusCode::CREATED, Answer(answer(view, Some(token)))))
}

#[derive(Debug, Serialize)]
pub(crate) struct TokenList {
    items: Vec<TokenAnswer>,
    next_cursor: Option<String>,
}

pub(crate) async fn token_list(
    State(services): State<Shared>,
    Caller(principal): Caller,
) -> Result<Answer<TokenList>, Problem> {
    let items = services.auth.token_list(&principal).await?;
    let items = items.into_iter().map(|view| answer(view, None)).collect();
    Ok(Answer(TokenList { items, next_cursor: None }))
}

pub(crate) async fn token_revoke(
    State(services): State<Shared>,
    Caller(principal): Caller,
    Path(token): Path<String>,
) -> Result<StatusCode, Problem> {
    services.auth.token_revoke(&principal, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
