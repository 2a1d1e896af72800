//! Which Node version a project asks for.
//!
//! Order: an explicit choice, `.nvmrc`, `.node-version`, `volta`, `engines`, `.tool-versions`, `mise.toml`, then the default.
//! A pin that contradicts `engines` is a warning that names both files.

use semver::{Version, VersionReq};

use crate::draft::{Draft, Found};
use crate::facts::Facts;
use crate::text;

use super::manifest::{FILE, PackageJson};

/// The version for projects that ask for none.
pub(crate) const DEFAULT: &str = "22";
/// Lines in the order in which a range is satisfied: the default first, then long-term ones.
const LINES: &[u64] = &[22, 24, 20, 18, 26, 23, 25, 21, 16, 14];
/// Code names that `.nvmrc` uses.
const CODE_NAMES: &[(&str, &str)] =
    &[("gallium", "16"), ("hydrogen", "18"), ("iron", "20"), ("jod", "22"), ("krypton", "24")];

/// Puts the version into the draft, unless it was chosen.
pub(crate) fn detect(
    facts: &Facts<'_>,
    manifest: &PackageJson,
    chosen: Option<&Found<String>>,
    draft: &mut Draft,
) {
    if let Some(chosen) = chosen {
        draft.runtime_version(chosen.clone().map(|version| clean(&version).unwrap_or(version)));
        return;
    }
    let engines = manifest.nested("engines", "node");
    if let Some(pin) = pin(facts, manifest) {
        if let Some(range) = engines
            && let Some(false) = satisfies(range, &pin.value)
        {
            let file = pin.file.as_deref().unwrap_or_default();
            draft.warn(format!(
                "{file} asks for Node {}, but `engines.node` in {FILE} allows {range}",
                pin.value
            ));
        }
        draft.runtime_version(pin);
        return;
    }
    let from_engines = engines.and_then(|range| {
        let version = from_range(range)?;
        let because = format!("`engines.node` is `{range}`");
        Some(Found::detected(version, because).at(FILE, manifest.line("engines", "node")))
    });
    draft.runtime_version(from_engines.or_else(|| tool_versions(facts)).unwrap_or_else(|| {
        Found::default(DEFAULT.to_owned(), "the project asks for no version: a long-term one")
    }));
}

fn pin(facts: &Facts<'_>, manifest: &PackageJson) -> Option<Found<String>> {
    for file in [".nvmrc", ".node-version"] {
        let Some(contents) = facts.text(file) else { continue };
        let line = contents.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        if let Some(version) = line.and_then(clean) {
            return Some(Found::detected(version, format!("{file} pins it")).at(file, Some(1)));
        }
    }
    let volta = manifest.nested("volta", "node").and_then(clean)?;
    Some(Found::detected(volta, "`volta.node` pins it").at(FILE, manifest.line("volta", "node")))
}

