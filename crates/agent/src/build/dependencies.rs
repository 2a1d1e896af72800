//! Installed dependencies: a layer per lockfile, made once and mounted from then on.
//!
//! The key covers all that decides what is installed: the runtime's image, the command, and the contents of the files that
//! the plan names. Layers are kept per project, so one project cannot put something into another's dependencies.

use std::path::PathBuf;

use pierhead_model::digest::Digest;
use pierhead_model::plan::BuildPlan;
use tokio::time::Instant;

use super::container::{self, BuildContainer};
use super::{Place, RuntimeImage, environment, layers, tree};
use crate::reports::write_durably;
use crate::worker::{Task, internal};
use pierhead_model::deployment::Failure;

/// The layer with the dependencies, installed now or before. `None` when installing wrote nothing.
pub(super) async fn ensure(
    task: &Task,
    place: &Place,
    plan: &BuildPlan,
    runtime: &RuntimeImage,
    command: &str,
    deadline: Instant,
) -> Result<Option<Digest>, Failure> {
    let failed = |error: std::io::Error| internal("looking after dependencies", &error);
    let note = cache_note(task, &key(place, plan, runtime, command).map_err(failed)?);
    if !task.assignment.work.no_cache
        && let Some(layer) = remembered(&note)
        && super::layer_folder(task, layer).is_dir()
    {
        task.say("install", "Dependencies from cache: the lockfile has not changed").await;
        task.report(|report| {
            if let Some(step) = report.steps.iter_mut().find(|step| step.name == "install") {
                step.note = Some("dependencies from cache".to_owned());
            }
        });
        return Ok(Some(layer));
    }
    let upper = place.writable("dependencies").map_err(failed)?;
    let lower = [place.source.clone()];
    let container =
        BuildContainer { name: "install", image: &runtime.image, lower: &lower, upper: &upper, place };
    container::run(task, &container, command, environment(task, plan), deadline).await?;
    let Some(layer) = layers::keep_archive(task, &upper).await? else { return Ok(None) };
    if let Some(folder) = note.parent() {
        fs_err::create_dir_all(folder).map_err(failed)?;
    }
    write_durably(&note, layer.to_hex().as_bytes()).map_err(failed)?;
    Ok(Some(layer))
}

fn cache_note(task: &Task, key: &Digest) -> PathBuf {
    let project = task.assignment.project_id.to_string();
    task.node.options.data_dir.join("caches").join(project).join(format!("{key}.layer"))
}

fn remembered(note: &std::path::Path) -> Option<Digest> {
    fs_err::read_to_string(note).ok()?.trim().parse().ok()
}

fn key(place: &Place, plan: &BuildPlan, runtime: &RuntimeImage, command: &str) -> std::io::Result<Digest> {
    let mut text = format!("{}\n{command}\n", runtime.image);
    for input in &plan.dependency_inputs {
        let content = tree::digest_of_plain_file(&place.source, input)?;
        text.push_str(&format!("{input} {}\n", content.map(|digest| digest.to_hex()).unwrap_or_default()));
    }
    Ok(Digest::of(text.as_bytes()))
}
