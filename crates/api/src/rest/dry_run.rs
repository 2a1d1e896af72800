//! A pipeline tried without deploying it.

use std::collections::BTreeMap;

use axum::Json as Answer;
use axum::extract::State;
use pierhead_control::{DryRunQuestion, DryRunView, Error, FieldProblem, ImageView};
use pierhead_model::pipeline::dry_run::ImageFound;
use pierhead_model::pipeline::inputs::Inputs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problems::{DocumentProblem, all, rounds};
use crate::Shared;
use crate::access::Caller;
use crate::extract::{Json, Object, Path};
use crate::problem::Problem;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "environment": "local", "tags": { "web": "v3" }, "parameters": { "seed": "small" } }))]
pub(crate) struct DryRunRequest {
    /// Of the pipeline; the latest when it is not said.
    version: Option<u64>,
    /// The one of this machine when it is not said.
    environment: Option<String>,
    slot: Option<String>,
    /// By service: image tags instead of the defaults.
    #[serde(default)]
    tags: BTreeMap<String, String>,
    /// Values for the pipeline's parameters.
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// What would happen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRun {
    /// Whether it could be deployed now.
    ok: bool,
    version: u64,
    environment: String,
    problems: Vec<DocumentProblem>,
    /// The steps by the round in which they could start.
    rounds: Vec<Vec<String>>,
    images: Vec<DryRunImage>,
    room: DryRunRoom,
}

/// An image that would run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRunImage {
    image: String,
    steps: Vec<String>,
    /// `yes`, `no`, or `unknown` when its registry could not be asked.
    found: &'static str,
    detail: Option<String>,
}

/// What a node must have at once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRunRoom {
    memory_mb: u64,
    /// In cores.
    cpu: f64,
}

impl From<ImageView> for DryRunImage {
    fn from(view: ImageView) -> Self {
        let (found, detail) = match view.found {
            ImageFound::Yes => ("yes", None),
            ImageFound::No(why) => ("no", Some(why)),
            ImageFound::Unknown(why) => ("unknown", Some(why)),
        };
        let steps = view.steps.into_iter().map(Into::into).collect();
        Self { image: view.image.to_string(), steps, found, detail }
    }
}

impl From<DryRunView> for DryRun {
    fn from(view: DryRunView) -> Self {
        Self {
            ok: view.is_good(),
            version: view.version,
            environment: view.environment.to_string(),
            problems: all(view.problems),
            rounds: rounds(view.rounds),
            images: view.images.into_iter().map(Into::into).collect(),
            room: DryRunRoom { memory_mb: view.room.memory_mb, cpu: view.room.need().cpu },
        }
    }
}

/// Names that cannot be are told with their place.
fn named<N: Ord + TryFrom<String, Error: ToString>>(
    field: &str,
    values: BTreeMap<String, String>,
    problems: &mut Vec<FieldProblem>,
) -> BTreeMap<N, String> {
    let mut named = BTreeMap::new();
    for (name, value) in values {
        match N::try_from(name.clone()) {
            Ok(key) => drop(named.insert(key, value)),
            Err(why) => problems.push(FieldProblem::new(format!("/{field}/{name}"), why.to_string())),
        }
    }
    named
}

/// Try a pipeline without deploying it
///
/// Against an environment as it is now: whether its images are there, its inputs fit, its configuration is set, and there is
/// room.
#[utoipa::path(post, path = "/projects/{project}/pipeline/dry-run", operation_id = "pipeline_dry_run", tag = "pipelines",
    request_body = DryRunRequest, responses((status = 200, description = "Also when it could not run", body = DryRun)))]
pub(crate) async fn dry_run(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Json(Object(body)): Json<Object<DryRunRequest>>,
) -> Result<Answer<DryRun>, Problem> {
    let mut problems = Vec::new();
    let inputs = Inputs {
        tags: named("tags", body.tags, &mut problems),
        parameters: named("parameters", body.parameters, &mut problems),
    };
    if !problems.is_empty() {
        return Err(Error::Validation(problems).into());
    }
    let (version, environment, slot) = (body.version, body.environment, body.slot);
    let question = DryRunQuestion { version, environment, slot, inputs };
    let found = app.services.pipelines.dry_run(&caller.principal, &project, &question).await?;
    Ok(Answer(found.into()))
}
