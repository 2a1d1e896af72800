//! Who may call what: one table for all routes, applied in one layer.
//!
//! Every route needs a token unless it is in [`OPEN`] or [`FIRST_MESSAGE`], and which scope it needs follows from its method,
//! so no route can forget it. A handler that wants to know who asks takes a [`Caller`], which only this layer can make.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath, OptionalFromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_control::{Client, Error, Principal, Scope, Via};
use pierhead_model::code::Code;
use secrecy::{ExposeSecret as _, SecretString};

use crate::problem::Problem;
use crate::{Shared, git};

/// Open to strangers. A test keeps this list from growing by accident.
pub(crate) const OPEN: &[&str] = &[
    "/",
    "/api/docs",
    "/api/v1/auth/accept",
    "/api/v1/auth/browser",
    "/api/v1/auth/browser/accept",
    "/api/v1/auth/browser/setup",
    "/api/v1/auth/callback/{provider}",
    "/api/v1/auth/device",
    "/api/v1/auth/device/token",
    "/api/v1/auth/invitation",
    "/api/v1/auth/login",
    "/api/v1/auth/options",
    "/api/v1/auth/password/forgot",
    "/api/v1/auth/password/reset",
    "/api/v1/auth/providers/{provider}",
    "/api/v1/auth/refresh",
    "/api/v1/auth/session",
    "/api/v1/auth/setup",
    "/api/v1/hooks/{provider}",
    "/api/v1/hooks/{provider}/{project}",
    "/api/v1/auth/sign-up",
    "/api/v1/openapi.json",
    "/docs",
    "/docs/assets/{file}",
    "/docs/problems/{code}",
    "/healthz",
    "/metrics",
    "/readyz",
    "/schema/pipeline.json",
    "/visit",
];

/// Where a token may also be the first message: browsers cannot set headers on a WebSocket.
pub(crate) const FIRST_MESSAGE: &str = "/api/v1/events";

/// How often a stream asks whether its token is still good.
const RECHECK: Duration = Duration::from_secs(4);

/// What a call needs.
pub(crate) const fn needed(method: &Method) -> Scope {
    match *method {
        Method::GET | Method::HEAD => Scope::Read,
        Method::DELETE => Scope::Delete,
        _ => Scope::Write,
    }
}

/// Refuses strangers, and tokens that do not include what the call needs.
pub(crate) async fn check(
    State(app): State<Shared>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    // What is no route is answered with 404 further in.
    let Some(path) = path.filter(|path| !OPEN.contains(path)) else { return Ok(next.run(request).await) };
    let git = path.starts_with(git::BELOW);
    let token = if git { password(request.headers()) } else { bearer(request.headers()) };
    let caller = match token {
        None if git => return Ok(who_are_you()),
        None if let Some(cookie) = session_cookie(request.headers()) => {
            let caller =
                Caller::of(&app, cookie, needed(request.method()), address(request.extensions())).await?;
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                own_change(&app, &caller.principal, request.headers())?;
            }
            caller
        }
        None if path == FIRST_MESSAGE => return Ok(next.run(request).await),
        None => {
            let detail = "Sign in: send `Authorization: Bearer` with a token.";
            return Err(Error::Unauthenticated { detail }.into());
        }
        Some(token) => {
            let ip = address(request.extensions());
            match Caller::of(&app, token, needed(request.method()), ip).await {
                // Git asks a person again when it is told so.
                Err(problem) if git => {
                    let answer = problem.into_response();
                    let unknown = answer.status() == StatusCode::UNAUTHORIZED;
                    return Ok(if unknown { who_are_you() } else { answer });
                }
                caller => caller?,
            }
        }
    };
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The cookie of a browser's session. Its prefix makes browsers refuse it from other hosts, for subdomains, and without TLS.
pub(crate) const COOKIE: &str = "__Host-pierhead";
/// Where a page proves that a change comes from it.
pub(crate) const CSRF: &str = "x-csrf-token";

/// What a browser keeps while it is at a provider to sign in.
pub(crate) const FLOW_COOKIE: &str = "__Host-pierhead-flow";

pub(crate) fn session_cookie(headers: &HeaderMap) -> Option<SecretString> {
    cookie(headers, COOKIE)
}

pub(crate) fn sign_in_cookie(headers: &HeaderMap) -> Option<SecretString> {
    cookie(headers, FLOW_COOKIE)
}

fn cookie(headers: &HeaderMap, wanted: &str) -> Option<SecretString> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.into())
}

