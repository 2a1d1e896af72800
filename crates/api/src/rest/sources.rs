//! A project's source: which branches are followed, whether webhooks arrive, look now.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{FollowedView, SourceView};
use pierhead_model::pull::PullRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::source_access::SourceAccess;
use super::source_links::SourceConnection;
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path};
use crate::problem::Problem;

/// How a project learns of pushes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Following {
    /// Whether pushes arrive, in one sentence.
    verdict: String,
    branches: Vec<Branch>,
    webhooks: Webhooks,
    access: SourceAccess,
    /// How it is connected with the service that has the repository; `null` when it is not.
    connection: Option<SourceConnection>,
}

/// A branch that is followed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Branch {
    /// As git names it; `HEAD` is the default branch.
    reference: String,
    /// Where it deploys to.
    slot: String,
    /// The commit that was dealt with last.
    commit: Option<String>,
    looked_at: Option<Time>,
    next_look_at: Time,
    /// What the last look came to.
    outcome: Option<String>,
    /// Why it could not be looked at.
    problem: Option<String>,
    /// The pull request that it belongs to.
    pull_request: Option<Pull>,
}

/// A pull request, or merge request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pull {
    number: u64,
    title: String,
    author: String,
    url: String,
    /// It comes from another repository: each of its commits waits for an approval.
    fork: bool,
    /// The commit that may be built, and by whom that was said.
    approved_commit: Option<String>,
    approved_by: Option<String>,
    /// Whether it also gets the project's secrets.
    approved_secrets: bool,
}

impl From<PullRequest> for Pull {
    fn from(pull: PullRequest) -> Self {
        let PullRequest { number, title, author, url, fork, approval, .. } = pull;
        let approved_secrets = approval.as_ref().is_some_and(|approval| approval.secrets);
        let (approved_commit, approved_by) = approval.map(|approval| (approval.commit, approval.by)).unzip();
        Self { number, title, author, url, fork, approved_commit, approved_by, approved_secrets }
    }
}

/// What was looked at, and what it may have.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "commit": "0123456789abcdef0123456789abcdef01234567", "secrets": false }))]
pub(crate) struct PullApprovalRequest {
    /// The whole hash: a later commit needs another approval.
    commit: String,
    /// Build it with the project's secrets too.
    #[serde(default)]
    secrets: bool,
}

/// Let a pull request from a fork be built
///
/// Whoever approves has looked at the commit: building it runs what its author wrote. Without `secrets` it gets none.
#[utoipa::path(post, path = "/projects/{project}/pulls/{number}/approve", operation_id = "pull_approve", tag = "sources",
    request_body = PullApprovalRequest, responses((status = 202, description = "It is looked at now", body = Following)))]
pub(crate) async fn approve(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, number)): Path<(String, u64)>,
    Json(Object(body)): Json<Object<PullApprovalRequest>>,
) -> Result<(StatusCode, Answer<Following>), Problem> {
    let PullApprovalRequest { commit, secrets } = body;
    let approved = app.services.sources.approve(&caller.principal, &project, number, (&commit, secrets));
    let view = approved.await?;
    Ok((StatusCode::ACCEPTED, Answer(following(&project, view))))
}

/// Webhooks of a project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Webhooks {
    /// Where each kind of provider sends them, below this server.
    addresses: Addresses,
    /// Since when they have the secret they have; `null` when there is none.
    secret_since: Option<Time>,
    /// Whether those that are signed with the installation's secret are taken too.
    installation_secret: bool,
    /// The newest first.
    deliveries: Vec<Seen>,
}

/// Where to send webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Addresses {
    github: String,
    gitlab: String,
    gitea: String,
    generic: String,
}

impl Addresses {
    fn of(project: &str) -> Self {
        let of = |provider: &str| format!("/api/v1/hooks/{provider}/{project}");
        Self { github: of("github"), gitlab: of("gitlab"), gitea: of("gitea"), generic: of("generic") }
    }
}

/// A webhook that was received.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Seen {
    provider: String,
    delivery: String,
    event: String,
    outcome: String,
    received_at: Time,
}

impl From<pierhead_control::Delivery> for Seen {
    fn from(delivery: pierhead_control::Delivery) -> Self {
        Self {
            provider: delivery.provider,
            delivery: delivery.id,
            event: delivery.event,
            outcome: delivery.outcome,
            received_at: delivery.received_at.into(),
        }
    }
}

impl From<FollowedView> for Branch {
    fn from(view: FollowedView) -> Self {
        Self {
            reference: view.reference,
            slot: view.slot.to_string(),
            commit: view.commit,
            looked_at: view.looked_at.map(Time),
            next_look_at: view.next_look_at.into(),
            outcome: view.outcome,
            problem: view.problem,
            pull_request: view.pull.map(Into::into),
        }
    }
}

pub(super) fn following(project: &str, view: SourceView) -> Following {
    Following {
        verdict: view.verdict,
        access: view.access.into(),
        connection: view.link.map(Into::into),
        branches: view.followed.into_iter().map(Into::into).collect(),
        webhooks: Webhooks {
            addresses: Addresses::of(project),
            secret_since: view.secret_since.map(Time),
            installation_secret: view.installation_secret,
            deliveries: view.deliveries.into_iter().map(Into::into).collect(),
        },
    }
}

/// Show how a project learns of pushes
///
/// Which branches are followed and what the last look at each came to; whether webhooks arrive, and why not.
#[utoipa::path(get, path = "/projects/{project}/source", operation_id = "source_get", tag = "sources",
    responses((status = 200, description = "As it is now", body = Following)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Answer<Following>, Problem> {
    let view = app.services.sources.get(&caller.principal, &project).await?;
    Ok(Answer(following(&project, view)))
}

/// Look at a project's branches now
///
/// A push whose webhook was lost is found at once instead of within ten minutes.
#[utoipa::path(post, path = "/projects/{project}/source/sync", operation_id = "source_sync", tag = "sources",
    responses((status = 202, description = "Begun; what it came to is in `branches` soon", body = Following)))]
pub(crate) async fn sync(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<(StatusCode, Answer<Following>), Problem> {
    let view = app.services.sources.sync(&caller.principal, &project).await?;
    Ok((StatusCode::ACCEPTED, Answer(following(&project, view))))
}

/// The secret of a project's webhooks, shown this one time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Secret {
    /// As it is: GitHub's and Gitea's secret, GitLab's token, a Standard Webhook's key.
    secret: String,
    addresses: Addresses,
}

/// Give a project's webhooks a new secret
///
/// The one they had is good no longer.
#[utoipa::path(post, path = "/projects/{project}/source/secret", operation_id = "source_secret_renew", tag = "sources",
    responses((status = 201, description = "The secret: it is not shown again", body = Secret)))]
pub(crate) async fn renew_secret(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<(StatusCode, Answer<Secret>), Problem> {
    let secret = app.services.sources.renew_secret(&caller.principal, &project).await?;
    Ok((StatusCode::CREATED, Answer(Secret { secret, addresses: Addresses::of(&project) })))
}
