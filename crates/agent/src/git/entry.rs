//! What git is let in with: files in memory that only this user can read, for as long as one repository is talked to.
//!
//! A token or a key is on no command line, in no environment, in no `.git/config`, and in no container: git's own
//! `credential-store` and ssh read them from a folder of mode 0700 on a tmpfs, which is removed with this value. What a
//! process left that was killed is removed by the next one.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pierhead_model::git_access::HostKey;

/// The name under which ssh looks for the server's key: the address it connects to was judged here, and says nothing.
pub(super) const ALIAS: &str = "repository";
/// Memory, where there is one that looks like a folder.
const MEMORY: &str = "/dev/shm";
const PREFIX: &str = "pierhead-git-";

/// How one repository is entered.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Held for what is in it.
    _folder: Option<Folder>,
    /// Settings for git's command line: paths, nothing secret.
    pub(super) settings: Vec<String>,
    /// For ssh: paths too.
    pub(super) environment: Vec<(&'static str, String)>,
}

impl Entry {
    /// A token for one server over `https`; git asks for it only after that server wanted one.
    pub(super) fn token(origin: &str, username: &str, token: &str, fallback: &Path) -> std::io::Result<Self> {
        let folder = Folder::make(fallback)?;
        let (scheme, authority) = origin.split_once("://").unwrap_or(("https", origin));
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let line = format!("{scheme}://{}:{}@{authority}\n", encoded(username), encoded(token));
        let file = folder.write("credentials", &line)?;
        let helper = format!("credential.{origin}.helper=store --file='{file}'");
        Ok(Self { _folder: Some(folder), settings: vec![helper], environment: Vec::new() })
    }

    /// The keys that the server may show, and the one that is shown to it.
    pub(super) fn ssh(
        host_keys: &[HostKey],
        private_key: Option<&str>,
        fallback: &Path,
    ) -> std::io::Result<Self> {
        let folder = Folder::make(fallback)?;
        let line = |key: &HostKey| format!("{ALIAS} {} {}\n", key.algorithm, key.key);
        let known = folder.write("known_hosts", &host_keys.iter().map(line).collect::<String>())?;
        let identity = private_key.map(|key| folder.write("identity", key)).transpose()?;
        let environment =
            vec![("SSH_KNOWN_HOSTS", known), ("SSH_IDENTITY", identity.unwrap_or_else(|| "none".to_owned()))];
        Ok(Self { _folder: Some(folder), settings: Vec::new(), environment })
    }
}

/// Removed with all that is in it.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    /// In memory, or below `fallback` on a machine that has no such place.
    fn make(fallback: &Path) -> std::io::Result<Self> {
        let name = format!("{PREFIX}{}-{:016x}", std::process::id(), rand::random::<u64>());
        let make = |parent: &Path| {
            let path = parent.join(&name);
            std::fs::DirBuilder::new().mode(0o700).create(&path).map(|()| Self(path))
        };
        let memory = Path::new(MEMORY);
        if let Ok(made) = make(memory) {
            return Ok(made);
        }
        fs_err::create_dir_all(fallback)?;
        make(fallback)
    }

    fn write(&self, name: &str, content: &str) -> std::io::Result<String> {
        let path = self.0.join(name);
        let mut options = fs_err::OpenOptions::new();
        options.write(true).create_new(true);
        options.options_mut().mode(0o600);
        options.open(&path)?.write_all(content.as_bytes())?;
        Ok(path.display().to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs_err::remove_dir_all(&self.0) {
            tracing::warn!(%error, "a folder with a repository's credential could not be removed");
        }
    }
}

/// Removes what processes left that are gone.
pub(super) fn sweep(fallback: &Path) {
    for parent in [Path::new(MEMORY), fallback] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let process =
                name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|it| it.split('-').next());
            let gone = process.is_some_and(|id| {
                id.bytes().all(|b| b.is_ascii_digit()) && !Path::new("/proc").join(id).exists()
            });
            if gone && let Err(error) = std::fs::remove_dir_all(entry.path()) {
                tracing::debug!(%error, "somebody else's credential, or it is gone already");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn its_files_are_for_this_user_only_and_gone_with_it() {
        let fallback = tempfile::tempdir().unwrap();
        let entry = Entry::token("https://example.com:8443", "me@home", "a:b/c'd", fallback.path()).unwrap();
        let file = entry.settings[0].split('\'').nth(1).unwrap();
        let folder = Path::new(file).parent().unwrap().to_path_buf();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("credentials"))), (0o700, 0o600));
        let line = fs_err::read_to_string(folder.join("credentials")).unwrap();
        assert_eq!(line, "https://me%40home:a%3Ab%2Fc%27d@example.com:8443\n");
        assert!(!format!("{entry:?}").contains("a%3A"), "it shows only paths");
        assert!(entry.settings.iter().all(|setting| !setting.contains("a%3A")));
        drop(entry);
        assert!(!folder.exists());
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let fallback = tempfile::tempdir().unwrap();
        // No process has a number this high.
        let left = fallback.path().join(format!("{PREFIX}4194999-00"));
        let own = fallback.path().join(format!("{PREFIX}{}-00", std::process::id()));
        let other = fallback.path().join("somebody-else");
        for folder in [&left, &own, &other] {
            fs_err::create_dir(folder).unwrap();
        }
        sweep(fallback.path());
        assert!(!left.exists() && own.exists() && other.exists());
    }
}
