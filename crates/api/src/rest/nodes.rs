//! Nodes: the machines that deployments run on.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{NewNode, NodeAdded, NodeView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list::{List, WholeList};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::idempotency::Repeated;
use crate::problem::Problem;

/// A machine that runs deployments. What is only known of one that is connected is `null` otherwise.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Node {
    id: String,
    name: String,
    /// `pending` until it was online once, `online`, `offline`, `untrusted` when it shows another certificate, `incompatible`
    /// when its version does not fit, or `cordoned` when it is online and gets no new deployments.
    status: &'static str,
    /// Why it is not simply online.
    problem: Option<NodeProblem>,
    /// Whether it gets new deployments.
    schedulable: bool,
    /// Whether what is live there is being moved to other nodes.
    draining: bool,
    /// `local` (this machine), `control` (its agent is dialled), `agent` (its agent dials).
    dial: &'static str,
    /// Of its agent, `host:port`, when it is dialled.
    address: Option<String>,
    /// SHA-256 of the agent's certificate that is trusted.
    thumbprint: Option<String>,
    /// Of the certificate that is shown instead and waits for approval.
    shown_thumbprint: Option<String>,
    /// The version of Pierhead it runs.
    release: Option<String>,
    machine: Option<Machine>,
    usage: Option<Usage>,
    allocated: Allocated,
    online_since: Option<Time>,
    created_at: Time,
    /// The agent's token; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NodeProblem {
    /// `unreachable`, `not_an_agent`, `wrong_token`, `certificate_changed`, `not_ours`, `token_revoked` or `incompatible`.
    code: &'static str,
    detail: String,
}

impl From<pierhead_control::NodeProblem> for NodeProblem {
    fn from(problem: pierhead_control::NodeProblem) -> Self {
        Self { code: problem.code, detail: problem.detail }
    }
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Machine {
    hostname: String,
    architecture: String,
    cpu_cores: u32,
    memory_mb: u64,
    disk_mb: u64,
    engine_version: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// In cores.
    cpu: f64,
    memory_mb: u64,
    disk_free_mb: u64,
}

/// The limits of what was placed on a node, added up.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Allocated {
    /// In cores.
    cpu: f64,
    memory_mb: u64,
    /// Those that the node has something of.
    deployments: u64,
}

impl From<NodeView> for Node {
    fn from(node: NodeView) -> Self {
        let machine = node.machine.map(|it| Machine {
            hostname: it.hostname,
            architecture: it.architecture,
            cpu_cores: it.cpu_cores,
            memory_mb: it.memory_bytes >> 20,
            disk_mb: it.disk_bytes >> 20,
            engine_version: it.engine_version,
        });
        let usage = node.usage.map(|it| Usage {
            cpu: it.cpu,
            memory_mb: it.memory_bytes >> 20,
            disk_free_mb: it.disk_free_bytes >> 20,
        });
        Self {
            id: node.id.to_string(),
            name: node.name,
            status: node.status,
            problem: node.problem.map(Into::into),
            schedulable: node.schedulable,
            draining: node.draining,
            dial: node.dial.as_str(),
            address: node.address,
            thumbprint: node.thumbprint.map(|it| it.to_string()),
            shown_thumbprint: node.shown_thumbprint.map(|it| it.to_string()),
            allocated: Allocated {
                cpu: node.promised.cpu_milli as f64 / 1000.0,
                memory_mb: node.promised.memory_mb,
                deployments: node.promised.deployments,
            },
            release: node.release,
            machine,
            usage,
            online_since: node.online_since.map(Into::into),
            created_at: node.created_at.into(),
            token: None,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "berlin-2", "address": "10.0.0.7:8410" }))]
pub(crate) struct NodeRequest {
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9-]+$")]
    name: String,
    /// Where its agent listens, `host:port`. Without one the agent is expected to dial this control plane.
    address: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "thumbprint": "7b639564ec210f09a8b94465141a5e7ffd7bcedcd515c961a921d1e3e304ad9a" }))]
pub(crate) struct ApprovalRequest {
    /// As it was printed on that machine; colons and capital letters are fine.
    thumbprint: String,
}

impl ApprovalRequest {
    pub(super) fn thumbprint<D: std::str::FromStr>(&self) -> Result<D, pierhead_control::Error> {
        let typed: String = self.thumbprint.chars().filter(|c| *c != ':').collect();
        typed.trim().to_ascii_lowercase().parse().map_err(|_| {
            pierhead_control::Error::invalid(
                "/thumbprint",
                "A thumbprint is 64 hexadecimal digits (SHA-256).",
            )
        })
    }
}

/// List the nodes of an environment
#[utoipa::path(get, path = "/environments/{environment}/nodes", operation_id = "node_list", tag = "environments",
    params(WholeList), responses((status = 200, description = "All of them", body = List<Node>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Path(environment): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Node>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.environments.nodes(&caller.principal, &environment).await?))
}

/// Add a node
///
/// Its token is in this answer and never again; a repetition with the same `Idempotency-Key` gets the answer without it. Start
/// the agent there with `PIERHEAD_AGENT_TOKEN`.
#[utoipa::path(post, path = "/environments/{environment}/nodes", operation_id = "node_add", tag = "environments",
    request_body = NodeRequest, responses((status = 201, description = "Added; its agent is awaited", body = Node)))]
