//! Install and build, in throw-away containers over the checkout.
//!
//! What a container sees below `/app` is an overlay: an empty writable folder over the checkout over the dependencies. The
//! checkout is never written, so a second container starts from the same files. What an install wrote becomes the
//! dependencies, kept under a key of all that decided it; with the same key there is no install. The checkout lies above
//! the dependencies, so a repository's own files always win.

use std::path::{Path, PathBuf};
use std::time::Duration;

use pierhead_engine::spec::{
    ContainerSpec, Limits as EngineLimits, Mount, NetworkMode, Profile, VolumeKind, VolumeSpec,
};
use pierhead_model::deployment::Reason;
use pierhead_model::plan::BuildPlan;
use sha2::{Digest as _, Sha256};

use super::container::{self, Allowance};
use super::environment::{self, APP, Part};
use super::{Run, StepError, network, root_of};
use crate::labels;
use crate::options::RuntimeImage;
use crate::overlay::{self, Merged, Node, make_app_folder};

/// Builds give way to services when cores are short.
const BUILD_WEIGHT: u32 = 50;
/// Builds are ended before services when the machine is out of memory.
const BUILD_OOM_SCORE: i32 = 900;
const USER: &str = "10001:10001";

/// The folders that a build's result lies in.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) checkout: PathBuf,
    /// What the build command wrote.
    pub(super) written: Option<PathBuf>,
    pub(super) dependencies: Option<Dependencies>,
    pub(super) image: Option<RuntimeImage>,
}

#[derive(Debug, Clone)]
pub(super) struct Dependencies {
    pub(super) key: String,
    pub(super) folder: PathBuf,
}

impl Built {
    /// Highest first, as the container saw them.
    pub(super) fn merged(&self) -> Merged {
        let dependencies = self.dependencies.as_ref().map(|dependencies| dependencies.folder.clone());
        Merged::new(self.written.iter().cloned().chain([self.checkout.clone()]).chain(dependencies).collect())
    }
}

/// Runs the plan's commands within the build's time.
pub(super) async fn compile(run: &Run, plan: &BuildPlan, checkout: PathBuf) -> Result<Built, StepError> {
    let limit_s = run.held.assignment.work.limits.build_timeout_s;
    let commands = run_commands(run, plan, checkout);
    tokio::time::timeout(Duration::from_secs(limit_s.into()), commands).await.unwrap_or_else(|_| {
        let detail = format!(
            "the build took longer than its {limit_s} s and was ended: raise `build_timeout_s`, or make it faster"
        );
        Err(StepError::failed(Reason::BuildTimeout { limit_s }, detail))
    })
}

async fn run_commands(run: &Run, plan: &BuildPlan, checkout: PathBuf) -> Result<Built, StepError> {
    let install = plan.install_command.as_deref().filter(|command| !command.trim().is_empty());
    let build = plan.build_command.as_deref().filter(|command| !command.trim().is_empty());
    let mut built = Built { checkout, written: None, dependencies: None, image: None };
    if install.is_none() && build.is_none() {
        return Ok(built);
    }
    let image = runtime_image(run, plan).await?;
    if let Some(command) = install {
        let dependencies = install_dependencies(run, plan, &built.checkout, &image, command).await?;
        built.dependencies = Some(dependencies);
    }
    if let Some(command) = build {
        let lower = lower_of(&built);
        let written = run.step("build", run_build(run, plan, &image, lower, command)).await?;
        built.written = Some(written);
    }
    built.image = Some(image);
    Ok(built)
}

/// The base image of a plan.
pub(super) async fn runtime_image(run: &Run, plan: &BuildPlan) -> Result<RuntimeImage, StepError> {
    let say = |line: &str| run.log.say("install", line);
    let image = run.node.runtime(plan.runtime.as_str(), plan.runtime_version.as_deref(), &say).await;
    image.map_err(|error| StepError::failed(Reason::Internal, error.to_string()))
}

