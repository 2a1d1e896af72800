//! One service of a compose file into steps: a service step, and a build step when it is built.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::interpolation::{literal, template};
use super::ports::{self, Ports};
use super::units::{mebibytes, seconds, words};
use super::{Place, Report, Verdict, is_true, keys, mounts, scalar};
use crate::pipeline::document::tree::{Entry, Node, Value};
use crate::pipeline::image::ImageReference;

/// Tags that move on, as branches do: any tag of such an image is probably meant to be chosen.
const LIKE_A_BRANCH: [&str; 10] =
    ["canary", "dev", "develop", "edge", "latest", "main", "master", "next", "nightly", "staging"];

/// The names of steps for the names of services.
#[derive(Debug)]
pub(super) struct Names {
    steps: BTreeMap<String, String>,
    /// Services that only run when they are asked for by a profile.
    left_out: BTreeSet<String>,
    taken: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(entries: &[Entry]) -> Self {
        let mut names = Self { steps: BTreeMap::new(), left_out: BTreeSet::new(), taken: BTreeSet::new() };
        for entry in entries {
            if field(&entry.value, "profiles")
                .is_some_and(|it| !matches!(&it.value.value, Value::List(it) if it.is_empty()))
            {
                names.left_out.insert(entry.key.clone());
            } else if let Some(name) = label(&entry.key).filter(|name| !names.taken.contains(name)) {
                names.taken.insert(name.clone());
                names.steps.insert(entry.key.clone(), name);
            }
        }
        names
    }

    /// A name for the build of a step.
    fn build(&self, step: &str) -> Option<String> {
        let name = label(&format!("build-{step}"))?;
        (!self.taken.contains(&name)).then_some(name)
    }
}

/// Text as a host label: lower case, and `-` for what it cannot hold.
pub(super) fn label(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let parts = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join("-");
    (!name.is_empty() && name.len() <= 63).then_some(name)
}

fn field<'a>(node: &'a Node, name: &str) -> Option<&'a Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == name),
        _ => None,
    }
}

/// Makes the steps of a service.
pub(super) fn translate(
    at: &Place,
    entry: &Entry,
    names: &Names,
    steps: &mut Map<String, Json>,
    report: &mut Report<'_>,
) {
    if names.left_out.contains(&entry.key) {
        let reason =
            "it runs only with its profile, so it was left out: add it as a step if every copy needs it";
        return report.note(Verdict::Ignored, at, None, reason);
    }
    let Some(step) = names.steps.get(&entry.key) else {
        let reason = "its name cannot be a step's, or another service's name becomes the same: rename it";
        return report.note(Verdict::Refused, at, None, reason);
    };
    if *step != entry.key {
        let reason = "renamed to be a host name: change addresses in variables that use the old name";
        report.note(Verdict::Inferred, at, Some(format!("steps.{step}")), reason);
    }
    let Value::Map(fields) = &entry.value.value else {
        return report.note(Verdict::Refused, at, None, "a service is a map with `image` or `build`");
    };
    let mut service = Service {
        step,
        names,
        fields: Map::new(),
        build: None,
        ports: Ports::default(),
        needs: BTreeSet::new(),
        resources: Map::new(),
        is_built: fields.iter().any(|entry| entry.key == "build"),
    };
    for field in fields {
        service.field(&at.key(field), field, report);
    }
    service.finish(at, steps, report);
}

struct Service<'a> {
    step: &'a str,
    names: &'a Names,
    /// Of the step that is made.
    fields: Map<String, Json>,
    /// The build step.
    build: Option<(String, Json)>,
    ports: Ports,
    needs: BTreeSet<String>,
    resources: Map<String, Json>,
    is_built: bool,
}