pub(crate) async fn add(
    State(app): State<Shared>,
    caller: Caller,
    Path(environment): Path<String>,
    Json(Object(body)): Json<Object<NodeRequest>>,
) -> Result<Response, Problem> {
    let new = NewNode { name: body.name, address: body.address };
    let added = app.services.environments.add_node(&caller.principal, &environment, new).await?;
    Ok(with_token(StatusCode::CREATED, added))
}

/// Show a node
#[utoipa::path(get, path = "/nodes/{node}", operation_id = "node_get", tag = "environments",
    responses((status = 200, description = "By id or name", body = Node)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Answer<Node>, Problem> {
    Ok(Answer(app.services.environments.node(&caller.principal, &node).await?.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RemoveQuery {
    /// It will never come back, whatever it still has.
    #[serde(default)]
    lost: bool,
}

/// Remove a node
///
/// Only one that has nothing of any deployment: drain it first. One that will never come back is removed as lost: what was
/// live there is deployed again on other nodes from its release.
#[utoipa::path(delete, path = "/nodes/{node}", operation_id = "node_remove", tag = "environments", params(RemoveQuery),
    responses((status = 204, description = "Its agent is not spoken to any more")))]
pub(crate) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
    Query(query): Query<RemoveQuery>,
) -> Result<StatusCode, Problem> {
    app.services.environments.remove_node(&caller.principal, &node, query.lost).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a node no new deployments
#[utoipa::path(post, path = "/nodes/{node}/cordon", operation_id = "node_cordon", tag = "environments",
    responses((status = 200, description = "What runs there runs on", body = Node)))]
pub(crate) async fn cordon(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Answer<Node>, Problem> {
    Ok(Answer(app.services.environments.cordon(&caller.principal, &node).await?.into()))
}

/// Give a node new deployments again
#[utoipa::path(post, path = "/nodes/{node}/uncordon", operation_id = "node_uncordon", tag = "environments",
    responses((status = 200, description = "It takes part again", body = Node)))]
pub(crate) async fn uncordon(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Answer<Node>, Problem> {
    Ok(Answer(app.services.environments.uncordon(&caller.principal, &node).await?.into()))
}

/// Move what is live on a node to others
#[utoipa::path(post, path = "/nodes/{node}/drain", operation_id = "node_drain", tag = "environments",
    responses((status = 200, description = "It has begun; each service ends when its successor is healthy", body = Node)))]
pub(crate) async fn drain(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Answer<Node>, Problem> {
    Ok(Answer(app.services.environments.drain(&caller.principal, &node).await?.into()))
}

/// Trust the certificate that a node shows now
///
/// Compare it first with the thumbprint that `pierhead agent` printed on that machine.
#[utoipa::path(post, path = "/nodes/{node}/approve-certificate", operation_id = "node_approve_certificate",
    tag = "environments", request_body = ApprovalRequest,
    responses((status = 200, description = "It is connected to again", body = Node)))]
pub(crate) async fn approve_certificate(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
    Json(Object(body)): Json<Object<ApprovalRequest>>,
) -> Result<Answer<Node>, Problem> {
    let thumbprint = body.thumbprint()?;
    let approved =
        app.services.environments.approve_certificate(&caller.principal, &node, thumbprint).await?;
    Ok(Answer(approved.into()))
}

/// Give a node a new token
///
/// The old one is dead at once, so its agent is disconnected until it is started with the new one. The token is in this answer
/// and never again; a repetition with the same `Idempotency-Key` gets the answer without it.
#[utoipa::path(post, path = "/nodes/{node}/rotate-token", operation_id = "node_rotate_token", tag = "environments",
    responses((status = 200, description = "What runs there runs on meanwhile", body = Node)))]
pub(crate) async fn rotate_token(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Response, Problem> {
    let rotated = app.services.environments.rotate_token(&caller.principal, &node).await?;
    Ok(with_token(StatusCode::OK, rotated))
}

/// Take a node's token away
///
/// Its agent is disconnected at once and cannot connect until the token is rotated.
#[utoipa::path(post, path = "/nodes/{node}/revoke-token", operation_id = "node_revoke_token", tag = "environments",
    responses((status = 200, description = "What runs there runs on", body = Node)))]
pub(crate) async fn revoke_token(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
) -> Result<Answer<Node>, Problem> {
    Ok(Answer(app.services.environments.revoke_token(&caller.principal, &node).await?.into()))
}

/// The token is in the answer and not in its repetition.
fn with_token(status: StatusCode, added: NodeAdded) -> Response {
    let hidden = Node::from(added.node);
    let repeated = serde_json::to_string(&hidden).unwrap_or_default();
    let location = HeaderValue::try_from(format!("/api/v1/nodes/{}", hidden.id));
    let answer = Answer(Node { token: Some(added.token.to_string()), ..hidden });
    let mut response = (status, answer).into_response();
    if let (StatusCode::CREATED, Ok(location)) = (status, location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.extensions_mut().insert(Repeated(repeated));
    response
}
