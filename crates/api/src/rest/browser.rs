//! Signing in from a browser: a cookie that no page can read, and a token that every change sends along.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{BrowserSession, Error, SESSION_LIFETIME_S, Via};
use pierhead_model::code::Code;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use utoipa::ToSchema;

use super::auth::{Login, SetUp};
use super::invitations::AccountRequest;
use super::sign_in;
use crate::Shared;
use crate::access::{COOKIE, Caller, Visitor, is_own_page, session_cookie};
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
    own_page(&app, &headers)?;
    let begun = app.services.auth.login_browser(&login.email, login.password, client).await?;
    Ok(begun_answer(StatusCode::OK, begun))
}

/// Make the first administrator from a browser
///
/// As `POST /auth/setup`, with the session in a cookie.
#[utoipa::path(post, path = "/auth/browser/setup", operation_id = "set_up_browser", tag = "access",
    request_body = SetUp, responses((status = 201, description = "Made, and signed in, see `Set-Cookie`", body = CsrfToken)))]
pub(crate) async fn set_up(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    headers: HeaderMap,
    Json(Object(body)): Json<Object<SetUp>>,
) -> Result<Response, Problem> {
    own_page(&app, &headers)?;
    let auth = &app.services.auth;
    let begun = auth.set_up_browser(body.token.expose_secret(), &body.email, body.password, client).await?;
    Ok(begun_answer(StatusCode::CREATED, begun))
}

/// Make an account from a browser
///
/// As `POST /auth/accept`, with the session in a cookie.
#[utoipa::path(post, path = "/auth/browser/accept", operation_id = "account_create_browser", tag = "access",
    request_body = AccountRequest, responses((status = 201, description = "Made, and signed in, see `Set-Cookie`", body = CsrfToken)))]
pub(crate) async fn create_account(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    headers: HeaderMap,
    Json(Object(body)): Json<Object<AccountRequest>>,
) -> Result<Response, Problem> {
    own_page(&app, &headers)?;
    let (auth, invitations) = (&app.services.auth, &app.services.invitations);
    let begun = invitations.create_account_browser(auth, body.into(), client).await?;
    Ok(begun_answer(StatusCode::CREATED, begun))
}

/// Nobody is signed in by somebody else's page, with somebody else's account.
pub(super) fn own_page(app: &Shared, headers: &HeaderMap) -> Result<(), Problem> {
    if is_own_page(headers, app.options.public_url.as_deref()) {
        return Ok(());
    }
    Err(Problem::new(Code::Forbidden, "Browsers sign in on pages of this server only."))
}

fn begun_answer(status: StatusCode, begun: BrowserSession) -> Response {
    let cookie = sign_in::session(&begun);
    let answer = Answer(CsrfToken { csrf_token: begun.csrf_token });
    (status, [(header::SET_COOKIE, cookie)], answer).into_response()
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
        _ => {
            Err(Problem::new(Code::NotFound, "An API token is no browser's session: it needs no such token."))
        }
    }
}

/// Whether somebody is signed in, in this browser.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionState {
    /// What changes send along, as of `GET /auth/csrf`; `null` when nobody is signed in.
    csrf_token: Option<String>,
}

/// Ask whether somebody is signed in
///
/// For a page that was just opened: by its cookie, which lives on then. Who is not signed in is no mistake here.
#[utoipa::path(get, path = "/auth/session", operation_id = "session_state", tag = "access",
    responses((status = 200, description = "Of this browser", body = SessionState)))]
pub(crate) async fn state(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let nobody = SessionState { csrf_token: None };
    let Some(cookie) = session_cookie(&headers) else { return Ok(Answer(nobody).into_response()) };
    let principal = match app.services.auth.authenticate(cookie.expose_secret()).await {
        Ok(principal) => principal,
        Err(Error::Unauthenticated { .. } | Error::TokenExpired) => {
            return Ok(([(header::SET_COOKIE, GONE)], Answer(nobody)).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let Via::Session(session) = &principal.via else { return Ok(Answer(nobody).into_response()) };
    let cookie = sign_in::set_cookie(COOKIE, cookie.expose_secret(), SESSION_LIFETIME_S);
    let known = SessionState { csrf_token: Some(app.services.auth.csrf_token(session)) };
    Ok(([(header::SET_COOKIE, header_value(&cookie)?)], Answer(known)).into_response())
}