fn lower_of(built: &Built) -> Vec<PathBuf> {
    let dependencies = built.dependencies.as_ref().map(|dependencies| dependencies.folder.clone());
    std::iter::once(built.checkout.clone()).chain(dependencies).collect()
}

async fn install_dependencies(
    run: &Run,
    plan: &BuildPlan,
    checkout: &Path,
    image: &RuntimeImage,
    command: &str,
) -> Result<Dependencies, StepError> {
    let key = {
        let (root, inputs) = (root_of(plan).to_owned(), plan.dependency_inputs.clone());
        let fixed = [run.held.assignment.project_id.to_string(), image.id.clone(), command.to_owned()];
        let checkout = checkout.to_path_buf();
        run.blocking("reading the lock files", move || dependency_key(&fixed, &checkout, &root, &inputs))
            .await?
    };
    // Without inputs nothing says when they change; asked to ignore the cache, nothing is shared either.
    let shared = !plan.dependency_inputs.is_empty() && !run.held.assignment.work.no_cache;
    let key = if shared { key } else { format!("{key}-{}", run.id) };
    if let Some(folder) = run.node.layers.dependencies(&key) {
        run.node.layers.touch(&key);
        run.skipped("install", "dependencies from cache").await?;
        return Ok(Dependencies { key, folder });
    }
    let work = async {
        let upper = prepare(run, "install").await?;
        let spec = Command {
            name: "install",
            part: Part::Install,
            command,
            lower: vec![checkout.to_path_buf()],
            upper,
        };
        let upper = execute(run, plan, image, spec).await?;
        let kept = run.node.layers.keep_dependencies(&key, upper).await;
        kept.map_err(StepError::disk("keeping the dependencies"))
    };
    let folder = run.step("install", work).await?;
    Ok(Dependencies { key, folder })
}

/// Everything that decides what an install makes.
fn dependency_key(
    fixed: &[String],
    checkout: &Path,
    root: &str,
    inputs: &[String],
) -> std::io::Result<String> {
    let tree = Merged::new(vec![checkout.to_path_buf()]);
    let mut hasher = Sha256::new();
    let mut add = |text: &[u8]| {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    };
    for text in fixed {
        add(text.as_bytes());
    }
    add(root.as_bytes());
    let mut inputs: Vec<_> = inputs.iter().collect();
    inputs.sort_unstable();
    inputs.dedup();
    for input in inputs {
        add(input.as_bytes());
        match tree.resolve(&[], &Path::new(root).join(input)) {
            Ok((_, Node::File { path, .. })) => add(overlay::hash_file(&path)?.as_bytes()),
            Ok(_) | Err(_) => add(b"absent"),
        }
    }
    Ok(hex::encode(hasher.finalize()))
}

async fn run_build(
    run: &Run,
    plan: &BuildPlan,
    image: &RuntimeImage,
    lower: Vec<PathBuf>,
    command: &str,
) -> Result<PathBuf, StepError> {
    let upper = prepare(run, "build").await?;
    let caches = Caches::of(run, plan);
    caches.move_in(run, &upper).await?;
    let spec = Command { name: "build", part: Part::Build, command, lower, upper: upper.clone() };
    let result = execute(run, plan, image, spec).await;
    caches.move_out(run, &upper).await?;
    result
}

/// Fresh folders for a step's overlay.
async fn prepare(run: &Run, step: &'static str) -> Result<PathBuf, StepError> {
    let (folder, home, tmp) = (run.folder(step), run.folder("home"), run.folder("tmp"));
    run.blocking("making the build's folders", move || {
        for path in [&folder.join("upper"), &folder.join("work"), &home, &tmp] {
            make_app_folder(path)?;
        }
        Ok(folder.join("upper"))
    })
    .await
}

