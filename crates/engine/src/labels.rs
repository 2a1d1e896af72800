//! The label keys, and pure questions about who owns an object.
//!
//! Drivers store labels and filter by them; what is ours, and what of it is too old to keep, is decided by the
//! caller with these functions. Nothing without [`MANAGED`] and the right [`INSTALL`] is ever ours to touch.

use crate::spec::Labels;

/// `true` on everything Pierhead makes.
pub const MANAGED: &str = "pierhead.managed";
/// The installation that made it.
pub const INSTALL: &str = "pierhead.install";
/// The node of that installation it was made on; several agents may share one engine.
pub const NODE: &str = "pierhead.node";
/// The control plane's generation that asked for it; only the same or a newer one may remove it.
pub const GENERATION: &str = "pierhead.generation";
/// Written by drivers: the hash of the spec it was made from.
pub const SPEC: &str = "pierhead.spec";

/// The labels that mark an object as made by this node of this installation.
#[must_use]
pub fn owner(install: &str, node: &str) -> Labels {
    [(MANAGED, "true"), (INSTALL, install), (NODE, node)]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[must_use]
pub fn owned_by(labels: &Labels, install: &str, node: &str) -> bool {
    carries(labels, &owner(install, node))
}

/// Whether a control plane of this generation may remove it. What carries no readable generation it may not.
#[must_use]
pub fn within_generation(labels: &Labels, generation: u64) -> bool {
    labels.get(GENERATION).and_then(|text| text.parse::<u64>().ok()).is_some_and(|made| made <= generation)
}

/// Whether `labels` has every pair of `wanted`: the filter of the engines' lists.
#[must_use]
pub fn carries(labels: &Labels, wanted: &Labels) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &str, value: &str) -> Labels {
        let mut labels = owner("i1", "n1");
        labels.insert(key.to_owned(), value.to_owned());
        labels
    }

    #[test]
    fn only_all_three_marks_make_it_ours() {
        assert!(owned_by(&owner("i1", "n1"), "i1", "n1"));
        for (key, value) in [(MANAGED, "false"), (INSTALL, "i2"), (NODE, "n2")] {
            assert!(!owned_by(&with(key, value), "i1", "n1"), "{key}={value}");
        }
        assert!(!owned_by(&Labels::new(), "i1", "n1"));
    }

    #[test]
    fn a_newer_or_unreadable_generation_is_kept() {
        for (text, may) in [("3", true), ("4", true), ("5", false), ("", false), ("x", false), ("-1", false)]
        {
            assert_eq!(within_generation(&with(GENERATION, text), 4), may, "{text:?}");
        }
        assert!(!within_generation(&owner("i1", "n1"), 4));
    }
}
