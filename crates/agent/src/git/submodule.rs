//! Submodules: fetched by the same rules as the repository itself.

use std::path::Path;

use pierhead_model::deployment::CloneFailure;
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};

use super::failure::CloneError;
use super::mirror::{Fetched, fetch_into, internal};

/// A submodule's submodule's … no further.
const DEPTH: usize = 4;

/// Fetches and writes the submodules of a commit that was written to `folder`.
pub(super) async fn export_all(
    parent: &Fetched,
    folder: &Path,
    say: &mut (dyn FnMut(String) + Send),
) -> Result<(), CloneError> {
    let file = folder.join(".gitmodules");
    let is_file = fs_err::symlink_metadata(&file).is_ok_and(|meta| meta.is_file() && meta.len() < 1 << 20);
    if !is_file {
        return Ok(());
    }
    if parent.depth >= DEPTH {
        return Err(broken(&parent.repository, "submodules are nested too deeply"));
    }
    let text = fs_err::read_to_string(&file).map_err(internal)?;
    for (path, url) in parse(&text) {
        let path = Folder::parse(&path).map_err(|error| broken(&parent.repository, &error.to_string()))?;
        let Some(commit) = pinned(parent, &path).await? else { continue };
        let repository = resolve(&parent.repository, &url).ok_or_else(|| {
            broken(&parent.repository, &format!("`{url}` is not an address for a submodule"))
        })?;
        let git_dir = parent.git_dir.join("pierhead-modules").join(path.as_str().replace('/', "%2f"));
        let reference =
            GitReference::parse(&commit).map_err(|error| broken(&repository, &error.to_string()))?;
        let fetched = Box::pin(fetch_into(
            git_dir,
            &parent.allow,
            &repository,
            Some(&reference),
            parent.depth + 1,
            say,
        ))
        .await;
        let fetched = fetched.map_err(|error| broken(&repository, &error.detail))?;
        let target = folder.join(path.as_str());
        // A folder on the way could be a link that leads out of the checkout.
        if !is_plain_path(folder, &path) {
            return Err(broken(&repository, "its path leads through a link"));
        }
        Box::pin(fetched.export(&target, say)).await?;
    }
    Ok(())
}

fn broken(repository: &RepositoryUrl, why: &str) -> CloneError {
    CloneError::new(CloneFailure::Submodule, format!("A submodule of {repository} cannot be fetched: {why}"))
}

/// The commit that the parent pins the submodule to.
async fn pinned(parent: &Fetched, path: &Folder) -> Result<Option<String>, CloneError> {
    let mut command = super::command::git(&parent.git_dir);
    command.args(["ls-tree", "--full-tree", "--end-of-options", &parent.commit.hash, path.as_str()]);
    let output = super::command::run(command, std::time::Duration::from_secs(30)).await.map_err(internal)?;
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let mut fields = text.split_whitespace();
    Ok(match (fields.next(), fields.next(), fields.next()) {
        (Some("160000"), Some("commit"), Some(hash)) => Some(hash.to_owned()),
        _ => None,
    })
}

/// `path` and `url` of each section; what is incomplete is skipped, as git does.
fn parse(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut path, mut url) = (None, None);
    for line in text.lines().chain(["[end]"]) {
        let line = line.trim();
        if line.starts_with('[') {
            if let (Some(path), Some(url)) = (path.take(), url.take()) {
                found.push((path, url));
            }
            (path, url) = (None, None);
        } else if let Some((key, value)) = line.split_once('=') {
            match key.trim() {
                "path" => path = Some(value.trim().to_owned()),
                "url" => url = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    found
}

/// A submodule's address may be relative to its parent's.
fn resolve(parent: &RepositoryUrl, url: &str) -> Option<RepositoryUrl> {
    if !url.starts_with("./") && !url.starts_with("../") {
        return RepositoryUrl::parse(url).ok();
    }
    let mut base = parent.as_str().trim_end_matches('/').to_owned();
    let mut rest = url;
    loop {
        if let Some(shorter) = rest.strip_prefix("./") {
            rest = shorter;
        } else if let Some(shorter) = rest.strip_prefix("../") {
            base.truncate(base.rfind('/').filter(|at| !base[..*at].ends_with('/'))?);
            rest = shorter;
        } else {
            return RepositoryUrl::parse(&format!("{base}/{rest}")).ok();
        }
    }
}

fn is_plain_path(root: &Path, path: &Folder) -> bool {
    let mut place = root.to_owned();
    path.as_str().split('/').all(|part| {
        place.push(part);
        fs_err::symlink_metadata(&place).map_or(true, |meta| meta.is_dir())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read() {
        let text = "[submodule \"a\"]\n\tpath = libs/a\n\turl = ../a.git\n[submodule \"b\"]\n\tpath = b\n";
        assert_eq!(parse(text), [("libs/a".to_owned(), "../a.git".to_owned())]);
    }

    #[test]
    fn relative_addresses() {
        let parent = RepositoryUrl::parse("https://h/team/app.git").unwrap();
        let resolved = |url| resolve(&parent, url).map(|url| url.as_str().to_owned());
        assert_eq!(resolved("../lib.git").as_deref(), Some("https://h/team/lib.git"));
        assert_eq!(resolved("./lib.git").as_deref(), Some("https://h/team/app.git/lib.git"));
        assert_eq!(resolved("https://o/x").as_deref(), Some("https://o/x"));
        for bad in ["../../../../x", "file:///etc", "ext::sh", "--upload-pack=x", "/etc"] {
            assert_eq!(resolved(bad), None, "{bad}");
        }
    }
}
