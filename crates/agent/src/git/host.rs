//! Repositories that people push to: one bare repository for each project, on this machine's disk.
//!
//! What arrives is as hostile as what is cloned: it is taken into quarantine by git and checked object by object before any
//! branch moves, no hook of anybody runs, and nothing is checked out. A repository here is a cache of what was pushed:
//! whatever is wrong with it, deleting it is the remedy.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use parking_lot::Mutex;
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
    /// One push at a time to each repository: what moved is found by looking before and after.
    receiving: Mutex<HashMap<ProjectId, Arc<tokio::sync::Mutex<()>>>>,
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
        Ok(Self { git: Git::new(home, None), folder, limits, receiving: Mutex::default() })
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
        let turn = Arc::clone(self.receiving.lock().entry(project.clone()).or_default());
        let _alone = turn.lock().await;
        self.check_room()?;
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

    /// A push that fills the disk stops everything else on the machine.
    fn check_room(&self) -> Result<(), CloneError> {
        let status = rustix::fs::statvfs(&self.folder)
            .map_err(|error| CloneError::internal("looking for room", &error.into()))?;
        let (free, all) = (status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize);
        let kept = kept_free(all);
        if free >= kept {
            return Ok(());
        }
        let (free, kept) = (free >> 20, kept >> 20);
        let detail = format!(
            "the server's disk has {free} MiB left, and takes no pushes below {kept} MiB: make room there"
        );
        Err(CloneError::new(CloneFailure::Other, detail))
    }

    /// The projects whose repositories are here.
    pub async fn hosted(&self) -> std::io::Result<Vec<ProjectId>> {
        let folder = self.folder.clone();
        durable::blocking(move || {
            let mut found = Vec::new();
            for entry in fs_err::read_dir(folder)? {
                let name = entry?.file_name();
                let id = name.to_str().and_then(|name| name.strip_suffix(".git")).map(str::parse);
                found.extend(id.and_then(Result::ok));
            }
            Ok(found)
        })
        .await
    }

    /// Removes a project's repository, when no push is being taken. What is not there is as good.
    pub async fn forget(&self, project: &ProjectId) -> std::io::Result<()> {
        let turn = Arc::clone(self.receiving.lock().entry(project.clone()).or_default());
        let _alone = turn.lock().await;
        let path = self.folder.join(format!("{project}.git"));
        let removed = durable::blocking(move || match fs_err::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        })
        .await;
        self.receiving.lock().remove(project);
        removed
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

/// What of a disk is left to everything else: a twentieth, at least 256 MiB and at most 2 GiB.
fn kept_free(all: u64) -> u64 {
    (all / 20).clamp(256 << 20, 2 << 30)
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

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    #[tokio::test]
    async fn a_repository_is_there_until_its_project_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let limits = CloneLimits { bytes: 1 << 20, files: 10, timeout: LOCAL };
        let host = PushHost::open(folder.path().to_owned(), limits).unwrap();
        let [one, two] = [1, 2].map(|number| ProjectId::new(Timestamp::UNIX_EPOCH, number));
        for project in [&one, &two] {
            host.advertise(project).await.unwrap();
        }
        let mut hosted = host.hosted().await.unwrap();
        hosted.sort();
        assert_eq!(hosted, [one.clone(), two.clone()], "the folder of git's own settings is none");
        // Whoever pushes is waited for.
        let turn = Arc::clone(host.receiving.lock().entry(one.clone()).or_default());
        let taking = turn.lock().await;
        {
            let mut forgetting = Box::pin(host.forget(&one));
            assert!(futures::FutureExt::now_or_never(forgetting.as_mut()).is_none());
            assert!(folder.path().join(format!("{one}.git")).exists());
            drop(taking);
            forgetting.await.unwrap();
        }
        host.forget(&one).await.unwrap();
        assert_eq!(host.hosted().await.unwrap(), [two]);
    }

    #[test]
    fn some_of_a_disk_is_left_to_others() {
        for (all, kept) in [(1 << 30, 256 << 20), (20 << 30, 1 << 30), (1 << 40, 2 << 30)] {
            assert_eq!(kept_free(all), kept, "{all}");
        }
        let folder = tempfile::tempdir().unwrap();
        let limits = CloneLimits { bytes: 1 << 20, files: 10, timeout: LOCAL };
        let host = PushHost::open(folder.path().to_owned(), limits).unwrap();
        let status = rustix::fs::statvfs(folder.path()).unwrap();
        let full = status.f_bavail * status.f_frsize < kept_free(status.f_blocks * status.f_frsize);
        assert_eq!(host.check_room().is_err(), full);
    }
}
