//! Repositories over smart HTTP on loopback.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Serves repositories until it is dropped.
#[derive(Debug)]
pub struct GitServer {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
    /// `NAME:TOKEN`, where only one account gets in, over TLS.
    account: Option<String>,
}

impl GitServer {
    /// One repository per name, with these files in its first commit. A file whose name ends with `@` is a link to what its
    /// content says.
    pub fn start(repositories: &[(&str, &[(&str, &str)])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, files) in repositories {
            write(&folder.path().join("sources").join(name), files);
        }
        Self::serve(folder, None)
    }

    /// The same over TLS, for one account only: `NAME:TOKEN`. Its certificate is [`Self::authority`]'s.
    pub fn private(account: &str, repositories: &[(&str, &[(&str, &str)])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, files) in repositories {
            write(&folder.path().join("sources").join(name), files);
        }
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        fs_err::write(folder.path().join("authority.pem"), &certificate).unwrap();
        let both = format!("{certificate}{}", made.signing_key.serialize_pem());
        fs_err::write(folder.path().join("server.pem"), both).unwrap();
        Self::serve(folder, Some(account.to_owned()))
    }

    /// The certificate of a private server, which is its own authority.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// One repository per name, with the files of a folder in its first commit.
    pub fn of_folders(repositories: &[(&str, &Path)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("sources");
        fs_err::create_dir_all(&sources).unwrap();
        for (name, from) in repositories {
            let copied =
                Command::new("cp").arg("--archive").arg(from).arg(sources.join(name)).status().unwrap();
            assert!(copied.success(), "copying {}", from.display());
        }
        Self::serve(folder, None)
    }

    fn serve(folder: tempfile::TempDir, account: Option<String>) -> Self {
        let script = crate::repository_root().join("scripts/serve-git.py");
        let port_file = folder.path().join("port");
        let mut command = Command::new("python3");
        if let Some(account) = &account {
            command.env("GIT_SERVE_ACCOUNT", account);
            command.env("GIT_SERVE_CERTIFICATE", folder.path().join("server.pem"));
        }
        let process = command
            .arg(script)
            .arg(folder.path().join("sources"))
            .arg(&port_file)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("python3 is needed to serve repositories");
        let deadline = Instant::now() + Duration::from_secs(30);
        let port = loop {
            match std::fs::read_to_string(&port_file).ok().and_then(|text| text.parse().ok()) {
                Some(port) => break port,
                None if Instant::now() > deadline => panic!("the git server did not start"),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        Self { process, port, folder, account }
    }

    pub fn url(&self, name: &str) -> String {
        let scheme = if self.account.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}/{name}.git", self.port)
    }

    /// Adds a commit that changes these files.
    pub fn change(&self, name: &str, files: &[(&str, &str)]) {
        self.change_branch(name, "main", "Change", files);
    }

    /// Adds a commit to a branch, which begins at `main` when there is none, and says its hash.
    pub fn change_branch(&self, name: &str, branch: &str, message: &str, files: &[(&str, &str)]) -> String {
        let clone: PathBuf = self.folder.path().join(format!("clone-{name}-{}", branch.replace('/', "-")));
        if !clone.exists() {
            git(self.folder.path(), &["clone", "--quiet", &self.url(name), clone.to_str().unwrap()]);
            let remote = format!("origin/{branch}");
            let known = output(&clone, &["branch", "--remotes", "--list", &remote]);
            let start = if known.is_empty() { "origin/main" } else { &remote };
            git(&clone, &["checkout", "--quiet", "-B", branch, start]);
        }
        git(&clone, &["fetch", "--quiet", "origin"]);
        if !output(&clone, &["branch", "--remotes", "--list", &format!("origin/{branch}")]).is_empty() {
            git(&clone, &["reset", "--quiet", "--hard", &format!("origin/{branch}")]);
        }
        write(&clone, files);
        git(&clone, &["add", "--all"]);
        let author = ["-c", "user.name=Test", "-c", "user.email=test@pierhead.invalid"];
        git(&clone, &[&author[..], &["commit", "--allow-empty", "-qm", message]].concat());
        git(&clone, &["push", "--quiet", "--force", "origin", &format!("HEAD:refs/heads/{branch}")]);
        output(&clone, &["rev-parse", "HEAD"])
    }

    /// Lets another reference of the server be where a branch is that was changed here: `refs/pull/7/head`.
    pub fn point(&self, name: &str, branch: &str, reference: &str) {
        let clone = self.folder.path().join(format!("clone-{name}-{}", branch.replace('/', "-")));
        git(&clone, &["push", "--quiet", "--force", "origin", &format!("HEAD:{reference}")]);
    }

    /// Where a branch is.
    pub fn head(&self, name: &str, branch: &str) -> String {
        let listed =
            output(self.folder.path(), &["ls-remote", &self.url(name), &format!("refs/heads/{branch}")]);
        listed.split_whitespace().next().unwrap_or_default().to_owned()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = root.join(name.trim_end_matches('@'));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        if name.ends_with('@') {
            std::os::unix::fs::symlink(content, path).unwrap();
        } else {
            fs_err::write(path, content).unwrap();
        }
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git").current_dir(folder).args(arguments).status().expect("git is needed");
    assert!(done.success(), "git {arguments:?}");
}

fn output(folder: &Path, arguments: &[&str]) -> String {
    let done = Command::new("git").current_dir(folder).args(arguments).output().expect("git is needed");
    assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
