//! People's texts into a [`Pipeline`], with every mistake and its place.
//!
//! Only what can be said of a field by itself is checked here. What steps mean to each other is [`super::validate`]'s.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{
    BuildStep, NetworkAccess, Parameter, Pipeline, PluginStep, Position, Resources, Retry, SiteStep, Step,
    VERSION, Volume,
};
use super::document::problem::has_errors;
use super::document::reader::{Cursor, Fields, Sink};
use super::document::{Format, Problem, parse};
use super::image::ImageReference;
use super::name::{ParameterName, SecretName, StepName, VolumeName};
use super::reference::{Template, texts_in};
use crate::source::{Folder, GitReference, RepositoryUrl};
use crate::variable::VariableKey;

/// Where each path of a document stands in its text, for problems that are found later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines(BTreeMap<String, u32>);

impl Lines {
    pub(crate) const fn new(lines: BTreeMap<String, u32>) -> Self {
        Self(lines)
    }

    /// The line of a path, or of the nearest thing around it.
    pub fn of(&self, path: &str) -> Option<u32> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', '['])?];
        }
    }

    /// Gives each problem that has none its line.
    pub fn locate(&self, problems: &mut [Problem]) {
        for problem in problems {
            problem.line = problem.line.or_else(|| self.of(&problem.path));
        }
    }
}

/// A document that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    pub pipeline: Pipeline,
    pub lines: Lines,
}

/// Reads a document, or tells everything that is wrong with it.
pub fn read(text: &str, format: Format) -> Result<Read, Vec<Problem>> {
    let node = parse(text, format).map_err(|problem| vec![problem])?;
    let sink = Sink::default();
    let pipeline = pipeline(&Cursor::top(&node, &sink));
    let (mut problems, lines) = sink.into_parts();
    problems.sort_by_key(|problem| problem.line);
    match pipeline {
        Some(pipeline) if !has_errors(&problems) => Ok(Read { pipeline, lines: Lines::new(lines) }),
        _ => Err(problems),
    }
}

fn pipeline(cursor: &Cursor<'_>) -> Option<Pipeline> {
    let mut fields = cursor.fields("a pipeline")?;
    let version = fields.require("version").and_then(|version| version.integer(VERSION..=VERSION));
    let description = text(&mut fields, "description", 1_000);
    let parameters = fields.get("parameters").map(|it| it.map(ParameterName::parse, parameter));
    let steps = fields.require("steps").map(|steps| {
        if steps.entries().is_some_and(|entries| entries.is_empty()) {
            steps.problem("a pipeline needs at least one step");
        }
        steps.map(StepName::parse, step)
    });
    fields.finish();
    Some(Pipeline {
        version: version?,
        description,
        parameters: parameters.unwrap_or_default(),
        steps: steps?,
    })
}

fn parameter(cursor: &Cursor<'_>) -> Option<Parameter> {
    if cursor.is_null() {
        return Some(Parameter::default());
    }
    let mut fields = cursor.fields("a parameter")?;
    let parameter = Parameter {
        description: text(&mut fields, "description", 1_000),
        default: text(&mut fields, "default", 4_096),
        options: fields.get("options").map(|it| it.list(owned)).unwrap_or_default(),
    };
    if let Some(default) = &parameter.default
        && !parameter.options.is_empty()
        && !parameter.options.contains(default)
    {
        cursor.problem(format!("the default `{default}` is not one of the options"));
    }
    fields.finish();
    Some(parameter)
}

fn step(cursor: &Cursor<'_>) -> Option<Step> {
    #[derive(Clone, Copy)]
    enum Kind {
        Build,
        Service,
        Site,
        Plugin,
    }
    let kinds =
        [("build", Kind::Build), ("service", Kind::Service), ("site", Kind::Site), ("plugin", Kind::Plugin)];
    let kind = cursor.fields("a step")?.require("kind")?.choice(&kinds)?;
    match kind {
        Kind::Build => build(cursor.fields("a build step")?).map(Step::Build),
        Kind::Service => super::read_service::service(cursor.fields("a service step")?)
            .map(|service| Step::Service(Box::new(service))),
        Kind::Site => site(cursor.fields("a site step")?).map(Step::Site),
        Kind::Plugin => plugin(cursor.fields("a plugin step")?).map(Step::Plugin),
    }
}

