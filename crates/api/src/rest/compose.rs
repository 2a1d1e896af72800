//! Compose files brought over as pipelines.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use pierhead_model::pipeline::compose::{Note, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::problems::{DocumentProblem, all};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object};
use crate::problem::Problem;

/// What became of one key of a compose file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComposeNote {
    /// `services.web.ports[0]`
    path: String,
    line: Option<u32>,
    /// Where it went in the pipeline.
    result: Option<String>,
    reason: String,
}

/// A pipeline made of a compose file, and what became of every key. Nothing is saved.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComposeReport {
    #[schema(value_type = Object)]
    pipeline: Value,
    /// Means the same.
    translated: Vec<ComposeNote>,
    /// Something was concluded: look whether it is meant.
    inferred: Vec<ComposeNote>,
    /// Without meaning here; the reason says why that is no loss, or what to do instead.
    ignored: Vec<ComposeNote>,
    /// Cannot or must not be done: what it was for is missing.
    refused: Vec<ComposeNote>,
    /// What would keep the pipeline from being saved, or deserves a second look.
    problems: Vec<DocumentProblem>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "compose": "services:\n  web:\n    image: nginx:${TAG:-1.27}\n    ports: ['8080:80']\n", "values": { "TAG": "1.29" }
}))]
pub(crate) struct ComposeRequest {
    /// The text of the file.
    compose: String,
    /// What its variables stand for, as in its `.env`: they become defaults.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// Make a pipeline of a compose file
///
/// Nothing is saved: look at the report, then save the pipeline in a project.
#[utoipa::path(post, path = "/import/compose", operation_id = "compose_import", tag = "pipelines",
    request_body = ComposeRequest, responses((status = 200, description = "A pipeline and a report", body = ComposeReport)))]
pub(crate) async fn import(
    State(app): State<Shared>,
    caller: Caller,
    Json(Object(body)): Json<Object<ComposeRequest>>,
) -> Result<Answer<ComposeReport>, Problem> {
    let pipelines = &app.services.pipelines;
    let made = pipelines.import_compose(&caller.principal, &body.compose, &body.values).await?;
    let mut report = ComposeReport {
        pipeline: serde_json::to_value(&made.pipeline).unwrap_or_default(),
        translated: Vec::new(),
        inferred: Vec::new(),
        ignored: Vec::new(),
        refused: Vec::new(),
        problems: all(made.problems),
    };
    for Note { verdict, path, line, result, reason } in made.notes {
        let section = match verdict {
            Verdict::Translated => &mut report.translated,
            Verdict::Inferred => &mut report.inferred,
            Verdict::Ignored => &mut report.ignored,
            Verdict::Refused => &mut report.refused,
        };
        section.push(ComposeNote { path, line, result, reason });
    }
    Ok(Answer(report))
}
