//! Repositories over ssh on loopback: a real `sshd`, one process for each connection.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Serves one bare repository, `site`, until it is dropped. `PIERHEAD_TEST_SSHD` names the program where it is not at its
/// usual place; without Debian's `openssh-server` its tests fail.
#[derive(Debug)]
pub struct SshGit {
    folder: Arc<tempfile::TempDir>,
    port: u16,
    user: String,
    stopped: Arc<AtomicBool>,
}

impl SshGit {
    /// Nobody gets in yet: see [`Self::admit`].
    pub fn start(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Sshd wants nobody else to be able to write where its keys are.
        fs_err::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let user = run(Command::new("id").arg("-un"));
        let at = |name: &str| folder.path().join(name).display().to_string();
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nStrictModes no\nPermitRootLogin prohibit-password\nLogLevel ERROR\n",
            at("host_key"),
            at("authorized_keys"),
        );
        fs_err::write(folder.path().join("config"), config).unwrap();
        fs_err::write(folder.path().join("authorized_keys"), "").unwrap();
        if user == "root" {
            // Where sshd, as root, shuts its unprivileged half in.
            fs_err::create_dir_all("/run/sshd").unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { folder: Arc::new(folder), port, user, stopped: Arc::default() };
        server.change_host_key();
        let tree = server.folder.path().join("tree");
        fs_err::create_dir(&tree).unwrap();
        server.git(&tree, &["init", "--quiet", "--initial-branch=main"]);
        server.commit(files);
        let bare = server.folder.path().join("site.git").display().to_string();
        server.git(&tree, &["clone", "--quiet", "--bare", ".", &bare]);
        server.accept(listener);
        server
    }

    fn accept(&self, listener: TcpListener) {
        let config = self.folder.path().join("config");
        let (stopped, folder) = (Arc::clone(&self.stopped), Arc::clone(&self.folder));
        let sshd =
            std::env::var_os("PIERHEAD_TEST_SSHD").map_or_else(|| "/usr/sbin/sshd".into(), PathBuf::from);
        std::thread::spawn(move || {
            // The files are there for as long as a connection may want them.
            let _folder = folder;
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let (input, output) = (OwnedFd::from(stream.try_clone().unwrap()), OwnedFd::from(stream));
                let mut child = Command::new(&sshd)
                    .args(["-i", "-e", "-f"])
                    .arg(&config)
                    .stdin(Stdio::from(input))
                    .stdout(Stdio::from(output))
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("sshd is needed: install openssh-server, or set PIERHEAD_TEST_SSHD");
                std::thread::spawn(move || child.wait());
            }
        });
    }

    /// The address of its repository.
    pub fn url(&self) -> String {
        let path = self.folder.path().join("site.git");
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, path.display())
    }

    /// Lets this key in, and no other one.
    pub fn admit(&self, public_key: &str) {
        let line = format!("restrict {public_key}\n");
        fs_err::write(self.folder.path().join("authorized_keys"), line).unwrap();
    }

    /// Shows another key from now on.
    pub fn change_host_key(&self) {
        let file = self.folder.path().join("host_key");
        let _ = fs_err::remove_file(&file);
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file));
    }

    /// Of the key that it shows.
    pub fn fingerprint(&self) -> String {
        let said = run(Command::new("ssh-keygen").arg("-lf").arg(self.folder.path().join("host_key.pub")));
        said.split(' ').nth(1).unwrap().to_owned()
    }

    /// Adds a commit to `main` and says its hash.
    pub fn change(&self, files: &[(&str, &str)]) -> String {
        let commit = self.commit(files);
        let tree = self.folder.path().join("tree");
        let bare = self.folder.path().join("site.git").display().to_string();
        self.git(&tree, &["push", "--quiet", &bare, "main"]);
        commit
    }

    fn commit(&self, files: &[(&str, &str)]) -> String {
        let tree = self.folder.path().join("tree");
        for (name, content) in files {
            fs_err::write(tree.join(name), content).unwrap();
        }
        self.git(&tree, &["add", "--all"]);
        let author = ["-c", "user.name=Test", "-c", "user.email=test@pierhead.invalid"];
        self.git(&tree, &[&author[..], &["commit", "--quiet", "--message", "Change"]].concat());
        self.git(&tree, &["rev-parse", "HEAD"])
    }

    fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        run(Command::new("git").current_dir(folder).args(arguments))
    }
}

impl Drop for SshGit {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        // Wakes the one that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn run(command: &mut Command) -> String {
    let done = command.output().expect("git and OpenSSH's client are needed");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
