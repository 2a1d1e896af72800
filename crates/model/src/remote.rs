//! What a repository on a server says of itself.

use std::collections::BTreeMap;

use crate::source::Commit;

/// Where references are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// Commits by the reference's whole name, `HEAD` included.
    pub commits: BTreeMap<String, String>,
    /// What `HEAD` stands for, when the server says so: `refs/heads/main`.
    pub default_branch: Option<String>,
}

/// A commit, compared with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub commit: Commit,
    /// Whether anything below the folder differs; `None` when the other commit could not be had.
    pub changed: Option<bool>,
}
