//! `pierhead.yaml`: what a repository says about its own deployment.
//!
//! Every key is known or a mistake, and a mistake is told with its line, its column and the key that was probably meant.
//! Parsing keeps the whole file typed for callers; [`crate::detect`] takes from it what a plan can hold. JSON is accepted
//! as the subset of YAML that it is.

mod model;

use serde_norway::Value;

use crate::error::DetectError;
use crate::source::{SourceTree, Unreadable, path};
use crate::text;

pub use model::*;

/// The names that are looked for, first match wins.
pub const NAMES: &[&str] = &["pierhead.yaml", "pierhead.yml", "pierhead.json"];

/// A project file and where it was found.
#[derive(Debug, Clone)]
pub struct Found {
    /// Relative to the repository.
    pub path: String,
    pub text: String,
    pub file: ProjectFile,
}

/// The project file of a folder, if it has one.
pub fn find(tree: &dyn SourceTree, root_directory: &str) -> Result<Option<Found>, DetectError> {
    for name in NAMES {
        let path = path::join(root_directory, name);
        match tree.read(&path) {
            Ok(text) => {
                let file = parse(&path, &text)?;
                return Ok(Some(Found { path, text, file }));
            }
            Err(Unreadable::Missing) => {}
            Err(why) => return Err(DetectError::UnreadableManifest { file: path, why }),
        }
    }
    Ok(None)
}

/// Parses and checks one project file; `path` is for the messages.
pub fn parse(path: &str, text: &str) -> Result<ProjectFile, DetectError> {
    let mistake = |line, column, message: String, suggestion| DetectError::InvalidProjectFile {
        file: path.to_owned(),
        line,
        column,
        message,
        suggestion,
    };
    let file: ProjectFile = serde_norway::from_str(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (number(at.line()), number(at.column())));
        let message = error.to_string();
        let suggestion = suggestion(&message);
        mistake(line, column, plain(&message), suggestion)
    })?;
    if file.version != 1 {
        let line = text::line_of(text, "version").unwrap_or(1);
        let message = format!("version {} is not known here: this server reads version 1", file.version);
        return Err(mistake(line, 1, message, None));
    }
    for (name, service) in &file.services {
        if service.port == Some(0) {
            let line = text::line_of(text, name).unwrap_or(1);
            return Err(mistake(line, 1, format!("services.{name}: port 0 is not a port"), None));
        }
    }
    Ok(file)
}

fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX).max(1)
}

/// The library's message without the position, which is told apart.
fn plain(message: &str) -> String {
    let message = message.split(" at line ").next().unwrap_or(message);
    message.split(", expected one of").next().unwrap_or(message).to_owned()
}

/// From ``unknown field `buld`, expected one of `build`, `limits` ``: the nearest expected word.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let word =
        quoted.next().filter(|_| message.contains("unknown field") || message.contains("unknown variant"))?;
    text::closest(word, quoted)
}

impl Found {
    /// The line of a key given by its path, such as `["build", "install_command"]`.
    pub(crate) fn line(&self, keys: &[&str]) -> Option<u32> {
        let mut offset = 0;
        for key in keys {
            let rest = self.text.get(offset..)?;
            let pattern = format!(r#"(?m)(?:^|[\s{{,"'])({})["']?\s*:"#, regex::escape(key));
            offset += regex::Regex::new(&pattern).ok()?.captures(rest)?.get(1)?.start();
        }
        Some(text::line_at(&self.text, offset))
    }

    /// The part of a file with `projects:` that is about one folder, or the file itself.
    pub(crate) fn for_root(self, root_directory: &str) -> Self {
        let matching = self.file.projects.values().find(|project| {
            project
                .root_directory
                .as_deref()
                .and_then(path::normalise)
                .is_some_and(|root| root == root_directory)
        });
        match matching.cloned() {
            Some(file) => Self { file, ..self },
            None => self,
        }
    }
}

/// A part of the file that is read by others; kept as it is.
pub type Opaque = Value;

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> (u32, u32, String, Option<String>) {
        match parse("pierhead.yaml", text) {
            Err(DetectError::InvalidProjectFile { line, column, message, suggestion, .. }) => {
                (line, column, message, suggestion)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_keys_are_told_with_their_place() {
        let (line, column, message, suggestion) = mistake("version: 1\nbuld:\n  a: 1\n");
        assert_eq!((line, column, suggestion.as_deref()), (2, 1, Some("build")));
        assert!(message.contains("unknown field `buld`"), "{message}");
        let (line, column, _, suggestion) = mistake("version: 1\nbuild:\n  instal_command: x\n");
        assert_eq!((line, column, suggestion.as_deref()), (3, 3, Some("install_command")));
        let (line, _, message, _) = mistake("version: 1\nservices:\n  web:\n    prt: 3\n");
        assert_eq!(line, 4, "{message}");
        assert_eq!(mistake("version: 2\n").0, 1);
        assert_eq!(mistake("version: 1\nbuild: {builder: dokerfile}\n").3.as_deref(), Some("dockerfile"));
        mistake("project: x\n");
        mistake("");
        mistake("version: 1\nlimits: [1]\n");
        mistake("version: 1\nservices: {web: {port: 0}}\n");
    }

    #[test]
    fn the_whole_documented_file_is_accepted() {
        let file = parse("pierhead.yaml", include_str!("project_file/example.yaml")).unwrap();
        assert_eq!(file.project.as_deref(), Some("shop"));
        assert_eq!(file.services["web"].port, Some(3000));
        assert_eq!(file.routing.spa, Some(true));
        assert_eq!(file.limits.memory_mb, Some(512));
        assert_eq!(file.variables.len(), 4);
        let json = r#"{"version": 1, "build": {"build_command": "make"}}"#;
        assert_eq!(parse("pierhead.json", json).unwrap().build.build_command.as_deref(), Some("make"));
    }

    #[test]
    fn hostile_files_end_in_an_error() {
        let bomb: String = (0..20)
            .map(|n| {
                format!("a{}: &a{} [*a{n},*a{n},*a{n},*a{n},*a{n},*a{n},*a{n},*a{n},*a{n}]\n", n + 1, n + 1)
            })
            .collect();
        mistake(&format!("a0: &a0 [x]\n{bomb}"));
        mistake(&"[".repeat(100_000));
        mistake(&format!("version: 1\njobs: {}", "[".repeat(5_000)));
    }
}
