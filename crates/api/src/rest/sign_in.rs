//! Signing in with an account elsewhere, and which of them one has.
//!
//! A page asks where to send the browser; the provider sends it back to [`back`], which is the one call that answers a browser
//! instead of a program: whatever happens, it goes on to a page of the console, and to nothing that the request names.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{Answered, BrowserSession, IdentityView, SignInBegun, SignUp};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::browser;
use super::list::{List, WholeList};
use super::values::Time;
use crate::Shared;
use crate::access::{Caller, FLOW_COOKIE, Visitor, session_cookie, sign_in_cookie};
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// What a sign-in page offers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignInOptions {
    /// Accounts elsewhere that one may sign in with.
    providers: Vec<SignInProvider>,
    /// Who may make an account.
    sign_up: SignUpPolicy,
    /// Whether letters can be sent: for sign-ups, and for who forgot their password.
    mail: bool,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignInProvider {
    name: String,
    /// For a button.
    label: String,
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignUpPolicy {
    /// Who an administrator invites.
    Closed,
    /// Who anybody invites.
    Invitation,
    /// Everybody.
    Open,
}

impl From<SignUp> for SignUpPolicy {
    fn from(policy: SignUp) -> Self {
        match policy {
            SignUp::Closed => Self::Closed,
            SignUp::ByInvitation => Self::Invitation,
            SignUp::Open => Self::Open,
        }
    }
}

impl From<SignUpPolicy> for SignUp {
    fn from(policy: SignUpPolicy) -> Self {
        match policy {
            SignUpPolicy::Closed => Self::Closed,
            SignUpPolicy::Invitation => Self::ByInvitation,
            SignUpPolicy::Open => Self::Open,
        }
    }
}

/// Show what a sign-in page offers
#[utoipa::path(get, path = "/auth/options", operation_id = "sign_in_options", tag = "access",
    responses((status = 200, description = "The same for everybody", body = SignInOptions)))]
pub(crate) async fn options(State(app): State<Shared>) -> Result<Answer<SignInOptions>, Problem> {
    let options = app.services.sign_in.options().await?;
    let providers = options.providers.into_iter();
    let providers = providers.map(|it| SignInProvider { name: it.name, label: it.label }).collect();
    Ok(Answer(SignInOptions { providers, sign_up: options.sign_up.into(), mail: options.has_mail }))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "return_to": "/console/projects" }))]
pub(crate) struct ProviderRequest {
    /// A path of the console; its home when nothing is said.
    return_to: Option<String>,
}

/// Where to send the browser.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProviderAddress {
    url: String,
}

/// Sign in with an account elsewhere
///
/// For pages of this server: the answer has a cookie, and the address to go to. The provider sends the browser back to
/// `GET /auth/callback/{provider}` within ten minutes.
#[utoipa::path(post, path = "/auth/providers/{provider}", operation_id = "provider_sign_in", tag = "access",
    request_body = ProviderRequest, responses((status = 200, description = "Go there", body = ProviderAddress)))]
pub(crate) async fn begin(
    State(app): State<Shared>,
    headers: HeaderMap,
    Path(provider): Path<String>,
    Json(Object(body)): Json<Object<ProviderRequest>>,
) -> Result<Response, Problem> {
    browser::own_page(&app, &headers)?;
    let begun = app.services.sign_in.begin(&provider, body.return_to.as_deref(), None).await?;
    Ok(begun_answer(begun))
}

fn begun_answer(begun: SignInBegun) -> Response {
    let cookie = set_cookie(FLOW_COOKIE, &begun.cookie, begun.lifetime_s);
    ([(header::SET_COOKIE, cookie)], Answer(ProviderAddress { url: begun.url })).into_response()
}

pub(super) fn set_cookie(name: &str, value: &str, lifetime_s: i64) -> String {
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={lifetime_s}")
}

/// The cookie of a session that begins.
pub(super) fn session(begun: &BrowserSession) -> String {
    set_cookie(crate::access::COOKIE, &begun.cookie, begun.lifetime_s)
}

