//! Runs the binary as somebody with an empty home, and writes down what is seen.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::fake::Fake;

/// A home and a folder of one's own.
pub(crate) struct Terminal {
    root: TempDir,
    variables: Vec<(String, String)>,
    url: Option<String>,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(root.path().join("folder")).unwrap();
        fs_err::create_dir_all(root.path().join("home")).unwrap();
        Self { root, variables: Vec::new(), url: None }
    }

    /// With an API token for a server.
    pub(crate) fn with(fake: &Fake) -> Self {
        Self::at(fake).variable("PIERHEAD_TOKEN", "phd_pat_test")
    }

    /// Without a token.
    pub(crate) fn at(fake: &Fake) -> Self {
        let mut terminal = Self::new().variable("PIERHEAD_URL", &fake.url);
        terminal.url = Some(fake.url.clone());
        terminal
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.root.path().join("folder")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pierhead"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home())
            .envs(self.variables.iter().cloned())
            .current_dir(self.folder());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(&words(line)).output().unwrap()
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &str) -> Output {
        let mut command = self.command(&words(line));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Every command with what it printed, addresses and folders under stable names.
    pub(crate) fn transcript(&self, lines: &[&str]) -> String {
        let parts = lines.iter().map(|line| self.part(line, &self.run(line)));
        parts.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn part(&self, line: &str, output: &Output) -> String {
        let mut text = format!("$ pierhead {line}\n");
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                text.push_str(&format!("--- {name}\n{}", String::from_utf8_lossy(bytes)));
            }
        }
        text.push_str(&format!("--- exit {}\n", output.status.code().unwrap_or(-1)));
        let root = self.root.path().canonicalize().unwrap();
        let mut names: Vec<(String, &str)> =
            [self.root.path(), &root].map(|path: &Path| (path.display().to_string(), "[ROOT]")).into();
        names.extend(self.url.clone().map(|url| (url, "[SERVER]")));
        names.into_iter().fold(text, |text, (from, to)| text.replace(&from, to))
    }
}

/// Words are separated by spaces; `'…'` keeps them together.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 { words.push(part) } else { words.extend(part.split_whitespace()) }
    }
    words
}
