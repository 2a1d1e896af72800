//! Webhooks: what tells Pierhead that something was pushed.
//!
//! A body is read as bytes, because its signature is over them, and never beyond the largest that a provider sends.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use pierhead_control::{Incoming, Received};
use pierhead_model::code::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Shared;
use crate::extract::Path;
use crate::problem::Problem;

/// GitHub sends nothing larger.
const LARGEST: usize = 25 << 20;
/// Strangers send webhooks too: larger ones are read only a few at a time.
const LARGE: u64 = 1 << 20;

/// What became of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Delivery {
    /// The provider's id of it.
    delivery: String,
    /// As the provider calls it.
    event: String,
    /// It was delivered before: nothing follows a second time.
    duplicate: bool,
    /// What follows, or why nothing does.
    outcome: String,
    /// Those that are looked at because of it.
    projects: Vec<String>,
}

impl From<Received> for Delivery {
    fn from(received: Received) -> Self {
        let Received { delivery, event, duplicate, outcome, projects } = received;
        Self { delivery, event, duplicate, outcome, projects }
    }
}

type Accepted = (StatusCode, Answer<Delivery>);

/// Receive a webhook
///
/// `{provider}` is `github`, `gitlab` or `gitea` (Forgejo too). Signed with the installation's secret, or with that of a project
/// that is built from the repository. It is durable when it is answered; what is delivered twice counts once.
#[utoipa::path(post, path = "/hooks/{provider}", operation_id = "hook_receive", tag = "sources",
    request_body(content = String, content_type = "application/json", description = "As the provider sends it, at most 25 MiB"),
    responses((status = 202, description = "Accepted", body = Delivery)))]
pub(crate) async fn receive(
    State(app): State<Shared>,
    Path(provider): Path<String>,
    request: Request,
) -> Result<Accepted, Problem> {
    taken(&app, &provider, None, request).await
}

/// Receive a webhook for one project
///
/// `{provider}` is also `generic`: anybody's Standard Webhook, `{"ref": "main", "commit": "…"}`, both optional.
#[utoipa::path(post, path = "/hooks/{provider}/{project}", operation_id = "hook_receive_for_project", tag = "sources",
    request_body(content = String, content_type = "application/json", description = "As the provider sends it, at most 25 MiB"),
    responses((status = 202, description = "Accepted", body = Delivery)))]
pub(crate) async fn receive_for_project(
    State(app): State<Shared>,
    Path((provider, project)): Path<(String, String)>,
    request: Request,
) -> Result<Accepted, Problem> {
    taken(&app, &provider, Some(&project), request).await
}

async fn taken(
    app: &Shared,
    provider: &str,
    project: Option<&str>,
    request: Request,
) -> Result<Accepted, Problem> {
    let headers = plain(request.headers());
    let length = headers.get(header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<u64>().ok());
    let _room = match length {
        Some(length) if length <= LARGE => None,
        _ => Some(app.large_bodies.acquire().await),
    };
    let body = read(length, request).await?;
    let incoming = Incoming { provider, project, headers, body: &body };
    let received = app.services.hooks.receive(incoming).await?;
    Ok((StatusCode::ACCEPTED, Answer(received.into())))
}

async fn read(length: Option<u64>, request: Request) -> Result<Bytes, Problem> {
    let too_large = || Problem::new(Code::BodyTooLarge, "A webhook is at most 25 MiB.");
    if length.is_some_and(|length| length > LARGEST as u64) {
        return Err(too_large());
    }
    let read = Limited::new(request.into_body(), LARGEST).collect().await;
    read.map(|body| body.to_bytes()).map_err(|_| too_large())
}

/// Names are in lower case already; values that are not text say nothing to anybody.
fn plain(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    headers.iter().filter_map(text).collect()
}
