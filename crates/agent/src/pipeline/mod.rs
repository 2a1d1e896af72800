//! The run of a pipeline on this node: what the machine of [`pierhead_model::run`] orders is carried out here.
//!
//! The machine's state is written down before its orders are carried out, and every order finds what an earlier attempt at it
//! left, by name. So after a crash of the agent each order is simply given again.
//!
//! | module | holds |
//! | --- | --- |
//! | `driver` | events in, orders out; what is written down and reported in between |
//! | `orders` | what each order means: containers, builds, removals |
//! | `build` | build steps, and what runs what they made |
//! | `app` | what is different for an application that nobody drew as a pipeline |
//! | `describe` | a step as it is written → a container as it is run |
//! | `values` | what references stand for |
//! | `notes` | what survives a restart: the run, and what steps left for each other, sealed |
//! | `keep` | services that are healthy stay so |
//! | `relays` | names of services that run on the node that leads the deployment |
//! | `sleep` | those that nobody needs give their memory back |
//! | `pull` | images, from this node, another one, or a registry |

mod app;
mod build;
mod describe;
mod driver;
mod keep;
mod notes;
mod orders;
mod pull;
mod relays;
mod sleep;
mod values;

use pierhead_model::deployment::Reason;
use pierhead_model::id::DeploymentId;
use pierhead_model::run::PipelineWork;

use crate::executor::{Run, StepError};
use crate::node::Node;
use crate::steps;
use crate::undo::{self, Images, UndoError};
pub(crate) use describe::Base;
use driver::Driver;
pub(crate) use pull::ensure as ensure_image;

/// Runs the pipeline, or goes on with it, and keeps its services running. Returns only when it has failed and everything was
/// undone.
pub(crate) async fn pursue(run: &Run) -> StepError {
    let work = &PipelineWork::of(&run.held.assignment.work);
    match Driver::open(run, work).await {
        Ok(mut driver) => driver.run_on().await,
        Err(error) => error,
    }
}

/// Undoes what the run made, with its plugins' help. What is in the engine is removed by whoever calls this, too.
pub(crate) async fn undo(run: &Run) -> Result<(), StepError> {
    let work = &PipelineWork::of(&run.held.assignment.work);
    Driver::open(run, work).await?.run_back().await
}

/// Removes the volumes of the deployment's slot, which go with the last deployment that is on this node.
pub(crate) async fn remove_volumes(run: &Run) -> Result<(), steps::StepError> {
    let (place, context) = driver::surroundings(run);
    steps::service::remove_volumes(&context, &place).await
}

/// Removes what an earlier attempt left.
async fn clear(run: &Run) -> Result<(), StepError> {
    const DOING: &str = "removing what an attempt left";
    let removed = undo::remove(&run.node, &run.identity, &run.id, Images::Keep).await;
    removed.map_err(|error| match error {
        UndoError::Engine(error) => StepError::Engine { doing: DOING, error },
        UndoError::Disk(error) => StepError::Disk { doing: DOING, error },
        UndoError::Remains(_) => StepError::failed(Reason::Internal, error.to_string()),
    })
}

/// What was noted of a run is not needed any more.
pub(crate) async fn forget(node: &Node, deployment: &DeploymentId) -> std::io::Result<()> {
    crate::durable::remove(notes::path_of(node, deployment)).await
}
