//! Who is signed in where: one file in the user's state directory, mode 0600, written beside and renamed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use pierhead_model::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::client::types::Tokens;
use super::error::Error;
use crate::environment::Environment;

/// Where the file is.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    folder: PathBuf,
}

/// What the file holds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Saved {
    /// The server that was signed in to last.
    pub(crate) current: Option<String>,
    servers: BTreeMap<String, Server>,
}

/// One server's tokens.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Server {
    pub(crate) email: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Server {
    pub(crate) fn new(email: String, tokens: &Tokens, now: Timestamp) -> Self {
        let lifetime = std::time::Duration::from_secs(tokens.expires_in);
        Self {
            email,
            access_token: tokens.access_token.clone(),
            refresh_token: tokens.refresh_token.clone(),
            expires_at: now.checked_add(lifetime).ok(),
        }
    }
}

impl Server {
    /// Of a sign-in by a browser: it has an API token, which nothing refreshes.
    pub(crate) fn with_token(email: String, token: String, expires_at: Option<Timestamp>) -> Self {
        Self { email, access_token: token, refresh_token: String::new(), expires_at }
    }
}

impl Saved {
    pub(crate) fn server(&self, url: &Url) -> Option<&Server> {
        self.servers.get(&key(url))
    }
}

fn key(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

impl Credentials {
    pub(crate) fn new(environment: &Environment) -> Result<Self, Error> {
        let folder = environment.xdg("XDG_STATE_HOME", ".local/state").ok_or_else(|| {
            Error::usage(
                "there is no home directory to keep the sign-in in",
                "Set HOME, or use PIERHEAD_URL and PIERHEAD_TOKEN.",
            )
        })?;
        Ok(Self { folder })
    }

    fn path(&self) -> PathBuf {
        self.folder.join("credentials.json")
    }

    pub(crate) fn load(&self) -> Result<Saved, Error> {
        match fs_err::read(self.path()) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Error::local(
                    "the stored sign-in cannot be read",
                    error,
                    format!("Remove {} and sign in again.", self.path().display()),
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Saved::default()),
            Err(error) => Err(Error::local(
                "the stored sign-in cannot be read",
                error,
                "Check the file's owner and mode.",
            )),
        }
    }

    /// Held while tokens are exchanged, by every command of this user.
    pub(crate) fn lock(&self) -> Result<fs_err::File, Error> {
        self.make_folder().map_err(|error| self.unwritable(&error))?;
        let file = fs_err::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join("credentials.lock"));
        let file = file.map_err(|error| self.unwritable(&error))?;
        file.file().lock().map_err(|error| self.unwritable(&error))?;
        Ok(file)
    }

    /// Keeps a server's tokens and makes it the current one.
    pub(crate) fn save(&self, url: &Url, server: Server) -> Result<(), Error> {
        let mut saved = self.load()?;
        saved.servers.insert(key(url), server);
        saved.current = Some(key(url));
        self.write(&saved)
    }

    /// Forgets one server, or all of them.
    pub(crate) fn forget(&self, url: Option<&Url>) -> Result<(), Error> {
        let mut saved = self.load()?;
        match url {
            Some(url) => drop(saved.servers.remove(&key(url))),
            None => saved.servers.clear(),
        }
        if saved.current.as_ref().is_some_and(|current| !saved.servers.contains_key(current)) {
            saved.current = saved.servers.keys().next().cloned();
        }
        self.write(&saved)
    }

    fn write(&self, saved: &Saved) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(saved).map_err(|error| {
            Error::local(
                "the sign-in cannot be stored",
                error,
                "This is a mistake of Pierhead; please report it.",
            )
        })?;
        self.replace(&bytes).map_err(|error| self.unwritable(&error))
    }

    /// Beside, synced, renamed: a crash leaves the old file or the new one.
    fn replace(&self, bytes: &[u8]) -> std::io::Result<()> {
        use fs_err::os::unix::fs::OpenOptionsExt as _;
        self.make_folder()?;
        let beside = self.folder.join(format!(".credentials.{}", std::process::id()));
        let _ = fs_err::remove_file(&beside);
        let mut file = fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs_err::rename(&beside, self.path())
    }

    fn make_folder(&self) -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        if self.folder.is_dir() {
            return Ok(());
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)
    }

    fn unwritable(&self, error: &std::io::Error) -> Error {
        let fix = format!("Check that you may write to {}, or set XDG_STATE_HOME.", self.folder.display());
        Error::local("the sign-in cannot be stored", error, fix)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn server(token: &str) -> Server {
        Server {
            email: "ada@example.com".into(),
            access_token: token.into(),
            refresh_token: "r".into(),
            expires_at: None,
        }
    }

    #[test]
    fn only_the_owner_can_read_it_and_the_last_one_is_current() {
        let home = tempfile::tempdir().unwrap();
        let store = Credentials { folder: home.path().join("state/pierhead") };
        let (one, two) = (Url::parse("http://one/").unwrap(), Url::parse("http://two").unwrap());
        store.save(&one, server("a")).unwrap();
        store.save(&two, server("b")).unwrap();
        let mode = fs_err::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(store.load().unwrap().current.as_deref(), Some("http://two"));
        assert_eq!(
            store.load().unwrap().server(&Url::parse("http://one").unwrap()).unwrap().access_token,
            "a"
        );
        store.forget(Some(&two)).unwrap();
        assert_eq!(store.load().unwrap().current.as_deref(), Some("http://one"));
        assert!(store.load().unwrap().server(&two).is_none());
        store.forget(None).unwrap();
        assert_eq!(store.load().unwrap().current, None);
    }
}
