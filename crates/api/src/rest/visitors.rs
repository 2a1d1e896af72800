//! Who may visit what a project shows: its rules, its passwords, and the ways in.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::NON_ALPHANUMERIC;
use pierhead_control::{Error, VisitorPasswordView, VisitorsView};
use pierhead_model::visitors::{Access, RateLimit, VisitorRules};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::browser::header_value;
use super::values::Time;
use crate::Shared;
use crate::access::{Caller, session_cookie};
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VisitorAccess {
    /// Everybody.
    #[default]
    Public,
    /// Who knows one of the project's passwords, and who may see the project.
    Password,
    /// Who may see the project.
    Team,
}

impl From<Access> for VisitorAccess {
    fn from(access: Access) -> Self {
        match access {
            Access::Public => Self::Public,
            Access::Password => Self::Password,
            Access::Team => Self::Team,
        }
    }
}

impl From<VisitorAccess> for Access {
    fn from(access: VisitorAccess) -> Self {
        match access {
            VisitorAccess::Public => Self::Public,
            VisitorAccess::Password => Self::Password,
            VisitorAccess::Team => Self::Team,
        }
    }
}

/// Requests of one address to one hostname; what is more is answered with 429.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VisitorRateLimit {
    /// In the long run.
    #[schema(minimum = 1, maximum = 1_000_000)]
    per_minute: u32,
    /// At once, after a pause: ten seconds' worth when it is `null`.
    burst: Option<u32>,
}

impl From<RateLimit> for VisitorRateLimit {
    fn from(limit: RateLimit) -> Self {
        Self { per_minute: limit.per_minute, burst: limit.burst }
    }
}

impl From<VisitorRateLimit> for RateLimit {
    fn from(limit: VisitorRateLimit) -> Self {
        Self { per_minute: limit.per_minute, burst: limit.burst }
    }
}

/// What a project says of its visitors.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Visitors {
    /// Who may visit the slot `production`.
    production: VisitorAccess,
    /// Who may visit every other slot.
    previews: VisitorAccess,
    rate_limit: Option<VisitorRateLimit>,
    /// How long a browser waits for a service that wakes up before it is shown a page that says so, in seconds; `null` as the
    /// installation says.
    wake_page_after_s: Option<u32>,
    /// What opens where access is `password`.
    passwords: Vec<VisitorPassword>,
}

/// A password of visitors, but for the password.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VisitorPassword {
    /// What a browser asks for as the user's name.
    name: String,
    created_by: String,
    created_at: Time,
}

impl From<VisitorPasswordView> for VisitorPassword {
    fn from(view: VisitorPasswordView) -> Self {
        Self { name: view.name, created_by: view.created_by, created_at: view.created_at.into() }
    }
}

impl From<VisitorsView> for Visitors {
    fn from(view: VisitorsView) -> Self {
        let VisitorRules { production, previews, rate_limit, wake_page_after_s } = view.rules;
        Self {
            production: production.into(),
            previews: previews.into(),
            rate_limit: rate_limit.map(Into::into),
            wake_page_after_s,
            passwords: view.passwords.into_iter().map(Into::into).collect(),
        }
    }
}

/// What a project shall say of its visitors; what is left out is the default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "production": "public", "previews": "team", "rate_limit": { "per_minute": 600 } }))]
pub(crate) struct VisitorsRequest {
    #[serde(default)]
    production: VisitorAccess,
    #[serde(default)]
    previews: VisitorAccess,
    rate_limit: Option<VisitorRateLimit>,
    #[schema(maximum = 60)]
    wake_page_after_s: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "password": "correct horse battery" }))]
pub(crate) struct VisitorPasswordRequest {
    /// 10 to 1024 bytes; only its hash is kept.
    #[schema(value_type = String, write_only)]
    password: SecretString,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "host": "pr-7--shop.example.com" }))]
pub(crate) struct VisitorPassRequest {
    /// A protected hostname.
    host: String,
}

/// What lets a program in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VisitorPass {
    host: String,
    /// For `Authorization: Bearer` of requests to this hostname. The application does not see it.
    pass: String,
    expires_at: Time,
}

