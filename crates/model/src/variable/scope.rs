//! Where a variable holds, and which of several wins.
//!
//! The narrower place wins: a slot before slots of a pattern (of those, the one that says more), these before an
//! environment, an environment before the project. `pr-*` is how all previews of pull requests get values of their own.

use std::collections::BTreeMap;

use crate::id::EnvironmentId;
use crate::name::{InvalidName, SlotName};

use super::VariableKey;

/// A slot's name, or the beginning of names followed by `*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotPattern(String);

impl SlotPattern {
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        match text.strip_suffix('*') {
            None => SlotName::parse(text).map(drop)?,
            Some("") => {}
            // Whatever may begin a name: a letter is added, since `pr-` alone is none.
            Some(beginning) => {
                let fits = SlotName::parse(&format!("{beginning}a")).is_ok();
                if !fits {
                    return Err(InvalidName::Characters {
                        what: "slot",
                        name: text.chars().take(80).collect(),
                    });
                }
            }
        }
        Ok(Self(text.to_owned()))
    }

    pub fn matches(&self, slot: &SlotName) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => slot.as_str().starts_with(beginning),
            None => self.0 == slot.as_str(),
        }
    }

    /// Whether it means one slot and no other.
    pub fn is_exact(&self) -> bool {
        !self.0.ends_with('*')
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&SlotName> for SlotPattern {
    fn from(name: &SlotName) -> Self {
        Self(name.as_str().to_owned())
    }
}

/// Where a variable of a project holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VariableScope {
    /// Everywhere.
    Project,
    Environment(EnvironmentId),
    Slot(EnvironmentId, SlotPattern),
}

impl VariableScope {
    pub fn holds_in(&self, environment: &EnvironmentId, slot: &SlotName) -> bool {
        match self {
            Self::Project => true,
            Self::Environment(own) => own == environment,
            Self::Slot(own, pattern) => own == environment && pattern.matches(slot),
        }
    }

    /// Of two that hold, the one with more wins.
    fn weight(&self) -> (u8, usize) {
        match self {
            Self::Project => (0, 0),
            Self::Environment(_) => (1, 0),
            Self::Slot(_, pattern) if pattern.is_exact() => (3, 0),
            Self::Slot(_, pattern) => (2, pattern.as_str().len()),
        }
    }
}

/// Of all variables of a project those that hold in a slot, one for each key, by key.
pub fn in_force<T>(
    all: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> (&VariableKey, &VariableScope),
    environment: &EnvironmentId,
    slot: &SlotName,
) -> Vec<T> {
    let mut winners: BTreeMap<VariableKey, T> = BTreeMap::new();
    for one in all {
        let (key, scope) = of(&one);
        let loses = !scope.holds_in(environment, slot)
            || winners.get(key).is_some_and(|best| of(best).1.weight() > scope.weight());
        if !loses {
            let key = key.clone();
            winners.insert(key, one);
        }
    }
    winners.into_values().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;

    fn environment(number: u128) -> EnvironmentId {
        EnvironmentId::new(Timestamp::UNIX_EPOCH, number)
    }

    fn slot(name: &str) -> SlotName {
        SlotName::parse(name).unwrap()
    }

    fn of_slot(number: u128, pattern: &str) -> VariableScope {
        VariableScope::Slot(environment(number), SlotPattern::parse(pattern).unwrap())
    }

    #[test]
    fn patterns_are_names_or_beginnings_of_names() {
        for good in ["production", "pr-*", "*", "qa*", "pr-1*"] {
            assert!(SlotPattern::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "pr-", "**", "*-pr", "PR-*", "a b*", "-*", "a--*"] {
            assert!(SlotPattern::parse(bad).is_err(), "{bad}");
        }
        assert!(SlotPattern::parse("pr-*").unwrap().matches(&slot("pr-12")));
        assert!(!SlotPattern::parse("pr-*").unwrap().matches(&slot("production")));
        assert!(!SlotPattern::parse("pr-1").unwrap().matches(&slot("pr-12")));
    }

    #[test]
    fn the_narrower_place_wins() {
        let all = [
            VariableScope::Project,
            VariableScope::Environment(environment(1)),
            of_slot(1, "*"),
            of_slot(1, "pr-*"),
            of_slot(1, "pr-1"),
        ];
        let key = VariableKey::parse("A").unwrap();
        // In whatever order they are stored.
        for turn in 0..all.len() {
            let mut given: Vec<_> = all.to_vec();
            given.rotate_left(turn);
            for (number, name, winner) in
                [(1, "pr-1", 4), (1, "pr-2", 3), (1, "production", 2), (2, "pr-1", 0)]
            {
                let found = in_force(given.iter(), |it| (&key, *it), &environment(number), &slot(name));
                assert_eq!(found, [&all[winner]], "{number} {name}");
            }
        }
    }

    proptest! {
        #[test]
        fn one_of_each_key_that_holds_and_none_that_does_not(
            given in proptest::collection::vec((0_usize..3, 0_usize..6), 0..20), name in "(pr-1|pr-2|qa)",
        ) {
            let scopes = [
                VariableScope::Project, VariableScope::Environment(environment(1)), VariableScope::Environment(environment(2)),
                of_slot(1, "pr-*"), of_slot(1, "pr-1"), of_slot(2, "pr-1"),
            ];
            let keys = ["A", "B", "C"].map(|key| VariableKey::parse(key).unwrap());
            let all: Vec<_> = given.iter().map(|(key, scope)| (&keys[*key], &scopes[*scope])).collect();
            let found = in_force(all.clone(), |it| *it, &environment(1), &slot(&name));
            let wanted: std::collections::BTreeSet<_> =
                all.iter().filter(|(_, scope)| scope.holds_in(&environment(1), &slot(&name))).map(|(key, _)| *key).collect();
            prop_assert_eq!(found.iter().map(|(key, _)| *key).collect::<Vec<_>>(), wanted.into_iter().collect::<Vec<_>>());
            for (key, scope) in &found {
                for (other, lost) in &all {
                    prop_assert!(other != key || !lost.holds_in(&environment(1), &slot(&name)) || lost.weight() <= scope.weight());
                }
            }
        }
    }
}
