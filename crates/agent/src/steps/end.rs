//! The end of a step's container: stopped politely, removed when its result is written down.

use std::sync::Arc;
use std::time::Duration;

use pierhead_engine::state::Removal;

use super::{Context, StepError, handed};

/// Stops a container: the stop signal, and after `grace` the end of every process in it. One that does not run, or is not
/// there, is left alone. Its output and exit code stay readable.
pub async fn stop(context: &Context, container: &str, grace: Duration) -> Result<(), StepError> {
    const DOING: &str = "stopping the step's container";
    let found = context.patiently(DOING, || context.engine.find(container)).await?;
    let Some(found) = found else { return Ok(()) };
    match context.patiently(DOING, || context.engine.stop(&found.id, grace)).await {
        Err(StepError::Engine { error, .. }) if error.is_not_found() => Ok(()),
        result => result,
    }
}

/// Removes a container, running or not, and the note about its input. To be called when its result is written down, or does
/// not matter any more. An absent one is success.
pub async fn remove(context: &Context, container: &str) -> Result<(), StepError> {
    const DOING: &str = "removing the step's container";
    let found = context.patiently(DOING, || context.engine.find(container)).await?;
    if let Some(found) = found {
        let engine = Arc::clone(&context.engine);
        context.settle(DOING, async move { engine.remove(&found.id, Removal::Force).await }).await?;
    }
    handed::forget(context, container).await;
    Ok(())
}
