//! What a step waits for.
//!
//! A step waits for what it `needs`, for the build it runs or serves, and for every step whose outputs it refers to: a
//! reference *is* a dependency. It need not be written twice, and forgetting it cannot make a run fail halfway. A public URL
//! (`slot.url.web`) is known before anything runs, so it makes nobody wait: two services may know each other's.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Pipeline, PluginStep, Step};
use super::name::StepName;
use super::reference::{Reference, Template, texts_in};

/// Why one step waits for another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// It says so.
    Needs,
    /// It runs or serves what the other built.
    Build,
    /// A field refers to an output; its path in the document.
    Reference(String),
}

/// The steps and what each waits for. Only steps that exist are in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    needs: BTreeMap<StepName, BTreeMap<StepName, Because>>,
}

/// What cannot run because it waits, directly or not, for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Each in order: every step waits for the one after it, the last for the first.
    pub cycles: Vec<Vec<StepName>>,
    /// In no cycle, but waiting for one.
    pub behind: Vec<StepName>,
}

impl Graph {
    pub fn of(pipeline: &Pipeline) -> Self {
        let mut needs: BTreeMap<StepName, BTreeMap<StepName, Because>> = BTreeMap::new();
        for (name, step) in &pipeline.steps {
            let mut waits = BTreeMap::new();
            let mut wait = |other: &StepName, because| {
                if pipeline.steps.contains_key(other) {
                    waits.entry(other.clone()).or_insert(because);
                }
            };
            step.needs().iter().for_each(|other| wait(other, Because::Needs));
            step.build().into_iter().for_each(|other| wait(other, Because::Build));
            for (path, reference) in references(name, step) {
                if let Reference::StepOutput { step: other, .. } = reference {
                    wait(&other, Because::Reference(path));
                }
            }
            needs.insert(name.clone(), waits);
        }
        Self { needs }
    }

    /// A graph by its edges, for callers that have no pipeline.
    pub fn from_needs(needs: impl IntoIterator<Item = (StepName, Vec<StepName>)>) -> Self {
        let edges = |others: Vec<StepName>| others.into_iter().map(|other| (other, Because::Needs)).collect();
        Self { needs: needs.into_iter().map(|(name, others)| (name, edges(others))).collect() }
    }

    pub fn steps(&self) -> impl Iterator<Item = &StepName> {
        self.needs.keys()
    }

    /// What a step waits for, and why.
    pub fn needs(&self, step: &StepName) -> impl Iterator<Item = (&StepName, &Because)> {
        self.needs.get(step).into_iter().flatten()
    }

    /// Everything a step waits for, directly or not.
    pub fn ancestors(&self, step: &StepName) -> BTreeSet<&StepName> {
        let mut found = BTreeSet::new();
        let mut open: Vec<&StepName> = self.needs(step).map(|(other, _)| other).collect();
        while let Some(next) = open.pop() {
            if found.insert(next) {
                open.extend(self.needs(next).map(|(other, _)| other));
            }
        }
        found
    }

    /// The steps by the round in which they can start when each takes as long as the others. What is stuck is not in it.
    pub fn rounds(&self) -> Vec<Vec<&StepName>> {
        let mut rounds: Vec<Vec<&StepName>> = Vec::new();
        let mut done: BTreeSet<&StepName> = BTreeSet::new();
        loop {
            let is_ready = |(name, needs): &(&StepName, &BTreeMap<StepName, Because>)| {
                !done.contains(*name) && needs.keys().all(|other| done.contains(other))
            };
            let round: Vec<_> = self.needs.iter().filter(is_ready).map(|(name, _)| name).collect();
            if round.is_empty() {
                return rounds;
            }
            done.extend(round.iter().copied());
            rounds.push(round);
        }
    }

    /// What can never start.
    pub fn stuck(&self) -> Stuck {
        let started: BTreeSet<&StepName> = self.rounds().into_iter().flatten().collect();
        let mut rest: BTreeSet<&StepName> =
            self.needs.keys().filter(|name| !started.contains(*name)).collect();
        let mut behind = Vec::new();
        let mut cycles = Vec::new();
        loop {
            // Whoever nobody in the rest waits for is in no cycle of it.
            let waited_for: BTreeSet<&StepName> =
                rest.iter().flat_map(|name| self.needs(name).map(|(other, _)| other)).collect();
            let (inside, outside): (BTreeSet<_>, BTreeSet<_>) =
                rest.iter().copied().partition(|name| waited_for.contains(name));
            if outside.is_empty() {
                let Some(first) = rest.first().copied() else { break };
                let cycle = self.cycle_from(first, &rest);
                for name in &cycle {
                    rest.remove(name);
                }
                cycles.push(cycle.into_iter().cloned().collect());
                // What waited only for this cycle has nothing left to wait for: it is behind it.
                loop {
                    let free = |name: &&&StepName| !self.needs(name).any(|(other, _)| rest.contains(other));
                    let Some(name) = rest.iter().find(free).copied() else { break };
                    rest.remove(name);
                    behind.push(name.clone());
                }
            } else {
                behind.extend(outside.into_iter().cloned());
                rest = inside;
            }
        }
        behind.sort();
        Stuck { cycles, behind }
    }

