//! One bare repository for each project, so that a push costs a small fetch.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pierhead_model::deployment::CloneFailure;
use pierhead_model::digest::Digest;
use pierhead_model::id::ProjectId;
use pierhead_model::source::{Commit, GitReference};
use tokio::sync::OwnedMutexGuard;

use super::CloneError;
use super::classify::sentence;
use super::command::{Finished, Git, RunError};
use super::remote::{Remote, empty_sentence};
use crate::durable;
use crate::options::CloneLimits;
use crate::overlay;

/// Local questions are answered at once, or something is very wrong.
const LOCAL: Duration = Duration::from_secs(60);
/// What the list of a repository's branches may take.
const MAX_LIST: u64 = 4 << 20;
/// How often a running fetch is measured.
const MEASURE: Duration = Duration::from_millis(250);

/// All mirrors of a node. One fetch at a time in each.
#[derive(Debug)]
pub(super) struct Mirrors {
    folder: PathBuf,
    locks: Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<()>>>>,
}

/// One mirror, held.
#[derive(Debug)]
pub(super) struct Mirror<'m> {
    path: PathBuf,
    _held: OwnedMutexGuard<()>,
    _of: std::marker::PhantomData<&'m Mirrors>,
}

impl Mirrors {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, locks: Mutex::default() }
    }

    pub(super) async fn of(&self, project: &ProjectId) -> Mirror<'_> {
        let lock = Arc::clone(self.locks.lock().entry(project.clone()).or_default());
        let held = lock.lock_owned().await;
        Mirror {
            path: self.folder.join(format!("{project}.git")),
            _held: held,
            _of: std::marker::PhantomData,
        }
    }
}

