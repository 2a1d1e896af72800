//! Templates: pipelines that are kept as a beginning for new projects.

use axum::Json as Answer;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use pierhead_control::{Listed, NewTemplate};
use pierhead_model::pipeline::{Format, Pipeline};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::list::{List, WholeList};
use super::projects::location;
use super::values::Time;
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path, Query};
use crate::problem::Problem;

/// A pipeline to begin with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Template {
    name: String,
    /// What the pipeline says of itself.
    description: Option<String>,
    #[schema(value_type = Object)]
    pipeline: Value,
    created_by: String,
    created_at: Time,
}

impl From<Listed<Pipeline>> for Template {
    fn from(listed: Listed<Pipeline>) -> Self {
        Self {
            name: listed.name.into(),
            pipeline: serde_json::to_value(&listed.entry).unwrap_or_default(),
            description: listed.entry.description,
            created_by: listed.created_by,
            created_at: listed.created_at.into(),
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "template",
    "pipeline": { "version": 1, "steps": { "web": { "kind": "service", "image": "nginx:1.27", "public": 80 } } }
}))]
pub(crate) struct TemplateRequest {
    #[schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: String,
    #[schema(value_type = Object)]
    pipeline: Value,
}

/// List templates
#[utoipa::path(get, path = "/templates", operation_id = "template_list", tag = "pipelines",
    params(WholeList), responses((status = 200, description = "By name", body = List<Template>)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    Query(query): Query<WholeList>,
) -> Result<List<Template>, Problem> {
    query.check()?;
    Ok(List::whole(app.services.templates.list(&caller.principal).await?))
}

/// Keep a pipeline as a template
///
/// For admins.
#[utoipa::path(post, path = "/templates", operation_id = "template_create", tag = "pipelines",
    request_body = TemplateRequest, responses((status = 201, description = "Kept", body = Template)))]
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(new)): Json<Object<TemplateRequest>>,
) -> Result<Response, Problem> {
    let new = NewTemplate { name: new.name, text: new.pipeline.to_string(), format: Format::Json };
    let made = app.services.templates.create(&caller.principal, new).await?;
    let location = location(&format!("templates/{}", made.name));
    Ok((StatusCode::CREATED, location, Answer(Template::from(made))).into_response())
}

/// Show a template
#[utoipa::path(get, path = "/templates/{template}", operation_id = "template_get", tag = "pipelines",
    responses((status = 200, description = "Its pipeline can be saved in a project", body = Template)))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    Path(template): Path<String>,
) -> Result<Answer<Template>, Problem> {
    Ok(Answer(app.services.templates.get(&caller.principal, &template).await?.into()))
}

/// Remove a template
///
/// For admins. Pipelines that began with it go on as they are.
#[utoipa::path(delete, path = "/templates/{template}", operation_id = "template_delete", tag = "pipelines",
    responses((status = 204, description = "Removed")))]
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    Path(template): Path<String>,
) -> Result<StatusCode, Problem> {
    app.services.templates.delete(&caller.principal, &template).await?;
    Ok(StatusCode::NO_CONTENT)
}
