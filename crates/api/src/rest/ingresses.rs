//! Ingresses on machines of their own.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{IngressAdded, IngressView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::nodes::{ApprovalRequest, NodeProblem};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::idempotency::Repeated;
use crate::problem::Problem;

/// An ingress on a machine of its own. What is only known of one that is connected is `null` otherwise.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Ingress {
    id: String,
    name: String,
    /// `pending` until it was online once, `online`, `offline`, or `untrusted` when it shows another certificate.
    status: &'static str,
    /// Why it is not online.
    problem: Option<NodeProblem>,
    /// Whether it answers visitors by the newest table.
    current: Option<bool>,
    /// SHA-256 of its certificate that is trusted.
    thumbprint: Option<String>,
    /// Of the certificate that is shown instead and waits for approval.
    shown_thumbprint: Option<String>,
    /// The version of Pierhead it runs.
    release: Option<String>,
    online_since: Option<Time>,
    created_at: Time,
    /// Its token; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl From<IngressView> for Ingress {
    fn from(view: IngressView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name,
            status: view.status,
            problem: view.problem.map(Into::into),
            current: view.current,
            thumbprint: view.thumbprint.map(|it| it.to_string()),
            shown_thumbprint: view.shown_thumbprint.map(|it| it.to_string()),
            release: view.release,
            online_since: view.online_since.map(Into::into),
            created_at: view.created_at.into(),
            token: None,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "edge-1" }))]
pub(crate) struct IngressRequest {
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9-]+$")]
    name: String,
}

/// List ingresses on machines of their own
#[utoipa::path(get, path = "/ingresses", operation_id = "ingress_list", tag = "environments",
    params(WholeList), responses((status = 200, description = "All of them", body = List<Ingress>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Ingress>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.ingresses.list(&caller.principal).await?))
}

/// Add an ingress
///
/// Its token is in this answer and never again; a repetition with the same `Idempotency-Key` gets the answer without it. Start
/// `pierhead ingress` there with `PIERHEAD_INGRESS_TOKEN` and this control plane's address.
#[utoipa::path(post, path = "/ingresses", operation_id = "ingress_add", tag = "environments",
    request_body = IngressRequest, responses((status = 201, description = "Added; it is awaited", body = Ingress)))]
pub(crate) async fn add(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<IngressRequest>>,
) -> Result<Response, Problem> {
    Ok(with_token(StatusCode::CREATED, app.services.ingresses.add(&caller.principal, body.name).await?))
}

/// Show an ingress
#[utoipa::path(get, path = "/ingresses/{ingress}", operation_id = "ingress_get", tag = "environments",
    responses((status = 200, description = "By id or name", body = Ingress)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(ingress): Path<String>,
) -> Result<Answer<Ingress>, Problem> {
    Ok(Answer(app.services.ingresses.get(&caller.principal, &ingress).await?.into()))
}

/// Remove an ingress
///
/// It is disconnected at once. Until it is stopped it serves what it was told last.
#[utoipa::path(delete, path = "/ingresses/{ingress}", operation_id = "ingress_remove", tag = "environments",
    responses((status = 204, description = "It is not spoken to any more")))]
pub(crate) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    Path(ingress): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.ingresses.remove(&caller.principal, &ingress).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Trust the certificate that an ingress shows now
///
/// Compare it first with the thumbprint that `pierhead ingress` printed on that machine.
#[utoipa::path(post, path = "/ingresses/{ingress}/approve-certificate", operation_id = "ingress_approve_certificate",
    tag = "environments", request_body = ApprovalRequest,
    responses((status = 200, description = "It is let in when it calls next", body = Ingress)))]
pub(crate) async fn approve_certificate(
    State(app): State<Shared>,
    caller: Caller,
    Path(ingress): Path<String>,
    Json(Object(body)): Json<Object<ApprovalRequest>>,
) -> Result<Answer<Ingress>, Problem> {
    let thumbprint = body.thumbprint()?;
    let approved =
        app.services.ingresses.approve_certificate(&caller.principal, &ingress, thumbprint).await?;
    Ok(Answer(approved.into()))
}

/// Give an ingress a new token
///
/// The old one is dead at once, so it is disconnected until it is started with the new one. The token is in this answer and never
/// again; a repetition with the same `Idempotency-Key` gets the answer without it.
#[utoipa::path(post, path = "/ingresses/{ingress}/rotate-token", operation_id = "ingress_rotate_token",
    tag = "environments", responses((status = 200, description = "It serves what it has meanwhile", body = Ingress)))]
pub(crate) async fn rotate_token(
    State(app): State<Shared>,
    caller: Caller,
    Path(ingress): Path<String>,
) -> Result<Response, Problem> {
    Ok(with_token(StatusCode::OK, app.services.ingresses.rotate_token(&caller.principal, &ingress).await?))
}

/// Take an ingress's token away
///
/// It is disconnected at once and cannot connect until the token is rotated. Until it is stopped it serves what it was told last.
#[utoipa::path(post, path = "/ingresses/{ingress}/revoke-token", operation_id = "ingress_revoke_token",
    tag = "environments", responses((status = 200, description = "It is told nothing more", body = Ingress)))]
pub(crate) async fn revoke_token(
    State(app): State<Shared>,
    caller: Caller,
    Path(ingress): Path<String>,
) -> Result<Answer<Ingress>, Problem> {
    Ok(Answer(app.services.ingresses.revoke_token(&caller.principal, &ingress).await?.into()))
}

/// The token is in the answer and not in its repetition.
fn with_token(status: StatusCode, added: IngressAdded) -> Response {
    let hidden = Ingress::from(added.ingress);
    let repeated = serde_json::to_string(&hidden).unwrap_or_default();
    let location = HeaderValue::try_from(format!("/api/v1/ingresses/{}", hidden.id));
    let answer = Answer(Ingress { token: Some(added.token.to_string()), ..hidden });
    let mut response = (status, answer).into_response();
    if let (StatusCode::CREATED, Ok(location)) = (status, location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.extensions_mut().insert(Repeated(repeated));
    response
}
