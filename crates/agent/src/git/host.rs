//! Repositories that people push to: one bare repository for each project, on this machine's disk.
//!
//! What arrives is as hostile as what is cloned: it is taken into quarantine by git and checked object by object before any
//! branch moves, no hook of anybody runs, and nothing is checked out. A repository here is a cache of what was pushed:
//! whatever is wrong with it, deleting it is the remedy.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use pierhead_model::deployment::CloneFailure;
use pierhead_model::digest::Digest;
use pierhead_model::id::ProjectId;
use pierhead_model::source::Commit;
use pierhead_model::tree::{FileTree, TreeEntry};
use pierhead_wire::BlobChannel;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::command::Git;
use super::mirror::local;
use super::{CloneError, export, look};
use crate::durable;
use crate::inspect::InspectError;
use crate::options::CloneLimits;

const LOCAL: Duration = Duration::from_secs(60);
/// A pack may come over a slow line.
const RECEIVING: Duration = Duration::from_secs(30 * 60);
const MAX_ANSWER: u64 = 1 << 20;
const MAX_LIST: u64 = 4 << 20;

/// Takes pushes.
#[derive(Debug)]
pub struct PushHost {
    git: Git,
    folder: PathBuf,
    limits: CloneLimits,
    /// One push at a time: what moved is found by looking before and after.
    receiving: tokio::sync::Mutex<()>,
}

/// What came of a push.
#[derive(Debug)]
pub struct Received {
    /// In git's own protocol, for whoever pushed.
    pub answer: Bytes,
    /// Branches that are elsewhere now, and where.
    pub moved: Vec<(String, String)>,
}

impl PushHost {
    /// `folder` is made when it is missing.
    pub fn open(folder: PathBuf, limits: CloneLimits) -> std::io::Result<Self> {
        let home = folder.join("home");
        fs_err::create_dir_all(&home)?;
        Ok(Self { git: Git::new(home, None), folder, limits, receiving: tokio::sync::Mutex::new(()) })
    }

    /// What is there, in git's own protocol.
    pub async fn advertise(&self, project: &ProjectId) -> Result<Bytes, InspectError> {
        let repository = self.repository(project).await?;
        let shown = repository.display().to_string();
        let arguments = ["receive-pack", "--stateless-rpc", "--advertise-refs", &shown];
        let finished = local(self.git.run(self.git.arguments(None, &arguments), LOCAL, MAX_LIST).await)?;
        Ok(finished.stdout.into())
    }