impl Service<'_> {
    fn path(&self, field: &str) -> String {
        format!("steps.{}.{field}", self.step)
    }

    fn field(&mut self, at: &Place, entry: &Entry, report: &mut Report<'_>) {
        let node = &entry.value;
        match entry.key.as_str() {
            "image" => self.image(at, node, report),
            "build" => self.build(at, node, report),
            "command" => self.words(at, node, "command", report),
            "entrypoint" => self.words(at, node, "entrypoint", report),
            "environment" => {
                let variables = variables(at, node, &self.path("variables"), report);
                if !variables.is_empty() {
                    self.fields.insert("variables".into(), variables.into());
                }
            }
            "ports" => ports::published(at, node, self.step, &mut self.ports, report),
            "expose" => ports::exposed(at, node, self.step, &mut self.ports, report),
            "volumes" => {
                let volumes = mounts::of_service(at, node, self.step, report);
                if !volumes.is_empty() {
                    self.fields.insert("volumes".into(), volumes.into());
                }
            }
            "depends_on" => self.depends_on(at, node, report),
            "links" => self.links(at, node, report),
            "healthcheck" => self.health(at, node, report),
            "deploy" => self.deploy(at, node, report),
            "mem_limit" => self.resource(at, node, "memory_mb", report),
            "cpus" => self.resource(at, node, "cpu", report),
            "pids_limit" => self.resource(at, node, "pids", report),
            "scale" => self.number(at, node, "replicas", report),
            "working_dir" => self.text(at, node, "working_directory", report),
            "user" => self.text(at, node, "user", report),
            "stop_grace_period" => {
                let text = scalar(node).and_then(|text| literal(text, at, report));
                match text.as_deref().and_then(seconds) {
                    Some(seconds) => self.set(at, "stop_grace_s", json!(seconds), report),
                    None => report.note(Verdict::Refused, at, None, "this is no duration, such as `30s`"),
                }
            }
            "privileged" if is_true(node) => {
                let reason = "root on the node: an admin may set it in `privileges`";
                report.note(Verdict::Refused, at, None, reason);
            }
            "network_mode" => network_mode(at, node, report),
            "cap_drop" | "privileged" => {
                report.note(
                    Verdict::Ignored,
                    at,
                    None,
                    "nothing more than what every container gets is given",
                );
            }
            "profiles" => report.note(Verdict::Ignored, at, None, "empty: it always runs"),
            key => keys::of_service(key, at, report),
        }
    }

    fn set(&mut self, at: &Place, field: &str, value: Json, report: &mut Report<'_>) {
        self.fields.insert(field.to_owned(), value);
        report.translated(at, self.path(field));
    }

    fn text(&mut self, at: &Place, node: &Node, field: &str, report: &mut Report<'_>) {
        if let Some(text) = scalar(node).and_then(|text| literal(text, at, report)) {
            self.set(at, field, json!(text), report);
        }
    }

    fn number(&mut self, at: &Place, node: &Node, field: &str, report: &mut Report<'_>) {
        let text = scalar(node).and_then(|text| literal(text, at, report));
        match text.and_then(|text| text.parse::<u32>().ok()) {
            Some(number) => self.set(at, field, json!(number), report),
            None => report.note(Verdict::Refused, at, None, "a whole number is expected here"),
        }
    }

    fn image(&mut self, at: &Place, node: &Node, report: &mut Report<'_>) {
        if self.is_built {
            let reason = "the name of what is built here: it runs where it was built, without a registry";
            return report.note(Verdict::Ignored, at, None, reason);
        }
        let Some(written) = scalar(node) else {
            return report.note(Verdict::Refused, at, None, "the name of an image is expected here");
        };
        // A tag that varies is chosen for each deployment, so it is not missed.
        let (repository, tag) = match written.rsplit_once(":$") {
            Some((repository, _)) => (repository, written.get(repository.len() + 1..)),
            None => (written, None),
        };
        let varies = tag.is_some();
        let given = tag.and_then(|tag| {
            let mut quiet = Report::new(report.values);
            literal(tag, at, &mut quiet).filter(|tag| !tag.is_empty())
        });
        let Some(name) = literal(repository, at, report) else { return };
        let text = match (varies, given) {
            (true, tag) => format!("{name}:{}", tag.as_deref().unwrap_or("latest")),
            (false, _) => name,
        };
        let image = match ImageReference::parse(&text) {
            Ok(image) => image,
            Err(why) => return report.note(Verdict::Refused, at, None, &why.to_string()),
        };
        if let Some(port) = ports::well_known(image.repository()) {
            self.ports.listens.insert(port);
        }
        let result = self.path("image");
        let untagged = image.tag().is_none() && image.digest().is_none();
        let pinned = if untagged { format!("{image}:latest") } else { image.to_string() };
        self.fields.insert("image".into(), json!(pinned));
        let why = match image.tag() {
            _ if varies => "the tag comes from a variable: it is chosen for each deployment",
            _ if untagged => "no tag is `latest`: any tag can be chosen for a deployment",
            Some(tag) if LIKE_A_BRANCH.contains(&tag) && image.digest().is_none() => {
                "the tag moves on as a branch does: any tag can be chosen for a deployment"
            }
            _ => return report.translated(at, result),
        };
        self.fields.insert("selectable_tags".into(), json!("*"));
        report.note(Verdict::Inferred, at, Some(self.path("selectable_tags")), why);
    }

    fn build(&mut self, at: &Place, node: &Node, report: &mut Report<'_>) {
        let Some(name) = self.names.build(self.step) else {
            let reason = "the name of its build step is taken or too long: rename the service";
            return report.note(Verdict::Refused, at, None, reason);
        };
        let mut build = Map::from_iter([("kind".to_owned(), json!("build"))]);
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    build_field(&at.key(entry), entry, &name, &mut build, report);
                }
            }
            _ => context(at, node, &name, &mut build, report),
        }
        self.fields.insert("build".into(), json!(name));
        self.build = Some((name, build.into()));
    }

    fn words(&mut self, at: &Place, node: &Node, field: &str, report: &mut Report<'_>) {
        let split = match &node.value {
            Value::Null => {
                let reason = "the image's own is used";
                return report.note(Verdict::Ignored, at, None, reason);
            }
            Value::List(items) => items.iter().map(|item| scalar(item).map(str::to_owned)).collect(),
            _ => scalar(node).and_then(words),
        };
        let Some(split): Option<Vec<String>> = split else {
            return report.note(
                Verdict::Refused,
                at,
                None,
                "a command line, or a list of its words, is expected here",
            );
        };
        let made: Option<Vec<String>> = split
            .iter()
            .map(|word| match field {
                "command" => Some(template(word, at, report).source()),
                _ => literal(word, at, report),
            })
            .collect();
        if let Some(made) = made {
            self.set(at, field, json!(made), report);
        }
    }

    fn depends_on(&mut self, at: &Place, node: &Node, report: &mut Report<'_>) {
        match &node.value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if let Some(other) = scalar(item) {
                        self.need(&at.item(index, item), other, "service_started", report);
                    }
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    let condition = field(&entry.value, "condition").and_then(|it| scalar(&it.value));
                    self.need(&at.key(entry), &entry.key, condition.unwrap_or("service_started"), report);
                }
            }
            _ => report.note(Verdict::Refused, at, None, "a list or a map of services is expected here"),
        }
    }

    fn need(&mut self, at: &Place, other: &str, condition: &str, report: &mut Report<'_>) {
        let Some(step) = self.names.steps.get(other) else {
            let reason = match self.names.left_out.contains(other) {
                true => "that service is left out, because it runs only with its profile",
                false => "there is no such service",
            };
            return report.note(Verdict::Refused, at, None, reason);
        };
        let result = Some(self.path("needs"));
        let (verdict, reason) = match condition {
            "service_healthy" => (Verdict::Translated, "a step starts when what it needs is healthy"),
            "service_started" => (Verdict::Inferred, "stricter here: it starts when the other is healthy"),
            "service_completed_successfully" => {
                let reason =
                    "a service keeps running: make the other a plugin step, and let this one need it";
                return report.note(Verdict::Refused, at, None, reason);
            }
            _ => return report.note(Verdict::Refused, at, None, "this condition is not known"),
        };
        self.needs.insert(step.clone());
        report.note(verdict, at, result, reason);
    }

    /// Links only said who is reached, and in which order things start.
    fn links(&mut self, at: &Place, node: &Node, report: &mut Report<'_>) {
        let Value::List(items) = &node.value else {
            return report.note(Verdict::Refused, at, None, "a list of services is expected here");
        };
        for (index, item) in items.iter().enumerate() {
            let at = at.item(index, item);
            let (other, alias) = scalar(item)
                .unwrap_or_default()
                .split_once(':')
                .unwrap_or((scalar(item).unwrap_or_default(), ""));
            if !alias.is_empty() && alias != other {
                let reason = "there are no other names: use the name of the step in variables";
                report.note(Verdict::Refused, &at, None, reason);
            }
            self.need(&at, other, "service_started", report);
        }
    }

    fn health(&mut self, at: &Place, node: &Node, report: &mut Report<'_>) {
        let Value::Map(entries) = &node.value else {
            return report.note(Verdict::Refused, at, None, "a map is expected here");
        };
        let disabled = |entry: &Entry| entry.key == "disable" && is_true(&entry.value);
        if entries.iter().any(disabled) {
            return self.set(at, "health", json!({ "check": { "kind": "process" } }), report);
        }
        let mut health = Map::new();
        for entry in entries {
            let at = at.key(entry);
            let text = scalar(&entry.value).and_then(|text| literal(text, &at, report));
            let duration = || text.as_deref().and_then(seconds);
            match entry.key.as_str() {
                "test" => {
                    if let Some(check) = check(&at, &entry.value, report) {
                        health.insert("check".into(), check);
                    }
                }
                "interval" if let Some(seconds) = duration() => {
                    health.insert("interval_s".into(), json!(seconds.clamp(1, 3_600)));
                }
                "timeout" if let Some(seconds) = duration() => {
                    health.insert("timeout_s".into(), json!(seconds.clamp(1, 600)));
                }
                "retries" if let Some(Ok(times)) = text.as_deref().map(str::parse::<u32>) => {
                    health.insert("unhealthy_after".into(), json!(times.clamp(1, 100)));
                }
                "start_period" | "start_interval" => {
                    let reason = "a step has `startup_timeout_s` (5 minutes) to become healthy, and is asked all the time";
                    report.note(Verdict::Ignored, &at, None, reason);
                    continue;
                }
                "disable" => continue,
                _ => {
                    report.note(
                        Verdict::Refused,
                        &at,
                        None,
                        "this is no setting of a health check, or no value for it",
                    );
                    continue;
                }
            }
            report.translated(&at, self.path("health"));
        }
        if health.contains_key("check") {
            self.fields.insert("health".into(), health.into());
        }
    }

    fn deploy(&mut self, at: &Place, node: &Node, report: &mut Report<'_>) {
        let Value::Map(entries) = &node.value else {
            return report.note(Verdict::Refused, at, None, "a map is expected here");
        };
        for entry in entries {
            let at = at.key(entry);
            match entry.key.as_str() {
                "replicas" => self.number(&at, &entry.value, "replicas", report),
                "resources" => {
                    for (key, name) in [("memory", "memory_mb"), ("cpus", "cpu"), ("pids", "pids")] {
                        let limits = field(&entry.value, "limits");
                        if let Some(limit) = limits.and_then(|limits| field(&limits.value, key)) {
                            let at = Place { path: format!("{}.limits.{key}", at.path), line: at.line };
                            self.resource(&at, &limit.value, name, report);
                        }
                    }
                    if field(&entry.value, "reservations").is_some() {
                        let reason = "what a step's limits say is set aside on its node";
                        report.note(Verdict::Ignored, &at, None, reason);
                    }
                }
                "restart_policy" | "update_config" | "rollback_config" | "mode" | "endpoint_mode" => {
                    report.note(
                        Verdict::Ignored,
                        &at,
                        None,
                        "Pierhead restarts, updates and rolls back itself",
                    );
                }
                "labels" => {
                    report.note(Verdict::Ignored, &at, None, "Pierhead routes by steps, not by labels")
                }
                "placement" => {
                    report.note(Verdict::Ignored, &at, None, "a deployment runs on the node with room for it")
                }
                _ => report.note(Verdict::Refused, &at, None, "this has no counterpart"),
            }
        }
    }

    fn resource(&mut self, at: &Place, node: &Node, name: &str, report: &mut Report<'_>) {
        let Some(text) = scalar(node).and_then(|text| literal(text, at, report)) else { return };
        let value = match name {
            "memory_mb" => mebibytes(&text).map(|mb| json!(mb.max(16))),
            "cpu" => text
                .parse::<f64>()
                .ok()
                .filter(|cpu| cpu.is_finite() && *cpu > 0.0)
                .map(|cpu| json!(cpu.max(0.05))),
            _ => text.parse::<u32>().ok().map(|pids| json!(pids.max(8))),
        };
        match value {
            Some(value) => {
                self.resources.insert(name.to_owned(), value);
                report.translated(at, self.path(&format!("resources.{name}")));
            }
            None => report.note(Verdict::Refused, at, None, "this is no limit that can be used"),
        }
    }

    fn finish(mut self, at: &Place, steps: &mut Map<String, Json>, report: &mut Report<'_>) {
        if !self.fields.contains_key("image") && self.build.is_none() {
            return report.note(
                Verdict::Refused,
                at,
                None,
                "it has neither an image nor a build that can be used",
            );
        }
        if !self.ports.listens.is_empty() {
            self.fields.insert("ports".into(), json!(self.ports.listens));
        }
        if let Some(public) = self.ports.public {
            self.fields.insert("public".into(), json!(public));
        }
        if !self.resources.is_empty() {
            self.fields.insert("resources".into(), self.resources.into());
        }
        if !self.needs.is_empty() {
            self.fields.insert("needs".into(), json!(self.needs));
        }
        self.fields.insert("kind".into(), json!("service"));
        if let Some((name, build)) = self.build {
            steps.insert(name, build);
        }
        steps.insert(self.step.to_owned(), self.fields.into());
    }
}

