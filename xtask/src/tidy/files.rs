//! One idea to a file, said at its top.

use std::path::Path;

use anyhow::Result;

/// Lines of a file that is not a test; half of all files should stay far below.
const MOST_LINES: usize = 700;
/// Words of work that was put off.
const PUT_OFF: [&str; 4] = ["TO\u{44}O", "FIX\u{4d}E", "X\u{58}X", "todo\u{21}("];

pub(super) fn problems(root: &Path) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for folder in ["crates", "xtask"] {
        for path in super::rust_files(&root.join(folder))? {
            let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let text = fs_err::read_to_string(&path)?;
            let production = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let lines = production.lines().count();
            let is_test = shown.contains("/tests/");
            if lines > MOST_LINES && !is_test {
                problems.push(format!("{shown} has {lines} lines: give its second idea a file of its own"));
            }
            if !text.starts_with("//!") {
                problems.push(format!("{shown} does not say at its top what it is about"));
            }
            for word in PUT_OFF {
                if text.contains(word) {
                    problems.push(format!("{shown} says {word}: do it, or write it down where it is seen"));
                }
            }
            if text.contains("#[allo\u{77}(") || text.contains("#![allo\u{77}(") {
                problems.push(format!("{shown} allows a lint: use `expect` with a reason"));
            }
        }
    }
    Ok(problems)
}