impl Mirror<'_> {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the mirror when there is none, and clears what a killed fetch left.
    pub(super) async fn prepare(&self, git: &Git) -> Result<(), CloneError> {
        if !self.path.exists() {
            self.make(git).await.map_err(|error| CloneError::internal("making the mirror", &error))??;
        }
        let path = self.path.clone();
        let cleared = durable::blocking(move || clear_leftovers(&path)).await;
        cleared.map_err(|error| CloneError::internal("cleaning the mirror", &error))
    }

    /// Made beside and renamed: a git that is killed while it makes one leaves no half of a mirror.
    async fn make(&self, git: &Git) -> std::io::Result<Result<(), CloneError>> {
        let parent = self.path.parent().map(Path::to_path_buf).unwrap_or_default();
        let beside = durable::blocking(move || tempfile::tempdir_in(parent)).await?;
        let made = beside.path().join("mirror.git");
        let text = made.display().to_string();
        let arguments = ["init", "--bare", "--quiet", "--template=", "--", &text];
        if let Err(error) = local(git.run(git.arguments(None, &arguments), LOCAL, 4096).await) {
            return Ok(Err(error));
        }
        fs_err::rename(made, &self.path)?;
        Ok(Ok(()))
    }

    /// Whether a commit is here already.
    pub(super) async fn holds(&self, git: &Git, hash: &str) -> Result<bool, CloneError> {
        let arguments = git.arguments(Some(&self.path), &["cat-file", "-e", &format!("{hash}^{{commit}}")]);
        Ok(git.run(arguments, LOCAL, 4096).await.map_err(|error| ended(&error))?.success)
    }

    /// Fetches a reference (the default branch when there is none) and says its commit.
    pub(super) async fn fetch(
        &self,
        git: &Git,
        remote: &Remote,
        reference: Option<&GitReference>,
        limits: &CloneLimits,
    ) -> Result<String, CloneError> {
        let result = match reference {
            None => self.fetch_one(git, remote, "HEAD", limits).await,
            Some(commit) if commit.is_commit() => {
                return self.fetch_commit(git, remote, commit.as_str(), limits).await;
            }
            Some(name) => {
                let branch = self.fetch_one(git, remote, &format!("refs/heads/{name}"), limits).await;
                match branch {
                    Err(error) if error.kind == CloneFailure::NoSuchReference => {
                        self.fetch_one(git, remote, &format!("refs/tags/{name}"), limits).await
                    }
                    result => result,
                }
            }
        };
        match result {
            Err(error) if error.kind == CloneFailure::NoSuchReference => {
                Err(self.explain_missing(git, remote, reference).await)
            }
            result => result,
        }
    }

    async fn fetch_one(
        &self,
        git: &Git,
        remote: &Remote,
        name: &str,
        limits: &CloneLimits,
    ) -> Result<String, CloneError> {
        let ours = format!("refs/pierhead/{}", &Digest::of(name.as_bytes()).to_hex()[..16]);
        let depth = if remote.smart { Depth::One } else { Depth::Unchanged };
        self.run_fetch(git, remote, &[&format!("+{name}:{ours}")], depth, limits).await?;
        self.commit_of(git, &ours).await
    }

    /// A server may refuse to hand out a commit by its hash; then everything is fetched and looked through.
    async fn fetch_commit(
        &self,
        git: &Git,
        remote: &Remote,
        hash: &str,
        limits: &CloneLimits,
    ) -> Result<String, CloneError> {
        let ours = format!("refs/pierhead/{}", &hash[..16]);
        if remote.smart {
            match self.run_fetch(git, remote, &[&format!("+{hash}:{ours}")], Depth::One, limits).await {
                Ok(()) => return self.commit_of(git, &ours).await,
                Err(error)
                    if !matches!(error.kind, CloneFailure::CommitGone | CloneFailure::NoSuchReference) =>
                {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        let all = ["+refs/heads/*:refs/pierhead/all/heads/*", "+refs/tags/*:refs/pierhead/all/tags/*"];
        let depth = if remote.smart { Depth::Whole } else { Depth::Unchanged };
        self.run_fetch(git, remote, &all, depth, limits).await?;
        if self.holds(git, hash).await? {
            return Ok(hash.to_owned());
        }
        Err(CloneError::new(
            CloneFailure::CommitGone,
            format!(
                "the commit {hash} is not in the repository any more: it was probably replaced by a forced push"
            ),
        ))
    }

    async fn run_fetch(
        &self,
        git: &Git,
        remote: &Remote,
        specs: &[&str],
        depth: Depth,
        limits: &CloneLimits,
    ) -> Result<(), CloneError> {
        let settings = remote.settings();
        let mut command: Vec<&str> = settings.iter().map(String::as_str).collect();
        command.extend([
            "fetch",
            "--quiet",
            "--force",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
        ]);
        command.extend(depth.argument());
        command.extend(["--", &remote.url]);
        command.extend(specs);
        let mut arguments = git.arguments(None, &[]);
        arguments.push(format!("--git-dir={}", self.path.display()));
        arguments.extend(command.into_iter().map(str::to_owned));
        let finished = tokio::select! {
            finished = git.run_with(&remote.entry, arguments, limits.timeout, 4096) => finished.map_err(|error| ended(&error))?,
            error = too_large(self.path.join("objects"), limits.bytes) => return Err(error),
        };
        if finished.success {
            return Ok(());
        }
        Err(remote.explained(&finished.stderr, "the repository cannot be fetched"))
    }

    async fn commit_of(&self, git: &Git, name: &str) -> Result<String, CloneError> {
        let wanted = format!("{name}^{{commit}}");
        let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted];
        let finished = local(git.run(git.arguments(Some(&self.path), &arguments), LOCAL, 4096).await)?;
        Ok(String::from_utf8_lossy(&finished.stdout).trim().to_owned())
    }

    /// The commit's own words.
    pub(super) async fn describe(&self, git: &Git, hash: &str) -> Result<Commit, CloneError> {
        let arguments =
            ["log", "-1", "--no-mailmap", "--no-show-signature", "--format=%s%x00%an%x00", hash, "--"];
        let finished = local(git.run(git.arguments(Some(&self.path), &arguments), LOCAL, 1 << 20).await)?;
        let text = String::from_utf8_lossy(&finished.stdout).into_owned();
        let mut fields = text.split('\0');
        let mut field =
            || fields.next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
        Ok(Commit { hash: hash.to_owned(), message: field(), author: field() })
    }

    /// An empty repository, or one that has other branches: their names help.
    async fn explain_missing(&self, git: &Git, remote: &Remote, wanted: Option<&GitReference>) -> CloneError {
        let settings = remote.settings();
        let mut command: Vec<&str> = settings.iter().map(String::as_str).collect();
        command.extend(["ls-remote", "--heads", "--", &remote.url]);
        let listed = git.run_with(&remote.entry, git.arguments(None, &command), LOCAL, MAX_LIST).await;
        let listed =
            listed.map(|finished| String::from_utf8_lossy(&finished.stdout).into_owned()).unwrap_or_default();
        let heads: Vec<_> =
            listed.lines().filter_map(|line| line.split_once("refs/heads/")).map(|(_, name)| name).collect();
        if heads.is_empty() {
            return CloneError::new(CloneFailure::EmptyRepository, empty_sentence());
        }
        let shown = heads.iter().take(10).copied().collect::<Vec<_>>().join(", ");
        let wanted = wanted.map_or("default branch", GitReference::as_str);
        CloneError::new(
            CloneFailure::NoSuchReference,
            format!("the repository has no branch or tag `{wanted}`; it has these branches: {shown}"),
        )
    }
}

/// How much history is fetched.
#[derive(Debug, Clone, Copy)]
enum Depth {
    One,
    /// Everything, also when the mirror is shallow.
    Whole,
    Unchanged,
}

impl Depth {
    const fn argument(self) -> Option<&'static str> {
        match self {
            Self::One => Some("--depth=1"),
            // Git's own word for infinite: `--unshallow` fails where there is nothing to do.
            Self::Whole => Some("--depth=2147483647"),
            Self::Unchanged => None,
        }
    }
}

