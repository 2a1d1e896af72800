//! A PostgreSQL of a test's own on this machine, which containers of one network may reach.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Quotes and all: what a password may be.
pub(crate) const ADMIN_PASSWORD: &str = "adm'in \"se\\cret";

pub(crate) struct Server {
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    /// Ends one that an earlier, killed run left in the same place.
    pub(crate) fn start(name: &str, network: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pierhead-test-{name}"));
        script(&["stop", folder.to_str().unwrap()]);
        let url = script(&["start", folder.to_str().unwrap(), network]);
        let port = url.trim().rsplit_once(':').unwrap().1.split('/').next().unwrap().parse().unwrap();
        let server = Self { folder, port };
        let quoted = ADMIN_PASSWORD.replace('\'', "''");
        server.sql("postgres", &format!("ALTER USER pierhead PASSWORD '{quoted}'"));
        server
    }

    /// What the administrator sees, a row to a line.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> String {
        let output = psql(sql)
            .args(["--host", "127.0.0.1", "--port", &self.port.to_string(), "--username", "pierhead"])
            .args(["--dbname", database])
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end_matches('\n').to_owned()
    }
}

fn psql(sql: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"]);
    command.args(["--set", "ON_ERROR_STOP=1", "--command", sql]);
    command
}

fn script(arguments: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres.sh");
    let output = Command::new("bash").arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        script(&["stop", self.folder.to_str().unwrap()]);
    }
}
