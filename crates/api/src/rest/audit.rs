//! The audit log: a page, or all of it as JSON lines.

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use pierhead_control::{AuditQuery, AuditView, PageRequest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::list::{List, page};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::Query;
use crate::problem::Problem;

/// Somebody did something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Grows over all entries.
    sequence: u64,
    at: Time,
    actor: Actor,
    /// `project.update`
    action: String,
    target: Target,
    /// The id of the project that it belongs to.
    project: Option<String>,
    /// What was there, without secrets.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What is there since, without secrets.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Actor {
    id: String,
    /// The address at that time.
    email: String,
    /// The session, token or invitation that was used.
    via: String,
    ip: Option<String>,
}

/// To what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Target {
    kind: String,
    id: String,
    /// At that time.
    name: String,
}

impl From<AuditView> for AuditEntry {
    fn from(view: AuditView) -> Self {
        Self {
            sequence: view.sequence,
            at: view.at.into(),
            actor: Actor { id: view.actor_id, email: view.actor, via: view.via, ip: view.ip },
            action: view.action,
            target: Target { kind: view.target_kind, id: view.target_id, name: view.target },
            project: view.project,
            before: view.before,
            after: view.after,
        }
    }
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// An address or an id.
    actor: Option<String>,
    /// `project.update`, or all that begin with `project`.
    action: Option<String>,
    /// A name or an id.
    target: Option<String>,
    /// What was done to this project and its parts.
    project: Option<String>,
    /// RFC 3339; from this moment on.
    since: Option<String>,
    /// RFC 3339; before this moment.
    until: Option<String>,
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl Wanted {
    fn split(self) -> Result<(AuditQuery, PageRequest), Problem> {
        let Self { actor, action, target, project, since, until, cursor, limit } = self;
        let time = |pointer: &str, text: Option<String>| {
            let parsed = text.map(|text| text.parse::<pierhead_model::Timestamp>()).transpose();
            parsed.map_err(|_| Problem::invalid(pointer, "is not a time like 2026-03-01T12:00:00Z"))
        };
        let (since, until) = (time("/since", since)?, time("/until", until)?);
        Ok((AuditQuery { actor, action, target, project, since, until }, page(cursor, limit)))
    }
}

/// Read the audit log
///
/// Administrators see everything, others what they did and what was done to the projects that they or their teams own.
#[utoipa::path(get, path = "/audit", operation_id = "audit_list", tag = "access",
    params(Wanted), responses((status = 200, description = "Newest first", body = List<AuditEntry>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<List<AuditEntry>, Problem> {
    let (query, page) = wanted.split()?;
    Ok(List::of(app.services.audit.list(&caller.principal, &query, &page).await?))
}

/// Export the audit log
///
/// All that [`Read the audit log`] would show on its pages, one JSON object per line, newest first.
#[utoipa::path(get, path = "/audit/export", operation_id = "audit_export", tag = "access", params(Wanted),
    responses((status = 200, description = "One entry per line", body = String, content_type = "application/jsonl")))]
pub(crate) async fn export(
    State(app): State<Shared>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Problem> {
    let (query, mut page) = wanted.split()?;
    page.limit = Some(200);
    // The first page decides whether there is anything to export; an error later cuts the answer off.
    let first = app.services.audit.list(&caller.principal, &query, &page).await?;
    let state = Some((app, caller, query, first));
    let pages = stream::unfold(state, |state| async move {
        let (app, caller, query, page) = state?;
        let mut text = String::new();
        for entry in page.items {
            text.push_str(&serde_json::to_string(&AuditEntry::from(entry)).unwrap_or_default());
            text.push('\n');
        }
        let Some(cursor) = page.next_cursor else { return Some((Ok(Bytes::from(text)), None)) };
        let next = PageRequest { cursor: Some(cursor), limit: Some(200) };
        match app.services.audit.list(&caller.principal, &query, &next).await {
            Ok(page) => Some((Ok(Bytes::from(text)), Some((app, caller, query, page)))),
            Err(error) => Some((Err(std::io::Error::other(error)), None)),
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.jsonl\""),
    ];
    Ok((headers, Body::from_stream(pages.boxed())).into_response())
}
