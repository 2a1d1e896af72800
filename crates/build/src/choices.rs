//! What was decided before detection: by a flag, by `pierhead.yaml`, by the project's settings, by another tool's file.
//!
//! One value per field, the nearest origin wins, and each keeps its origin so that the plan can say it. Detection looks at
//! these first (a forced framework, a pinned version); [`Choices::apply`] writes the rest over what was detected.

use std::collections::BTreeMap;

use pierhead_model::plan::{BuildSettings, Builder, Kind, Origin};

use crate::draft::{Draft, Found};
use crate::error::DetectError;
use crate::project_file;
use crate::source::path;

#[derive(Debug, Clone, Default)]
pub(crate) struct Choices {
    pub(crate) framework: Option<Found<String>>,
    pub(crate) install: Option<Found<String>>,
    pub(crate) build: Option<Found<String>>,
    pub(crate) start: Option<Found<String>>,
    pub(crate) output: Option<Found<String>>,
    pub(crate) port: Option<Found<u16>>,
    /// By language; the empty name stands for whatever language it turns out to be.
    pub(crate) versions: BTreeMap<String, Found<String>>,
    pub(crate) dockerfile: Option<Found<String>>,
    pub(crate) builder: Option<Found<Builder>>,
    pub(crate) single_page: Option<Found<bool>>,
    pub(crate) release: Option<Found<String>>,
    pub(crate) processes: BTreeMap<String, String>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) caches: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) suggestions: Vec<String>,
}

impl Choices {
    pub(crate) fn from_settings(settings: &BuildSettings, origin: Origin) -> Result<Self, DetectError> {
        let because = match origin {
            Origin::Flag => "given with this call",
            _ => "the project's settings",
        };
        let found = |value: &Option<String>| value.clone().map(|value| Found::new(value, origin, because));
        let choices = Self {
            framework: found(&settings.framework),
            install: found(&settings.install_command),
            build: found(&settings.build_command),
            start: found(&settings.start_command),
            output: found(&settings.output_directory),
            port: settings.port.map(|port| Found::new(port, origin, because)),
            versions: found(&settings.runtime_version)
                .map(|version| (String::new(), version))
                .into_iter()
                .collect(),
            dockerfile: found(&settings.dockerfile),
            builder: settings.builder.map(|builder| Found::new(builder, origin, because)),
            single_page: settings.single_page.map(|single| Found::new(single, origin, because)),
            ..Self::default()
        };
        choices.check()
    }

    pub(crate) fn from_project_file(found: &project_file::Found) -> Result<Self, DetectError> {
        let file = &found.file;
        let web = file.services.get("web");
        let at = |keys: &[&str]| (found.path.clone(), found.line(keys));
        let text = |value: Option<&String>, keys: &[&str]| {
            value.map(|value| from_file(value.clone(), keys, at(keys)))
        };
        let start =
            text(web.and_then(|web| web.start_command.as_ref()), &["services", "web", "start_command"])
                .or_else(|| text(file.start_command.as_ref(), &["start_command"]));
        let (builder, forced) = match file.build.builder {
            None => (None, None),
            Some(project_file::Builder::Auto) => (Some(Builder::Auto), None),
            Some(project_file::Builder::Dockerfile | project_file::Builder::Image) => {
                (Some(Builder::Dockerfile), None)
            }
            Some(project_file::Builder::Framework) => (Some(Builder::Framework), None),
            Some(project_file::Builder::Static) => (Some(Builder::Framework), Some("none".to_owned())),
        };
        let builder_at = &["build", "builder"];
        let choices = Self {
            framework: text(file.framework.as_ref(), &["framework"])
                .or_else(|| forced.map(|forced| from_file(forced, builder_at, at(builder_at)))),
            install: text(file.build.install_command.as_ref(), &["build", "install_command"]),
            build: text(file.build.build_command.as_ref(), &["build", "build_command"]),
            start,
            output: text(file.build.output_directory.as_ref(), &["build", "output_directory"]),
            port: web.and_then(|web| web.port).map(|port| {
                let keys = &["services", "web", "port"];
                from_file(port, keys, at(keys))
            }),
            versions: file
                .runtime
                .iter()
                .map(|(language, version)| {
                    let keys = &["runtime", language.as_str()];
                    (language.clone(), from_file(version.clone(), keys, at(keys)))
                })
                .collect(),
            dockerfile: text(file.build.dockerfile.as_ref(), &["build", "dockerfile"]),
            builder: builder.map(|builder| from_file(builder, builder_at, at(builder_at))),
            single_page: file
                .routing
                .spa
                .map(|single| from_file(single, &["routing", "spa"], at(&["routing", "spa"]))),
            release: text(file.release.command.as_ref(), &["release", "command"]),
            processes: file
                .services
                .iter()
                .filter(|(name, _)| *name != "web")
                .filter_map(|(name, service)| Some((name.clone(), service.start_command.clone()?)))
                .collect(),
            variables: file.build.variables.clone(),
            caches: file.build.cache.clone(),
            ..Self::default()
        };
        choices.check()
    }

