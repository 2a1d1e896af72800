//! The GitHub App of this installation, and what people see at GitHub with their own accounts there.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use pierhead_control::{
    ConnectionBegun, GithubAppView, GithubView, InstallationView, ManifestView, NewGithubApp, RepositoryView,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::list::{List, page};
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// What there is of GitHub, for who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Github {
    /// `null` when there is none.
    app: Option<GithubApp>,
    /// One's own account there; `null` when it is not connected.
    login: Option<String>,
    connected_at: Option<Time>,
}

/// The app of this installation. What is secret is never shown.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GithubApp {
    id: u64,
    name: String,
    slug: String,
    url: String,
    /// Where it is installed, or given more repositories.
    install_url: String,
    set_by: String,
    set_at: Time,
}

impl From<GithubAppView> for GithubApp {
    fn from(view: GithubAppView) -> Self {
        let GithubAppView { id, name, slug, url, install_url, set_by, set_at } = view;
        Self { id, name, slug, url, install_url, set_by, set_at: set_at.into() }
    }
}

impl From<GithubView> for Github {
    fn from(view: GithubView) -> Self {
        let (login, connected_at) = view.connection.unzip();
        Self { app: view.app.map(Into::into), login, connected_at: connected_at.map(Time) }
    }
}

/// An app that was made at GitHub.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "id": 4711, "private_key": "-----BEGIN RSA PRIVATE KEY-----…", "webhook_secret": "…", "client_secret": "…" }))]
pub(crate) struct GithubAppRequest {
    id: u64,
    /// The file that GitHub gave.
    #[schema(value_type = String, write_only)]
    private_key: SecretString,
    #[schema(value_type = String, write_only)]
    webhook_secret: SecretString,
    #[schema(value_type = String, write_only)]
    client_secret: SecretString,
    /// Of a server of one's own.
    url: Option<String>,
}

/// What an app is made of at GitHub.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "organization": "acme" }))]
pub(crate) struct GithubManifestRequest {
    /// Whose it is; one's own account when it is left out.
    organization: Option<String>,
    /// Of a server of one's own.
    url: Option<String>,
}

/// What a browser posts, as the form field `manifest`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GithubManifest {
    url: String,
    #[schema(value_type = Object)]
    manifest: Value,
}

/// What GitHub came back with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "0123456789abcdef0123456789abcdef01234567" }))]
pub(crate) struct GithubConversionRequest {
    code: String,
    /// Of a server of one's own.
    url: Option<String>,
}

/// Where the browser goes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GithubConnectionBegun {
    url: String,
    /// Is given back with what the browser comes back with, within ten minutes.
    continuation: String,
}

/// What the browser came back with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "code": "0123456789abcdef", "state": "…", "continuation": "v1:…" }))]
pub(crate) struct GithubConnectionRequest {
    code: String,
    state: String,
    continuation: String,
}

/// Where the app is installed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GithubInstallation {
    id: u64,
    account: String,
    /// `User`, `Organization` or `Enterprise`.
    account_type: String,
    /// `all` or `selected`.
    repositories: String,
    suspended: bool,
}

impl From<InstallationView> for GithubInstallation {
    fn from(view: InstallationView) -> Self {
        let InstallationView { id, account, account_type, repositories, suspended } = view;
        Self { id, account, account_type, repositories, suspended }
    }
}

/// A repository that the app and who asks may both enter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GithubRepository {
    /// `acme/shop`.
    name: String,
    /// What a project's `source.repository` is.
    clone_url: String,
    default_branch: Option<String>,
    private: bool,
    /// Whether who asks may write there, and so connect a project with it.
    may_connect: bool,
    pushed_at: Option<Time>,
}

impl From<RepositoryView> for GithubRepository {
    fn from(view: RepositoryView) -> Self {
        let RepositoryView { name, clone_url, default_branch, private, may_connect, pushed_at } = view;
        Self { name, clone_url, default_branch, private, may_connect, pushed_at: pushed_at.map(Time) }
    }
}

/// A branch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GithubBranch {
    name: String,
}

impl From<String> for GithubBranch {
    fn from(name: String) -> Self {
        Self { name }
    }
}

/// Which page, and what is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct GithubQuery {
    /// A part of a repository's name; the beginning of a branch's.
    search: Option<String>,
    cursor: Option<String>,
    /// 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct GithubPage {
    cursor: Option<String>,
    /// 1 to 100.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
}

/// Show what there is of GitHub
#[utoipa::path(get, path = "/github", operation_id = "github_get", tag = "sources",
    responses((status = 200, description = "The app, and one's own account", body = Github)))]
pub(crate) async fn get(State(app): State<Shared>, caller: Caller) -> Result<Answer<Github>, Problem> {
    Ok(Answer(app.services.github.show(&caller.principal).await?.into()))
}

/// Use a GitHub App
///
/// For administrators. GitHub is asked whether it knows the app by its key. People's accounts that were connected through
/// another app are forgotten.
#[utoipa::path(put, path = "/github/app", operation_id = "github_app_set", tag = "sources", request_body = GithubAppRequest,
    responses((status = 200, description = "It is used from now on", body = GithubApp)))]
pub(crate) async fn set_app(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<GithubAppRequest>>,
) -> Result<Answer<GithubApp>, Problem> {
    let GithubAppRequest { id, private_key, webhook_secret, client_secret, url } = body;
    let new = NewGithubApp { id, private_key, webhook_secret, client_secret, url };
    Ok(Answer(app.services.github.set_app(&caller.principal, new).await?.into()))
}

