//! Signing in from a browser: a cookie that no page can read, and a token that every change sends along.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::Via;
use pierhead_model::code::Code;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::Login;
use super::sign_in;
use crate::Shared;
use crate::access::{Caller, Visitor, is_own_page};
use crate::extract::{Json, Object};
use crate::problem::Problem;

/// Takes the cookie away.
pub(super) const GONE: &str = "__Host-pierhead=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0";

/// What a page sends along.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CsrfToken {
    /// For the header `X-CSRF-Token` of every call that changes something.
    csrf_token: String,
}

/// Sign in from a browser
///
/// The session is in the cookie `__Host-pierhead`, which needs HTTPS (or localhost); it ends after six days without use.
/// Every call that changes something must send `X-CSRF-Token`, and come from a page of this server.
#[utoipa::path(post, path = "/auth/browser", operation_id = "login_browser", tag = "access",
    request_body = Login, responses((status = 200, description = "Signed in, see `Set-Cookie`", body = CsrfToken)))]
pub(crate) async fn login(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    headers: HeaderMap,
    Json(Object(login)): Json<Object<Login>>,
) -> Result<Response, Problem> {
    // Nobody is signed in by somebody else's page, with somebody else's account.
    if !is_own_page(&headers, app.options.public_url.as_deref()) {
        return Err(Problem::new(Code::Forbidden, "Browsers sign in on pages of this server only."));
    }
    let begun = app.services.auth.login_browser(&login.email, login.password, client).await?;
    let cookie = sign_in::session(&begun);
    Ok(([(header::SET_COOKIE, cookie)], Answer(CsrfToken { csrf_token: begun.csrf_token })).into_response())
}

/// What we wrote ourselves can be a header.
pub(super) fn header_value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text)
        .map_err(|_| Problem::new(Code::Internal, "Something went wrong inside Pierhead."))
}

/// Show what changes from a browser need
///
/// After a page was loaded anew: the cookie is still there, the token is not.
#[utoipa::path(get, path = "/auth/csrf", operation_id = "csrf_token", tag = "access",
    responses((status = 200, description = "Of this session", body = CsrfToken)))]
pub(crate) async fn csrf(State(app): State<Shared>, caller: Caller) -> Result<Answer<CsrfToken>, Problem> {
    match &caller.principal.via {
        Via::Session(session) => Ok(Answer(CsrfToken { csrf_token: app.services.auth.csrf_token(session) })),
        Via::Token(_) | Via::Invitation(_) | Via::Identity(_) | Via::Setup => {
            Err(Problem::new(Code::NotFound, "An API token is no browser's session: it needs no such token."))
        }
    }
}