/// The fields every step has.
pub(super) struct Common {
    pub(super) needs: BTreeSet<StepName>,
    pub(super) description: Option<String>,
    pub(super) position: Option<Position>,
}

pub(super) fn common(fields: &mut Fields<'_>) -> Common {
    fields.get("kind");
    let needs = fields.get("needs").map(|needs| needs.list(|need| need.parse(StepName::parse)));
    let position = fields.get("position").and_then(|position| {
        let mut fields = position.fields("a position")?;
        let (x, y) = (fields.require("x").and_then(signed), fields.require("y").and_then(signed));
        fields.finish();
        Some(Position { x: x?, y: y? })
    });
    Common {
        needs: needs.unwrap_or_default().into_iter().collect(),
        description: text(fields, "description", 1_000),
        position,
    }
}

fn build(mut fields: Fields<'_>) -> Option<BuildStep> {
    let Common { needs, description, position } = common(&mut fields);
    let step = BuildStep {
        needs,
        description,
        position,
        repository: fields.get("repository").and_then(|it| it.parse(RepositoryUrl::parse)),
        reference: fields.get("reference").and_then(|it| it.parse(GitReference::parse)),
        root_directory: fields.get("root_directory").and_then(|it| it.parse(Folder::parse)),
        dockerfile: fields
            .get("dockerfile")
            .and_then(|it| it.parse(|text| Folder::parse(text).map(|path| path.as_str().to_owned()))),
        target: text(&mut fields, "target", 128),
        framework: text(&mut fields, "framework", 64),
        install_command: text(&mut fields, "install_command", 4_096),
        build_command: text(&mut fields, "build_command", 4_096),
        output_directory: fields
            .get("output_directory")
            .and_then(|it| it.parse(|text| Folder::parse(text).map(|path| path.as_str().to_owned()))),
        variables: variables(&mut fields),
        resources: resources(&mut fields),
        timeout_s: fields.get("timeout_s").and_then(|it| it.integer(1..=86_400)),
    };
    fields.finish();
    Some(step)
}

fn site(mut fields: Fields<'_>) -> Option<SiteStep> {
    let Common { needs, description, position } = common(&mut fields);
    let build = fields.require("build").and_then(|it| it.parse(StepName::parse));
    let single_page = fields.get("single_page").and_then(|it| it.boolean()).unwrap_or_default();
    fields.finish();
    Some(SiteStep { needs, description, position, build: build?, single_page })
}

fn plugin(mut fields: Fields<'_>) -> Option<PluginStep> {
    let Common { needs, description, position } = common(&mut fields);
    let image = fields.require("image").and_then(|image| {
        let parsed = image.parse(ImageReference::parse)?;
        if parsed.tag().is_none() && parsed.digest().is_none() {
            image.problem("a plugin is pinned: add the tag or digest of its image");
        }
        Some(parsed)
    });
    let parameters = fields.get("parameters").and_then(|it| parameters(&it)).unwrap_or_default();
    let secrets = fields.get("secrets").map(|it| it.list(|name| name.parse(SecretName::parse)));
    let retry = fields.get("retry").and_then(|retry| {
        let mut fields = retry.fields("`retry`")?;
        let default = Retry::default();
        let attempts = fields.get("attempts").map_or(Some(default.attempts), |it| it.integer(1..=10));
        let delay_s = fields.get("delay_s").map_or(Some(default.delay_s), |it| it.integer(0..=600));
        fields.finish();
        Some(Retry { attempts: attempts?, delay_s: delay_s? })
    });
    let networks = [
        ("none", NetworkAccess::None),
        ("deployment", NetworkAccess::Deployment),
        ("internet", NetworkAccess::Internet),
    ];
    let timeout_s = fields.get("timeout_s").and_then(|it| it.integer(1..=3_600));
    let network = fields.get("network").and_then(|it| it.choice(&networks));
    let volumes = volumes(&mut fields);
    let resources = resources(&mut fields);
    fields.finish();
    Some(PluginStep {
        needs,
        description,
        position,
        image: image?,
        parameters,
        secrets: secrets.unwrap_or_default().into_iter().collect(),
        retry: retry.unwrap_or_default(),
        timeout_s,
        network,
        volumes,
        resources,
    })
}

