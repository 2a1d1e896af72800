//! The deployable folders of a repository, to be chosen from.

use crate::choices::Choices;
use crate::error::{Candidate, DetectError};
use crate::source::path;

use super::{Depth, Source, folder};

/// Files that make a folder worth a look.
const MANIFESTS: &[&str] = &[
    "package.json",
    "requirements.txt",
    "pyproject.toml",
    "manage.py",
    "composer.json",
    "Dockerfile",
    "go.mod",
    "Cargo.toml",
    "Gemfile",
    "pom.xml",
    "mix.exs",
    "deno.json",
    "index.html",
    "index.php",
];
/// How deep applications lie, and how many are looked at: enough to choose from, cheap on a hostile tree.
const DEPTH: usize = 3;
const MOST: usize = 40;

/// Folders below `root` for which there would be a plan, nearest first.
pub(crate) fn find(source: &Source<'_>, root: &str) -> Vec<Candidate> {
    let mut folders: Vec<&str> = source
        .listing
        .iter()
        .filter_map(|file| path::below(root, file)?.rsplit_once('/'))
        .filter(|(folder, name)| MANIFESTS.contains(name) && folder.split('/').count() <= DEPTH)
        .map(|(folder, _)| folder)
        .collect();
    folders.dedup();
    folders.sort_by_key(|folder| (folder.split('/').count(), *folder));
    folders.dedup();
    let mut found: Vec<Candidate> = Vec::new();
    for path in folders.into_iter().take(MOST) {
        // A folder inside an application is part of it.
        if found.iter().any(|candidate| path::below(&candidate.path, path).is_some()) {
            continue;
        }
        let whole = path::join(root, path);
        if let Ok(plan) = folder(source, &whole, Choices::default(), Depth::ThisFolder)
            && (plan.start_command.is_some() || plan.framework != "node")
        {
            found.push(Candidate { path: path.to_owned(), framework: plan.framework });
        }
    }
    found
}

/// How many applications a workspace has.
pub(crate) enum Only {
    /// Exactly one: there is nothing to ask.
    One(String),
    /// None: the root itself may be one.
    None,
}

/// The one application of a workspace; several are an error that lists them. Libraries do not count beside applications.
pub(crate) fn only(source: &Source<'_>, root: &str) -> Result<Only, DetectError> {
    let mut candidates = find(source, root);
    let is_library = |candidate: &Candidate| {
        ["packages", "libs", "tooling", "examples", "e2e"]
            .iter()
            .any(|folder| candidate.path.split('/').any(|part| part == *folder))
    };
    if candidates.iter().any(|candidate| !is_library(candidate)) {
        candidates.retain(|candidate| !is_library(candidate));
    }
    match candidates.as_slice() {
        [] => Ok(Only::None),
        [only] => Ok(Only::One(only.path.clone())),
        _ => Err(DetectError::SeveralCandidates { candidates }),
    }
}
