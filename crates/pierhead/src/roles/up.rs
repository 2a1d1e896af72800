//! Control plane, agent and ingress in one process.

use std::process::ExitCode;

use super::RoleError;
use crate::settings::Settings;

/// Runs until it is told to stop.
pub(crate) async fn run(settings: Settings) -> Result<ExitCode, RoleError> {
    drop(settings);
    Err(RoleError::NotBuiltIn("up"))
}
