//! A pipeline against the world as it is now: are its images there, do its inputs fit, is there room. Nothing is deployed.

use futures::StreamExt as _;
use pierhead_model::limit::Limits;
use pierhead_model::name::{EnvironmentName, SlotName};
use pierhead_model::pipeline::document::problem::has_errors;
use pierhead_model::pipeline::dry_run::{Facts, ImageFound, Room, judge, wanted};
use pierhead_model::pipeline::image::ImageReference;
use pierhead_model::pipeline::inputs::{Inputs, choose};
use pierhead_model::pipeline::{Pipeline, Problem, Severity, StepName};
use pierhead_model::spread::spread;
use pierhead_store::{Environment, Project};

use super::{PipelineView, checking};
use crate::access::policy::{self, READ_ENVIRONMENT, shortened};
use crate::capacity::candidates;
use crate::core::Core;
use crate::error::Error;
use crate::services::auth::Principal;
use crate::services::projects;

/// Registries that are asked at once.
const AT_ONCE: usize = 8;

/// What somebody wants to try.
#[derive(Debug, Clone, Default)]
pub struct DryRunQuestion {
    /// The latest when it is not said.
    pub version: Option<u64>,
    /// The one of this machine when it is not said.
    pub environment: Option<String>,
    pub slot: Option<String>,
    pub inputs: Inputs,
}

/// What would happen.
#[derive(Debug, Clone)]
pub struct DryRunView {
    pub version: u64,
    pub environment: EnvironmentName,
    pub problems: Vec<Problem>,
    /// The steps by the round in which they could start.
    pub rounds: Vec<Vec<StepName>>,
    pub images: Vec<ImageView>,
    /// What must be there at once, on all nodes together.
    pub room: Room,
}

impl DryRunView {
    /// Whether it could be deployed.
    pub fn is_good(&self) -> bool {
        !has_errors(&self.problems)
    }
}

#[derive(Debug, Clone)]
pub struct ImageView {
    pub image: ImageReference,
    pub steps: Vec<StepName>,
    pub found: ImageFound,
}

pub(super) async fn answer(
    core: &Core,
    principal: &Principal,
    project: &Project,
    version: PipelineView,
    question: &DryRunQuestion,
) -> Result<DryRunView, Error> {
    let environment = environment(core, principal, question.environment.as_deref()).await?;
    let slot = question.slot.as_deref().map(SlotName::parse).transpose();
    let slot = slot.map_err(|error| Error::invalid("/slot", error))?.unwrap_or_else(SlotName::production);
    let mut problems = Vec::new();
    let pipeline = match choose(&version.pipeline, &question.inputs) {
        Ok(chosen) => chosen.pipeline,
        Err(found) => {
            problems.extend(found);
            version.pipeline
        }
    };
    let authority = checking::authority_of(version.elevated);
    let place = (&environment, Some(&slot));
    let found = checking::problems(core, Some(project), &pipeline, authority, place, Severity::Error).await?;
    problems.extend(found);
    let limits = &project.settings.limits;
    let wanted = wanted(&pipeline, limits);
    let images: Vec<ImageReference> = wanted.images.keys().cloned().collect();
    let asked = futures::stream::iter(images)
        .map(|image| async move {
            let found = core.images.find(core, &image).await;
            found.map(|found| (image, found))
        })
        .buffered(AT_ONCE);
    let found: Vec<Result<(ImageReference, ImageFound), Error>> = asked.collect().await;
    let images = found.into_iter().collect::<Result<_, Error>>()?;
    let facts = Facts { images, no_room: no_room(core, &environment, (&pipeline, limits)).await? };
    problems.extend(judge(&wanted, &facts));
    let views = wanted.images.into_iter().map(|(image, steps)| {
        let found = facts.images.get(&image).cloned();
        let found = found.unwrap_or_else(|| ImageFound::Unknown("it was not asked for".to_owned()));
        ImageView { image, steps, found }
    });
    Ok(DryRunView {
        version: version.number,
        environment: environment.name,
        problems,
        rounds: wanted.rounds,
        images: views.collect(),
        room: wanted.room,
    })
}

async fn environment(core: &Core, principal: &Principal, name: Option<&str>) -> Result<Environment, Error> {
    let Some(name) = name else { return projects::local(core).await };
    let hidden = || Error::invalid("/environment", format!("there is no environment `{}`", shortened(name)));
    policy::environment(core, principal, name, READ_ENVIRONMENT, hidden).await
}

/// By the rule that a deployment is placed by.
async fn no_room(
    core: &Core,
    environment: &Environment,
    (pipeline, limits): (&Pipeline, &Limits),
) -> Result<Option<String>, Error> {
    let candidates = candidates(core, &environment.id).await?;
    Ok(match spread(pipeline, limits, &candidates) {
        Ok(Some(_)) => None,
        Ok(None) => Some(format!(
            "no node of `{}` is online and takes new work: see `pierhead nodes`",
            environment.name
        )),
        Err(why) => Some(why.to_string()),
    })
}
