//! A build: from an address to a release.
//!
//! The files of the commit, the installed dependencies and what the build writes are folders on top of each other (an
//! overlay): the commit is not copied, dependencies of an unchanged lockfile are mounted rather than installed, and the
//! topmost folder is exactly what the build produced.
//!
//! ```text
//! /app in the build's container      upper:  work/<deployment>/upper      (written by this build)
//!                                    lower:  work/<deployment>/source     (the commit)
//!                                            layers/<digest>              (the dependencies)
//! ```

mod container;
mod dependencies;
mod disk;
mod image;
mod layers;
mod publish;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pierhead_build::{DetectError, Directory};
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Phase, Source, StepReport, platform_variables};
use pierhead_model::crash_point;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::plan::{BuildPlan, Kind};
use pierhead_model::release::{Release, ServiceRelease, StartSettings};
use pierhead_model::source::Folder;
use tokio::time::Instant;

use self::container::BuildContainer;
pub(crate) use self::layers::folder_of as layer_folder;
pub(crate) use self::layers::materialise;
use crate::identity::APP_UID;
use crate::runtimes::{self, RuntimeError};
use crate::worker::{Task, internal};

/// Where a deployment's files lie while it is worked on.
pub(crate) fn folder(task: &Task) -> PathBuf {
    task.node.options.data_dir.join("work").join(task.assignment.deployment.as_str())
}

/// A step with its name, its times and its end in the report.
pub(crate) async fn step<T>(
    task: &Task,
    name: &str,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let started_at = Timestamp::now();
    let begun =
        StepReport { name: name.to_owned(), started_at, finished_at: None, exit_code: None, note: None };
    task.report(|report| {
        report.steps.retain(|step| step.name != name);
        report.steps.push(begun);
    });
    let done = work.await;
    let exit_code = match &done {
        Err(Failure { reason: Reason::BuildFailed { exit_code }, .. }) => *exit_code,
        Err(_) => None,
        Ok(_) => Some(0),
    };
    task.report(|report| {
        if let Some(step) = report.steps.iter_mut().find(|step| step.name == name) {
            step.finished_at = Some(Timestamp::now());
            step.exit_code = exit_code;
        }
    });
    done
}

/// Builds what the assignment says. What it leaves in the engine and on disk is removed by [`tidy`] or with everything else.
pub(crate) async fn run(task: &Task) -> Result<Release, Failure> {
    task.report(|report| report.phase = Phase::Building);
    crash_point!("agent.building");
    let mut place = Place::new(task).map_err(|error| internal("preparing a build", &error))?;
    let root = step(task, "clone", check_out(task, &place)).await?;
    crash_point!("agent.cloned");
    let plan = detect(task, &place.checkout, &root).await?;
    // A member of a workspace is built from the workspace's root, where its lockfile is.
    let source = Folder::parse(&plan.root_directory).unwrap_or_default();
    if !source.is_root() {
        place.source = place.checkout.join(source.as_str());
    }
    let deadline =
        Instant::now() + Duration::from_secs(u64::from(task.assignment.work.limits.build_timeout_s));
    let release = match plan.kind {
        Kind::Image => step(task, "build", image::build(task, &place.source, &plan, deadline)).await?,
        Kind::Site | Kind::Service => build_in_container(task, &place, &plan, deadline).await?,
    };
    Ok(release)
}

/// Removes what only the build needed; layers that are part of the release have been moved out.
pub(crate) async fn tidy(task: &Task) {
    if let Err(error) = container::remove(task).await {
        tracing::warn!(%error, "a build's objects are removed with the deployment");
    }
    let _ = fs_err::tokio::remove_dir_all(folder(task)).await;
}

/// The folders of one build.
struct Place {
    checkout: PathBuf,
    /// What is built: the folder in the checkout that the plan names.
    source: PathBuf,
    folder: PathBuf,
}

impl Place {
    fn new(task: &Task) -> std::io::Result<Self> {
        let folder = folder(task);
        fs_err::create_dir_all(&folder)?;
        let checkout = folder.join("checkout");
        Ok(Self { source: checkout.clone(), checkout, folder })
    }

    /// A new empty folder that the container's user may write.
    fn writable(&self, name: &str) -> std::io::Result<PathBuf> {
        let folder = self.folder.join(name);
        fs_err::create_dir_all(&folder)?;
        tree::give_to(&folder, APP_UID)?;
        Ok(folder)
    }
}

