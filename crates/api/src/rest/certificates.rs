//! Certificates: handed over, or ordered for domains.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{CertificateView, NewCertificate};
use pierhead_model::certificate;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// A certificate. Its key never comes out again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Certificate {
    id: String,
    source: CertificateSource,
    /// What it is for; a wildcard as `*.example.com`. It is served for those of them that are verified.
    names: Vec<String>,
    not_before: Time,
    not_after: Time,
    created_by: String,
    created_at: Time,
}

/// How it came here.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CertificateSource {
    /// Ordered from an authority, and renewed by itself.
    Acme,
    Uploaded,
}

impl From<certificate::CertificateSource> for CertificateSource {
    fn from(source: certificate::CertificateSource) -> Self {
        match source {
            certificate::CertificateSource::Acme => Self::Acme,
            certificate::CertificateSource::Uploaded => Self::Uploaded,
        }
    }
}

impl From<CertificateView> for Certificate {
    fn from(view: CertificateView) -> Self {
        Self {
            id: view.id,
            source: view.source.into(),
            names: view.names,
            not_before: view.validity.not_before.into(),
            not_after: view.validity.not_after.into(),
            created_by: view.created_by,
            created_at: view.created_at.into(),
        }
    }
}

/// A certificate to hand over.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "chain": "-----BEGIN CERTIFICATE-----\n…", "key": "-----BEGIN PRIVATE KEY-----\n…" }))]
pub(crate) struct CertificateRequest {
    /// PEM: the certificate itself, then who signed it.
    chain: String,
    /// PEM.
    #[schema(value_type = String)]
    key: SecretString,
}

impl From<CertificateRequest> for NewCertificate {
    fn from(new: CertificateRequest) -> Self {
        Self { chain: new.chain, key: new.key }
    }
}

fn created(view: CertificateView) -> Response {
    (StatusCode::CREATED, Answer(Certificate::from(view))).into_response()
}

/// List the certificates of a project
#[utoipa::path(get, path = "/projects/{project}/certificates", operation_id = "project_certificate_list", tag = "domains",
    params(WholeList), responses((status = 200, description = "All of them, the oldest first", body = List<Certificate>)))]
pub(crate) async fn of_project(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<WholeList>,
) -> Result<List<Certificate>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.certificates.of_project(&caller.principal, &project).await?))
}

/// Hand a certificate over for domains of a project
///
/// It is served in place of one that was ordered, as long as it is good; renewing it is up to you.
#[utoipa::path(post, path = "/projects/{project}/certificates", operation_id = "project_certificate_create", tag = "domains",
    responses((status = 201, description = "The certificate", body = Certificate)))]
pub(crate) async fn upload(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(new)): Json<Object<CertificateRequest>>,
) -> Result<Response, Problem> {
    app.services
        .certificates
        .upload(&caller.principal, &project, new.into())
        .await
        .map(created)
        .map_err(Into::into)
}

/// Delete a certificate of a project
///
/// One that was ordered is ordered anew.
#[utoipa::path(delete, path = "/projects/{project}/certificates/{certificate}", operation_id = "project_certificate_delete", tag = "domains",
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, certificate)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.certificates.delete(&caller.principal, &project, &certificate).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the certificates of the installation's own names
#[utoipa::path(get, path = "/certificates", operation_id = "certificate_list", tag = "domains",
    params(WholeList), responses((status = 200, description = "All of them, the oldest first", body = List<Certificate>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Certificate>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.certificates.list(&caller.principal).await?))
}

/// Hand a certificate over for the installation's own names
///
/// Such as a wildcard for everything below the base domain.
#[utoipa::path(post, path = "/certificates", operation_id = "certificate_create", tag = "domains",
    responses((status = 201, description = "The certificate", body = Certificate)))]
pub(crate) async fn upload_for_all(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(new)): Json<Object<CertificateRequest>>,
) -> Result<Response, Problem> {
    app.services
        .certificates
        .upload_for_all(&caller.principal, new.into())
        .await
        .map(created)
        .map_err(Into::into)
}

/// Delete a certificate of the installation's own names
#[utoipa::path(delete, path = "/certificates/{certificate}", operation_id = "certificate_delete", tag = "domains",
    responses((status = 204, description = "Deleted")))]
pub(crate) async fn delete_for_all(
    State(app): State<Shared>,
    caller: Caller,
    Path(certificate): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.certificates.delete_for_all(&caller.principal, &certificate).await?;
    Ok(StatusCode::NO_CONTENT)
}