    /// Takes from `other` what is not decided yet.
    pub(crate) fn or(mut self, other: Self) -> Self {
        self.framework = self.framework.or(other.framework);
        self.install = self.install.or(other.install);
        self.build = self.build.or(other.build);
        // A start command from nearer by makes a service, whatever a farther output directory says, and the other way.
        let (has_start, has_output) = (is_command(self.start.as_ref()), self.output.is_some());
        let other_start = other.start.filter(|start| !has_output || start.value.trim().is_empty());
        self.start = self.start.or(other_start);
        self.output = self.output.or(if has_start { None } else { other.output });
        self.port = self.port.or(other.port);
        for (language, version) in other.versions {
            self.versions.entry(language).or_insert(version);
        }
        self.dockerfile = self.dockerfile.or(other.dockerfile);
        self.builder = self.builder.or(other.builder);
        self.single_page = self.single_page.or(other.single_page);
        self.release = self.release.or(other.release);
        if self.processes.is_empty() {
            self.processes = other.processes;
        }
        for (name, value) in other.variables {
            self.variables.entry(name).or_insert(value);
        }
        self.caches.extend(other.caches);
        self.warnings.extend(other.warnings);
        self.suggestions.extend(other.suggestions);
        self
    }

    /// The version that was chosen for a language.
    pub(crate) fn version(&self, language: &str) -> Option<&Found<String>> {
        let nearest = |left: &&Found<String>, right: &&Found<String>| left.origin.cmp(&right.origin);
        [self.versions.get(language), self.versions.get("")].into_iter().flatten().min_by(nearest)
    }

    /// What one origin says must fit together, and its paths must stay inside.
    pub(crate) fn check(mut self) -> Result<Self, DetectError> {
        if let (Some(start), Some(_)) = (&self.start, &self.output)
            && !start.value.trim().is_empty()
        {
            return Err(DetectError::Contradiction {
                first: "a start command".to_owned(),
                second: "an output directory".to_owned(),
                advice:
                    "a site has an output directory and a service has a start command, remove one of them"
                        .to_owned(),
            });
        }
        let builder = self.builder.as_ref().map(|builder| builder.value);
        let framework = self.framework.as_ref().map(|framework| framework.value.as_str());
        let contradiction = match (builder, framework, &self.dockerfile) {
            (Some(Builder::Framework), _, Some(_)) => Some("a Dockerfile"),
            (Some(Builder::Framework), Some("dockerfile"), _) => Some("`framework: dockerfile`"),
            (Some(Builder::Dockerfile), Some(framework), _) if framework != "dockerfile" => {
                Some("another framework")
            }
            _ => None,
        };
        if let (Some(second), Some(builder)) = (contradiction, builder) {
            let name = match builder {
                Builder::Auto => "auto",
                Builder::Dockerfile => "dockerfile",
                Builder::Framework => "framework",
            };
            return Err(DetectError::Contradiction {
                first: format!("`builder: {name}`"),
                second: second.to_owned(),
                advice: "remove one of them".to_owned(),
            });
        }
        if let Some(port) = &self.port
            && port.value == 0
        {
            return Err(DetectError::Contradiction {
                first: "port 0".to_owned(),
                second: "a service".to_owned(),
                advice: "choose a port from 1 to 65535".to_owned(),
            });
        }
        self.output = inside(self.output, "output_directory")?;
        self.dockerfile = inside(self.dockerfile, "dockerfile")?;
        for cache in &mut self.caches {
            let escapes = || DetectError::PathEscapes { field: "cache", given: cache.clone() };
            *cache = path::strict(cache).ok_or_else(escapes)?;
        }
        Ok(self)
    }

