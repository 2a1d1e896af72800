//! Who asks. Every route that takes a [`Caller`] is closed to strangers; which scope it needs follows from its method, so no
//! route can forget it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, header};
use pierhead_control::{Client, Error, Principal, Scope};

use crate::Shared;
use crate::problem::Problem;

/// Somebody who is signed in and may do this kind of thing.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Shared) -> Result<Self, Problem> {
        let bearer = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")))
            .ok_or(Error::Unauthenticated {
                detail: "Sign in: send `Authorization: Bearer` with a token.",
            })?;
        let principal = services.auth.authenticate(bearer.trim()).await?;
        principal.require(needed(&parts.method))?;
        Ok(Self(principal))
    }
}

fn needed(method: &Method) -> Scope {
    match *method {
        Method::GET | Method::HEAD => Scope::Read,
        Method::DELETE => Scope::Delete,
        _ => Scope::Write,
    }
}

/// From where somebody signs in.
#[derive(Debug)]
pub(crate) struct From(pub(crate) Client);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get::<axum::extract::ConnectInfo<std::net::SocketAddr>>();
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self(Client { ip: address.map(|it| it.0.ip()), user_agent: agent.map(ToOwned::to_owned) }))
    }
}