/// Forget the GitHub App
///
/// For administrators. Projects that are connected through it are entered no longer.
#[utoipa::path(delete, path = "/github/app", operation_id = "github_app_delete", tag = "sources",
    responses((status = 204, description = "There is none")))]
pub(crate) async fn delete_app(State(app): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    app.services.github.delete_app(&caller.principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a GitHub App: what the browser posts
///
/// For administrators. GitHub makes the app of it and comes back to the console with a code.
#[utoipa::path(post, path = "/github/app/manifest", operation_id = "github_app_manifest", tag = "sources",
    request_body = GithubManifestRequest, responses((status = 200, description = "Where, and what", body = GithubManifest)))]
pub(crate) async fn manifest(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<GithubManifestRequest>>,
) -> Result<Answer<GithubManifest>, Problem> {
    let GithubManifestRequest { organization, url } = body;
    let made = app.services.github.manifest(&caller.principal, organization.as_deref(), url.as_deref())?;
    let ManifestView { url, manifest } = made;
    Ok(Answer(GithubManifest { url, manifest }))
}

/// Make a GitHub App: what GitHub came back with
///
/// For administrators. The code is good once, and for an hour.
#[utoipa::path(post, path = "/github/app/conversion", operation_id = "github_app_convert", tag = "sources",
    request_body = GithubConversionRequest,
    responses((status = 200, description = "The app is used from now on", body = GithubApp)))]
pub(crate) async fn convert(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<GithubConversionRequest>>,
) -> Result<Answer<GithubApp>, Problem> {
    let GithubConversionRequest { code, url } = body;
    let made = app.services.github.from_manifest(&caller.principal, &code, url.as_deref()).await?;
    Ok(Answer(made.into()))
}

/// Begin to connect one's account at GitHub
#[utoipa::path(post, path = "/github/connection", operation_id = "github_connection_begin", tag = "sources",
    responses((status = 200, description = "Where the browser goes", body = GithubConnectionBegun)))]
pub(crate) async fn begin(
    State(app): State<Shared>,
    caller: Caller,
) -> Result<Answer<GithubConnectionBegun>, Problem> {
    let ConnectionBegun { url, continuation } = app.services.github.begin(&caller.principal).await?;
    Ok(Answer(GithubConnectionBegun { url, continuation }))
}

/// Connect one's account at GitHub
///
/// Pierhead sees with it what its owner sees, as far as the app may see it too. Only who began can finish.
#[utoipa::path(put, path = "/github/connection", operation_id = "github_connection_finish", tag = "sources",
    request_body = GithubConnectionRequest, responses((status = 200, description = "It is connected", body = Github)))]
pub(crate) async fn finish(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<GithubConnectionRequest>>,
) -> Result<Answer<Github>, Problem> {
    let GithubConnectionRequest { code, state, continuation } = body;
    let view = app.services.github.finish(&caller.principal, (&code, &state), &continuation).await?;
    Ok(Answer(view.into()))
}

/// Forget one's account at GitHub
///
/// Projects that were connected with it stay connected. Nothing happens when there is none.
#[utoipa::path(delete, path = "/github/connection", operation_id = "github_connection_delete", tag = "sources",
    responses((status = 204, description = "It is forgotten")))]
pub(crate) async fn disconnect(State(app): State<Shared>, caller: Caller) -> Result<StatusCode, Problem> {
    app.services.github.disconnect(&caller.principal).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List where the GitHub App is installed
///
/// Those that one's account may see.
#[utoipa::path(get, path = "/github/installations", operation_id = "github_installation_list", tag = "sources",
    params(GithubPage), responses((status = 200, description = "A page", body = List<GithubInstallation>)))]
pub(crate) async fn installations(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<GithubPage>,
) -> Result<List<GithubInstallation>, Problem> {
    let wanted = page(query.cursor, query.limit);
    Ok(List::of(app.services.github.installations(&caller.principal, &wanted).await?))
}

/// List repositories of an installation
///
/// Those that the app and one's own account may both enter. A page of a search may be short, or empty, with another one after it.
#[utoipa::path(get, path = "/github/installations/{installation}/repositories", operation_id = "github_repository_list",
    tag = "sources", params(GithubQuery),
    responses((status = 200, description = "A page", body = List<GithubRepository>)))]
pub(crate) async fn repositories(
    State(app): State<Shared>,
    caller: Caller,
    Path(installation): Path<u64>,
    Query(query): Query<GithubQuery>,
) -> Result<List<GithubRepository>, Problem> {
    let GithubQuery { search, cursor, limit } = query;
    let wanted = page(cursor, limit);
    let found = app.services.github.repositories(&caller.principal, installation, search.as_deref(), &wanted);
    Ok(List::of(found.await?))
}

/// List branches of a repository at GitHub
#[utoipa::path(get, path = "/github/repositories/{owner}/{repository}/branches", operation_id = "github_branch_list",
    tag = "sources", params(GithubQuery), responses((status = 200, description = "A page", body = List<GithubBranch>)))]
pub(crate) async fn branches(
    State(app): State<Shared>,
    caller: Caller,
    Path((owner, repository)): Path<(String, String)>,
    Query(query): Query<GithubQuery>,
) -> Result<List<GithubBranch>, Problem> {
    let GithubQuery { search, cursor, limit } = query;
    let wanted = page(cursor, limit);
    let place = (owner.as_str(), repository.as_str());
    let found = app.services.github.branches(&caller.principal, place, search.as_deref(), &wanted);
    Ok(List::of(found.await?))
}
