//! Which rule wins when several match.
//!
//! A package as a dependency beats a configuration file alone. A meta-framework beats the build tool it uses. A server
//! beats a front-end tool when something shows that it is really run: a `start` script for production, or an entry file
//! that imports it. The losers that a person might have meant are kept as alternatives.

use pierhead_model::plan::Kind;

use crate::draft::Found;

use super::entry;
use super::manifest::FILE;
use super::rendering::Project;
use super::rule::{self, Group, Rule};
use super::scripts::{self, Script};
use super::{servers, tools};

pub(crate) enum Matched {
    Rule(&'static Rule, Found<()>),
    /// A server without a framework.
    Node(Found<()>),
    /// Something that is built and of which nothing more is known.
    BuildOnly(Found<()>),
}

pub(crate) struct Choice {
    pub(crate) matched: Matched,
    pub(crate) others: Vec<&'static str>,
}

struct Candidate {
    rule: &'static Rule,
    evidence: Found<()>,
    by_dependency: bool,
    runs: bool,
}

pub(crate) fn choose(project: &Project<'_, '_>, forced: Option<&str>) -> Option<Choice> {
    if let Some(forced) = forced {
        let evidence = Found::default((), "chosen explicitly");
        let matched = match rule::all().find(|rule| rule.id == forced) {
            Some(rule) => Matched::Rule(rule, evidence),
            None => Matched::Node(evidence),
        };
        return Some(Choice { matched, others: Vec::new() });
    }
    let entries = entry::candidates(project.facts, project.manifest);
    let mut candidates: Vec<Candidate> =
        rule::all().filter_map(|rule| candidate(rule, project, &entries)).collect();
    // A configuration file alone counts only where no dependency says anything.
    if candidates.iter().any(|candidate| candidate.by_dependency) {
        candidates.retain(|candidate| candidate.by_dependency);
    }
    candidates.sort_by_key(|candidate| rank(candidate, project));
    let has_front_end = candidates.iter().any(|candidate| candidate.rule.group != Group::Server);
    candidates.retain(|candidate| candidate.rule.group != Group::Server || candidate.runs || !has_front_end);
    let mut candidates = candidates.into_iter();
    let others = |candidates: std::vec::IntoIter<Candidate>, best: Group| -> Vec<&'static str> {
        candidates
            .filter(|other| {
                other.rule.group <= Group::Generator
                    || (best != Group::Meta && other.rule.group == Group::Tool)
            })
            .map(|other| other.rule.id)
            .filter(|id| best != Group::Server || !servers::COMPANIONS.contains(id))
            .collect()
    };
    match candidates.next() {
        // A front end next to a server that no framework names: `start` runs node all the same.
        Some(best)
            if best.rule.kind() == Kind::Site && best.rule.group != Group::Meta && runs_node(project) =>
        {
            let evidence = start_evidence(project);
            let mut names = vec![best.rule.id];
            names.extend(others(candidates, best.rule.group));
            Some(Choice { matched: Matched::Node(evidence), others: names })
        }
        Some(best) => Some(Choice {
            others: others(candidates, best.rule.group),
            matched: Matched::Rule(best.rule, best.evidence),
        }),
        None => plain(project, &entries).map(|matched| Choice { matched, others: Vec::new() }),
    }
}

fn candidate(rule: &'static Rule, project: &Project<'_, '_>, entries: &[String]) -> Option<Candidate> {
    let manifest = project.manifest;
    if manifest.first(rule.without).is_some()
        || (!rule.also.is_empty() && manifest.first(rule.also).is_none())
    {
        return None;
    }
    if tools::NEED_BUILD_SCRIPT.contains(&rule.id) && manifest.script("build").is_none() {
        return None;
    }
    let dependency = manifest.first(rule.any);
    let config = rule.configs.iter().find_map(|stem| project.facts.config(stem));
    let evidence = match (dependency, config) {
        (Some(package), _) => Found::detected((), format!("`{package}` is a dependency in {FILE}"))
            .at(FILE, manifest.dependency_line(package)),
        (None, Some(config)) => Found::detected((), format!("there is {config}")).at(config, None),
        (None, None) => return None,
    };
    let mut runs = true;
    if rule.group == Group::Server && !servers::SELF_EVIDENT.contains(&rule.id) {
        let imported = entry::importing(project.facts, entries, rule.any).is_some();
        runs = imported || runs_node(project);
        let has_start = manifest.script("start").is_some();
        if !runs && !has_start && entries.is_empty() {
            return None;
        }
    }
    if rule.id == "vite"
        && dependency.is_none()
        && manifest.script("build").is_none_or(|build| !build.contains("vite"))
    {
        return None;
    }
    Some(Candidate { rule, evidence, by_dependency: dependency.is_some(), runs })
}

/// Smaller is likelier; the order of the tables decides among equals.
fn rank(candidate: &Candidate, project: &Project<'_, '_>) -> u8 {
    match candidate.rule.group {
        // A generator that the build script runs is the site, not the documentation beside a server.
        Group::Generator if !runs_node(project) => 1,
        Group::Meta => 0,
        // Angular's own server rendering comes with an Express file, which does not make it an Express project.
        Group::Tool if candidate.rule.id == "angular" && !runs_node(project) => 1,
        Group::Server if candidate.runs => 2,
        Group::Generator => 3,
        Group::Tool => 4,
        Group::Server => 5,
        Group::Weak => 6,
    }
}

/// Whether `start` runs a server of the project's own.
fn runs_node(project: &Project<'_, '_>) -> bool {
    let Some(script) = project.manifest.script("start") else { return false };
    let runs = |script: &str| {
        ["node", "tsx", "ts-node", "bun", "nodemon", "ts-node-dev", "pm2-runtime", "node-dev"]
            .iter()
            .any(|program| script.split([' ', ';', '&', '/']).any(|word| word == *program))
    };
    match scripts::classify(project.manifest, script) {
        Script::Production => runs(script) || script.contains("npm run") || script.contains("yarn "),
        Script::Development => runs(script),
        Script::Files => false,
    }
}

fn start_evidence(project: &Project<'_, '_>) -> Found<()> {
    let script = project.manifest.script("start").unwrap_or_default();
    let found = Found::detected((), format!("`\"start\": \"{script}\"` in {FILE} runs a server"));
    found.at(FILE, project.manifest.line("scripts", "start"))
}

/// No framework: a `start` script, an entry file, or only something to build.
fn plain(project: &Project<'_, '_>, entries: &[String]) -> Option<Matched> {
    let manifest = project.manifest;
    let start = manifest.script("start").map(|script| scripts::classify(manifest, script));
    if start.is_some_and(|start| start != Script::Files) {
        return Some(Matched::Node(start_evidence(project)));
    }
    let listening = entries.iter().find(|path| entry::listens(project.facts, path));
    if let Some(path) = listening {
        return Some(Matched::Node(Found::detected((), format!("{path} opens a port")).at(path, None)));
    }
    if manifest.script("build").is_some() {
        let evidence = Found::detected((), "there is a `build` script and nothing to start");
        return Some(Matched::BuildOnly(evidence.at(FILE, manifest.line("scripts", "build"))));
    }
    let has_page = ["index.html", "public/index.html"].iter().any(|page| project.facts.has(page));
    let path = entries.first().filter(|_| !has_page)?;
    Some(Matched::Node(Found::detected((), format!("{path} is the entry file")).at(path, None)))
}