/// A browser sends its cookies whoever asks it to: a change must come from a page of this server, and prove it.
fn own_change(app: &Shared, principal: &Principal, headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let same_site = site.is_none_or(|site| site == b"same-origin");
    let own = same_site && is_own_page(headers, app.options.public_url.as_deref());
    let sent = headers.get(CSRF).and_then(|sent| sent.to_str().ok());
    let proven = match (&principal.via, sent) {
        (Via::Session(session), Some(sent)) => app.services.auth.csrf_fits(session, sent),
        _ => false,
    };
    if own && proven {
        return Ok(());
    }
    let detail = "With a cookie, a change needs `X-CSRF-Token` from `GET /api/v1/auth/csrf`, sent by a page of this server.";
    Err(Problem::new(Code::Forbidden, detail))
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().into())
}

/// Whether the request comes from no page at all, or from a page of this server.
pub(crate) fn is_own_page(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if public_url.is_some_and(|public| public.trim_end_matches('/').eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == text(header::HOST)
}

/// Git knows names and passwords only: the password is a token.
fn password(headers: &HeaderMap) -> Option<SecretString> {
    let (scheme, encoded) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return bearer(headers);
    }
    let decoded = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    (!password.is_empty()).then(|| password.into())
}

fn who_are_you() -> Response {
    let detail = "Sign in: any name, and a token as the password.";
    let basic = HeaderValue::from_static("Basic realm=\"Pierhead\"");
    let headers =
        [(header::WWW_AUTHENTICATE, basic), (header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
    (StatusCode::UNAUTHORIZED, headers, detail).into_response()
}

/// Somebody who is signed in and may do this kind of thing.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    token: SecretString,
}

impl Caller {
    pub(crate) async fn of(
        app: &Shared,
        token: SecretString,
        needed: Scope,
        ip: Option<IpAddr>,
    ) -> Result<Self, Problem> {
        let mut principal = app.services.auth.authenticate(token.expose_secret()).await?;
        principal.ip = ip;
        principal.require(needed)?;
        Ok(Self { principal, token })
    }

    /// Returns when the token is not good any more, or its owner is an admin no longer: streams end then, however long they have
    /// been open.
    pub(crate) async fn signed_out(self, app: Shared) {
        while self.known_again(&app).await.is_some() {}
    }

    /// The same, and when this deployment may not be looked at any more.
    pub(crate) async fn shut_out(self, app: Shared, deployment: String) {
        while let Some(principal) = self.known_again(&app).await {
            let asked = app.services.logs.may_read(&principal, &deployment).await;
            if let Err(Error::NotFound { .. } | Error::Forbidden { .. }) = asked {
                return;
            }
        }
    }

    /// The same, and when commands may not be run in this deployment any more.
    pub(crate) async fn barred(self, app: Shared, deployment: String) {
        while let Some(principal) = self.known_again(&app).await {
            let asked = app.services.exec.may(&principal, &deployment).await;
            if let Err(Error::NotFound { .. } | Error::Forbidden { .. }) = asked {
                return;
            }
        }
    }

    /// Who this is, a moment later; `None` when that is nobody any more.
    async fn known_again(&self, app: &Shared) -> Option<Principal> {
        tokio::time::sleep(RECHECK).await;
        match app.services.auth.authenticate(self.token.expose_secret()).await {
            Err(Error::Unauthenticated { .. } | Error::TokenExpired) => None,
            Ok(principal) => (principal.role == self.principal.role).then_some(principal),
            // It cannot be told now: asked again in a moment.
            Err(_) => Some(self.principal.clone()),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| {
            tracing::error!(path = parts.uri.path(), "an open route asks who its caller is");
            Problem::new(Code::Internal, "Something went wrong inside Pierhead.")
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}

/// From where a request comes.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip())
}

/// From where somebody signs in.
#[derive(Debug)]
pub(crate) struct Visitor(pub(crate) Client);

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(Client { ip: address(&parts.extensions), user_agent: agent.map(ToOwned::to_owned) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_this_server_may_listen() {
        for (origin, public, own) in [
            (None, None, true),
            (Some("http://ph.example.com:8400"), None, true),
            (Some("http://ph.example.com"), None, false),
            (Some("http://evil.example.com"), None, false),
            (Some("https://deploy.example.com"), None, false),
            (Some("https://deploy.example.com"), Some("https://deploy.example.com/"), true),
            (Some("http://deploy.example.com"), Some("https://deploy.example.com/"), false),
            (Some("null"), None, false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("ph.example.com:8400"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_own_page(&headers, public), own, "{origin:?} {public:?}");
        }
    }
}
