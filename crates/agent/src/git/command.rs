//! Running git with nothing of this machine's own around it.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// A git that knows nothing but what it is told: no home, no system configuration, no prompts, no hooks.
pub(super) fn git(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", git_dir)
        .env("LC_ALL", "C")
        .env("GIT_DIR", git_dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ASKPASS", "/bin/false")
        .env("SSH_ASKPASS", "/bin/false")
        .env("GIT_ALLOW_PROTOCOL", "https:http:ssh")
        .env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oStrictHostKeyChecking=accept-new -oConnectTimeout=15")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "credential.helper="])
        .args(["-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "advice.detachedHead=false"])
        .args([
            "-c",
            "http.followRedirects=false",
            "-c",
            "http.lowSpeedLimit=1000",
            "-c",
            "http.lowSpeedTime=30",
        ])
        .args(["-c", "transfer.fsckObjects=true", "-c", "fetch.recurseSubmodules=false"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// What a program printed is looked at only this far.
const OUTPUT_BYTES: usize = 64 * 1024;

/// Runs to the end, or kills it when it takes too long (`None`).
pub(super) async fn run(mut command: Command, limit: Duration) -> std::io::Result<Option<Output>> {
    let running = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    match tokio::time::timeout(limit, running).await {
        Ok(output) => {
            let mut output = output?;
            output.stdout.truncate(OUTPUT_BYTES);
            output.stderr.truncate(OUTPUT_BYTES);
            Ok(Some(output))
        }
        Err(_) => Ok(None),
    }
}
