//! The one way in which git is run.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use super::entry::Entry;

/// `http.curloptResolve`, which pins a connection to judged addresses, is there from this version on.
const OLDEST: (u32, u32) = (2, 37);
/// What is kept of git's own words.
const MAX_STDERR: u64 = 64 << 10;
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Settings that hold whatever a repository or a machine says.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.askPass=",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "http.proxy=",
    "protocol.allow=never",
    "protocol.http.allow=always",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "transfer.bundleURI=false",
    "transfer.credentialsInUrl=die",
    "transfer.fsckObjects=true",
    // Harmless flaws of old histories; everything else that fsck finds is refused.
    "fetch.fsck.zeroPaddedFilemode=ignore",
    "fetch.fsck.missingSpaceBeforeDate=ignore",
    "fetch.fsck.badTimezone=ignore",
];

/// Constant, so that no text of a stranger reaches the shell that git starts it with. The paths are [`Entry`]'s.
///
/// The server is known by the keys that were approved for it, and by nothing else; the key that it is shown is the one that
/// was made for it.
const SSH: &str = "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o HostKeyAlias=repository \
                   -o UserKnownHostsFile=\"\\\"$SSH_KNOWN_HOSTS\\\"\" -o GlobalKnownHostsFile=/dev/null \
                   -o IdentityFile=\"\\\"$SSH_IDENTITY\\\"\" -o IdentitiesOnly=yes -o IdentityAgent=none \
                   -o PreferredAuthentications=publickey -o UpdateHostKeys=no -o VerifyHostKeyDNS=no \
                   -o ProxyCommand=none -o PermitLocalCommand=no -o ForwardAgent=no -o ConnectTimeout=15";

/// The git program and how it may be used.
#[derive(Debug, Clone)]
pub(super) struct Git {
    home: PathBuf,
    ca_bundle: Option<PathBuf>,
}

/// How a run of git ended.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) success: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

/// Why a run of git did not end by itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("git cannot be run: install git {}.{} or newer on the node", OLDEST.0, OLDEST.1)]
    NotRun(#[source] std::io::Error),
    #[error("git took longer than {} s", .0.as_secs())]
    TooLong(Duration),
    #[error("git answered more than {0} bytes")]
    TooMuch(u64),
}

impl Git {
    pub(super) const fn new(home: PathBuf, ca_bundle: Option<PathBuf>) -> Self {
        Self { home, ca_bundle }
    }

    pub(super) async fn problem(&self) -> Option<String> {
        let found = match self.run(self.arguments(None, &["version"]), Duration::from_secs(10), 4096).await {
            Ok(finished) => String::from_utf8_lossy(&finished.stdout).into_owned(),
            Err(error) => return Some(error.to_string()),
        };
        let mut numbers =
            found.trim().trim_start_matches("git version ").split('.').map(|part| part.parse().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        (version < OLDEST).then(|| {
            format!(
                "`{}` is too old: install git {}.{} or newer on the node",
                found.trim(),
                OLDEST.0,
                OLDEST.1
            )
        })
    }

    /// The whole argument list: settings, the repository, then the command.
    pub(super) fn arguments(&self, repository: Option<&Path>, command: &[&str]) -> Vec<String> {
        let mut arguments: Vec<String> = Vec::with_capacity(2 * SETTINGS.len() + command.len() + 4);
        let ca = self.ca_bundle.as_ref().map(|bundle| format!("http.sslCAInfo={}", bundle.display()));
        for setting in SETTINGS.iter().map(|setting| (*setting).to_owned()).chain(ca) {
            arguments.push("-c".to_owned());
            arguments.push(setting);
        }
        if let Some(repository) = repository {
            arguments.push(format!("--git-dir={}", repository.display()));
        }
        arguments.extend(command.iter().map(|argument| (*argument).to_owned()));
        arguments
    }

    /// The environment: nothing of ours, nothing of the machine's.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let home = self.home.display().to_string();
        vec![
            ("PATH", PATH.to_owned()),
            ("HOME", home.clone()),
            ("XDG_CONFIG_HOME", home),
            ("LC_ALL", "C".to_owned()),
            ("GIT_ALLOW_PROTOCOL", "https:http:ssh".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_ATTR_NOSYSTEM", "1".to_owned()),
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("GIT_NO_REPLACE_OBJECTS", "1".to_owned()),
            ("GIT_OPTIONAL_LOCKS", "0".to_owned()),
            ("GIT_SSH_COMMAND", SSH.to_owned()),
            ("GIT_SSH_VARIANT", "ssh".to_owned()),
        ]
    }

    /// Runs git to its end. Dropping the future kills it and what it started.
    pub(super) async fn run(
        &self,
        arguments: Vec<String>,
        timeout: Duration,
        max_stdout: u64,
    ) -> Result<Finished, RunError> {
        self.run_with(&Entry::default(), arguments, timeout, max_stdout).await
    }

    /// The same, let in where one needs to be.
    pub(super) async fn run_with(
        &self,
        entry: &Entry,
        arguments: Vec<String>,
        timeout: Duration,
        max_stdout: u64,
    ) -> Result<Finished, RunError> {
        let mut command = Command::new("git");
        command.args(arguments).env_clear().envs(self.environment()).current_dir(&self.home);
        command.envs(entry.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut group = Group { child: command.spawn().map_err(RunError::NotRun)? };
        let (stdout, stderr) = (group.child.stdout.take(), group.child.stderr.take());
        let everything = async {
            let (stdout, stderr) =
                tokio::join!(read_up_to(stdout, max_stdout), read_up_to(stderr, MAX_STDERR));
            let status = group.child.wait().await;
            (stdout, stderr, status)
        };
        let (stdout, stderr, status) =
            tokio::time::timeout(timeout, everything).await.map_err(|_| RunError::TooLong(timeout))?;
        let (stdout, stderr) = (stdout.map_err(RunError::NotRun)?, stderr.map_err(RunError::NotRun)?);
        if stdout.len() as u64 > max_stdout {
            return Err(RunError::TooMuch(max_stdout));
        }
        Ok(Finished {
            success: status.map_err(RunError::NotRun)?.success(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }
}

/// Reads to the end and keeps the beginning: a full pipe must not stop the writer.
async fn read_up_to(source: Option<impl AsyncRead + Unpin>, limit: u64) -> std::io::Result<Vec<u8>> {
    let Some(mut source) = source else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    (&mut source).take(limit + 1).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut source, &mut tokio::io::sink()).await?;
    Ok(kept)
}

/// A process with its children: git starts helpers, and killing git alone would leave them.
struct Group {
    child: Child,
}

impl Drop for Group {
    fn drop(&mut self) {
        // `id` is `None` once the process was waited for, so no stranger with the same number is hit.
        let leader =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(leader) = leader
            && let Err(error) = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL)
        {
            tracing::debug!(%error, "a git process was gone before it was killed");
        }
    }
}