    /// Follows what is waited for until a step comes again. Every step of `rest` waits for one of `rest`.
    fn cycle_from<'a>(&'a self, first: &'a StepName, rest: &BTreeSet<&'a StepName>) -> Vec<&'a StepName> {
        let mut way = vec![first];
        loop {
            let Some(last) = way.last() else { return way };
            let Some(next) = self.needs(last).map(|(other, _)| other).find(|other| rest.contains(other))
            else {
                return way;
            };
            if let Some(at) = way.iter().position(|name| *name == next) {
                let mut cycle = way.split_off(at);
                let smallest =
                    cycle.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
                cycle.rotate_left(smallest);
                return cycle;
            }
            way.push(next);
        }
    }
}

/// Every reference of a step with the path of the field it stands in.
pub fn references(name: &StepName, step: &Step) -> Vec<(String, Reference)> {
    let mut found = Vec::new();
    let mut take = |path: String, template: &Template| {
        found.extend(template.references().map(|reference| (path.clone(), reference.clone())));
    };
    let variables = match step {
        Step::Build(step) => Some(&step.variables),
        Step::Service(step) => Some(&step.variables),
        Step::Site(_) | Step::Plugin(_) => None,
    };
    for (key, template) in variables.into_iter().flatten() {
        take(format!("steps.{name}.variables.{}", key.as_str()), template);
    }
    match step {
        Step::Service(step) => {
            for (at, word) in step.command.iter().flatten().enumerate() {
                take(format!("steps.{name}.command[{at}]"), word);
            }
        }
        Step::Plugin(step) => {
            for (path, template) in parameter_templates(name, step) {
                take(path, &template);
            }
            let secret = |secret: &super::name::SecretName| {
                (format!("steps.{name}.secrets"), Reference::Secret(secret.clone()))
            };
            found.extend(step.secrets.iter().map(secret));
        }
        Step::Build(_) | Step::Site(_) => {}
    }
    found
}

/// The texts of a plugin's parameters that are templates, with their paths.
fn parameter_templates(name: &StepName, step: &PluginStep) -> Vec<(String, Template)> {
    let mut texts = Vec::new();
    for (key, value) in &step.parameters {
        texts_in(&format!("steps.{name}.parameters.{key}"), value, &mut texts);
    }
    texts.into_iter().filter_map(|(path, text)| Some((path, Template::parse(text).ok()?))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pipeline::{Format, read};

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let name = |text: &str| StepName::parse(text).unwrap();
        let needs = |text: &str| text.split_whitespace().map(name).collect();
        Graph::from_needs(edges.iter().map(|(step, others)| (name(step), needs(others))))
    }

    fn stuck(edges: &[(&str, &str)]) -> (Vec<String>, String) {
        let stuck = graph(edges).stuck();
        let join = |names: &Vec<StepName>| names.iter().map(StepName::as_str).collect::<Vec<_>>().join(" ");
        (stuck.cycles.iter().map(join).collect(), join(&stuck.behind))
    }

    #[test]
    fn what_follows_from_needs_builds_and_references() {
        let text = include_str!("../../tests/pipelines/shop.yaml");
        let pipeline = read(text, Format::Yaml).unwrap().pipeline;
        let graph = Graph::of(&pipeline);
        let needs = |name: &str| {
            let name = StepName::parse(name).unwrap();
            graph.needs(&name).map(|(other, _)| other.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(needs("seed"), "create-db", "by reference");
        assert_eq!(needs("api"), "create-db seed");
        assert_eq!(needs("web"), "build-web");
        assert_eq!(needs("build-web"), "", "a URL makes nobody wait");
        assert_eq!(graph.rounds().len(), 4);
        let api = StepName::parse("api").unwrap();
        assert_eq!(graph.ancestors(&api).len(), 3);
    }

    #[test]
    fn cycles_are_named_in_order_and_who_waits_for_them() {
        let none: Vec<String> = Vec::new();
        assert_eq!(stuck(&[("a", ""), ("b", "a")]), (none, String::new()));
        assert_eq!(stuck(&[("a", "a")]), (vec!["a".into()], String::new()));
        assert_eq!(
            stuck(&[("b", "c"), ("c", "a"), ("a", "b"), ("d", "a"), ("e", "d"), ("f", "")]),
            (vec!["a b c".into()], "d e".into())
        );
        assert_eq!(
            stuck(&[("a", "b"), ("b", "a"), ("m", "b x"), ("x", "y"), ("y", "x m2"), ("m2", "a")]),
            (vec!["a b".into(), "x y".into()], "m m2".into())
        );
    }

    proptest! {
        /// Every step starts after what it needs, or is stuck; each cycle is one.
        #[test]
        fn all_are_ordered_or_stuck(edges in prop::collection::vec((0_u8..8, 0_u8..8), 0..20)) {
            let name = |n: u8| StepName::parse(&format!("s{n}")).unwrap();
            let graph = Graph::from_needs((0..8).map(|n| {
                (name(n), edges.iter().filter(|(from, _)| *from == n).map(|(_, to)| name(*to)).collect())
            }));
            let mut done = BTreeSet::new();
            for round in graph.rounds() {
                for step in &round {
                    prop_assert!(graph.needs(step).all(|(other, _)| done.contains(other)));
                }
                done.extend(round);
            }
            let stuck = graph.stuck();
            for cycle in &stuck.cycles {
                for (at, step) in cycle.iter().enumerate() {
                    let next = &cycle[(at + 1) % cycle.len()];
                    prop_assert!(graph.needs(step).any(|(other, _)| other == next));
                }
            }
            let in_cycles: usize = stuck.cycles.iter().map(Vec::len).sum();
            prop_assert_eq!(done.len() + in_cycles + stuck.behind.len(), 8);
            prop_assert_eq!(stuck.cycles.is_empty(), done.len() == 8);
        }
    }
}
