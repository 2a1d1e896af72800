//! Which references a project follows, and which slot each deploys to.

use pierhead_model::digest::Digest;
use pierhead_model::name::SlotName;
use pierhead_model::project::ProjectSettings;
use pierhead_model::source::GitReference;

use super::payload::Provider;

/// A branch's whole name.
const HEADS: &str = "refs/heads/";
/// Where servers keep the commits of pull requests: GitHub and Gitea, GitLab.
const PULLS: &str = "refs/pull/";
const MERGES: &str = "refs/merge-requests/";

/// A reference and where it deploys to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) reference: String,
    pub(crate) slot: SlotName,
}

/// What is followed whether or not anything happens: the project's branch.
pub(crate) fn main_branch(settings: &ProjectSettings) -> Option<Target> {
    if !settings.triggers.push {
        return None;
    }
    let reference = match &settings.source.as_ref()?.branch {
        None => "HEAD".to_owned(),
        // A commit does not move.
        Some(branch) if branch.is_commit() => return None,
        Some(branch) => format!("{HEADS}{branch}"),
    };
    Some(Target { reference, slot: SlotName::production() })
}

/// Where a branch that moved deploys to. Without a branch's name, it is the project's own. What nobody says is the default
/// branch may be it.
pub(crate) fn of_branch(
    settings: &ProjectSettings,
    branch: Option<&str>,
    default: Option<&str>,
) -> Option<Target> {
    let main = main_branch(settings);
    let Some(branch) = branch else { return main };
    if let Some(main) = main {
        let is_main = match main.reference.strip_prefix(HEADS) {
            Some(own) => own == branch,
            None => default.is_none_or(|default| default == branch),
        };
        if is_main {
            return Some(main);
        }
    }
    GitReference::parse(branch).ok()?;
    let wanted = settings.triggers.branches.iter().any(|pattern| matches(pattern, branch));
    wanted.then(|| Some(Target { reference: format!("{HEADS}{branch}"), slot: slot_of(branch)? }))?
}

/// Where a pull request into `base` deploys to.
pub(crate) fn of_pull(
    settings: &ProjectSettings,
    provider: Provider,
    number: u64,
    (base, default): (&str, Option<&str>),
) -> Option<Target> {
    if !settings.triggers.pull_requests {
        return None;
    }
    let into_own = match &settings.source.as_ref()?.branch {
        Some(own) => own.as_str() == base,
        None => default.is_none_or(|default| default == base),
    };
    let folder = if provider == Provider::Gitlab { MERGES } else { PULLS };
    let slot = SlotName::parse(&format!("pr-{number}")).ok()?;
    into_own.then(|| Target { reference: format!("{folder}{number}/head"), slot })
}

/// Whether a reference is still followed.
pub(crate) fn is_followed(settings: &ProjectSettings, reference: &str) -> bool {
    if reference.starts_with(PULLS) || reference.starts_with(MERGES) {
        return settings.triggers.pull_requests;
    }
    match reference.strip_prefix(HEADS) {
        Some(branch) => {
            of_branch(settings, Some(branch), Some("")).is_some_and(|it| it.reference == reference)
        }
        None => main_branch(settings).is_some_and(|main| main.reference == reference),
    }
}

/// A slot for a branch. Two branches whose names come out the same are told apart by a few characters of a digest.
pub(crate) fn slot_of(branch: &str) -> Option<SlotName> {
    if let Ok(name) = SlotName::parse(branch)
        && !name.is_production()
    {
        return Some(name);
    }
    let digest = Digest::of(branch.as_bytes()).to_hex();
    let unique = digest.get(..4).unwrap_or_default();
    let start: String = branch.chars().take(SlotName::MAXIMUM - 5).collect();
    SlotName::from_text(&format!("{start}-{unique}"))
        .or_else(|| SlotName::from_text(&format!("branch-{unique}")))
}

/// `*` stands for any characters, `/` among them.
pub(crate) fn matches(pattern: &str, branch: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = branch.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use pierhead_model::project::{GitSource, Triggers};
    use pierhead_model::source::{Folder, RepositoryUrl};

    use super::*;

    fn settings(branch: Option<&str>, patterns: &[&str]) -> ProjectSettings {
        let source = GitSource {
            repository: RepositoryUrl::parse("https://example.com/a/b").unwrap(),
            branch: branch.map(|branch| GitReference::parse(branch).unwrap()),
            root_directory: Folder::default(),
        };
        let branches = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let triggers = Triggers { branches, ..Triggers::default() };
        ProjectSettings { source: Some(source), triggers, ..ProjectSettings::default() }
    }

    #[test]
    fn a_branch_deploys_to_the_slot_that_follows_it() {
        for (own, patterns, pushed, default, expected) in [
            (None, &[] as &[&str], Some("main"), Some("main"), Some(("HEAD", "production"))),
            (None, &[], Some("other"), Some("main"), None),
            (None, &[], Some("other"), None, Some(("HEAD", "production"))),
            (None, &[], None, None, Some(("HEAD", "production"))),
            (Some("live"), &[], Some("live"), Some("main"), Some(("refs/heads/live", "production"))),
            (Some("live"), &[], Some("main"), Some("main"), None),
            (Some("live"), &["main"], Some("main"), Some("main"), Some(("refs/heads/main", "main"))),
            (
                None,
                &["release/*"],
                Some("release/1"),
                Some("main"),
                Some(("refs/heads/release/1", "release-1-b1dd")),
            ),
            (None, &["*"], Some("--odd"), Some("main"), None),
            (
                None,
                &["*"],
                Some("production"),
                Some("main"),
                Some(("refs/heads/production", "production-ab8e")),
            ),
        ] {
            let target = of_branch(&settings(own, patterns), pushed, default);
            let found = target.as_ref().map(|it| (it.reference.as_str(), it.slot.as_str()));
            let same = match (found, expected) {
                (Some((reference, slot)), Some((wanted, name))) => {
                    reference == wanted && slot.split('-').next() == name.split('-').next()
                }
                (found, expected) => found == expected,
            };
            assert!(same, "{own:?} {patterns:?} {pushed:?}: {found:?}");
            if let Some(target) = target {
                assert!(is_followed(&settings(own, patterns), &target.reference), "{target:?}");
            }
        }
        let paused = Triggers { push: false, ..Triggers::default() };
        let paused = ProjectSettings { triggers: paused, ..settings(None, &[]) };
        assert_eq!(of_branch(&paused, Some("main"), Some("main")), None);
        assert_eq!(main_branch(&settings(Some(&"a".repeat(40)), &[])), None, "a commit does not move");
    }

    #[test]
    fn slots_of_branches_are_names_and_differ() {
        let names = ["feature/a", "feature-a", "Feature/A", &"x".repeat(200), "päivä", "production", "---"];
        let slots: std::collections::BTreeSet<_> = names.iter().filter_map(|name| slot_of(name)).collect();
        assert_eq!(slots.len(), names.len(), "{slots:?}");
        assert!(slots.iter().all(|slot| !slot.is_production()));
    }

    #[test]
    fn patterns() {
        for (pattern, branch, expected) in [
            ("main", "main", true),
            ("main", "maintenance", false),
            ("*", "anything/at/all", true),
            ("release/*", "release/1.0", true),
            ("release/*", "release", false),
            ("*-fix", "a-fix", true),
            ("*-fix", "a-fixed", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, branch), expected, "{pattern} {branch}");
        }
    }
}
