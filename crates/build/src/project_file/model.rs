//! The keys of the project file. What building and running need is typed here; what other parts of the platform read
//! (jobs, databases, slots, git) is kept as it stands, under a known name.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::Opaque;

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectFile {
    /// Required at the top; entries of `projects` may leave it out.
    pub version: u32,
    pub project: Option<String>,
    pub root_directory: Option<String>,
    /// A framework's id; `none` for a plain folder.
    pub framework: Option<String>,
    /// Language to version.
    #[serde(default, deserialize_with = "versions")]
    pub runtime: BTreeMap<String, String>,
    #[serde(default)]
    pub build: Build,
    #[serde(default)]
    pub release: Release,
    /// For a project with a single process; the same as `services.web.start_command`.
    pub start_command: Option<String>,
    /// The same as `services.web.health`.
    pub health: Option<Health>,
    #[serde(default)]
    pub services: BTreeMap<String, Service>,
    #[serde(default)]
    pub jobs: Vec<Opaque>,
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    #[serde(default)]
    pub databases: BTreeMap<String, Opaque>,
    #[serde(default)]
    pub routing: Routing,
    #[serde(default)]
    pub slots: BTreeMap<String, Opaque>,
    #[serde(default)]
    pub limits: Limits,
    pub sleep_after_s: Option<u64>,
    pub git: Option<Opaque>,
    pub pipeline: Option<String>,
    /// A monorepo's projects by name.
    #[serde(default, deserialize_with = "projects")]
    pub projects: BTreeMap<String, Self>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builder {
    Auto,
    Dockerfile,
    Image,
    Static,
    Framework,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Build {
    pub builder: Option<Builder>,
    /// Empty: skip.
    pub install_command: Option<String>,
    pub build_command: Option<String>,
    pub output_directory: Option<String>,
    pub dockerfile: Option<String>,
    pub target: Option<String>,
    #[serde(deserialize_with = "versions")]
    pub args: BTreeMap<String, String>,
    /// Packages of the distribution, for build and run.
    pub packages: Vec<String>,
    pub cache: Vec<String>,
    #[serde(deserialize_with = "versions")]
    pub variables: BTreeMap<String, String>,
    pub watch: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Release {
    pub command: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Service {
    pub start_command: Option<String>,
    pub port: Option<u16>,
    pub public: Option<bool>,
    pub replicas: Option<u32>,
    pub health: Option<Health>,
    pub stop_grace_s: Option<u64>,
    pub limits: Limits,
    pub volumes: Vec<Volume>,
    pub variables: BTreeMap<String, Variable>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    pub path: Option<String>,
    pub tcp: Option<bool>,
    pub command: Option<Vec<String>>,
    pub interval_s: Option<u64>,
    pub timeout_s: Option<u64>,
    pub grace_s: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    pub name: String,
    pub path: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub memory_mb: Option<u64>,
    /// Cores; fractions allowed.
    pub cpu: Option<f64>,
    pub pids: Option<u32>,
    pub build_timeout_s: Option<u64>,
    pub startup_timeout_s: Option<u64>,
}

/// A value, or what is wanted of one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Variable {
    Text(String),
    Number(i64),
    Truth(bool),
    Wanted(Wanted),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    pub value: Option<String>,
    pub required: bool,
    pub secret: bool,
    pub description: Option<String>,
    /// `secret`: made once, kept.
    pub generate: Option<String>,
    pub bytes: Option<u32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Routing {
    pub spa: Option<bool>,
    pub error_page: Option<String>,
    pub clean_urls: Option<bool>,
    pub trailing_slash: Option<bool>,
    pub redirects: Vec<Redirect>,
    pub rewrites: Vec<Redirect>,
    pub headers: Vec<Headers>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    pub from: String,
    pub to: String,
    pub status: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Headers {
    #[serde(rename = "for")]
    pub path: String,
    pub set: BTreeMap<String, String>,
}

/// Scalars as text: `node: 22` means what `node: "22"` means.
fn versions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Scalar {
        Text(String),
        Whole(i64),
        Fraction(f64),
        Truth(bool),
    }
    let scalars = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
    let text = |scalar| match scalar {
        Scalar::Text(text) => text,
        Scalar::Whole(number) => number.to_string(),
        Scalar::Fraction(number) => number.to_string(),
        Scalar::Truth(truth) => truth.to_string(),
    };
    Ok(scalars.into_iter().map(|(name, scalar)| (name, text(scalar))).collect())
}

/// Entries of `projects` inherit the version of the file.
fn projects<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, ProjectFile>, D::Error> {
    use serde::de::Error;
    let entries = BTreeMap::<String, serde_norway::Mapping>::deserialize(deserializer)?;
    let mut projects = BTreeMap::new();
    for (name, mut entry) in entries {
        entry.entry("version".into()).or_insert_with(|| 1.into());
        if entry.contains_key("projects") {
            return Err(D::Error::custom(format!("projects.{name}: projects cannot hold projects")));
        }
        let project = serde_norway::from_value(entry.into())
            .map_err(|error| D::Error::custom(format!("projects.{name}: {error}")))?;
        projects.insert(name, project);
    }
    Ok(projects)
}