async fn check_out(task: &Task, place: &Place) -> Result<Folder, Failure> {
    let Source::Git { repository, reference, root_directory } = &task.assignment.work.source else {
        return Err(Failure::new(Reason::Internal, "There is nothing to clone."));
    };
    let (sender, mut said) = tokio::sync::mpsc::channel::<String>(64);
    let mut say = move |text: String| {
        // What does not fit is only told later by the next message.
        let _ = sender.try_send(text);
    };
    let name = task.assignment.project_id.to_string();
    let cloning = async {
        let failed = |error: crate::git::CloneError| {
            Failure::new(Reason::CloneFailed { kind: error.kind }, error.detail)
        };
        let fetched =
            task.node.mirrors.fetch(&name, repository, reference.as_ref(), &mut say).await.map_err(failed)?;
        fetched.export(&place.checkout, &mut say).await.map_err(failed)?;
        drop(say);
        Ok(fetched.commit)
    };
    let telling = async {
        while let Some(text) = said.recv().await {
            task.say("clone", text).await;
        }
    };
    let (commit, ()) = tokio::join!(cloning, telling);
    let commit = commit?;
    let short: String = commit.hash.chars().take(7).collect();
    task.say("clone", format!("At {short} by {}: {}", commit.author, commit.message)).await;
    task.report(|report| report.commit = Some(commit));
    // Only a folder will do: a link could lead out of the checkout.
    if !root_directory.is_root() && !tree::is_plain_folder(&place.checkout, root_directory) {
        let detail =
            format!("This commit has no folder `{root_directory}`. Correct the project's root directory.");
        return Err(Failure::new(Reason::RootDirectoryMissing, detail));
    }
    let (checkout, uid) = (place.checkout.clone(), APP_UID);
    let given = tokio::task::spawn_blocking(move || tree::give_all_to(&checkout, uid)).await;
    given
        .map_err(|error| internal("preparing the files", &error))?
        .map_err(|error| internal("preparing the files", &error))?;
    Ok(root_directory.clone())
}

async fn detect(task: &Task, checkout: &Path, root: &Folder) -> Result<BuildPlan, Failure> {
    let (checkout, settings, root) =
        (checkout.to_owned(), task.assignment.work.settings.clone(), root.clone());
    let detecting = move || pierhead_build::detect(&Directory::new(&checkout), &settings, root.as_str());
    let detected: Result<BuildPlan, DetectError> = tokio::task::spawn_blocking(detecting)
        .await
        .map_err(|error| internal("looking at the files", &error))?;
    let plan = detected.map_err(|error| Failure::new(Reason::DetectionFailed, error.to_string()))?;
    task.say("detect", format!("Detected {}", plan.name)).await;
    for warning in &plan.warnings {
        task.say("detect", format!("Note: {warning}")).await;
    }
    task.report(|report| report.plan = Some(plan.clone()));
    Ok(plan)
}

async fn build_in_container(
    task: &Task,
    place: &Place,
    plan: &BuildPlan,
    deadline: Instant,
) -> Result<Release, Failure> {
    let needs_runtime =
        plan.install_command.is_some() || plan.build_command.is_some() || plan.kind == Kind::Service;
    let runtime = if needs_runtime { Some(ensure_runtime(task, plan).await?) } else { None };
    let dependencies = match (&plan.install_command, &runtime) {
        (Some(command), Some(runtime)) => {
            step(task, "install", dependencies::ensure(task, place, plan, runtime, command, deadline)).await?
        }
        _ => None,
    };
    let lower: Vec<PathBuf> = std::iter::once(place.source.clone())
        .chain(dependencies.map(|layer| layer_folder(task, layer)))
        .collect();
    let upper = place.writable("upper").map_err(|error| internal("preparing a build", &error))?;
    if let (Some(command), Some(runtime)) = (&plan.build_command, &runtime) {
        let mut environment = environment(task, plan);
        for (key, value) in production(plan) {
            environment.entry(key).or_insert(value);
        }
        let container =
            BuildContainer { name: "build", image: &runtime.image, lower: &lower, upper: &upper, place };
        step(task, "build", container::run(task, &container, command, environment, deadline)).await?;
        crash_point!("agent.build_exited");
    }
    let stack: Vec<PathBuf> = std::iter::once(upper.clone()).chain(lower).collect();
    let releasing = async {
        match plan.kind {
            Kind::Site => publish::site(task, plan, &stack).await,
            Kind::Service | Kind::Image => {
                service_release(task, place, plan, &upper, runtime, dependencies).await
            }
        }
    };
    step(task, "release", releasing).await
}

