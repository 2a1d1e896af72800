//! Custom domains of a project.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{DomainView, NewDomain};
use pierhead_model::domain;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::certificates::CertificateSource;
use super::list::{List, WholeList};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// A hostname of the project's own.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Domain {
    name: String,
    /// The slot that it shows.
    slot: String,
    state: DomainState,
    /// What the last look at DNS found, in words.
    explanation: String,
    url: String,
    /// Any one of these in DNS proves that the hostname is yours.
    records: Vec<ZoneRecord>,
    checked_at: Option<Time>,
    /// `null` when nobody looks any more unless asked to.
    next_check_at: Option<Time>,
    verified_at: Option<Time>,
    created_by: String,
    created_at: Time,
    certificate: DomainCertificate,
}

/// How far it has come with TLS.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DomainCertificate {
    /// Until when what is served is good; `null` without any.
    not_after: Option<Time>,
    source: Option<CertificateSource>,
    /// Why the last order failed.
    problem: Option<String>,
    /// When the next one is ordered; `null` when nobody orders any.
    next_order_at: Option<Time>,
}

impl From<pierhead_control::DomainCertificate> for DomainCertificate {
    fn from(view: pierhead_control::DomainCertificate) -> Self {
        Self {
            not_after: view.not_after.map(Into::into),
            source: view.source.map(Into::into),
            problem: view.problem,
            next_order_at: view.next_order_at.map(Into::into),
        }
    }
}

/// How far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DomainState {
    /// Nobody could look yet.
    Pending,
    /// It is this project's, and is served.
    Verified,
    /// What is in DNS proves nothing.
    Failed,
}

impl From<domain::DomainState> for DomainState {
    fn from(state: domain::DomainState) -> Self {
        match state {
            domain::DomainState::Pending => Self::Pending,
            domain::DomainState::Verified => Self::Verified,
            domain::DomainState::Failed => Self::Failed,
        }
    }
}

/// A record for somebody's zone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DomainRecord)]
pub(crate) struct ZoneRecord {
    /// `TXT` or `CNAME`.
    r#type: String,
    name: String,
    value: String,
}

impl From<domain::ZoneRecord> for ZoneRecord {
    fn from(record: domain::ZoneRecord) -> Self {
        Self { r#type: record.kind.to_owned(), name: record.name, value: record.value }
    }
}

impl From<DomainView> for Domain {
    fn from(view: DomainView) -> Self {
        Self {
            name: view.name.to_string(),
            slot: view.slot.to_string(),
            state: view.state.into(),
            explanation: view.explanation,
            url: view.url,
            records: view.records.into_iter().map(Into::into).collect(),
            checked_at: view.checked_at.map(Into::into),
            next_check_at: view.next_check_at.map(Into::into),
            verified_at: view.verified_at.map(Into::into),
            created_by: view.created_by,
            created_at: view.created_at.into(),
            certificate: view.certificate.into(),
        }
    }
}

/// List the domains of a project
#[utoipa::path(get, path = "/projects/{project}/domains", operation_id = "domain_list", tag = "domains",
    params(WholeList), responses((status = 200, description = "All of them, by name", body = List<Domain>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Domain>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.domains.list(&caller.principal, &project).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "shop.example.com", "slot": "production" }))]
pub(crate) struct DomainRequest {
    name: String,
    /// The slot that it shows; `production` when nothing is said.
    slot: Option<String>,
}

/// All domains.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "items": [{ "name": "shop.example.com" }] }))]
pub(crate) struct DomainsRequest {
    items: Vec<Object<DomainRequest>>,
}

/// All domains of a project.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DomainList {
    items: Vec<Domain>,
    /// Always `null`: the list is whole.
    next_cursor: Option<String>,
}

/// Replace all domains
///
/// Those that are not in the list are given up. A domain is served when DNS proves that it is yours.
#[utoipa::path(put, path = "/projects/{project}/domains", operation_id = "domain_replace", tag = "domains",
    responses((status = 200, description = "All of them", body = DomainList)))]
pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(all)): Json<Object<DomainsRequest>>,
) -> Result<Answer<DomainList>, Problem> {
    let items = all.items.into_iter().map(|Object(item)| NewDomain { name: item.name, slot: item.slot });
    let replaced = app.services.domains.replace(&caller.principal, &project, items.collect()).await;
    let replaced = replaced.map_err(|error| error.below("/items"))?;
    Ok(Answer(DomainList { items: replaced.into_iter().map(Into::into).collect(), next_cursor: None }))
}

/// Show a domain
#[utoipa::path(get, path = "/projects/{project}/domains/{domain}", operation_id = "domain_get", tag = "domains",
    responses((status = 200, description = "The domain", body = Domain)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, domain)): Path<(String, String)>,
) -> Result<Answer<Domain>, Problem> {
    Ok(Answer(app.services.domains.get(&caller.principal, &project, &domain).await?.into()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "slot": "production" }))]
pub(crate) struct OneDomain {
    /// The slot that it shows; `production` when nothing is said.
    slot: Option<String>,
}

/// Add a domain, or have it show another slot
///
/// It is served when DNS proves that it is yours: the answer says which records do. One that is there keeps its proof.
#[utoipa::path(put, path = "/projects/{project}/domains/{domain}", operation_id = "domain_put", tag = "domains",
    responses((status = 200, description = "The domain", body = Domain)))]
pub(crate) async fn put(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, domain)): Path<(String, String)>,
    Json(Object(one)): Json<Object<OneDomain>>,
) -> Result<Answer<Domain>, Problem> {
    let new = NewDomain { name: domain, slot: one.slot };
    Ok(Answer(app.services.domains.put(&caller.principal, &project, new).await?.into()))
}

/// Give a domain up
///
/// It is not served any more.
#[utoipa::path(delete, path = "/projects/{project}/domains/{domain}", operation_id = "domain_delete", tag = "domains",
    responses((status = 204, description = "Given up")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, domain)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.domains.delete(&caller.principal, &project, &domain).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Look at DNS now
#[utoipa::path(post, path = "/projects/{project}/domains/{domain}/verify", operation_id = "domain_verify", tag = "domains",
    responses((status = 200, description = "The domain, with what was found", body = Domain)))]
pub(crate) async fn verify(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, domain)): Path<(String, String)>,
) -> Result<Answer<Domain>, Problem> {
    Ok(Answer(app.services.domains.verify(&caller.principal, &project, &domain).await?.into()))
}

/// Order a certificate now
///
/// Whatever became of the last order. Authorities bound how often that may be done for a name.
#[utoipa::path(post, path = "/projects/{project}/domains/{domain}/renew", operation_id = "domain_renew", tag = "domains",
    responses((status = 200, description = "The domain", body = Domain)))]
pub(crate) async fn renew(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, domain)): Path<(String, String)>,
) -> Result<Answer<Domain>, Problem> {
    Ok(Answer(app.services.domains.renew(&caller.principal, &project, &domain).await?.into()))
}