struct Command<'c> {
    name: &'static str,
    part: Part,
    command: &'c str,
    /// Highest first.
    lower: Vec<PathBuf>,
    upper: PathBuf,
}

/// Runs one command; what it wrote is in the upper folder then.
async fn execute(
    run: &Run,
    plan: &BuildPlan,
    image: &RuntimeImage,
    command: Command<'_>,
) -> Result<PathBuf, StepError> {
    let name = format!("ph-{}-{}", run.id, command.name);
    let labels = labels::of_object(&run.identity, &run.held, command.name);
    let limits = &run.held.assignment.work.limits;
    container::remove_named(run, &name).await?;
    let work = run.folder(command.name).join("work");
    let volume = VolumeSpec {
        name: name.clone(),
        labels: labels.clone(),
        kind: VolumeKind::Overlay { lower: command.lower, upper: command.upper.clone(), work },
    };
    let engine = std::sync::Arc::clone(&run.node.engine);
    run.settle("making the build's volume", async move { engine.volume_create(&volume).await }).await?;
    let network = network::ensure(run).await?;

    run.log.say(command.name, &format!("$ {}", command.command));
    let memory_bytes = u64::from(limits.build_memory_mb) << 20;
    let mut spec = ContainerSpec::new(
        &name,
        &image.reference,
        Profile::Build,
        EngineLimits {
            cpu_weight: BUILD_WEIGHT,
            oom_score_adj: BUILD_OOM_SCORE,
            ..EngineLimits::new(memory_bytes, millis(limits.build_cpu), limits.build_pids)
        },
    );
    spec.entrypoint = Some(vec!["/bin/sh".to_owned(), "-c".to_owned()]);
    spec.command = Some(vec![command.command.to_owned()]);
    spec.user = Some(USER.to_owned());
    spec.working_dir = Some(environment::in_app(root_of(plan)));
    spec.env = environment::of_build(run, plan, command.part);
    spec.labels = labels;
    spec.network = NetworkMode::Named { network, aliases: Vec::new() };
    // Everything it can write lies in the run's folder: it is measured, and it goes with it.
    spec.read_only_root = true;
    spec.mounts = vec![
        Mount::Volume { name: name.clone(), target: APP.to_owned(), read_only: false, filled: false },
        Mount::Bind { source: run.folder("home"), target: "/home/app".to_owned(), read_only: false },
        Mount::Bind { source: run.folder("tmp"), target: "/tmp".to_owned(), read_only: false },
    ];
    spec.mounts.extend(environment::ca_mount(run));

    let allowance = Allowance {
        memory_mb: limits.build_memory_mb,
        pids: limits.build_pids,
        disk_mb: limits.build_disk_mb,
        folder: container::measured(run),
    };
    let code = container::run_to_end(run, spec, command.name, name, &allowance).await?;
    if code == 0 {
        return Ok(command.upper);
    }
    let detail = format!("`{}` ended with exit code {code}: see the log's last lines", command.command);
    Err(StepError::failed(Reason::BuildFailed { exit_code: Some(code) }, detail))
}

pub(crate) fn millis(cores: f64) -> u32 {
    // Limits are within bounds, so this neither overflows nor loses its sign.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits just before"
    )]
    let millis = (cores * 1000.0).clamp(10.0, 1_000_000.0) as u32;
    millis
}

/// A framework's caches, moved into a build's folder and out again: the same file system, so a move is a rename.
///
/// They belong to one project. Two builds of it at once: the second finds none. A build that was killed loses them, since
/// they may be half written.
struct Caches {
    /// Where it is kept, and its path below `/app`.
    pairs: Vec<(PathBuf, PathBuf)>,
}