    /// Writes what was chosen over what was detected.
    pub(crate) fn apply(self, draft: &mut Draft) {
        let is_image = draft.plan.kind == Kind::Image;
        if let Some(found) = self.install.filter(|_| !is_image) {
            draft.install(found);
        }
        if let Some(found) = self.build.filter(|_| !is_image) {
            draft.build(found);
        }
        match self.output.filter(|_| !is_image) {
            // Another tool's folder does not turn a server into a site: there it means that tool's own adapter.
            Some(found) if found.origin == Origin::ForeignFile && draft.plan.kind == Kind::Service => {}
            Some(found) => {
                if draft.plan.kind == Kind::Service {
                    draft.kind(&found.clone().map(|_| Kind::Site));
                    draft.plan.start_command = None;
                    draft.plan.document_root = None;
                    draft.plan.port = None;
                    draft.plan.reasons.retain(|reason| {
                        !matches!(&*reason.field, "start_command" | "port" | "document_root")
                    });
                }
                draft.output(found);
            }
            None => {}
        }
        if let Some(found) = self.start {
            if draft.plan.kind == Kind::Site && !found.value.trim().is_empty() {
                draft.kind(&found.clone().map(|_| Kind::Service));
                draft.plan.output_directory = None;
                draft.plan.single_page = false;
                draft
                    .plan
                    .reasons
                    .retain(|reason| !matches!(&*reason.field, "output_directory" | "single_page"));
                draft.port(Found::default(8080, "handed over in PORT"));
            }
            draft.start(found);
        }
        if let Some(found) = self.port.filter(|_| draft.plan.kind != Kind::Site) {
            draft.port(found);
        }
        if let Some(found) = self.single_page
            && draft.plan.kind == Kind::Site
        {
            draft.single_page(&found);
        }
        if let Some(found) = self.release {
            draft.release(found);
        }
        if !self.processes.is_empty() {
            draft.plan.processes = self.processes;
        }
        draft.plan.variables.extend(self.variables);
        for cache in self.caches {
            if !draft.plan.caches.contains(&cache) {
                draft.plan.caches.push(cache);
            }
        }
        self.warnings.into_iter().for_each(|warning| draft.warn(warning));
        self.suggestions.into_iter().for_each(|suggestion| draft.suggest(suggestion));
    }
}

fn is_command(found: Option<&Found<String>>) -> bool {
    found.is_some_and(|found| !found.value.trim().is_empty())
}

fn from_file<T>(value: T, keys: &[&str], (file, line): (String, Option<u32>)) -> Found<T> {
    Found::new(value, Origin::ProjectFile, format!("`{}` in {file}", keys.join("."))).at(file, line)
}

fn inside(found: Option<Found<String>>, field: &'static str) -> Result<Option<Found<String>>, DetectError> {
    let Some(found) = found else { return Ok(None) };
    let given = found.value.clone();
    let Some(inside) = path::strict(&given) else {
        return Err(DetectError::PathEscapes { field, given });
    };
    Ok(Some(found.map(|_| inside)))
}