/// Providers may send more than this; what else they send is not looked at.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProviderAnswer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
}

/// Come back from a provider
///
/// For browsers only. Goes on to where the sign-in began, or to the sign-in page with `?problem=`.
#[utoipa::path(get, path = "/auth/callback/{provider}", operation_id = "provider_callback", tag = "access",
    params(ProviderAnswer), responses((status = 303, description = "Goes on to the console")))]
pub(crate) async fn back(
    State(app): State<Shared>,
    Visitor(client): Visitor,
    headers: HeaderMap,
    Path(provider): Path<String>,
    Query(query): Query<ProviderAnswer>,
) -> Result<Response, Problem> {
    let answered = Answered { code: query.code, state: query.state, error: query.error, issuer: query.iss };
    let services = &app.services;
    let caller = match session_cookie(&headers) {
        // Whoever is signed in no more only signs in.
        Some(cookie) => services.auth.authenticate(cookie.expose_secret()).await.ok(),
        None => None,
    };
    let cookie = sign_in_cookie(&headers);
    let cookie = cookie.as_ref().map(|cookie| cookie.expose_secret());
    let caller = caller.as_ref();
    let finished =
        services.sign_in.finish(&services.auth, &provider, &answered, cookie, caller, client).await?;
    // It was good for one answer.
    let mut cookies = vec![set_cookie(FLOW_COOKIE, "", 0)];
    let place = match finished {
        Ok(finished) => {
            cookies.extend(finished.session.as_ref().map(session));
            finished.return_to
        }
        Err(refusal) => {
            let page = if caller.is_some() { "account/profile" } else { "login" };
            format!("/console/{page}?problem={refusal}")
        }
    };
    let mut response = (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response();
    for cookie in cookies {
        response.headers_mut().append(HeaderName::from_static("set-cookie"), browser::header_value(&cookie)?);
    }
    Ok(response)
}

/// An account elsewhere that one signs in with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkedIdentity {
    id: String,
    provider: String,
    /// What the provider is called.
    label: String,
    /// The address there, when it was linked.
    email: Option<String>,
    created_at: Time,
    last_used_at: Time,
}

impl From<IdentityView> for LinkedIdentity {
    fn from(view: IdentityView) -> Self {
        let IdentityView { id, provider, label, email, created_at, last_used_at } = view;
        let (created_at, last_used_at) = (created_at.into(), last_used_at.into());
        Self { id: id.to_string(), provider, label, email, created_at, last_used_at }
    }
}

/// List the accounts elsewhere that one signs in with
#[utoipa::path(get, path = "/me/identities", operation_id = "identity_list", tag = "access",
    params(WholeList), responses((status = 200, description = "Oldest first", body = List<LinkedIdentity>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<LinkedIdentity>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.identities.list(&caller.principal).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "provider": "github", "return_to": "/console/account/profile" }))]
pub(crate) struct LinkRequest {
    provider: String,
    /// A path of the console; its home when nothing is said.
    return_to: Option<String>,
}

/// Link an account elsewhere
///
/// From a browser that is signed in: as signing in with it, but it belongs to this account then, whatever its address is.
#[utoipa::path(post, path = "/me/identities", operation_id = "identity_link", tag = "access",
    request_body = LinkRequest, responses((status = 200, description = "Go there", body = ProviderAddress)))]
pub(crate) async fn link(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<LinkRequest>>,
) -> Result<Response, Problem> {
    let return_to = body.return_to.as_deref();
    let begun = app.services.sign_in.begin(&body.provider, return_to, Some(&caller.principal)).await?;
    Ok(begun_answer(begun))
}

/// Let go of an account elsewhere
///
/// It signs nobody in any more. The last way to sign in stays.
#[utoipa::path(delete, path = "/me/identities/{identity}", operation_id = "identity_unlink", tag = "access",
    responses((status = 204, description = "Unlinked")))]
pub(crate) async fn unlink(
    State(app): State<Shared>,
    caller: Caller,
    Path(identity): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.identities.unlink(&caller.principal, &identity).await?;
    Ok(StatusCode::NO_CONTENT)
}