/// Resolves when the objects have grown beyond the limit.
async fn too_large(objects: PathBuf, limit: u64) -> CloneError {
    let measure = |objects: PathBuf| durable::blocking(move || Ok(overlay::usage(&objects, u64::MAX).0));
    let before = measure(objects.clone()).await.unwrap_or(0);
    let mut ticks = tokio::time::interval(MEASURE);
    loop {
        ticks.tick().await;
        let grown = measure(objects.clone()).await.unwrap_or(before).saturating_sub(before);
        if grown > limit {
            return CloneError::new(
                CloneFailure::TooLarge,
                format!("the repository is larger than {} MiB: keep large files out of it", limit >> 20),
            );
        }
    }
}

/// Locks and half packs of a process that was killed. This process holds the only lock that counts.
fn clear_leftovers(mirror: &Path) -> std::io::Result<()> {
    for entry in
        walkdir::WalkDir::new(mirror).into_iter().filter_entry(|entry| entry.file_name() != "pack").flatten()
    {
        if entry.file_type().is_file()
            && entry.path().extension().is_some_and(|extension| extension == "lock")
        {
            fs_err::remove_file(entry.path())?;
        }
    }
    for entry in fs_err::read_dir(mirror.join("objects").join("pack")).into_iter().flatten() {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b"tmp_") {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A local command that can only fail when the node has a problem.
pub(super) fn local(finished: Result<Finished, RunError>) -> Result<Finished, CloneError> {
    let finished = finished.map_err(|error| ended(&error))?;
    if finished.success {
        return Ok(finished);
    }
    let said = sentence(&finished.stderr);
    Err(CloneError::new(
        CloneFailure::Other,
        format!("git failed on the node: {said}; look at the agent's log"),
    ))
}

pub(super) fn ended(error: &RunError) -> CloneError {
    let kind = match error {
        RunError::NotRun(_) => CloneFailure::Other,
        RunError::TooLong(_) => CloneFailure::Timeout,
        RunError::TooMuch(_) => CloneFailure::TooLarge,
    };
    CloneError::new(kind, error.to_string())
}
