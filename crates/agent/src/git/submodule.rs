//! Submodules: other repositories inside a repository, under the same rules as the first.
//!
//! Their addresses come from `.gitmodules`, a stranger's file. Each is resolved as git does, checked like a project's own
//! address, judged and pinned, and fetched into the same mirror. Depth and number are bounded; an address that may not be
//! fetched fails the clone, because a build without its submodule fails later and says less.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::future::BoxFuture;
use pierhead_model::deployment::CloneFailure;
use pierhead_model::git_access::GitAccess;
use pierhead_model::source::{GitReference, RepositoryUrl};

use super::export::{Budget, Link, export};
use super::mirror::{Mirror, ended};
use super::{CloneError, Source};

/// Submodules in all, of one clone.
const MAX_NUMBER: usize = 32;
/// Submodules in submodules.
const MAX_DEPTH: usize = 4;
const MAX_CONFIG: u64 = 1 << 20;

/// Fetches every submodule of a commit into its place below `target`.
#[expect(
    clippy::too_many_arguments,
    reason = "one call, whose arguments are what one level of recursion needs"
)]
pub(super) async fn fetch_all(
    source: &Source,
    mirror: &Mirror<'_>,
    (parent, access): (&RepositoryUrl, &GitAccess),
    commit: &str,
    links: Vec<Link>,
    target: &Path,
    mut budget: Budget,
    stop: Arc<AtomicBool>,
) -> Result<(), CloneError> {
    let mut level = Level { source, mirror, access, budget: &mut budget, left: MAX_NUMBER, stop };
    level.fetch(parent.clone(), commit.to_owned(), links, target.to_path_buf(), MAX_DEPTH).await
}

struct Level<'l> {
    source: &'l Source,
    mirror: &'l Mirror<'l>,
    access: &'l GitAccess,
    budget: &'l mut Budget,
    left: usize,
    stop: Arc<AtomicBool>,
}

impl Level<'_> {
    fn fetch(
        &mut self,
        parent: RepositoryUrl,
        commit: String,
        links: Vec<Link>,
        target: std::path::PathBuf,
        depth: usize,
    ) -> BoxFuture<'_, Result<(), CloneError>> {
        Box::pin(async move {
            let declared = self.declared(&commit).await?;
            for link in links {
                // A place without a declaration stays an empty folder, as git leaves it.
                let place = target.join(&link.path);
                make_place(&target, &link.path)
                    .map_err(|error| CloneError::internal("making a submodule's folder", &error))?;
                let Some((_, url)) = declared.iter().find(|(path, _)| *path == link.path) else { continue };
                self.left =
                    self.left.checked_sub(1).ok_or_else(|| failed(&link, "there are too many submodules"))?;
                if depth == 0 {
                    return Err(failed(&link, "submodules are nested too deeply"));
                }
                let repository = absolute(&parent, url)
                    .ok_or_else(|| failed(&link, "its address is not one that is fetched"))?;
                self.fetch_one(&repository, &link).await?;
                fs_err::remove_dir(&place)
                    .map_err(|error| CloneError::internal("making a submodule's folder", &error))?;
                let inner = export(
                    &self.source.git,
                    self.mirror.path(),
                    &link.commit,
                    &place,
                    self.budget,
                    Arc::clone(&self.stop),
                )
                .await?;
                if !inner.is_empty() {
                    self.fetch(repository, link.commit, inner, place, depth - 1).await?;
                }
            }
            Ok(())
        })
    }

    async fn fetch_one(&self, repository: &RepositoryUrl, link: &Link) -> Result<(), CloneError> {
        let reference = GitReference::parse(&link.commit).ok().filter(GitReference::is_commit);
        let reference = reference.ok_or_else(|| failed(link, "its commit is not a commit"))?;
        if self.mirror.holds(&self.source.git, reference.as_str()).await? {
            return Ok(());
        }
        let remote = self
            .source
            .remotes
            .open(repository, self.access)
            .await
            .map_err(|error| failed(link, &error.detail))?;
        let fetched =
            self.mirror.fetch(&self.source.git, &remote, Some(&reference), &self.source.limits).await;
        fetched.map(drop).map_err(|error| match error.kind {
            CloneFailure::TooLarge | CloneFailure::Timeout => error,
            _ => failed(link, &error.detail),
        })
    }

    /// Paths and addresses that `.gitmodules` declares.
    async fn declared(&self, commit: &str) -> Result<Vec<(String, String)>, CloneError> {
        let blob = format!("--blob={commit}:.gitmodules");
        let arguments = ["config", &blob, "-z", "--get-regexp", r"^submodule\..*\.(path|url)$"];
        let arguments = self.source.git.arguments(Some(self.mirror.path()), &arguments);
        let finished = self.source.git.run(arguments, Duration::from_secs(30), MAX_CONFIG).await;
        let finished = finished.map_err(|error| ended(&error))?;
        // No such file is no declaration.
        Ok(if finished.success { pairs(&finished.stdout) } else { Vec::new() })
    }
}

