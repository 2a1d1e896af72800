//! A bare mirror per project: what was fetched once is not fetched again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;
use pierhead_model::deployment::CloneFailure;
use pierhead_model::source::{Commit, GitReference, RepositoryUrl};

use super::address::resolve;
use super::command::{git, run};
use super::failure::{CloneError, classify, explain};
use super::submodule;

/// A fetch may take this long.
const FETCH_LIMIT: Duration = Duration::from_secs(180);
const LOCAL_LIMIT: Duration = Duration::from_secs(60);
const REDIRECTS: usize = 5;
/// What a commit may hold.
const MAXIMUM_FILES: usize = 100_000;
const MAXIMUM_BYTES: u64 = 1 << 30;
/// Where the fetched commit is kept.
const FETCHED: &str = "refs/pierhead/fetched";

#[derive(Debug)]
pub(crate) struct Mirrors {
    folder: PathBuf,
    allow: Vec<IpNet>,
    /// One fetch at a time per mirror.
    busy: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A commit that lies in a mirror.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(super) git_dir: PathBuf,
    pub(super) allow: Vec<IpNet>,
    pub(super) repository: RepositoryUrl,
    pub(crate) commit: Commit,
    pub(super) depth: usize,
}

impl Mirrors {
    pub(crate) fn new(folder: PathBuf, allow: Vec<IpNet>) -> Self {
        Self { folder, allow, busy: Mutex::default() }
    }

    /// Fetches one commit of a repository into the mirror called `name`.
    pub(crate) async fn fetch(
        &self,
        name: &str,
        repository: &RepositoryUrl,
        reference: Option<&GitReference>,
        say: &mut (dyn FnMut(String) + Send),
    ) -> Result<Fetched, CloneError> {
        let lock = Arc::clone(self.busy.lock().entry(name.to_owned()).or_default());
        let _only_one = lock.lock().await;
        let git_dir = self.folder.join(format!("{name}.git"));
        fetch_into(git_dir, &self.allow, repository, reference, 0, say).await
    }
}

/// Fetches into a bare repository at `git_dir`, made if it is missing.
pub(super) async fn fetch_into(
    git_dir: PathBuf,
    allow: &[IpNet],
    repository: &RepositoryUrl,
    reference: Option<&GitReference>,
    depth: usize,
    say: &mut (dyn FnMut(String) + Send),
) -> Result<Fetched, CloneError> {
    let wanted = reference.map_or("HEAD", |reference| reference.as_str());
    if !git_dir.join("HEAD").exists() {
        fs_err::create_dir_all(&git_dir).map_err(internal)?;
        let mut init = git(&git_dir);
        init.args(["init", "--quiet", "--bare"]).arg("--").arg(&git_dir);
        must(run(init, LOCAL_LIMIT).await, repository, wanted)?;
    }
    let known = reference.filter(|reference| reference.is_commit());
    let there = match known {
        Some(commit) => has_commit(&git_dir, commit.as_str()).await?,
        None => false,
    };
    let revision = if there {
        wanted
    } else {
        let target = Target::of(repository, allow).await?;
        say(format!("Fetching {wanted} of {repository}"));
        if !target.fetch(&git_dir, wanted, true, repository).await? {
            target.fetch(&git_dir, wanted, false, repository).await?;
        }
        FETCHED
    };
    let commit = describe(&git_dir, revision, repository).await?;
    check_size(&git_dir, &commit.hash, repository).await?;
    Ok(Fetched { git_dir, allow: allow.to_vec(), repository: repository.clone(), commit, depth })
}

