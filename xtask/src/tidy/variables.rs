//! Every environment variable that the code names is a setting with a description, or one for tests.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

/// Not settings of a role: of the command line, of scripts, of tests.
const OTHERS: [&str; 13] = [
    "PIERHEAD_DEPLOYMENT_URL",
    "PIERHEAD_EMAIL",
    "PIERHEAD_GIT_COMMIT",
    "PIERHEAD_PASSWORD",
    "PIERHEAD_SLOT_URL",
    "PIERHEAD_URL",
    "PIERHEAD_TOKEN",
    "PIERHEAD_CONFIG",
    "PIERHEAD_PROJECT",
    "PIERHEAD_DOCUMENT_ROOT",
    "PIERHEAD_DEPLOYMENT",
    "PIERHEAD_ENVIRONMENT",
    "PIERHEAD_SLOT",
];

pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    let registry = fs_err::read_to_string(root.join("crates/pierhead/src/settings/registry.rs"))?;
    let settings = named(&registry);
    let mut unknown = BTreeSet::new();
    for path in super::rust_files(&root.join("crates"))? {
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if shown.contains("/tests/") || shown.contains("/testkit/") {
            continue;
        }
        let text = fs_err::read_to_string(&path)?;
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        for name in named(production) {
            let known = settings.contains(&name)
                || OTHERS.contains(&name.as_str())
                || name.starts_with("PIERHEAD_TEST_")
                || name.ends_with('_');
            if !known {
                unknown.insert(format!(
                    "{shown} names {name}, which is no setting: describe it in the registry"
                ));
            }
        }
    }
    Ok(unknown.into_iter().collect())
}

/// The variables that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let name = |rest: &str| {
        let end = rest.find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        format!("PIERHEAD_{}", &rest[..end.unwrap_or(rest.len())])
    };
    text.split("PIERHEAD_").skip(1).map(name).collect()
}
