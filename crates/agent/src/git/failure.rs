//! The ways a clone fails, told apart by what git says.

use pierhead_model::deployment::CloneFailure;

/// A clone that failed, in words for the person who asked for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub(crate) struct CloneError {
    pub(crate) kind: CloneFailure,
    pub(crate) detail: String,
}

impl CloneError {
    pub(crate) fn new(kind: CloneFailure, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

/// What a message of git means. The first that matches counts: special before general.
const SIGNS: [(&str, CloneFailure); 22] = [
    ("couldn't find remote ref head", CloneFailure::EmptyRepository),
    ("couldn't find remote ref", CloneFailure::NoSuchReference),
    ("not our ref", CloneFailure::CommitGone),
    ("unadvertised object", CloneFailure::CommitGone),
    ("could not read username", CloneFailure::NoCredentials),
    ("terminal prompts disabled", CloneFailure::NoCredentials),
    ("authentication failed", CloneFailure::NoCredentials),
    ("permission denied", CloneFailure::NoCredentials),
    ("returned error: 401", CloneFailure::NoCredentials),
    ("returned error: 403", CloneFailure::NoCredentials),
    ("returned error: 404", CloneFailure::RepositoryNotFound),
    ("does not appear to be a git repository", CloneFailure::RepositoryNotFound),
    ("repository not found", CloneFailure::RepositoryNotFound),
    ("not found", CloneFailure::RepositoryNotFound),
    ("could not resolve host", CloneFailure::Unreachable),
    ("connection refused", CloneFailure::Unreachable),
    ("failed to connect", CloneFailure::Unreachable),
    ("couldn't connect to server", CloneFailure::Unreachable),
    ("certificate", CloneFailure::CertificateInvalid),
    ("timed out", CloneFailure::Timeout),
    ("operation too slow", CloneFailure::Timeout),
    ("transfer closed", CloneFailure::Timeout),
];

/// Reads git's messages.
pub(super) fn classify(stderr: &str) -> CloneFailure {
    let text = stderr.to_lowercase();
    SIGNS.iter().find(|(sign, _)| text.contains(sign)).map_or(CloneFailure::Other, |(_, kind)| *kind)
}

/// What a person can do about it.
pub(super) fn explain(kind: CloneFailure, repository: &str, reference: &str, stderr: &str) -> CloneError {
    let detail = match kind {
        CloneFailure::Unreachable => {
            format!(
                "{repository} cannot be reached: its host is unknown or refuses connections. Check the address."
            )
        }
        CloneFailure::AddressRefused => format!(
            "{repository} leads to a loopback or private address, which Pierhead does not connect to. An administrator \
             can allow the range with PIERHEAD_ALLOW_ADDRESSES."
        ),
        CloneFailure::RepositoryNotFound => {
            format!(
                "There is no repository at {repository}. Check the address; a private one needs credentials."
            )
        }
        CloneFailure::NoCredentials => {
            format!(
                "{repository} asks for credentials. It is private, or does not exist; add a deploy key or a token."
            )
        }
        CloneFailure::NoSuchReference => {
            format!("{repository} has no branch, tag or commit called `{reference}`.")
        }
        CloneFailure::CommitGone => {
            format!("{repository} no longer has the commit {reference}: it was rewritten.")
        }
        CloneFailure::EmptyRepository => format!("{repository} has no commits yet. Push something first."),
        CloneFailure::Timeout => format!("{repository} answered too slowly. Try again."),
        CloneFailure::TooLarge => format!("{repository} is larger than is allowed for a build."),
        CloneFailure::CertificateInvalid => {
            format!(
                "The certificate of {repository} is not trusted here. Set build.ca_bundle for a private authority."
            )
        }
        CloneFailure::Submodule | CloneFailure::Other => {
            let last = stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("git said nothing");
            format!("{repository} could not be cloned: {}", last.chars().take(300).collect::<String>())
        }
    };
    CloneError { kind, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_apart() {
        for (stderr, kind) in [
            ("fatal: couldn't find remote ref nope", CloneFailure::NoSuchReference),
            ("fatal: couldn't find remote ref HEAD", CloneFailure::EmptyRepository),
            (
                "fatal: could not read Username for 'https://x': terminal prompts disabled",
                CloneFailure::NoCredentials,
            ),
            (
                "fatal: unable to access 'https://x/': The requested URL returned error: 403",
                CloneFailure::NoCredentials,
            ),
            ("fatal: repository 'https://x/y/' not found", CloneFailure::RepositoryNotFound),
            ("fatal: unable to access 'https://x/': Could not resolve host: x", CloneFailure::Unreachable),
            (
                "fatal: unable to access 'http://x/': Failed to connect to x port 1: Connection refused",
                CloneFailure::Unreachable,
            ),
            (
                "fatal: unable to access 'https://x/': SSL certificate problem: self-signed",
                CloneFailure::CertificateInvalid,
            ),
            ("error: Server does not allow request for unadvertised object 1234", CloneFailure::CommitGone),
            ("fatal: remote error: upload-pack: not our ref 1234", CloneFailure::CommitGone),
            ("fatal: unable to access 'https://x/': Operation too slow.", CloneFailure::Timeout),
            ("git@x: Permission denied (publickey).", CloneFailure::NoCredentials),
            ("something new", CloneFailure::Other),
        ] {
            assert_eq!(classify(stderr), kind, "{stderr}");
        }
    }
}