impl Fetched {
    /// Writes the files of the commit to an empty folder. Links are written as links and never followed.
    pub(crate) async fn export(
        &self,
        folder: &Path,
        say: &mut (dyn FnMut(String) + Send),
    ) -> Result<(), CloneError> {
        fs_err::create_dir_all(folder).map_err(internal)?;
        let index = self.git_dir.join(format!("index-{}", folder.file_name().unwrap_or_default().display()));
        let mut read = git(&self.git_dir);
        read.env("GIT_INDEX_FILE", &index).args(["read-tree", "--end-of-options", &self.commit.hash]);
        must(run(read, LOCAL_LIMIT).await, &self.repository, &self.commit.hash)?;
        let mut write = git(&self.git_dir);
        write.env("GIT_INDEX_FILE", &index).env("GIT_WORK_TREE", folder).current_dir(folder).args([
            "checkout-index",
            "--all",
            "--force",
            "--quiet",
        ]);
        let written = must(run(write, LOCAL_LIMIT).await, &self.repository, &self.commit.hash);
        let _ = fs_err::remove_file(&index);
        written?;
        submodule::export_all(self, folder, say).await
    }
}

/// Where a repository really is: every hop checked, and the connection pinned to what was checked.
struct Target {
    url: String,
    /// curl's `host:port:address`.
    pin: Option<String>,
}

impl Target {
    async fn of(repository: &RepositoryUrl, allow: &[IpNet]) -> Result<Self, CloneError> {
        let mut url = parse(repository.as_str())?;
        for _ in 0..=REDIRECTS {
            let host = url.host_str().unwrap_or_default().to_owned();
            let port = url.port_or_known_default().unwrap_or(22);
            let addresses = match resolve(&host, port, allow).await {
                Ok(Ok(addresses)) if !addresses.is_empty() => addresses,
                Ok(Ok(_)) | Err(_) => {
                    return Err(explain(CloneFailure::Unreachable, repository.as_str(), "", ""));
                }
                Ok(Err(_)) => return Err(explain(CloneFailure::AddressRefused, repository.as_str(), "", "")),
            };
            if url.scheme() == "ssh" {
                return Ok(Self { url: url.into(), pin: None });
            }
            let addresses: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            match redirect_of(&url, &host, &addresses, repository).await? {
                Some(next) => url = next,
                None => {
                    let pin = format!("{}:{port}:{}", host.trim_matches(['[', ']']), addresses.join(","));
                    return Ok(Self { url: url.into(), pin: Some(pin) });
                }
            }
        }
        Err(CloneError::new(
            CloneFailure::Other,
            format!("{repository} redirects more than {REDIRECTS} times."),
        ))
    }

