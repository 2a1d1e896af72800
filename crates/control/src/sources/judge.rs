//! What was dealt with, and where the branch is → what follows.

use pierhead_store::Asked;

/// How often a look waits for a commit that a webhook promised and the server does not show yet.
const TRIES: u32 = 6;

/// What is known of a reference.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'k> {
    /// The commit that was dealt with last.
    pub(crate) accepted: Option<&'k str>,
    /// Where it was at the first look.
    pub(crate) baseline: Option<&'k str>,
    /// Where the server says that it is now.
    pub(crate) head: Option<&'k str>,
    pub(crate) asked: Option<&'k Asked>,
    /// Looks in a row that did not find what they should.
    pub(crate) tries: u32,
    /// The commit of the slot's newest deployment, where one is known.
    pub(crate) deployed: Option<&'k str>,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The head is to be deployed.
    Deploy,
    /// From here on: nothing before this is made up for.
    Begin,
    /// The head is what was dealt with.
    Unchanged,
    /// What was promised is not there yet.
    Wait,
    /// There is no such reference.
    Missing,
}

pub(crate) fn judge(known: Known<'_>) -> Verdict {
    let promised = known.asked.and_then(|asked| asked.commit.as_deref());
    let patient = known.tries < TRIES;
    let Some(head) = known.head else {
        return if promised.is_some() && patient { Verdict::Wait } else { Verdict::Missing };
    };
    let late = promised.is_some_and(|promised| promised != head);
    match known.accepted {
        Some(accepted) if accepted != head => Verdict::Deploy,
        Some(_) if late && patient => Verdict::Wait,
        Some(_) => Verdict::Unchanged,
        // Nothing was dealt with yet. Whoever pushed wants it deployed. Otherwise the first look only notes where things
        // are, unless the branch has moved on since the newest deployment.
        None if known.asked.is_some_and(|asked| asked.trigger == "push") => Verdict::Deploy,
        None => match known.deployed.or(known.baseline) {
            Some(before) if before != head => Verdict::Deploy,
            Some(_) if known.baseline.is_some() => Verdict::Unchanged,
            _ => Verdict::Begin,
        },
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;

    use super::*;

    #[test]
    fn the_table() {
        use Verdict::{Begin, Deploy, Missing, Unchanged, Wait};
        let hook = |commit: Option<&str>| Asked {
            trigger: "push".into(),
            by: None,
            at: Timestamp::UNIX_EPOCH,
            commit: commit.map(ToOwned::to_owned),
            message: None,
        };
        let sync = Asked { trigger: "sync".into(), ..hook(None) };
        let (plain, b, c) = (hook(None), hook(Some("b")), hook(Some("c")));
        for (accepted, head, asked, tries, deployed, expected) in [
            // Nothing dealt with yet, and where it was at the first look.
            (Some("base a"), Some("a"), None, 0, None, Unchanged),
            (Some("base a"), Some("b"), None, 0, None, Deploy),
            (Some("base a"), Some("a"), Some(&sync), 0, None, Unchanged),
            (Some("base a"), Some("a"), Some(&plain), 0, None, Deploy),
            (None, Some("a"), Some(&sync), 0, None, Begin),
            // Polling: a missed push, nothing new, the first look.
            (Some("a"), Some("b"), None, 0, Some("a"), Deploy),
            (Some("a"), Some("a"), None, 0, Some("a"), Unchanged),
            (None, Some("a"), None, 0, None, Begin),
            (None, Some("a"), None, 0, Some("a"), Begin),
            (None, Some("b"), None, 0, Some("a"), Deploy),
            // Rolled back: what is live is older than what was dealt with, and stays.
            (Some("b"), Some("b"), None, 0, Some("a"), Unchanged),
            // Webhooks: in order, doubled, late, early.
            (Some("a"), Some("b"), Some(&b), 0, Some("a"), Deploy),
            (None, Some("b"), Some(&b), 0, None, Deploy),
            (Some("b"), Some("b"), Some(&b), 0, Some("b"), Unchanged),
            (Some("c"), Some("c"), Some(&b), 0, Some("c"), Wait),
            (Some("c"), Some("c"), Some(&b), TRIES, Some("c"), Unchanged),
            (Some("b"), Some("b"), Some(&c), 1, Some("b"), Wait),
            (Some("a"), Some("b"), Some(&c), 0, Some("a"), Deploy),
            (Some("a"), Some("a"), Some(&plain), 0, Some("a"), Unchanged),
            (None, Some("a"), Some(&plain), 0, None, Deploy),
            // No such branch.
            (Some("a"), None, None, 0, Some("a"), Missing),
            (Some("a"), None, Some(&b), 0, Some("a"), Wait),
            (Some("a"), None, Some(&b), TRIES, Some("a"), Missing),
        ] {
            let baseline = accepted.and_then(|it: &str| it.strip_prefix("base "));
            let accepted = accepted.filter(|_| baseline.is_none());
            let verdict = judge(Known { accepted, baseline, head, asked, tries, deployed });
            assert_eq!(verdict, expected, "{accepted:?} {head:?} {asked:?} {tries} {deployed:?}");
        }
    }
}