fn network_mode(at: &Place, node: &Node, report: &mut Report<'_>) {
    let (verdict, reason) = match scalar(node).unwrap_or_default() {
        "host" => (
            Verdict::Refused,
            "on the node's network it reaches other deployments: an admin may set `privileges.host_network`",
        ),
        "bridge" | "default" => (Verdict::Ignored, "each deployment has one private network"),
        _ => (Verdict::Refused, "each service of a deployment is in its one private network"),
    };
    report.note(verdict, at, None, reason);
}

/// A map of values, or a list of `KEY=value`. A key without a value comes from the shell.
fn variables(at: &Place, node: &Node, result: &str, report: &mut Report<'_>) -> Map<String, Json> {
    let mut variables = Map::new();
    let mut take = |at: &Place, key: &str, value: Option<&str>, report: &mut Report<'_>| {
        let text = match value {
            Some(value) => template(value, at, report),
            None => template(&format!("${{{key}}}"), at, report),
        };
        if value.is_some() && !text.varies {
            report.translated(at, format!("{result}.{key}"));
        }
        variables.insert(key.to_owned(), json!(text.source()));
    };
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                take(&at.key(entry), &entry.key, scalar(&entry.value), report);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let text = scalar(item).unwrap_or_default();
                let (key, value) =
                    text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
                take(&at.item(index, item), key, value, report);
            }
        }
        _ => report.note(Verdict::Refused, at, None, "a map or a list of variables is expected here"),
    }
    variables
}

