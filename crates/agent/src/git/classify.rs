//! What git's words mean. Each kind of failure has another remedy, so each is told apart.

use pierhead_model::deployment::CloneFailure;

/// Part of git's words in lower case, and what it means. The first match wins.
const MEANINGS: &[(&str, CloneFailure)] = &[
    ("couldn't find remote ref", CloneFailure::NoSuchReference),
    ("could not find remote branch", CloneFailure::NoSuchReference),
    ("not our ref", CloneFailure::CommitGone),
    ("unadvertised object", CloneFailure::CommitGone),
    ("could not resolve host", CloneFailure::Unreachable),
    ("name or service not known", CloneFailure::Unreachable),
    ("operation too slow", CloneFailure::Timeout),
    ("timed out", CloneFailure::Timeout),
    ("certificate", CloneFailure::CertificateInvalid),
    ("host key verification failed", CloneFailure::HostKeyChanged),
    ("could not read username", CloneFailure::NoCredentials),
    ("could not read password", CloneFailure::NoCredentials),
    ("authentication failed", CloneFailure::NoCredentials),
    ("permission denied (", CloneFailure::NoCredentials),
    ("returned error: 401", CloneFailure::NoCredentials),
    ("returned error: 403", CloneFailure::NoCredentials),
    ("returned error: 404", CloneFailure::RepositoryNotFound),
    ("repository not found", CloneFailure::RepositoryNotFound),
    ("does not appear to be a git repository", CloneFailure::RepositoryNotFound),
    ("' not found", CloneFailure::RepositoryNotFound),
    ("not valid: is this a git repository", CloneFailure::RepositoryNotFound),
    ("failed to connect", CloneFailure::Unreachable),
    ("couldn't connect", CloneFailure::Unreachable),
    ("connection refused", CloneFailure::Unreachable),
    ("connection reset", CloneFailure::Unreachable),
    ("no route to host", CloneFailure::Unreachable),
    ("network is unreachable", CloneFailure::Unreachable),
    ("empty reply from server", CloneFailure::Unreachable),
];

/// The kind of failure that git's standard error tells of.
pub(super) fn classify(stderr: &str) -> CloneFailure {
    let words = stderr.to_lowercase();
    let meaning = MEANINGS.iter().find(|(part, _)| words.contains(part));
    meaning.map_or(CloneFailure::Other, |(_, kind)| *kind)
}

/// Git's own sentence, for a person: the last `fatal:` or `error:` line.
pub(super) fn sentence(stderr: &str) -> String {
    let said = |prefix: &str| stderr.lines().rev().find(|line| line.starts_with(prefix));
    let line = said("fatal: ")
        .or_else(|| said("error: "))
        .or_else(|| said("ssh: "))
        .or_else(|| stderr.lines().rev().find(|line| !line.trim().is_empty()));
    let words = line.unwrap_or("git ended without a word");
    words.chars().filter(|character| !character.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded with git 2.39 and 2.47.
    #[test]
    fn recorded_outputs() {
        for (stderr, kind) in [
            ("fatal: couldn't find remote ref refs/heads/nope\n", CloneFailure::NoSuchReference),
            (
                "fatal: remote error: upload-pack: not our ref 1111111111111111111111111111111111111111\n",
                CloneFailure::CommitGone,
            ),
            (
                "error: Server does not allow request for unadvertised object 1111111111111111111111111111111111111111\n",
                CloneFailure::CommitGone,
            ),
            (
                "fatal: unable to access 'https://nope.invalid/x/': Could not resolve host: nope.invalid\n",
                CloneFailure::Unreachable,
            ),
            (
                "fatal: unable to access 'http://127.0.0.1:9/x/': Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect to server\n",
                CloneFailure::Unreachable,
            ),
            (
                "fatal: unable to access 'http://h/x/': Operation too slow. Less than 1000 bytes/sec transferred the last 30 seconds\n",
                CloneFailure::Timeout,
            ),
            (
                "fatal: unable to access 'https://h/': SSL certificate problem: self-signed certificate\n",
                CloneFailure::CertificateInvalid,
            ),
            (
                "fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none CRLfile: none\n",
                CloneFailure::CertificateInvalid,
            ),
            (
                "fatal: could not read Username for 'https://github.com': terminal prompts disabled\n",
                CloneFailure::NoCredentials,
            ),
            (
                "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
                CloneFailure::NoCredentials,
            ),
            ("fatal: repository 'http://127.0.0.1:8080/x/' not found\n", CloneFailure::RepositoryNotFound),
            (
                "ERROR: Repository not found.\nfatal: Could not read from remote repository.\n",
                CloneFailure::RepositoryNotFound,
            ),
            (
                "No ED25519 host key is known for repository and you have requested strict checking.\nHost key verification failed.\nfatal: Could not read from remote repository.\n",
                CloneFailure::HostKeyChanged,
            ),
            (
                "remote: HTTP Basic: Access denied\nfatal: Authentication failed for 'https://h/a.git/'\n",
                CloneFailure::NoCredentials,
            ),
            ("fatal: index-pack failed\n", CloneFailure::Other),
        ] {
            assert_eq!(classify(stderr), kind, "{stderr}");
        }
    }

    #[test]
    fn the_sentence_is_one_line_without_control_characters() {
        assert_eq!(sentence("warning: x\nfatal: y\x1b[31mz\nhint: more\n"), "fatal: y[31mz");
        assert_eq!(sentence(""), "git ended without a word");
    }
}
