//! A Dockerfile: it wins over detection, and the plan says what it won over.

use pierhead_model::plan::{Kind, Runtime};

use crate::draft::{Draft, Found};
use crate::error::{Candidate, DetectError};
use crate::facts::Facts;

use super::Context;

const NAMES: &[&str] = &["Dockerfile", "Containerfile"];

/// `wanted`: an image was asked for, so a missing Dockerfile is an error, and one in a subfolder counts.
pub(crate) fn detect(context: &Context<'_, '_>, wanted: bool) -> Result<Option<Draft>, DetectError> {
    let facts = context.facts;
    let found = match &context.choices.dockerfile {
        Some(chosen) => chosen.clone(),
        None => match find(facts, wanted)? {
            Some(path) => Found::detected(path.clone(), format!("there is {path}")).at(path, None),
            None => return Ok(None),
        },
    };
    let Some(contents) = facts.exists(&found.value).then(|| facts.text(&found.value)).flatten() else {
        let why = crate::source::Unreadable::Missing;
        return Err(DetectError::UnreadableManifest { file: found.value, why });
    };
    let evidence = found.clone().map(|_| "dockerfile");
    let mut draft = Draft::new(evidence, "Dockerfile", Kind::Image, Runtime::Docker);
    draft.kind(&found.clone().map(|_| Kind::Image));
    match port(&contents) {
        Some((port, line)) => {
            draft.port(
                Found::detected(port, format!("`EXPOSE` in {}", found.value)).at(&*found.value, Some(line)),
            );
        }
        None => {
            draft.port(Found::default(8080, "no EXPOSE: the container is told PORT=8080"));
        }
    }
    let volumes = instructions(&contents).any(|(_, name, _)| name == "VOLUME");
    if volumes {
        draft.warn(format!(
            "VOLUME in {}: what is written there is lost unless you add a volume",
            found.value
        ));
    }
    if let Some((folder, _)) = found.value.rsplit_once('/') {
        draft.warn(format!(
            "{} is built with the root directory as its context: if it expects its own folder, set the root directory to {folder}",
            found.value
        ));
    }
    draft.dockerfile(found);
    Ok(Some(draft))
}

/// The Dockerfile of this folder; without one and without anything else to go by, the only one in a subfolder.
fn find(facts: &Facts<'_>, wanted: bool) -> Result<Option<String>, DetectError> {
    if let Some(name) = facts.first(NAMES) {
        return Ok(Some(name.to_owned()));
    }
    let in_root = facts.files().any(|file| !file.contains('/') && is_manifest(file));
    if in_root && !wanted {
        return Ok(None);
    }
    let nested: Vec<&str> = facts
        .files()
        .filter(|file| {
            file.split_once('/').is_some_and(|(_, name)| NAMES.contains(&name))
                && !file.starts_with(['.', '_'])
                && !file.starts_with("examples/")
        })
        .collect();
    match nested.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some((*only).to_owned())),
        several => Err(DetectError::SeveralCandidates {
            candidates: several
                .iter()
                .map(|path| Candidate {
                    path: path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned(),
                    framework: "dockerfile".to_owned(),
                })
                .collect(),
        }),
    }
}

/// A file in the root directory that another rule goes by.
fn is_manifest(file: &str) -> bool {
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    matches!(
        extension,
        Some(
            "json"
                | "toml"
                | "txt"
                | "html"
                | "php"
                | "py"
                | "js"
                | "ts"
                | "csproj"
                | "xml"
                | "gradle"
                | "exs"
        )
    ) || matches!(
        file,
        "Gemfile"
            | "Procfile"
            | "go.mod"
            | "Staticfile"
            | "_config.yml"
            | "mkdocs.yml"
            | "start.sh"
            | "Pipfile"
    ) || super::compose::is_name(file)
}

/// The first TCP port of `EXPOSE` in the last stage; variables are resolved when the file itself sets them.
fn port(contents: &str) -> Option<(u16, u32)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut found = None;
    for (line, name, arguments) in instructions(contents) {
        match name.as_str() {
            "FROM" => found = None,
            "ARG" | "ENV" => variables.extend(assignments(&arguments)),
            "EXPOSE" if found.is_none() => {
                found = arguments.split_whitespace().find_map(|word| {
                    let (port, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
                    let port = resolve(port, &variables);
                    let port = port.split('-').next()?.parse::<u16>().ok().filter(|port| *port != 0)?;
                    protocol.eq_ignore_ascii_case("tcp").then_some((port, line))
                });
            }
            _ => {}
        }
    }
    found
}

/// Line, upper-cased instruction, arguments.
fn instructions(contents: &str) -> impl Iterator<Item = (u32, String, String)> + '_ {
    (1u32..).zip(contents.lines()).filter_map(|(number, line)| {
        let line = line.trim();
        let (name, arguments) = line.split_once(char::is_whitespace)?;
        (!name.starts_with('#')).then(|| (number, name.to_ascii_uppercase(), arguments.trim().to_owned()))
    })
}

fn assignments(arguments: &str) -> Vec<(String, String)> {
    let unquoted = |value: &str| value.trim_matches(['"', '\'']).to_owned();
    if !arguments.contains('=') {
        let pair = arguments.split_once(char::is_whitespace);
        return pair.map(|(name, value)| (name.to_owned(), unquoted(value.trim()))).into_iter().collect();
    }
    let pairs = arguments.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), unquoted(value))).collect()
}

/// `$PORT`, `${PORT}` or `${PORT:-3000}`.
fn resolve(word: &str, variables: &[(String, String)]) -> String {
    let Some(reference) = word.strip_prefix('$') else { return word.to_owned() };
    let reference = reference.trim_start_matches('{').trim_end_matches('}');
    let (name, fallback) = reference.split_once(":-").unwrap_or((reference, ""));
    let value = variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    value.unwrap_or_else(|| fallback.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        let table = [
            ("FROM a\nEXPOSE 3000", Some(3000)),
            ("FROM a\nexpose 53/udp 8081/tcp", Some(8081)),
            ("FROM a\nENV PORT=4000\nEXPOSE $PORT", Some(4000)),
            ("FROM a\nENV PORT 4000\nEXPOSE ${PORT}", Some(4000)),
            ("FROM a\nEXPOSE ${PORT:-5000}", Some(5000)),
            ("FROM a\nEXPOSE $PORT", None),
            ("FROM a AS b\nEXPOSE 1\nFROM c\nEXPOSE 2", Some(2)),
            ("FROM a AS b\nEXPOSE 1\nFROM c", None),
            ("FROM a\n# EXPOSE 1\nEXPOSE 99999", None),
            ("FROM a\nEXPOSE 7000-7010", Some(7000)),
        ];
        for (contents, expected) in table {
            assert_eq!(port(contents).map(|(port, _)| port), expected, "{contents}");
        }
    }
}