    /// `false` when the server cannot do shallow fetches.
    async fn fetch(
        &self,
        git_dir: &Path,
        wanted: &str,
        shallow: bool,
        repository: &RepositoryUrl,
    ) -> Result<bool, CloneError> {
        let mut command = git(git_dir);
        if let Some(pin) = &self.pin {
            command.args(["-c", &format!("http.curloptResolve={pin}")]);
        }
        command.args(["fetch", "--quiet", "--no-tags", "--force", "--no-write-fetch-head"]);
        if shallow {
            command.arg("--depth=1");
        }
        command.arg("--").arg(&self.url).arg(format!("+{wanted}:{FETCHED}"));
        match must(run(command, FETCH_LIMIT).await, repository, wanted) {
            Ok(_) => Ok(true),
            Err(error) if shallow && error.detail.contains("shallow") => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Asks the server where the repository is, without letting anything follow a redirect by itself.
async fn redirect_of(
    url: &url::Url,
    host: &str,
    addresses: &[String],
    repository: &RepositoryUrl,
) -> Result<Option<url::Url>, CloneError> {
    let port = url.port_or_known_default().unwrap_or(443);
    let pinned: Vec<std::net::SocketAddr> = addresses
        .iter()
        .filter_map(|address| Some((address.parse::<std::net::IpAddr>().ok()?, port).into()))
        .collect();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .resolve_to_addrs(host, &pinned)
        .connect_timeout(Duration::from_secs(15))
        .timeout(Duration::from_secs(30))
        .user_agent("git/pierhead")
        .build()
        .map_err(|error| internal(std::io::Error::other(error)))?;
    let base = url.as_str().trim_end_matches('/');
    let asked = format!("{base}/info/refs?service=git-upload-pack");
    let answer = client.get(&asked).send().await.map_err(|error| {
        let kind = match () {
            () if error.is_timeout() => CloneFailure::Timeout,
            () if format!("{error:?}").to_lowercase().contains("certificate") => {
                CloneFailure::CertificateInvalid
            }
            () => CloneFailure::Unreachable,
        };
        explain(kind, repository.as_str(), "", "")
    })?;
    match answer.status().as_u16() {
        401 | 403 => Err(explain(CloneFailure::NoCredentials, repository.as_str(), "", "")),
        404 | 410 => Err(explain(CloneFailure::RepositoryNotFound, repository.as_str(), "", "")),
        301 | 302 | 303 | 307 | 308 => {
            let location = answer.headers().get("location").and_then(|location| location.to_str().ok());
            let next = location.and_then(|location| parse(&asked).ok()?.join(location).ok());
            let refused =
                || CloneError::new(CloneFailure::Other, format!("{repository} redirects to nowhere."));
            let mut next = next.ok_or_else(refused)?;
            let path = next.path().strip_suffix("/info/refs").ok_or_else(refused)?.to_owned();
            next.set_path(&path);
            next.set_query(None);
            // A redirect is somebody's text as much as the first address was.
            let checked = RepositoryUrl::parse(next.as_str()).map_err(|_| refused())?;
            Ok(Some(parse(checked.as_str())?))
        }
        _ => Ok(None),
    }
}

fn parse(text: &str) -> Result<url::Url, CloneError> {
    url::Url::parse(text).map_err(|_| explain(CloneFailure::Unreachable, text, "", ""))
}

async fn has_commit(git_dir: &Path, commit: &str) -> Result<bool, CloneError> {
    let mut command = git(git_dir);
    command.args(["cat-file", "-e", "--end-of-options", &format!("{commit}^{{tree}}")]);
    let output = run(command, LOCAL_LIMIT).await.map_err(internal)?;
    Ok(output.is_some_and(|output| output.status.success()))
}

async fn describe(git_dir: &Path, revision: &str, repository: &RepositoryUrl) -> Result<Commit, CloneError> {
    let mut command = git(git_dir);
    command.args(["log", "-1", "--format=%H%n%an%n%s", "--end-of-options", revision]);
    let output = must(run(command, LOCAL_LIMIT).await, repository, revision)?;
    let mut lines = output.lines().map(|line| line.chars().take(200).collect::<String>());
    let mut next = || lines.next().unwrap_or_default();
    let (hash, author, message) = (next(), next(), next());
    Ok(Commit { hash, message, author })
}

async fn check_size(git_dir: &Path, commit: &str, repository: &RepositoryUrl) -> Result<(), CloneError> {
    let mut command = git(git_dir);
    command.args(["ls-tree", "-r", "-l", "-z", "--full-tree", "--end-of-options", commit]);
    let listed = tokio::time::timeout(LOCAL_LIMIT, command.output()).await;
    let listed = listed
        .map_err(|_| explain(CloneFailure::TooLarge, repository.as_str(), "", ""))?
        .map_err(internal)?;
    let (mut files, mut bytes) = (0, 0);
    for entry in listed.stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
        files += 1;
        let fields = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
        let size = String::from_utf8_lossy(fields)
            .split_whitespace()
            .nth(3)
            .and_then(|size| size.parse::<u64>().ok());
        bytes += size.unwrap_or(0);
    }
    if files > MAXIMUM_FILES || bytes > MAXIMUM_BYTES {
        return Err(explain(CloneFailure::TooLarge, repository.as_str(), "", ""));
    }
    Ok(())
}

/// What a git that succeeded printed.
fn must(
    done: std::io::Result<Option<std::process::Output>>,
    repository: &RepositoryUrl,
    wanted: &str,
) -> Result<String, CloneError> {
    match done.map_err(internal)? {
        None => Err(explain(CloneFailure::Timeout, repository.as_str(), wanted, "")),
        Some(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Some(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr);
            Err(explain(classify(&stderr), repository.as_str(), wanted, &stderr))
        }
    }
}

pub(super) fn internal(error: std::io::Error) -> CloneError {
    CloneError::new(CloneFailure::Other, format!("The clone could not be made on this node: {error}"))
}
