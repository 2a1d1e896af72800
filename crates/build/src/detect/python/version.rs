//! Which Python a project asks for: an explicit choice, `.python-version`, `runtime.txt`, `Pipfile`, `requires-python`.

use crate::draft::{Draft, Found};
use crate::facts::Facts;
use crate::text;

/// The version of the runtime image that is always there.
const DEFAULT: &str = "3.11";

pub(crate) fn detect(facts: &Facts<'_>, chosen: Option<&Found<String>>, draft: &mut Draft) {
    let found = chosen.cloned().or_else(|| in_files(facts));
    draft.runtime_version(
        found.unwrap_or_else(|| Found::default(DEFAULT.to_owned(), "the project asks for no version")),
    );
}

fn in_files(facts: &Facts<'_>) -> Option<Found<String>> {
    for (file, pattern, what) in [
        (".python-version", r"(?m)^\s*(?:cpython-|python-)?(\d+\.\d+(?:\.\d+)?)", "pins it"),
        ("runtime.txt", r"(?m)^\s*python-(\d+\.\d+(?:\.\d+)?)", "pins it"),
        (".tool-versions", r"(?m)^python\s+(\d+\.\d+(?:\.\d+)?)", "names it"),
        ("Pipfile", r#"(?m)^python(?:_full)?_version\s*=\s*["'](\d+\.\d+(?:\.\d+)?)["']"#, "names it"),
    ] {
        if let Some(contents) = facts.text(file)
            && let Some(literal) = text::captured(&contents, pattern)
        {
            return Some(
                Found::detected(literal.value, format!("{file} {what}")).at(file, Some(literal.line)),
            );
        }
    }
    let contents = facts.text("pyproject.toml")?;
    let pattern = r#"(?m)^\s*(?:requires-python|python)\s*=\s*["']([^"'\n]{1,60})["']"#;
    let range = text::captured(&contents, pattern)?;
    let version = satisfying(&range.value)?;
    let because = format!("`requires-python` is `{}`", range.value);
    Some(Found::detected(version, because).at("pyproject.toml", Some(range.line)))
}

/// The default when it fits the range, else the lowest version that the range names.
fn satisfying(range: &str) -> Option<String> {
    let minor = |version: &str| -> Option<u32> {
        version.trim().strip_prefix("3.")?.split('.').next()?.trim_end_matches('*').parse().ok()
    };
    let default = minor(DEFAULT)?;
    let mut fits = true;
    let mut lowest = None;
    for part in range.split(',').map(str::trim) {
        let version = part.trim_start_matches(['>', '<', '=', '~', '^', '!', ' ']);
        let Some(bound) = minor(version) else { continue };
        let is_precise = version.split('.').count() > 2 && !version.ends_with('*');
        fits &= match part.trim_start_matches(' ') {
            part if part.starts_with(">=") || part.starts_with('^') => default >= bound,
            part if part.starts_with("<=") => default <= bound,
            part if part.starts_with("!=") => true,
            part if part.starts_with('<') => default < bound,
            part if part.starts_with('>') => default > bound || (is_precise && default == bound),
            part if part.starts_with("~=") => {
                if is_precise {
                    default == bound
                } else {
                    default >= bound
                }
            }
            _ => default == bound,
        };
        if !part.starts_with('<') && !part.starts_with('!') {
            lowest = Some(bound);
        }
    }
    if fits { Some(DEFAULT.to_owned()) } else { lowest.map(|minor| format!("3.{minor}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let table = [
            (">=3.9", Some("3.11")),
            (">=3.12", Some("3.12")),
            (">=3.8,<3.11", Some("3.8")),
            ("^3.11", Some("3.11")),
            ("~=3.10", Some("3.11")),
            ("==3.12.*", Some("3.12")),
            ("nonsense", Some("3.11")),
        ];
        for (range, expected) in table {
            assert_eq!(satisfying(range).as_deref(), expected, "{range}");
        }
    }
}
