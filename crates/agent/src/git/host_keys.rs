//! The keys that an ssh server shows. Seeing one is not trusting it: a person compares it and approves it.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use pierhead_model::deployment::CloneFailure;
use pierhead_model::git_access::HostKey;
use pierhead_model::source::RepositoryUrl;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use url::Url;

use super::remote::{Remotes, refused};
use super::{CloneError, Source};

const PATIENCE: Duration = Duration::from_secs(20);
const MAX_ANSWER: u64 = 64 << 10;

impl Source {
    /// What the server of a repository shows now, strongest first.
    pub(crate) async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, CloneError> {
        self.remotes.host_keys(repository).await
    }
}

impl Remotes {
    pub(super) async fn host_keys(&self, repository: &RepositoryUrl) -> Result<Vec<HostKey>, CloneError> {
        let unusable =
            || CloneError::new(CloneFailure::Unreachable, format!("`{repository}` has no ssh server"));
        let url =
            Url::parse(repository.as_str()).ok().filter(|_| repository.is_ssh()).ok_or_else(unusable)?;
        let addresses = self.policy.resolve(&url).await.map_err(|error| refused(&error))?;
        let address = addresses.first().ok_or_else(unusable)?;
        let keys = scan(address, repository.authority()).await?;
        if keys.is_empty() {
            let host = repository.authority();
            let detail = format!("no ssh server shows a key at {host}: check the address and its port");
            return Err(CloneError::new(CloneFailure::Unreachable, detail));
        }
        Ok(keys)
    }
}

/// Asks for the kinds of key that are still good today.
async fn scan(address: &SocketAddr, host: &str) -> Result<Vec<HostKey>, CloneError> {
    let failed = |error: std::io::Error| {
        let detail = format!("ssh-keyscan cannot be run ({error}): install OpenSSH's client on the machine");
        CloneError::new(CloneFailure::Other, detail)
    };
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let mut command = Command::new("ssh-keyscan");
    command.args(["-T", "10", "-t", "ed25519,ecdsa,rsa", "-p", &port, "--", &ip]);
    command.env_clear().env("PATH", super::command::PATH).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let mut answer = Vec::new();
    let reading = async {
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        }
        child.wait().await
    };
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(ended) => drop(ended.map_err(failed)?),
        Err(_) => {
            let detail = format!("{host} does not say in time which ssh key it has: try again later");
            return Err(CloneError::new(CloneFailure::Timeout, detail));
        }
    }
    Ok(parse(&String::from_utf8_lossy(&answer), host))
}

/// Lines of `<address> <algorithm> <key>`.
fn parse(answer: &str, host: &str) -> Vec<HostKey> {
    let strength = |key: &HostKey| match key.algorithm.as_str() {
        "ssh-ed25519" => 0,
        "ssh-rsa" => 2,
        _ => 1,
    };
    let key = |line: &str| {
        let mut parts = line.split_whitespace().skip(1);
        HostKey::new(host, parts.next()?, parts.next()?)
    };
    let mut keys: Vec<HostKey> =
        answer.lines().filter(|line| !line.starts_with('#')).filter_map(key).collect();
    keys.sort_by_key(strength);
    keys.dedup();
    keys
}

/// What a person is told of keys that nobody approved: how to compare, and how to approve.
pub(super) fn unknown(host: &str, shown: &[HostKey]) -> CloneError {
    let prints: Vec<String> =
        shown.iter().take(1).map(|key| format!("{} {}", key.algorithm, key.fingerprint())).collect();
    let detail = format!(
        "nobody has approved the ssh key of {host} yet: it shows {}. Compare that with what its operator publishes, and approve \
         it with the project's source",
        prints.join(" ")
    );
    CloneError::new(CloneFailure::HostKeyUnknown, detail)
}

/// The server shows another key than the approved ones.
pub(super) fn changed(host: &str, approved: &[HostKey]) -> CloneError {
    let prints: Vec<String> = approved.iter().map(HostKey::fingerprint).collect();
    let detail = format!(
        "{host} shows another ssh key than the approved {}: somebody may be in between, or its operator has changed it. Nothing \
         was sent. Ask the operator, and approve the new key with the project's source",
        prints.join(", ")
    );
    CloneError::new(CloneFailure::HostKeyChanged, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_strongest_first_and_what_is_odd_is_left_out() {
        let ed = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
        let ecdsa = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
        let answer = format!(
            "# 192.0.2.1:22 SSH-2.0-x\n192.0.2.1 ecdsa-sha2-nistp256 {ecdsa}\n192.0.2.1 ssh-ed25519 {ed}\n\
             192.0.2.1 ssh-ed25519 !!!\n192.0.2.1\n"
        );
        let keys = parse(&answer, "h:22");
        let algorithms: Vec<&str> = keys.iter().map(|key| key.algorithm.as_str()).collect();
        assert_eq!(algorithms, ["ssh-ed25519", "ecdsa-sha2-nistp256"]);
        assert!(unknown("h", &keys).detail.contains("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"));
    }
}
