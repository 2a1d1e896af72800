//! Pull requests: what a preview is made of, and who let it be built.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A pull request, or merge request, as its provider last told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    pub number: u64,
    pub open: bool,
    pub title: String,
    pub author: String,
    pub url: String,
    /// The branch it should be merged into.
    pub base: String,
    /// It comes from another repository: nobody of this project wrote it.
    pub fork: bool,
    /// When the provider says it changed last: events come in any order.
    pub updated_at: Option<Timestamp>,
    /// Of a fork: what may be built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
}

/// Somebody looked at a commit of a fork and lets it be built. Another commit needs another approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    pub commit: String,
    pub by: String,
    /// It also gets the project's secrets.
    pub secrets: bool,
}

/// What a commit of a pull request may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Somebody has to look at it first.
    Waits,
    WithoutSecrets,
    Full,
}

impl PullRequest {
    pub fn trust(&self, commit: &str) -> Trust {
        if !self.fork {
            return Trust::Full;
        }
        match &self.approval {
            Some(approval) if approval.commit == commit && approval.secrets => Trust::Full,
            Some(approval) if approval.commit == commit => Trust::WithoutSecrets,
            Some(_) | None => Trust::Waits,
        }
    }

    /// What is known after `newer` was told: an older event changes nothing, and an approval stays what it was.
    pub fn told(self, newer: Self) -> Self {
        let late = match (self.updated_at, newer.updated_at) {
            (Some(known), Some(told)) => told < known,
            _ => false,
        };
        if late { self } else { Self { approval: self.approval, ..newer } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(open: bool, second: i64) -> PullRequest {
        PullRequest {
            number: 1,
            open,
            title: String::new(),
            author: String::new(),
            url: String::new(),
            base: "main".into(),
            fork: true,
            updated_at: Timestamp::from_second(second).ok(),
            approval: None,
        }
    }

    #[test]
    fn a_fork_is_trusted_commit_by_commit() {
        let approval = |secrets| Some(Approval { commit: "a".into(), by: "ada".into(), secrets });
        for (fork, approval, commit, trust) in [
            (false, None, "a", Trust::Full),
            (true, None, "a", Trust::Waits),
            (true, approval(false), "a", Trust::WithoutSecrets),
            (true, approval(true), "a", Trust::Full),
            (true, approval(true), "b", Trust::Waits),
        ] {
            let pull = PullRequest { fork, approval, ..pull(true, 1) };
            assert_eq!(pull.trust(commit), trust);
        }
    }

    #[test]
    fn what_is_told_late_changes_nothing() {
        assert!(!pull(false, 2).told(pull(true, 1)).open, "closed stays closed");
        assert!(pull(false, 2).told(pull(true, 3)).open, "reopened");
        let approved = PullRequest {
            approval: Some(Approval { commit: "a".into(), by: "ada".into(), secrets: true }),
            ..pull(true, 1)
        };
        assert!(approved.told(pull(true, 2)).approval.is_some());
    }
}
