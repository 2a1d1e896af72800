//! API tokens.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{NewToken, TokenView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::values::{Scope, Time};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::idempotency::Repeated;
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "ci", "scopes": ["read", "write"], "expires_in_s": 2_592_000 }))]
pub(crate) struct TokenRequest {
    /// For people, to know it again.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// All of them when nothing is said; never more than the token that is used has.
    #[serde(default = "all_scopes")]
    scopes: Vec<Scope>,
    /// 90 days when nothing is said.
    expires_in_s: Option<u64>,
}

fn all_scopes() -> Vec<Scope> {
    vec![Scope::Read, Scope::Write, Scope::Delete]
}

/// An API token. Only a hash of it is stored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Token {
    id: String,
    name: String,
    scopes: Vec<Scope>,
    created_at: Time,
    expires_at: Option<Time>,
    last_used_at: Option<Time>,
    /// The text to send as bearer token: only in the answer to its creation, afterwards `null`.
    token: Option<String>,
}

impl From<TokenView> for Token {
    fn from(view: TokenView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name,
            scopes: view.scopes.into_iter().map(Into::into).collect(),
            created_at: view.created_at.into(),
            expires_at: view.expires_at.map(Into::into),
            last_used_at: view.last_used_at.map(Into::into),
            token: None,
        }
    }
}

impl Token {
    /// With its text.
    pub(crate) fn told_once(view: TokenView, text: String) -> Self {
        Self { token: Some(text), ..view.into() }
    }
}

/// Make an API token
///
/// Its text is in this answer and never again; a repetition with the same `Idempotency-Key` gets the answer without it.
#[utoipa::path(post, path = "/tokens", operation_id = "token_create", tag = "access", request_body = TokenRequest,
    responses((status = 201, description = "Made", body = Token)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<TokenRequest>>,
) -> Result<Response, Problem> {
    let scopes = body.scopes.into_iter().map(Into::into).collect();
    let new = NewToken { name: body.name, scopes, expires_in_s: body.expires_in_s };
    let (text, view) = app.services.auth.token_create(&caller.principal, new).await?;
    let hidden = Token::from(view);
    let repeated = serde_json::to_string(&hidden).unwrap_or_default();
    let location = HeaderValue::from_static("/api/v1/tokens");
    let answer = Answer(Token { token: Some(text), ..hidden });
    let mut response = (StatusCode::CREATED, [(header::LOCATION, location)], answer).into_response();
    response.extensions_mut().insert(Repeated(repeated));
    Ok(response)
}

/// List one's API tokens
#[utoipa::path(get, path = "/tokens", operation_id = "token_list", tag = "access",
    params(WholeList), responses((status = 200, description = "Newest first", body = List<Token>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Token>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.auth.token_list(&caller.principal).await?))
}

/// Revoke an API token
#[utoipa::path(delete, path = "/tokens/{token}", operation_id = "token_revoke", tag = "access",
    responses((status = 204, description = "Worthless from now on")))]
pub(crate) async fn revoke(
    State(app): State<Shared>,
    caller: Caller,
    Path(token): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.auth.token_revoke(&caller.principal, &token).await?;
    Ok(StatusCode::NO_CONTENT)
}
