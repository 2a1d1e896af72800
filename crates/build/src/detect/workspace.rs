//! An application inside a monorepo: installed at the workspace's root, built and started in its own folder.
//!
//! The packages of a workspace are linked to each other, so the whole workspace is the source. The plan is made for the
//! member and then lifted: its root directory becomes the workspace's, its paths get the member's folder in front, and its
//! commands change into it.

use globset::{GlobBuilder, GlobSetBuilder};
use pierhead_model::plan::BuildPlan;
use serde::Deserialize;

use crate::facts::Facts;
use crate::source::path;

use super::Source;
use super::node::{self, PackageManager};

pub(crate) struct Workspace<'t> {
    pub(crate) facts: Facts<'t>,
    /// Relative to the workspace's root.
    member: String,
}

const LOCKFILES: &[&str] =
    &["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"];

/// The workspace that a folder belongs to; none when it installs on its own.
pub(crate) fn of<'t>(source: &Source<'t>, root: &str) -> Option<Workspace<'t>> {
    let own = source.facts(root);
    if root == "." || !own.has("package.json") || own.first(LOCKFILES).is_some() {
        return None;
    }
    let mut ancestor = root;
    loop {
        ancestor = match ancestor.rsplit_once('/') {
            Some((parent, _)) => parent,
            None => ".",
        };
        let member = path::below(ancestor, root)?;
        let facts = source.facts(ancestor);
        if matches(&patterns(&facts), member) {
            return Some(Workspace { facts, member: member.to_owned() });
        }
        if ancestor == "." {
            return None;
        }
    }
}

/// Whether a folder is the root of a workspace and no application itself.
pub(crate) fn is_only_a_root(facts: &Facts<'_>) -> bool {
    let is_workspace =
        !patterns(facts).is_empty() || facts.first(&["nx.json", "turbo.json", "lerna.json"]).is_some();
    is_workspace
        && facts.config("next.config").is_none()
        && facts
            .first(&["index.html", "angular.json", "composer.json", "requirements.txt", "pyproject.toml"])
            .is_none()
        && !facts.has_folder("src")
        && !facts.has_folder("app")
        && !facts.has_folder("pages")
}

/// The patterns of a workspace's members, as its package manager writes them.
pub(crate) fn patterns(facts: &Facts<'_>) -> Vec<String> {
    #[derive(Deserialize)]
    struct PnpmWorkspace {
        #[serde(default)]
        packages: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Lerna {
        #[serde(default)]
        packages: Vec<String>,
    }
    let pnpm = facts
        .text("pnpm-workspace.yaml")
        .and_then(|text| serde_norway::from_str::<PnpmWorkspace>(&text).ok());
    let mut patterns = pnpm.map(|pnpm| pnpm.packages).unwrap_or_default();
    patterns.extend(node::workspace_patterns(facts));
    if patterns.is_empty() {
        let lerna = facts.text("lerna.json").and_then(|text| serde_json::from_str::<Lerna>(&text).ok());
        patterns.extend(lerna.map(|lerna| lerna.packages).unwrap_or_default());
    }
    patterns.truncate(100);
    patterns
}

/// Whether a folder is a member; patterns that begin with `!` exclude.
pub(crate) fn matches(patterns: &[String], member: &str) -> bool {
    let set = |exclude: bool| {
        let mut builder = GlobSetBuilder::new();
        for pattern in
            patterns.iter().filter(|pattern| pattern.starts_with('!') == exclude && pattern.len() < 200)
        {
            let pattern = pattern.trim_start_matches('!').trim_start_matches("./").trim_end_matches('/');
            builder.add(GlobBuilder::new(pattern).literal_separator(true).build().ok()?);
        }
        builder.build().ok()
    };
    let (Some(included), Some(excluded)) = (set(false), set(true)) else { return false };
    included.is_match(member) && !excluded.is_match(member)
}

impl Workspace<'_> {
    /// Turns the member's plan into one for the workspace's root.
    pub(crate) fn lift(&self, plan: &mut BuildPlan) {
        let member = &self.member;
        let quoted = quote(member);
        let inside = |command: &str| format!("cd {quoted} && {command}");
        let nested =
            |command: String| command.replace(".next/standalone/", &format!(".next/standalone/{member}/"));
        plan.build_command = plan.build_command.take().map(|command| nested(self.build(&command, &quoted)));
        plan.start_command = plan.start_command.take().map(|command| nested(inside(&command)));
        plan.release_command = plan.release_command.take().map(|command| inside(&command));
        for command in plan.processes.values_mut() {
            *command = inside(command);
        }
        let place = |path: &mut String| *path = path::join(member, path);
        plan.output_directory.iter_mut().for_each(place);
        plan.document_root.iter_mut().for_each(place);
        plan.dockerfile.iter_mut().for_each(place);
        plan.caches.iter_mut().for_each(place);
        plan.dependency_inputs.iter_mut().for_each(place);
        for reason in plan.reasons.iter_mut().filter(|reason| reason.field != "root_directory") {
            let at_root = |file: &String| !LOCKFILES.contains(&file.as_str());
            reason.file.iter_mut().filter(|file| at_root(file)).for_each(place);
        }
        plan.dependency_inputs.extend(node::dependency_inputs(&self.facts));
        let manifests = self.facts.files().filter_map(|file| {
            let folder = file.strip_suffix("/package.json")?;
            matches(&patterns(&self.facts), folder).then(|| file.to_owned())
        });
        plan.dependency_inputs.extend(manifests);
        plan.dependency_inputs.sort();
        plan.dependency_inputs.dedup();
        plan.root_directory = self.facts.root().to_owned();
        plan.warnings.push(format!("{member} belongs to a workspace, which is installed as a whole"));
    }

    /// The monorepo's tool builds what the member depends on first.
    fn build(&self, command: &str, quoted: &str) -> String {
        let own = format!("cd {quoted} && {command}");
        let Some(manager) = node::package_manager(&self.facts) else { return own };
        let script = manager.run("build");
        let Some(rest) = command.strip_prefix(&script) else { return own };
        let first = match self.tool(&manager) {
            Some(first) => first,
            None => return own,
        };
        if rest.is_empty() { first } else { format!("{first} && cd {quoted}{rest}") }
    }

    fn tool(&self, manager: &PackageManager) -> Option<String> {
        let filter = quote(&format!("./{}", self.member));
        if self.facts.has("turbo.json") {
            return Some(manager.exec(&format!("turbo run build --filter={filter}")));
        }
        let filter = quote(&format!("./{}...", self.member));
        self.facts.has("pnpm-workspace.yaml").then(|| format!("pnpm --filter {filter} run build"))
    }
}

/// A path as one word of a POSIX shell command.
fn quote(path: &str) -> String {
    if path::is_shell_safe(path) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_matched_as_the_package_managers_do() {
        let patterns = ["apps/*".to_owned(), "packages/**".to_owned(), "!apps/old".to_owned()];
        assert!(matches(&patterns, "apps/web"));
        assert!(matches(&patterns, "packages/a/b"));
        assert!(!matches(&patterns, "apps/web/sub"));
        assert!(!matches(&patterns, "apps/old"));
        assert!(!matches(&[], "apps/web"));
        assert_eq!(quote("a b'c"), r"'a b'\''c'");
    }
}