fn parameters(cursor: &Cursor<'_>) -> Option<serde_json::Map<String, serde_json::Value>> {
    let entries = cursor.entries()?;
    let mut map = serde_json::Map::new();
    for (name, child) in entries {
        let value = child.node().to_json();
        let mut texts = Vec::new();
        texts_in(child.path(), &value, &mut texts);
        for (path, text) in texts {
            if let Err(why) = Template::parse(text) {
                child.note(Problem::error(path, why.to_string()));
            }
        }
        map.insert(name.to_owned(), value);
    }
    Some(map)
}

pub(super) fn variables(fields: &mut Fields<'_>) -> BTreeMap<VariableKey, Template> {
    let variables = fields.get("variables").map(|it| {
        it.map(VariableKey::parse, |value| {
            let text = value.text()?;
            if text.len() > crate::variable::MAX_VALUE_BYTES {
                value.problem("the value is longer than 64 KiB");
            }
            if text.contains('\0') {
                value.problem("the value contains a NUL byte, which no process environment can hold");
            }
            value.accept(Template::parse(text))
        })
    });
    variables.unwrap_or_default()
}

pub(super) fn resources(fields: &mut Fields<'_>) -> Resources {
    let resources = fields.get("resources").and_then(|it| {
        let mut fields = it.fields("`resources`")?;
        let resources = Resources {
            memory_mb: fields.get("memory_mb").and_then(|it| it.integer(16..=1_048_576)),
            cpu: fields.get("cpu").and_then(|it| it.number(0.05..=256.0)),
            pids: fields.get("pids").and_then(|it| it.integer(8..=32_768)),
        };
        fields.finish();
        Some(resources)
    });
    resources.unwrap_or_default()
}

pub(super) fn volumes(fields: &mut Fields<'_>) -> Vec<Volume> {
    let volume = |it: &Cursor<'_>| {
        let mut fields = it.fields("a volume")?;
        let name = fields.require("name").and_then(|it| it.parse(VolumeName::parse));
        let path = fields.require("path").and_then(|it| container_path(&it));
        let read_only = fields.get("read_only").and_then(|it| it.boolean()).unwrap_or_default();
        fields.finish();
        Some(Volume { name: name?, path: path?, read_only })
    };
    fields.get("volumes").map(|it| it.list(volume)).unwrap_or_default()
}

/// An absolute path inside of a container that is not the whole of it.
pub(super) fn container_path(cursor: &Cursor<'_>) -> Option<String> {
    let path = absolute_path(cursor)?;
    if path == "/" {
        cursor.problem("a mount cannot replace the whole file system of the container");
        return None;
    }
    Some(path)
}

/// An absolute path without `.`, `..`, doubled or trailing slashes, so that two spellings are one path.
pub(super) fn absolute_path(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_bad = |part: &&str| *part == ".." || part.chars().any(|c| c.is_control() || c == ':');
    if !text.starts_with('/') || text.len() > 1_024 || parts.iter().any(is_bad) {
        cursor.problem("an absolute path without `..` and `:` is expected");
        return None;
    }
    Some(format!("/{}", parts.join("/")))
}

pub(super) fn text(fields: &mut Fields<'_>, name: &'static str, maximum: usize) -> Option<String> {
    let cursor = fields.get(name)?;
    let text = cursor.text()?;
    if text.len() > maximum {
        cursor.problem(format!("longer than {maximum} bytes"));
        return None;
    }
    if text.contains('\0') {
        cursor.problem("contains a NUL byte");
        return None;
    }
    Some(text.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "handed to `and_then`")]
fn signed(cursor: Cursor<'_>) -> Option<i32> {
    let value = cursor.node().to_json().as_i64().and_then(|value| i32::try_from(value).ok());
    if value.is_none() {
        cursor.problem("a whole number is expected here");
    }
    value
}

pub(super) fn owned(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    if text.contains('\0') {
        cursor.problem("contains a NUL byte");
        return None;
    }
    Some(text.to_owned())
}