fn check(at: &Place, node: &Node, report: &mut Report<'_>) -> Option<Json> {
    let command = |words: Vec<String>| Some(json!({ "kind": "command", "command": words }));
    match &node.value {
        Value::List(items) => {
            let words: Option<Vec<String>> =
                items.iter().map(|item| scalar(item).and_then(|word| literal(word, at, report))).collect();
            let words = words?;
            match words.split_first() {
                Some((kind, _)) if kind == "NONE" => Some(json!({ "kind": "process" })),
                Some((kind, rest)) if kind == "CMD" && !rest.is_empty() => command(rest.to_vec()),
                Some((kind, [line])) if kind == "CMD-SHELL" => {
                    command(vec!["/bin/sh".into(), "-c".into(), line.clone()])
                }
                _ => {
                    report.note(Verdict::Refused, at, None, "it begins with CMD, CMD-SHELL or NONE");
                    None
                }
            }
        }
        _ => {
            let line = scalar(node).and_then(|text| literal(text, at, report))?;
            command(vec!["/bin/sh".into(), "-c".into(), line])
        }
    }
}

/// Where the sources of a build are.
fn context(at: &Place, node: &Node, step: &str, build: &mut Map<String, Json>, report: &mut Report<'_>) {
    let Some(text) = scalar(node).and_then(|text| literal(text, at, report)) else { return };
    if text.contains("://") || text.starts_with("git@") {
        let (repository, rest) = text.split_once('#').unwrap_or((&text, ""));
        let (reference, folder) = rest.split_once(':').unwrap_or((rest, ""));
        build.insert("repository".into(), json!(repository));
        if !reference.is_empty() {
            build.insert("reference".into(), json!(reference));
        }
        if !folder.is_empty() {
            build.insert("root_directory".into(), json!(folder));
        }
        return report.translated(at, format!("steps.{step}.repository"));
    }
    let folder = text.trim_start_matches("./").trim_end_matches('/');
    if !folder.is_empty() && folder != "." {
        build.insert("root_directory".into(), json!(folder));
    }
    report.translated(at, format!("steps.{step}.root_directory"));
}