/// Records of `submodule.<name>.<key>\n<value>`, each ended by a NUL.
fn pairs(config: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(config);
    let entries: Vec<(&str, &str)> = text.split('\0').filter_map(|record| record.split_once('\n')).collect();
    let url_of = |name: &str| {
        let key = format!("{name}.url");
        entries.iter().rev().find(|(found, _)| *found == key).map(|(_, url)| (*url).to_owned())
    };
    let path = |(key, path): &(&str, &str)| Some(((*path).to_owned(), url_of(key.strip_suffix(".path")?)?));
    entries.iter().filter_map(path).collect()
}

/// An address as git resolves it: `./` and `../` are relative to the parent's.
fn absolute(parent: &RepositoryUrl, url: &str) -> Option<RepositoryUrl> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return RepositoryUrl::parse(url).ok();
    }
    let (scheme, rest) = parent.as_str().split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    let mut parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let mut url = url;
    loop {
        if let Some(rest) = url.strip_prefix("../") {
            parts.pop()?;
            url = rest;
        } else if let Some(rest) = url.strip_prefix("./") {
            url = rest;
        } else {
            break;
        }
    }
    parts.push(url);
    RepositoryUrl::parse(&format!("{scheme}://{authority}/{}", parts.join("/"))).ok()
}

/// The folder of a submodule; its parents may hold files already, but must be real folders.
fn make_place(target: &Path, path: &str) -> std::io::Result<()> {
    let mut folder = target.to_path_buf();
    for part in path.split('/') {
        folder.push(part);
        match fs_err::symlink_metadata(&folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(std::io::Error::other("something else is in its place")),
            Err(_) => {
                fs_err::create_dir(&folder)?;
                crate::overlay::give_to_app(&folder)?;
            }
        }
    }
    Ok(())
}

fn failed(link: &Link, why: &str) -> CloneError {
    let path: String = link.path.chars().filter(|character| !character.is_control()).take(200).collect();
    CloneError::new(CloneFailure::Submodule, format!("the submodule `{path}` cannot be fetched: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_resolved_as_git_does() {
        let parent = RepositoryUrl::parse("https://example.com/team/shop.git").unwrap();
        for (url, resolved) in [
            ("../lib.git", Some("https://example.com/team/lib.git")),
            ("../../other/lib", Some("https://example.com/other/lib")),
            ("./inner", Some("https://example.com/team/shop.git/inner")),
            ("https://example.org/x", Some("https://example.org/x")),
            ("../../../../x", None),
            ("ext::sh -c x", None),
            ("file:///etc", None),
            ("-u/x", None),
            ("/srv/x", None),
        ] {
            assert_eq!(absolute(&parent, url).as_ref().map(RepositoryUrl::as_str), resolved, "{url}");
        }
    }

    #[test]
    fn a_path_without_an_address_declares_nothing() {
        let config = b"submodule.a.path\nlib\0submodule.a.url\nhttps://h/x\0submodule.b.path\nother\0";
        assert_eq!(pairs(config), [("lib".to_owned(), "https://h/x".to_owned())]);
    }
}
