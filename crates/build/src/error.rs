//! Why there is no plan: each variant is something that the person who asked can act on.

use thiserror::Error;

use crate::source::Unreadable;

/// A deployable folder of a repository that has several, or none at its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Relative to the repository.
    pub path: String,
    /// What would be detected there.
    pub framework: String,
}

/// Detection found no plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DetectError {
    #[error("there is no folder `{given}` in the source{}", hint_candidates(.candidates))]
    RootDirectoryMissing { given: String, candidates: Vec<Candidate> },

    #[error("`{field}` is `{given}`, which points outside of the project: use a relative path without `..`")]
    PathEscapes { field: &'static str, given: String },

    #[error(
        "nothing that can be deployed was recognised in `{root_directory}`: looked for {}{}. Ways out: add a Dockerfile; add a \
         Procfile with a `web:` line; set `framework`, `start_command` or `output_directory` in pierhead.yaml",
        .looked_for.join(", "),
        hint_candidates(.candidates)
    )]
    NothingRecognised { root_directory: String, looked_for: Vec<&'static str>, candidates: Vec<Candidate> },

    #[error(
        "`{file}` describes several services ({}) and is imported as a pipeline, not built as a project: import it, or add a \
         Dockerfile for a single service",
        .services.join(", ")
    )]
    ComposeOnly { file: String, services: Vec<String> },

    #[error("this repository holds several applications: set the root directory to one of them{}", hint_candidates(.candidates))]
    SeveralCandidates { candidates: Vec<Candidate> },

    #[error("`{file}` cannot be understood at line {line}: {message}")]
    InvalidManifest { file: String, line: u32, message: String },

    #[error("`{file}` is needed but cannot be read: {why}")]
    UnreadableManifest { file: String, why: Unreadable },

    #[error("{file}:{line}:{column}: {message}{}", hint_suggestion(.suggestion.as_deref()))]
    InvalidProjectFile { file: String, line: u32, column: u32, message: String, suggestion: Option<String> },

    #[error("`{given}` is not a framework that is known here{}", hint_suggestion(.suggestion.as_deref()))]
    UnknownFramework { given: String, suggestion: Option<String> },

    #[error("{first} and {second} contradict each other: {advice}")]
    Contradiction { first: String, second: String, advice: String },
}

impl DetectError {
    /// The folders that could be chosen instead.
    pub fn candidates(&self) -> &[Candidate] {
        match self {
            Self::RootDirectoryMissing { candidates, .. }
            | Self::NothingRecognised { candidates, .. }
            | Self::SeveralCandidates { candidates } => candidates,
            Self::PathEscapes { .. }
            | Self::ComposeOnly { .. }
            | Self::InvalidManifest { .. }
            | Self::UnreadableManifest { .. }
            | Self::InvalidProjectFile { .. }
            | Self::UnknownFramework { .. }
            | Self::Contradiction { .. } => &[],
        }
    }
}

fn hint_candidates(candidates: &[Candidate]) -> String {
    if candidates.is_empty() {
        return String::new();
    }
    let list: Vec<String> =
        candidates.iter().map(|candidate| format!("{} ({})", candidate.path, candidate.framework)).collect();
    format!(". Deployable folders: {}", list.join(", "))
}

fn hint_suggestion(suggestion: Option<&str>) -> String {
    suggestion.map(|word| format!(", did you mean `{word}`?")).unwrap_or_default()
}
