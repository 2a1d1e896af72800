//! The file that starts a Node server when no script does.

use crate::facts::Facts;

use super::manifest::PackageJson;

const NAMES: &[&str] = &["server", "app", "index", "main"];
const EXTENSIONS: &[&str] = &["js", "cjs", "mjs", "ts", "mts", "cts"];

/// `main` of the manifest when it exists, then the usual names in the root directory, then in `src/`.
pub(crate) fn candidates(facts: &Facts<'_>, manifest: &PackageJson) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let main = manifest.field("main").and_then(crate::source::path::strict).filter(|path| facts.has(path));
    found.extend(main.filter(|path| is_script(path)));
    for folder in ["", "src/"] {
        for name in NAMES {
            for extension in EXTENSIONS {
                let path = format!("{folder}{name}.{extension}");
                if facts.has(&path) && !found.contains(&path) {
                    found.push(path);
                }
            }
        }
    }
    found
}

/// The first candidate that imports one of the packages.
pub(crate) fn importing(facts: &Facts<'_>, candidates: &[String], packages: &[&str]) -> Option<String> {
    candidates.iter().find(|path| facts.text(path).is_some_and(|text| imports(&text, packages))).cloned()
}

fn imports(script: &str, packages: &[&str]) -> bool {
    packages.iter().any(|package| {
        ['"', '\''].iter().any(|quote| {
            script.match_indices(&format!("{quote}{package}")).any(|(at, matched)| {
                // `hono/quick` and `hono` count, `hono-x` does not.
                let after = script[at + matched.len()..].chars().next();
                matches!(after, Some('/' | '"' | '\''))
            })
        })
    })
}

/// A file that opens a port itself: what a server without framework looks like.
pub(crate) fn listens(facts: &Facts<'_>, path: &str) -> bool {
    facts.text(path).is_some_and(|text| {
        [".listen(", "createServer(", "Bun.serve(", "Deno.serve(", "serve("]
            .iter()
            .any(|call| text.contains(call))
    })
}

fn is_script(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

/// The command that runs an entry file, and a warning when it needs one.
pub(crate) fn run(entry: &str, manifest: &PackageJson) -> (String, Option<String>) {
    let is_typescript = entry.rsplit_once('.').is_some_and(|(_, extension)| extension.ends_with("ts"));
    if !is_typescript {
        return (format!("node {entry}"), None);
    }
    let warning = format!(
        "{entry} is TypeScript and nothing compiles it: it is run as it is; a `build` script is sturdier"
    );
    let runner = manifest.first(&["tsx", "ts-node"]);
    let command = match runner {
        Some(runner) => format!("npx --no-install {runner} {entry}"),
        None => format!("node --experimental-strip-types {entry}"),
    };
    (command, Some(warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_a_whole_package_name() {
        assert!(imports("const e = require('express')", &["express"]));
        assert!(imports("import { Hono } from \"hono/quick\"", &["hono"]));
        assert!(!imports("require('express-session')", &["express"]));
        assert!(!imports("// express", &["express"]));
    }
}