    /// Takes what is pushed.
    pub async fn receive(
        &self,
        project: &ProjectId,
        pack: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<Received, InspectError> {
        let repository = self.repository(project).await?;
        let _alone = self.receiving.lock().await;
        let before = self.branches(&repository).await?;
        let limit = format!("receive.maxInputSize={}", self.limits.bytes);
        let shown = repository.display().to_string();
        let command =
            ["-c", &limit, "-c", "receive.autogc=false", "receive-pack", "--stateless-rpc", shown.as_str()];
        let receiving = self.fed(self.git.arguments(None, &command), pack);
        let too_long = CloneError::new(CloneFailure::Timeout, "the push took longer than half an hour");
        let answer = tokio::time::timeout(RECEIVING, receiving).await.map_err(|_| too_long)??;
        let after = self.branches(&repository).await?;
        let moved = after.into_iter().filter(|(name, commit)| before.get(name) != Some(commit)).collect();
        Ok(Received { answer, moved })
    }

    /// Runs git with a stream as its input. What git says of a refusal is in its answer.
    async fn fed(
        &self,
        arguments: Vec<String>,
        mut input: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<Bytes, CloneError> {
        let internal = |error: std::io::Error| CloneError::internal("taking a push", &error);
        let mut command = Command::new("git");
        command.args(arguments).env_clear().envs(self.git.environment());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(internal)?;
        let (Some(mut asked), Some(answer)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(internal(std::io::Error::other("git has no pipes")));
        };
        let feeding = async move {
            while let Some(piece) = input.next().await {
                // Git stops reading when it refuses: its answer says why.
                if asked.write_all(&piece?).await.is_err() {
                    break;
                }
            }
            asked.shutdown().await.or(Ok(()))
        };
        let mut said = Vec::new();
        let mut answer = answer.take(MAX_ANSWER);
        let (fed, read) = tokio::join!(feeding, answer.read_to_end(&mut said));
        fed.and(read).map_err(internal)?;
        child.wait().await.map_err(internal)?;
        Ok(said.into())
    }

    /// The files of a commit, each stored, and the commit's own words.
    pub async fn snapshot(
        &self,
        project: &ProjectId,
        commit: &str,
        blobs: &dyn BlobChannel,
    ) -> Result<(FileTree, Commit), InspectError> {
        let internal = |error: std::io::Error| CloneError::internal("storing what was pushed", &error);
        let repository = self.repository(project).await?;
        let words =
            ["log", "-1", "--no-mailmap", "--no-show-signature", "--format=%s%x00%an%x00", commit, "--"];
        let described =
            local(self.git.run(self.git.arguments(Some(&repository), &words), LOCAL, 1 << 20).await)?;
        let scratch = tempfile::tempdir_in(&self.folder).map_err(internal)?;
        let target = scratch.path().join("tree");
        let mut budget = export::Budget { bytes: self.limits.bytes, files: self.limits.files };
        let stop = Arc::new(AtomicBool::new(false));
        let links = export::export(&self.git, &repository, commit, &target, &mut budget, stop).await?;
        if !links.is_empty() {
            let detail =
                "the commit has submodules, which cannot be pushed with it: deploy from a repository instead";
            return Err(CloneError::new(CloneFailure::Submodule, detail).into());
        }
        let gathered = durable::blocking(move || gather(&target)).await.map_err(internal)?;
        let digests: Vec<Digest> = gathered.paths.keys().copied().collect();
        let lost = |error: pierhead_wire::BlobError| internal(std::io::Error::other(error));
        for digest in blobs.missing(&digests).await.map_err(lost)? {
            if let Some(path) = gathered.paths.get(&digest) {
                blobs.put_file(digest, path.clone()).await.map_err(lost)?;
            }
        }
        Ok((FileTree { files: gathered.files }, look::words(commit, &described.stdout)))
    }

    async fn branches(&self, repository: &Path) -> Result<BTreeMap<String, String>, CloneError> {
        let arguments = ["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/"];
        let arguments = self.git.arguments(Some(repository), &arguments);
        let listed = local(self.git.run(arguments, LOCAL, MAX_LIST).await)?;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        let pair =
            |line: &str| line.split_once(' ').map(|(commit, name)| (name.to_owned(), commit.to_owned()));
        Ok(text.lines().filter_map(pair).collect())
    }

    async fn repository(&self, project: &ProjectId) -> Result<PathBuf, CloneError> {
        let path = self.folder.join(format!("{project}.git"));
        if !path.join("HEAD").exists() {
            let shown = path.display().to_string();
            let init = ["init", "--quiet", "--bare", "--initial-branch=main", "--", &shown];
            local(self.git.run(self.git.arguments(None, &init), LOCAL, 4096).await)?;
        }
        Ok(path)
    }
}

struct Gathered {
    files: BTreeMap<String, TreeEntry>,
    paths: BTreeMap<Digest, PathBuf>,
}

fn gather(root: &Path) -> std::io::Result<Gathered> {
    let mut gathered = Gathered { files: BTreeMap::new(), paths: BTreeMap::new() };
    for entry in walkdir::WalkDir::new(root).follow_links(false) {
        let entry = entry?;
        let relative = entry.path().strip_prefix(root).map_err(std::io::Error::other)?;
        let name = relative.to_str().ok_or_else(|| std::io::Error::other("a name is not UTF-8"))?.to_owned();
        let kind = entry.file_type();
        let found = if kind.is_symlink() {
            TreeEntry::Link { target: fs_err::read_link(entry.path())?.to_string_lossy().into_owned() }
        } else if kind.is_file() {
            let content = fs_err::read(entry.path())?;
            let digest = Digest::of(&content);
            let executable = entry.metadata()?.permissions().mode() & 0o111 != 0;
            gathered.paths.insert(digest, entry.path().to_owned());
            TreeEntry::File { digest, size: content.len() as u64, executable }
        } else {
            continue;
        };
        gathered.files.insert(name, found);
    }
    Ok(gathered)
}
