//! A tree of files that was handed over: from somebody's folder, or from a commit that was pushed here.
//!
//! The tree names its files by digest, so what is there already need not travel, and the tree's own digest names all of it.
//! It comes from strangers: a path that could lead out of the folder it is written to is refused before anything is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// What a tree may hold; the same that a clone may.
pub const MAX_FILES: usize = 100_000;
pub const MAX_BYTES: u64 = 4 << 30;
/// The kernel's own bound on a link's target.
const MAX_TARGET: usize = 4096;
const MAX_PATH: usize = 4096;

/// The files of a tree, by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTree {
    /// Keys are relative and `/`-separated.
    pub files: BTreeMap<String, TreeEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum TreeEntry {
    File {
        digest: Digest,
        /// In bytes.
        size: u64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        executable: bool,
    },
    /// A symbolic link. It is written, and never followed by the platform.
    Link { target: String },
}

/// Why a tree was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTree {
    #[error("`{0}` is not a path below a folder: use relative paths without `.`, `..` or `.git`")]
    Path(String),
    #[error("`{0}` is a file and a folder at the same time")]
    FileAndFolder(String),
    #[error("the link `{0}` has no usable target")]
    Link(String),
    #[error("there are no files in it")]
    Empty,
    #[error("more than {MAX_FILES} files: leave generated files out")]
    TooManyFiles,
    #[error("more than {} MiB: leave generated files out", MAX_BYTES >> 20)]
    TooLarge,
}

impl FileTree {
    /// The tree when it may be written to a folder.
    pub fn checked(self) -> Result<Self, InvalidTree> {
        if self.files.is_empty() {
            return Err(InvalidTree::Empty);
        }
        if self.files.len() > MAX_FILES {
            return Err(InvalidTree::TooManyFiles);
        }
        let mut bytes = 0_u64;
        for (path, entry) in &self.files {
            let shown = || path.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
            if !is_plain(path) {
                return Err(InvalidTree::Path(shown()));
            }
            let above = |end| path.get(..end).is_some_and(|folder| self.files.contains_key(folder));
            if path.match_indices('/').any(|(end, _)| above(end)) {
                return Err(InvalidTree::FileAndFolder(shown()));
            }
            match entry {
                TreeEntry::File { size, .. } => bytes = bytes.saturating_add(*size),
                TreeEntry::Link { target } => {
                    if target.is_empty() || target.len() > MAX_TARGET || target.contains('\0') {
                        return Err(InvalidTree::Link(shown()));
                    }
                }
            }
        }
        if bytes > MAX_BYTES { Err(InvalidTree::TooLarge) } else { Ok(self) }
    }

    /// As it is stored. Maps are ordered and fields have a fixed order, so equal trees have equal text.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The digests of its files, each once.
    pub fn digests(&self) -> Vec<Digest> {
        let of_files = self.files.values().filter_map(|entry| match entry {
            TreeEntry::File { digest, .. } => Some(*digest),
            TreeEntry::Link { .. } => None,
        });
        let unique: std::collections::HashSet<Digest> = of_files.collect();
        unique.into_iter().collect()
    }
}

/// Relative, without `.`, `..`, empty or `.git` components, and nothing that a terminal would obey.
fn is_plain(path: &str) -> bool {
    let bad = |part: &str| matches!(part, "" | "." | "..") || part.eq_ignore_ascii_case(".git");
    !path.is_empty()
        && path.len() <= MAX_PATH
        && !path.contains(['\\', '\0'])
        && !path.chars().any(char::is_control)
        && !path.split('/').any(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> FileTree {
        let file = TreeEntry::File { digest: Digest::of(b"x"), size: 1, executable: false };
        FileTree { files: paths.iter().map(|&path| (path.to_owned(), file.clone())).collect() }
    }

    #[test]
    fn only_what_stays_below_its_folder_is_accepted() {
        for good in [&["a"] as &[&str], &["a/b", "a/c", "a.b"], &[".env", "...", "a b/ä", ".gitignore"]] {
            assert!(tree(good).checked().is_ok(), "{good:?}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "a//b",
            "./a",
            "a/.",
            ".git/config",
            "x/.GIT/hooks/a",
            "a\\b",
            "a\nb",
            "a\0",
        ] {
            assert!(matches!(tree(&[bad]).checked(), Err(InvalidTree::Path(_))), "{bad:?}");
        }
        assert_eq!(tree(&[]).checked(), Err(InvalidTree::Empty));
        assert_eq!(tree(&["a", "a/b"]).checked(), Err(InvalidTree::FileAndFolder("a/b".into())));
        let mut linked = tree(&["a/b"]);
        linked.files.insert("a".into(), TreeEntry::Link { target: "/etc".into() });
        assert!(linked.checked().is_err(), "nothing is written through a link");
        let mut large = tree(&["a"]);
        large.files.insert(
            "b".into(),
            TreeEntry::File { digest: Digest::of(b"y"), size: u64::MAX, executable: false },
        );
        assert_eq!(large.checked(), Err(InvalidTree::TooLarge));
    }

    #[test]
    fn equal_trees_have_equal_text() {
        let (one, other) = (tree(&["b", "a"]), tree(&["a", "b"]));
        assert_eq!(one.to_text(), other.to_text());
        assert_eq!(serde_json::from_str::<FileTree>(&one.to_text()).unwrap(), one);
        assert_eq!(one.digests().len(), 1);
    }
}
