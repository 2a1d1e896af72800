//! Source: the commit's files, and what would be built from them.

use std::path::{Path, PathBuf};

use pierhead_build::{DetectError, Directory};
use pierhead_model::assignment::Source;
use pierhead_model::deployment::Reason;
use pierhead_model::git_access::GitAccess;
use pierhead_model::plan::BuildPlan;

use super::{Run, StepError, handed};
use crate::git::Wanted;
use crate::overlay::make_app_folder;

/// Fetches the commit into a folder of the run.
pub(super) async fn clone(run: &Run) -> Result<PathBuf, StepError> {
    let assignment = &run.held.assignment;
    if let Source::Files { tree, .. } = &assignment.work.source {
        return handed::files(run, *tree).await;
    }
    let Source::Git { repository, reference, .. } = &assignment.work.source else {
        return Err(StepError::failed(Reason::Internal, "the assignment names no repository"));
    };
    let wanted =
        reference.as_ref().map_or_else(|| "the default branch".to_owned(), |name| format!("`{name}`"));
    run.log.say("clone", &format!("fetching {wanted} of {repository}"));
    let work = run.folder("");
    run.blocking("making the run's folder", move || make_app_folder(&work)).await?;
    let checkout = run.folder("checkout");
    let none = GitAccess::none();
    let access = assignment.work.access.as_ref().unwrap_or(&none);
    let wanted =
        Wanted { project: &assignment.project_id, repository, reference: reference.as_ref(), access };
    let commit = run.node.source.fetch(wanted, &checkout, run.stop_flag()).await;
    let commit = commit.map_err(|error| {
        run.log.say("clone", &error.detail);
        StepError::Failed(error.failure())
    })?;
    run.log
        .say("clone", &format!("commit {}: {}", &commit.hash[..commit.hash.len().min(12)], commit.message));
    run.report(|report| report.commit = Some(commit)).await?;
    Ok(checkout)
}

/// Plans the build from the files alone.
pub(super) async fn detect(run: &Run, checkout: &Path) -> Result<BuildPlan, StepError> {
    let work = &run.held.assignment.work;
    let Some(root_directory) = handed::root_directory(&work.source) else {
        return Err(StepError::failed(Reason::Internal, "the assignment names no source"));
    };
    let (tree, settings, root) = (checkout.to_path_buf(), work.settings.clone(), root_directory.clone());
    let planned = run
        .blocking("looking at the source", move || {
            Ok(pierhead_build::detect(&Directory::new(tree), &settings, root.as_str()))
        })
        .await?;
    let plan = planned.map_err(|error| {
        let reason = match &error {
            DetectError::RootDirectoryMissing { .. } => Reason::RootDirectoryMissing,
            _ => Reason::DetectionFailed,
        };
        run.log.say("detect", &error.to_string());
        StepError::failed(reason, error.to_string())
    })?;
    run.log.say("detect", &format!("{} ({})", plan.name, plan.kind));
    for warning in &plan.warnings {
        run.log.say("detect", &format!("warning: {warning}"));
    }
    run.report(|report| report.plan = Some(plan.clone())).await?;
    Ok(plan)
}