impl Caches {
    fn of(run: &Run, plan: &BuildPlan) -> Self {
        let folder = run.node.layout.caches(&run.held.assignment.project_id);
        let plain = |path: &&String| {
            Path::new(path.as_str()).components().all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        let pair = |path: &String| {
            let place = Path::new(root_of(plan)).join(path);
            let name = hex::encode(Sha256::digest(place.as_os_str().as_encoded_bytes()));
            (folder.join(&name[..16]), place)
        };
        let wanted = !run.held.assignment.work.no_cache;
        Self { pairs: plan.caches.iter().filter(plain).filter(|_| wanted).map(pair).collect() }
    }

    async fn move_in(&self, run: &Run, upper: &Path) -> Result<(), StepError> {
        for (kept, place) in self.pairs.clone() {
            let upper = upper.to_path_buf();
            run.blocking("moving a cache in", move || {
                if !kept.is_dir() {
                    return Ok(());
                }
                let mut folder = upper;
                for part in place.parent().into_iter().flat_map(Path::components) {
                    folder.push(part);
                    make_app_folder(&folder)?;
                }
                let target = folder.join(place.file_name().unwrap_or_default());
                if target.exists() { Ok(()) } else { fs_err::rename(&kept, target) }
            })
            .await?;
        }
        Ok(())
    }

    async fn move_out(&self, run: &Run, upper: &Path) -> Result<(), StepError> {
        for (kept, place) in self.pairs.clone() {
            let upper = upper.to_path_buf();
            run.blocking("moving a cache out", move || {
                let written = Merged::new(vec![upper.clone()]);
                let is_folder = matches!(written.resolve(&[], &place), Ok((at, Node::Folder(_))) if at.iter().collect::<PathBuf>() == place);
                if !is_folder {
                    return Ok(());
                }
                if let Some(parent) = kept.parent() {
                    fs_err::create_dir_all(parent)?;
                }
                if kept.exists() {
                    fs_err::remove_dir_all(&kept)?;
                }
                fs_err::rename(upper.join(&place), kept)
            })
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_sees_everything_that_decides_the_dependencies_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| fs_err::write(folder.path().join(name), content).unwrap();
        fs_err::create_dir(folder.path().join("web")).unwrap();
        write("package-lock.json", "1");
        write("web/package-lock.json", "2");
        write("index.js", "1");
        let fixed = ["prj".to_owned(), "sha256:1".to_owned(), "npm ci".to_owned()];
        let inputs = ["package.json".to_owned(), "package-lock.json".to_owned()];
        let key = |fixed: &[String], root: &str, inputs: &[String]| {
            dependency_key(fixed, folder.path(), root, inputs).unwrap()
        };
        let first = key(&fixed, "", &inputs);
        write("index.js", "2");
        assert_eq!(key(&fixed, "", &inputs), first, "a source file does not matter");
        let swapped = [inputs[1].clone(), inputs[0].clone(), inputs[0].clone()];
        assert_eq!(key(&fixed, "", &swapped), first, "order and repetition do not matter");
        assert_ne!(key(&fixed, "web", &inputs), first, "another root directory");
        for index in 0..fixed.len() {
            let mut other = fixed.clone();
            other[index].push('x');
            assert_ne!(key(&other, "", &inputs), first, "another project, image or command");
        }
        write("package-lock.json", "2");
        assert_ne!(key(&fixed, "", &inputs), first, "another lock file");
        write("package-lock.json", "1");
        write("package.json", "{}");
        assert_ne!(key(&fixed, "", &inputs), first, "a file that was absent");
    }

    #[test]
    fn an_input_outside_of_the_checkout_is_absent() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("lock")).unwrap();
        let key = |input: &str| dependency_key(&[], folder.path(), "", &[input.to_owned()]).unwrap();
        fs_err::remove_file(folder.path().join("lock")).unwrap();
        let absent = key("lock");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("lock")).unwrap();
        assert_eq!(key("lock"), absent);
    }

    #[test]
    fn cores_in_thousandths() {
        assert_eq!([millis(0.5), millis(2.0), millis(0.0), millis(f64::MAX)], [500, 2000, 10, 1_000_000]);
    }
}