fn tool_versions(facts: &Facts<'_>) -> Option<Found<String>> {
    for (file, pattern) in [
        (".tool-versions", r"(?m)^node(?:js)?\s+(\S+)"),
        ("mise.toml", r#"(?m)^node\s*=\s*["']([^"']+)["']"#),
        (".mise.toml", r#"(?m)^node\s*=\s*["']([^"']+)["']"#),
    ] {
        let Some(contents) = facts.text(file) else { continue };
        if let Some(literal) = text::captured(&contents, pattern)
            && let Some(version) = clean(&literal.value)
        {
            return Some(Found::detected(version, format!("{file} names it")).at(file, Some(literal.line)));
        }
    }
    None
}

/// `20.11.1` from `v20.11.1`, `22` from `lts/jod` or `22.x`; nothing for what is not a version.
fn clean(version: &str) -> Option<String> {
    let version = version.trim().trim_start_matches("node@").trim_start_matches(['v', '^', '~', '=']);
    if let Some(name) = version.strip_prefix("lts/") {
        let name = name.to_ascii_lowercase();
        let known = CODE_NAMES.iter().find(|(code, _)| *code == name).map(|(_, version)| *version);
        return Some(known.unwrap_or(DEFAULT).to_owned());
    }
    if matches!(version, "node" | "stable" | "lts" | "current" | "latest") {
        return Some(DEFAULT.to_owned());
    }
    let parts: Vec<&str> =
        version.split('.').take_while(|part| part.bytes().all(|b| b.is_ascii_digit())).collect();
    let sane =
        parts.first().is_some_and(|major| !major.is_empty()) && parts.iter().all(|part| part.len() < 6);
    sane.then(|| parts.into_iter().take(3).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("."))
}

/// The line that satisfies a range of npm's grammar, or the exact version when it is one.
fn from_range(range: &str) -> Option<String> {
    if Version::parse(range.trim().trim_start_matches(['v', '='])).is_ok() {
        return clean(range);
    }
    let line = LINES.iter().find(|line| in_line(range, **line) == Some(true))?;
    Some(line.to_string())
}

/// Whether some version of a line satisfies the range; `None` when the range is not understood.
fn in_line(range: &str, line: u64) -> Option<bool> {
    let requirements: Vec<VersionReq> = range.split("||").map(requirement).collect::<Option<_>>()?;
    let samples = [Version::new(line, 999, 999), Version::new(line, 12, 0), Version::new(line, 0, 0)];
    Some(requirements.iter().any(|wanted| samples.iter().any(|version| wanted.matches(version))))
}

fn satisfies(range: &str, version: &str) -> Option<bool> {
    let mut parts = version.split('.').map(|part| part.parse::<u64>().ok());
    let major = parts.next()??;
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(minor), Some(patch)) => {
            let version = Version::new(major, minor, patch);
            let requirements: Vec<VersionReq> = range.split("||").map(requirement).collect::<Option<_>>()?;
            Some(requirements.iter().any(|wanted| wanted.matches(&version)))
        }
        _ => in_line(range, major),
    }
}

/// One alternative of npm's grammar in semver's: spaces mean "and", a bare number is a prefix, `a - b` is a range.
fn requirement(range: &str) -> Option<VersionReq> {
    let range = range.trim();
    if range.len() > 200 {
        return None;
    }
    if let Some((low, high)) = range.split_once(" - ") {
        return VersionReq::parse(&format!(">={}, <={}", low.trim(), high.trim())).ok();
    }
    let joined = [">= ", "<= ", "> ", "< ", "^ ", "~ ", "= "]
        .iter()
        .fold(range.to_owned(), |range, operator| range.replace(operator, operator.trim_end()));
    let comparators: Vec<String> = joined
        .split_whitespace()
        .map(|part| {
            let part = part.trim_end_matches(',').trim_start_matches('v');
            match part.chars().next() {
                Some(c)
                    if c.is_ascii_digit()
                        && part.split('.').count() < 3
                        && !part.contains(['x', 'X', '*']) =>
                {
                    format!("~{part}")
                }
                Some(c) if c.is_ascii_digit() && !part.contains(['x', 'X', '*']) => format!("={part}"),
                _ => part.replace(">=v", ">="),
            }
        })
        .collect();
    let all = if comparators.is_empty() { "*".to_owned() } else { comparators.join(", ") };
    VersionReq::parse(&all).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins() {
        let table = [
            ("v20.11.1", Some("20.11.1")),
            ("20", Some("20")),
            ("22.x", Some("22")),
            ("lts/iron", Some("20")),
            ("lts/*", Some("22")),
            ("node", Some("22")),
            ("; rm -rf /", None),
            ("", None),
            ("99999999999", None),
        ];
        for (given, expected) in table {
            assert_eq!(clean(given).as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn ranges() {
        let table = [
            (">=18", Some("22")),
            ("20.x", Some("20")),
            ("20", Some("20")),
            ("^20.19.0 || >=22.12.0", Some("22")),
            (">=18 <21", Some("20")),
            (">= 18.0.0", Some("22")),
            ("18 - 20", Some("20")),
            ("24.1.2", Some("24.1.2")),
            (">=24", Some("24")),
            ("*", Some("22")),
            ("gibberish", None),
        ];
        for (given, expected) in table {
            assert_eq!(from_range(given).as_deref(), expected, "{given}");
        }
        assert_eq!(satisfies(">=20", "18.1.0"), Some(false));
        assert_eq!(satisfies(">=18", "18"), Some(true));
    }
}