/// Show who may visit what a project shows
#[utoipa::path(get, path = "/projects/{project}/visitors", operation_id = "visitors_get", tag = "projects",
    responses((status = 200, description = "What is not said is the default", body = Visitors)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
) -> Result<Answer<Visitors>, Problem> {
    Ok(Answer(app.services.visitors.get(&caller.principal, &project).await?.into()))
}

/// Say who may visit what a project shows
///
/// It holds within seconds, for what is deployed already too.
#[utoipa::path(put, path = "/projects/{project}/visitors", operation_id = "visitors_replace", tag = "projects",
    request_body = VisitorsRequest, responses((status = 200, description = "As it is now", body = Visitors)))]
pub(crate) async fn replace(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<VisitorsRequest>>,
) -> Result<Answer<Visitors>, Problem> {
    let rules = VisitorRules {
        production: body.production.into(),
        previews: body.previews.into(),
        rate_limit: body.rate_limit.map(Into::into),
        wake_page_after_s: body.wake_page_after_s,
    };
    Ok(Answer(app.services.visitors.put(&caller.principal, &project, &rules).await?.into()))
}

/// Make a password for visitors
///
/// It takes the place of the one of that name.
#[utoipa::path(put, path = "/projects/{project}/visitors/passwords/{name}", operation_id = "visitor_password_put",
    tag = "projects", request_body = VisitorPasswordRequest,
    responses((status = 200, description = "It opens within seconds", body = VisitorPassword)))]
pub(crate) async fn put_password(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
    Json(Object(body)): Json<Object<VisitorPasswordRequest>>,
) -> Result<Answer<VisitorPassword>, Problem> {
    let (visitors, auth) = (&app.services.visitors, &app.services.auth);
    let made = visitors.put_password(&caller.principal, auth, (&project, &name), body.password).await?;
    Ok(Answer(made.into()))
}

/// Delete a password of visitors
#[utoipa::path(delete, path = "/projects/{project}/visitors/passwords/{name}", operation_id = "visitor_password_delete",
    tag = "projects", responses((status = 204, description = "It opens nothing any more, within seconds")))]
pub(crate) async fn delete_password(
    State(app): State<Shared>,
    caller: Caller,
    Path((project, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    app.services.visitors.delete_password(&caller.principal, &project, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get a pass for a protected hostname
///
/// For programs: good for half an hour, for this hostname alone.
#[utoipa::path(post, path = "/visitor-passes", operation_id = "visitor_pass_create", tag = "projects",
    request_body = VisitorPassRequest, responses((status = 201, description = "It is not shown again", body = VisitorPass)))]
pub(crate) async fn pass(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<VisitorPassRequest>>,
) -> Result<(StatusCode, Answer<VisitorPass>), Problem> {
    let made = app.services.visitors.pass(&caller.principal, &body.host).await?;
    let pass = made.pass.expose_secret().to_owned();
    Ok((
        StatusCode::CREATED,
        Answer(VisitorPass { host: made.host.to_string(), pass, expires_at: made.expires_at.into() }),
    ))
}

/// Browsers come with what an ingress gave them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Visit {
    /// Whom one wants to visit.
    host: String,
    /// Where there.
    path: Option<String>,
}

/// Visit a protected hostname
///
/// For browsers: an ingress sends them here. Who is signed in, and may see the project, is sent back with a ticket; who is not
/// signed in is sent to the console first.
#[utoipa::path(get, path = "/visit", operation_id = "visit", tag = "projects", params(Visit),
    responses((status = 303, description = "Back, or to sign in")))]
pub(crate) async fn visit(
    State(app): State<Shared>,
    headers: HeaderMap,
    Query(Visit { host, path }): Query<Visit>,
) -> Result<Response, Problem> {
    let path = path.unwrap_or_else(|| "/".to_owned());
    let principal = match session_cookie(&headers) {
        Some(cookie) => match app.services.auth.authenticate(cookie.expose_secret()).await {
            Ok(principal) => Some(principal),
            Err(Error::Unauthenticated { .. } | Error::TokenExpired) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let location = match principal {
        Some(principal) => app.services.visitors.way_in(&principal, &host, &path).await?,
        None => {
            let encoded =
                |text: &str| percent_encoding::utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            format!("/console/visit?host={}&path={}", encoded(&host), encoded(&path))
        }
    };
    let headers = [
        (header::LOCATION, header_value(&location)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
