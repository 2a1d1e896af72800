//! What a folder says about its project: `pierhead.yaml`, the link, git's remotes. Files only; git is not started.
//!
//! All of it may come from a stranger's repository, so reads are bounded and a link never decides where a token is sent.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::Error;

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// How far up the tree is looked.
const MAX_LEVELS: usize = 32;

/// `.pierhead/link.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) url: String,
    pub(crate) project: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<String>,
}

/// A git remote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) name: String,
    pub(crate) url: String,
}

/// What was found from a folder upwards, to the repository's root.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// The nearest project file and the `project:` it names.
    pub(crate) project_file: Option<(PathBuf, Option<String>)>,
    pub(crate) link: Option<(PathBuf, Link)>,
    pub(crate) remotes: Vec<Remote>,
}

impl Facts {
    /// Looks from `folder` upwards until the repository's root.
    pub(crate) fn gather(folder: &Path) -> Result<Self, Error> {
        let mut facts = Self::default();
        for level in folder.ancestors().take(MAX_LEVELS) {
            if facts.project_file.is_none() {
                facts.project_file = project_file(level)?;
            }
            if facts.link.is_none() {
                facts.link = link(level)?;
            }
            if level.join(".git").exists() {
                facts.remotes = remotes(level);
                break;
            }
        }
        Ok(facts)
    }

    /// Whether it belongs to a project without asking a server.
    pub(crate) fn is_linked(&self) -> bool {
        self.link.is_some() || matches!(&self.project_file, Some((_, Some(_))))
    }

    pub(crate) fn origin(&self) -> Option<&Remote> {
        self.remotes.iter().find(|remote| remote.name == "origin").or_else(|| self.remotes.first())
    }

    /// The project that a remote named `pierhead` pushes to.
    pub(crate) fn pushed_project(&self) -> Option<&str> {
        let remote = self.remotes.iter().find(|remote| remote.name == "pierhead")?;
        let last = remote.url.trim_end_matches('/').rsplit(['/', ':']).next()?;
        Some(last.strip_suffix(".git").unwrap_or(last)).filter(|name| !name.is_empty())
    }
}

fn project_file(folder: &Path) -> Result<Option<(PathBuf, Option<String>)>, Error> {
    for name in pierhead_build::project_file::NAMES {
        let path = folder.join(name);
        if let Some(text) = read(&path) {
            let file =
                pierhead_build::project_file::parse(&path.display().to_string(), &text).map_err(|error| {
                    Error::local("the project file cannot be used", error, "Check it with: pierhead validate")
                })?;
            return Ok(Some((path, file.project)));
        }
    }
    Ok(None)
}

fn link(folder: &Path) -> Result<Option<(PathBuf, Link)>, Error> {
    let path = folder.join(".pierhead/link.json");
    let Some(text) = read(&path) else { return Ok(None) };
    let link = serde_json::from_str(&text).map_err(|error| {
        Error::local(format!("{} cannot be read", path.display()), error, "Make it anew with: pierhead link")
    })?;
    Ok(Some((path, link)))
}

/// Remotes of a repository, from its `config`; a worktree's lies in the repository it belongs to.
fn remotes(root: &Path) -> Vec<Remote> {
    let dot_git = root.join(".git");
    let folder = if dot_git.is_file() {
        let target =
            read(&dot_git).and_then(|text| Some(root.join(text.trim().strip_prefix("gitdir:")?.trim())));
        target.map(|folder| match read(&folder.join("commondir")) {
            Some(common) => folder.join(common.trim()),
            None => folder,
        })
    } else {
        Some(dot_git)
    };
    folder
        .and_then(|folder| read(&folder.join("config")))
        .map(|text| parse_remotes(&text))
        .unwrap_or_default()
}

fn parse_remotes(config: &str) -> Vec<Remote> {
    let mut remotes = Vec::new();
    let mut current: Option<String> = None;
    for line in config.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let name = header.strip_suffix(']').and_then(|header| header.strip_prefix("remote \""));
            current = name.and_then(|name| name.strip_suffix('"')).map(str::to_owned);
        } else if let (Some(name), Some((key, value))) = (&current, line.split_once('='))
            && key.trim() == "url"
        {
            remotes.push(Remote { name: name.clone(), url: value.trim().trim_matches('"').to_owned() });
        }
    }
    remotes
}

/// Writes the link, and keeps it out of the repository.
pub(crate) fn write_link(folder: &Path, link: &Link) -> Result<(), Error> {
    let write = || -> std::io::Result<()> {
        fs_err::create_dir_all(folder.join(".pierhead"))?;
        let text = serde_json::to_string_pretty(link).map_err(std::io::Error::other)?;
        fs_err::write(folder.join(".pierhead/link.json"), text + "\n")?;
        let ignore = folder.join(".gitignore");
        let text = fs_err::read_to_string(&ignore).unwrap_or_default();
        let listed = text
            .lines()
            .any(|line| matches!(line.trim(), ".pierhead" | ".pierhead/" | "/.pierhead" | "/.pierhead/"));
        if !listed {
            let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            fs_err::write(&ignore, format!("{text}{gap}.pierhead/\n"))?;
        }
        Ok(())
    };
    write().map_err(|error| {
        Error::local("the link cannot be written", error, "Check that you may write to this folder.")
    })
}

/// Two addresses of the same repository compare equal: scheme, user, case of the host and `.git` do not matter.
pub(crate) fn same_repository(one: &str, other: &str) -> bool {
    let normal = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
        let (host, path) = rest.split_once(['/', ':']).unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        (host.to_ascii_lowercase(), path.strip_suffix(".git").unwrap_or(path).to_owned())
    };
    normal(one) == normal(other)
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = fs_err::File::open(path).ok()?;
    file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_from_the_nearest_files_up_to_the_repository() {
        let home = tempfile::tempdir().unwrap();
        let inner = home.path().join("repo/apps/web");
        fs_err::create_dir_all(&inner).unwrap();
        fs_err::create_dir_all(home.path().join("repo/.git")).unwrap();
        fs_err::write(home.path().join("pierhead.yaml"), "version: 1\nproject: outside\n").unwrap();
        fs_err::write(home.path().join("repo/pierhead.yaml"), "version: 1\nproject: shop\n").unwrap();
        let config = "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = git@example.com:team/shop.git\n\tfetch = x\n[remote \"pierhead\"]\n\turl = https://ph.example.com/git/shop.git\n";
        fs_err::write(home.path().join("repo/.git/config"), config).unwrap();
        let link = Link { url: "http://one".into(), project: "web".into(), environment: None };
        write_link(&inner, &link).unwrap();
        write_link(&inner, &link).unwrap();
        let facts = Facts::gather(&inner).unwrap();
        assert_eq!(facts.link.as_ref().unwrap().1, link);
        assert_eq!(facts.project_file.as_ref().unwrap().1.as_deref(), Some("shop"));
        assert_eq!(facts.origin().unwrap().url, "git@example.com:team/shop.git");
        assert_eq!(facts.pushed_project(), Some("shop"));
        assert_eq!(fs_err::read_to_string(inner.join(".gitignore")).unwrap(), ".pierhead/\n");
    }

    #[test]
    fn repositories_compare_without_scheme_and_user() {
        assert!(same_repository("git@Example.com:team/shop.git", "https://example.com/team/shop"));
        assert!(same_repository("ssh://git@example.com/team/shop.git", "https://example.com/team/shop/"));
        assert!(!same_repository("https://example.com/team/shop", "https://example.com/team/Shop2"));
    }
}
