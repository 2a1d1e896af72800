//! A repository asked where its branches are and what a commit is, without bringing its files.

use std::path::Path;
use std::time::Duration;

use pierhead_model::deployment::CloneFailure;
use pierhead_model::git_access::GitAccess;
use pierhead_model::remote::{Compared, References};
use pierhead_model::source::{Commit, Folder, RepositoryUrl};

use super::classify::sentence;
use super::mirror::{ended, local};
use super::remote::Remote;
use super::{CloneError, Source};

/// What an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// A repository with a hundred thousand branches says about so much.
const MAX_LIST: u64 = 16 << 20;
const MAX_CHANGES: u64 = 64 << 20;

impl Source {
    /// Where the references that match one of `patterns` are.
    pub(crate) async fn references(
        &self,
        (repository, access): (&RepositoryUrl, &GitAccess),
        patterns: &[String],
    ) -> Result<References, CloneError> {
        let remote = self.remotes.open(repository, access).await?;
        let mut command = remote.settings();
        command.extend(["ls-remote", "--symref", "--", &remote.url].map(str::to_owned));
        command.extend(patterns.iter().cloned());
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let arguments = self.git.arguments(None, &command);
        let finished = self.git.run_with(&remote.entry, arguments, PATIENCE, MAX_LIST).await;
        let finished = finished.map_err(|error| ended(&error))?;
        if !finished.success {
            return Err(
                remote.explained(&finished.stderr, "the repository does not say where its branches are")
            );
        }
        Ok(parse(&String::from_utf8_lossy(&finished.stdout)))
    }

    /// What a commit is, and whether it differs from another one below `folder`. Files are not fetched where the server
    /// can leave them out. `scratch` is an empty folder.
    pub(crate) async fn compare(
        &self,
        (repository, access): (&RepositoryUrl, &GitAccess),
        (from, to): (Option<&str>, &str),
        folder: &Folder,
        scratch: &Path,
    ) -> Result<Compared, CloneError> {
        let remote = self.remotes.open(repository, access).await?;
        let bare = scratch.join("compared.git");
        let shown = bare.display().to_string();
        let init = self.git.arguments(None, &["init", "--quiet", "--bare", "--", &shown]);
        local(self.git.run(init, PATIENCE, 4096).await)?;
        self.fetch_bare(&remote, &bare, to).await?;
        let arguments =
            ["log", "-1", "--no-mailmap", "--no-show-signature", "--format=%s%x00%an%x00", to, "--"];
        let described =
            local(self.git.run(self.git.arguments(Some(&bare), &arguments), PATIENCE, 1 << 20).await)?;
        let commit = words(to, &described.stdout);
        let Some(from) = from else { return Ok(Compared { commit, changed: None }) };
        if self.fetch_bare(&remote, &bare, from).await.is_err() {
            return Ok(Compared { commit, changed: None });
        }
        let pathspec = format!(":(top,literal){}", if folder.is_root() { "" } else { folder.as_str() });
        let arguments = ["diff-tree", "-r", "--no-renames", "--name-only", "-z", from, to, "--", &pathspec];
        let changed =
            local(self.git.run(self.git.arguments(Some(&bare), &arguments), PATIENCE, MAX_CHANGES).await)?;
        Ok(Compared { commit, changed: Some(!changed.stdout.is_empty()) })
    }

    async fn fetch_bare(&self, remote: &Remote, bare: &Path, commit: &str) -> Result<(), CloneError> {
        let mut command = remote.settings();
        let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--filter=blob:none"];
        command.extend(fetch.map(str::to_owned));
        if remote.smart {
            command.push("--depth=1".to_owned());
        }
        command.extend(["--".to_owned(), remote.url.clone(), commit.to_owned()]);
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let arguments = self.git.arguments(Some(bare), &command);
        let finished = self.git.run_with(&remote.entry, arguments, PATIENCE, 4096).await;
        let finished = finished.map_err(|error| ended(&error))?;
        if finished.success {
            return Ok(());
        }
        let detail = format!("the commit {commit} cannot be fetched: {}", sentence(&finished.stderr));
        Err(CloneError::new(CloneFailure::CommitGone, detail))
    }
}

/// The subject and the author, as two fields that end with a NUL.
pub(super) fn words(hash: &str, text: &[u8]) -> Commit {
    let text = String::from_utf8_lossy(text).into_owned();
    let mut fields = text.split('\0');
    let mut field =
        || fields.next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(200).collect();
    Commit { hash: hash.to_owned(), message: field(), author: field() }
}

/// Lines of `<commit>\t<name>`, and `ref: <name>\tHEAD` for what `HEAD` stands for.
fn parse(listing: &str) -> References {
    let mut references = References::default();
    for line in listing.lines() {
        let Some((what, name)) = line.split_once('\t') else { continue };
        match what.strip_prefix("ref: ") {
            Some(target) if name == "HEAD" => references.default_branch = Some(target.to_owned()),
            Some(_) => {}
            None if is_commit(what) => drop(references.commits.insert(name.to_owned(), what.to_owned())),
            None => {}
        }
    }
    references
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_and_what_is_odd_in_it_is_left_out() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let listing = format!(
            "ref: refs/heads/main\tHEAD\n{commit}\tHEAD\n{commit}\trefs/heads/main\nnothing\n-x\trefs/heads/odd\n"
        );
        let references = parse(&listing);
        assert_eq!(references.default_branch.as_deref(), Some("refs/heads/main"));
        assert_eq!(references.commits.keys().collect::<Vec<_>>(), ["HEAD", "refs/heads/main"]);
    }
}