fn build_field(
    at: &Place,
    entry: &Entry,
    step: &str,
    build: &mut Map<String, Json>,
    report: &mut Report<'_>,
) {
    match entry.key.as_str() {
        "context" => context(at, &entry.value, step, build, report),
        "dockerfile" | "target" => {
            if let Some(text) = scalar(&entry.value).and_then(|text| literal(text, at, report)) {
                build.insert(entry.key.clone(), json!(text.trim_start_matches("./")));
                report.translated(at, format!("steps.{step}.{}", entry.key));
            }
        }
        "args" => {
            let variables = variables(at, &entry.value, &format!("steps.{step}.variables"), report);
            build.insert("variables".into(), variables.into());
        }
        "cache_from" | "cache_to" | "no_cache" | "pull" | "labels" | "tags" | "platforms" | "provenance"
        | "sbom" => {
            report.note(
                Verdict::Ignored,
                at,
                None,
                "Pierhead caches, names and labels what it builds itself",
            );
        }
        "dockerfile_inline" => {
            report.note(Verdict::Refused, at, None, "put the Dockerfile into the repository");
        }
        "secrets" | "ssh" => {
            report.note(Verdict::Refused, at, None, "use a variable of the build with `${{ secrets.NAME }}`");
        }
        _ => report.note(Verdict::Refused, at, None, "this has no counterpart"),
    }
}
