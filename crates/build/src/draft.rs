//! A plan in the making: no value without its reason.

use pierhead_model::plan::{BuildPlan, Kind, Origin, Reason, Runtime};

/// The order in which a person would ask.
const FIELDS: &[&str] = &[
    "root_directory",
    "framework",
    "kind",
    "runtime",
    "runtime_version",
    "package_manager",
    "install_command",
    "build_command",
    "start_command",
    "output_directory",
    "document_root",
    "dockerfile",
    "port",
    "single_page",
    "release_command",
    "processes",
    "variables",
    "caches",
];

/// A value, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found<T> {
    pub(crate) value: T,
    pub(crate) because: String,
    pub(crate) origin: Origin,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<u32>,
}

impl<T> Found<T> {
    pub(crate) fn new(value: T, origin: Origin, because: impl Into<String>) -> Self {
        Self { value, because: because.into(), origin, file: None, line: None }
    }

    pub(crate) fn detected(value: T, because: impl Into<String>) -> Self {
        Self::new(value, Origin::Detected, because)
    }

    pub(crate) fn default(value: T, because: impl Into<String>) -> Self {
        Self::new(value, Origin::Default, because)
    }

    pub(crate) fn at(mut self, file: impl Into<String>, line: Option<u32>) -> Self {
        self.file = Some(file.into());
        self.line = line;
        self
    }

    /// The value, and the reason as the plan keeps it.
    fn split(self, field: &str) -> (T, Reason) {
        let Self { value, because, origin, file, line } = self;
        (value, Reason { field: field.to_owned(), because, origin, file, line })
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        let Self { value, because, origin, file, line } = self;
        Found { value: change(value), because, origin, file, line }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) plan: BuildPlan,
}

impl Draft {
    pub(crate) fn new(framework: Found<&str>, name: impl Into<String>, kind: Kind, runtime: Runtime) -> Self {
        let (id, reason) = framework.split("framework");
        let plan = BuildPlan {
            framework: id.to_owned(),
            kind,
            runtime,
            runtime_version: None,
            package_manager: None,
            root_directory: ".".to_owned(),
            install_command: None,
            build_command: None,
            start_command: None,
            output_directory: None,
            port: None,
            reasons: vec![reason],
            name: name.into(),
            variables: Default::default(),
            dependency_inputs: Vec::new(),
            caches: Vec::new(),
            dockerfile: None,
            document_root: None,
            single_page: false,
            processes: Default::default(),
            release_command: None,
            warnings: Vec::new(),
            alternatives: Vec::new(),
            suggestions: Vec::new(),
        };
        Self { plan }
    }

    /// Records why a field is what it is; a later reason for the same field replaces the earlier one.
    pub(crate) fn note<T>(&mut self, field: &str, found: &Found<T>) {
        let reason = Reason {
            field: field.to_owned(),
            because: found.because.clone(),
            origin: found.origin,
            file: found.file.clone(),
            line: found.line,
        };
        self.record(reason);
    }

    fn record(&mut self, reason: Reason) {
        self.plan.reasons.retain(|earlier| earlier.field != reason.field);
        self.plan.reasons.push(reason);
    }

    pub(crate) fn kind(&mut self, found: &Found<Kind>) {
        self.note("kind", found);
        self.plan.kind = found.value;
    }

    pub(crate) fn runtime_version(&mut self, found: Found<String>) {
        self.note("runtime_version", &found);
        self.plan.runtime_version = Some(found.value);
    }

    pub(crate) fn package_manager(&mut self, found: Found<String>) {
        self.note("package_manager", &found);
        self.plan.package_manager = Some(found.value);
    }

    pub(crate) fn install(&mut self, found: Found<String>) {
        let (given, reason) = found.split("install_command");
        self.record(reason);
        self.plan.install_command = command(&given);
    }

    pub(crate) fn build(&mut self, found: Found<String>) {
        let (given, reason) = found.split("build_command");
        self.record(reason);
        self.plan.build_command = command(&given);
    }

    pub(crate) fn start(&mut self, found: Found<String>) {
        let (given, reason) = found.split("start_command");
        self.record(reason);
        self.plan.start_command = command(&given);
    }

    pub(crate) fn output(&mut self, found: Found<String>) {
        self.note("output_directory", &found);
        self.plan.output_directory = Some(found.value);
    }

    pub(crate) fn document_root(&mut self, found: Found<String>) {
        self.note("document_root", &found);
        self.plan.document_root = Some(found.value);
    }

    pub(crate) fn dockerfile(&mut self, found: Found<String>) {
        self.note("dockerfile", &found);
        self.plan.dockerfile = Some(found.value);
    }

    pub(crate) fn release(&mut self, found: Found<String>) {
        let (given, reason) = found.split("release_command");
        self.record(reason);
        self.plan.release_command = command(&given);
    }

    pub(crate) fn single_page(&mut self, found: &Found<bool>) {
        self.note("single_page", found);
        self.plan.single_page = found.value;
    }

    pub(crate) fn port(&mut self, found: Found<u16>) {
        let (port, reason) = found.split("port");
        self.record(reason);
        self.plan.port = Some(port);
    }

    pub(crate) fn no_port(&mut self, because: &str) {
        self.note("port", &Found::detected((), because));
        self.plan.port = None;
    }

    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.plan.variables.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        push_new(&mut self.plan.warnings, warning.into());
    }

    pub(crate) fn suggest(&mut self, suggestion: impl Into<String>) {
        push_new(&mut self.plan.suggestions, suggestion.into());
    }

    pub(crate) fn alternative(&mut self, framework: &str) {
        if framework != self.plan.framework {
            push_new(&mut self.plan.alternatives, framework.to_owned());
        }
    }

    pub(crate) fn finish(mut self) -> BuildPlan {
        if !self.plan.reasons.iter().any(|reason| reason.field == "runtime") {
            let because = format!("{} needs it", self.plan.name);
            self.note("runtime", &Found::detected((), because));
        }
        let place = |field: &str| FIELDS.iter().position(|known| *known == field).unwrap_or(FIELDS.len());
        self.plan.reasons.sort_by_key(|reason| place(&reason.field));
        self.plan.dependency_inputs.sort();
        self.plan.dependency_inputs.dedup();
        self.plan
    }
}

/// An empty command means that the part is skipped.
fn command(command: &str) -> Option<String> {
    let trimmed = command.trim();
    if trimmed.is_empty() { None } else { Some(trimmed.to_owned()) }
}

fn push_new(list: &mut Vec<String>, entry: String) {
    if !list.contains(&entry) {
        list.push(entry);
    }
}