/// A runtime's image on this node.
pub(crate) struct RuntimeImage {
    pub(crate) version: String,
    pub(crate) image: String,
}

pub(crate) async fn runtime_image(
    task: &Task,
    runtime: &str,
    version: Option<&str>,
) -> Result<RuntimeImage, Failure> {
    let failed = |error: RuntimeError| match error {
        RuntimeError::UnknownRuntime(_) | RuntimeError::UnknownVersion { .. } => {
            let hint = "Ask for another version, or add a Dockerfile.";
            Failure::new(Reason::DetectionFailed, format!("{error}. {hint}"))
        }
        error => internal("making a runtime", &error),
    };
    let version = runtimes::choose(runtime, version).map_err(failed)?;
    let (sender, mut said) = tokio::sync::mpsc::channel::<String>(64);
    let mut say = move |text: String| drop(sender.try_send(text));
    let making = async {
        let made = task.node.runtimes.ensure(runtime, &version, &mut say).await;
        drop(say);
        made
    };
    let telling = async {
        while let Some(text) = said.recv().await {
            task.say("runtime", text).await;
        }
    };
    let (image, ()) = tokio::join!(making, telling);
    Ok(RuntimeImage { image: image.map_err(failed)?, version })
}

async fn ensure_runtime(task: &Task, plan: &BuildPlan) -> Result<RuntimeImage, Failure> {
    runtime_image(task, plan.runtime.as_str(), plan.runtime_version.as_deref()).await
}

async fn service_release(
    task: &Task,
    place: &Place,
    plan: &BuildPlan,
    upper: &Path,
    runtime: Option<RuntimeImage>,
    dependencies: Option<pierhead_model::digest::Digest>,
) -> Result<Release, Failure> {
    let mut layers: Vec<_> = dependencies.into_iter().collect();
    layers.push(layers::keep(task, &place.source).await?);
    if let Some(layer) = layers::keep_unless_empty(task, upper).await? {
        layers.push(layer);
    }
    let mut variables = production(plan);
    variables.extend(plan.variables.clone());
    Ok(Release::Service(ServiceRelease {
        runtime: plan.runtime.as_str().to_owned(),
        runtime_version: runtime.map(|runtime| runtime.version).unwrap_or_default(),
        layers,
        start: StartSettings {
            command: plan.start_command.clone(),
            working_directory: ".".to_owned(),
            port: plan.port.unwrap_or(8080),
            variables,
            document_root: plan.document_root.clone(),
        },
    }))
}

/// What a build's process sees: the platform's own, the framework's, and what the project exposes while building. Secrets
/// of the running service are not there.
fn environment(task: &Task, plan: &BuildPlan) -> BTreeMap<String, String> {
    let mut environment = platform_variables(&task.assignment, task.latest().commit.as_ref());
    environment.extend(plan.variables.clone());
    let at_build = task.assignment.work.variables.iter().filter(|variable| variable.exposure.at_build());
    environment.extend(at_build.map(|variable| (variable.key.as_str().to_owned(), variable.value.clone())));
    let fixed = [
        ("CI", "true"),
        ("HOME", "/home/app"),
        ("TMPDIR", "/tmp"),
        ("NPM_CONFIG_FUND", "false"),
        ("NPM_CONFIG_AUDIT", "false"),
        ("NPM_CONFIG_UPDATE_NOTIFIER", "false"),
        ("COREPACK_ENABLE_DOWNLOAD_PROMPT", "0"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PYTHONUNBUFFERED", "1"),
        ("COMPOSER_ALLOW_SUPERUSER", "1"),
    ];
    environment.extend(fixed.map(|(key, value)| (key.to_owned(), value.to_owned())));
    if let Some(bundle) =
        container::CA_BUNDLE.into_iter().next().filter(|_| task.node.options.ca_bundle.is_some())
    {
        let readers =
            ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"];
        environment.extend(readers.map(|key| (key.to_owned(), bundle.to_owned())));
    }
    environment
}

/// Set while building and running unless the framework says otherwise, never while installing: package managers would leave the build tools out.
fn production(plan: &BuildPlan) -> BTreeMap<String, String> {
    let key = match plan.runtime {
        pierhead_model::plan::Runtime::Node => "NODE_ENV",
        pierhead_model::plan::Runtime::Php => "APP_ENV",
        _ => return BTreeMap::new(),
    };
    BTreeMap::from([(key.to_owned(), "production".to_owned())])
}
