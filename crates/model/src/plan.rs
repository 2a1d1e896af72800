//! The build plan: what would be built, from files alone, and why.
//!
//! `pierhead-build` makes it, the agent follows it, `pierhead detect --json` prints it. The fields that outside tools rely on
//! come first; an unknown value is `null`, never absent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a build of a source tree would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildPlan {
    /// The usual slug: `nextjs`, `vite`, `fastapi`, `dockerfile`, `static`, …
    pub framework: String,
    pub kind: Kind,
    pub runtime: Runtime,
    /// As precise as the project is: `22`, `20.11.1`, `3.11`.
    pub runtime_version: Option<String>,
    /// `npm`, `pnpm`, `yarn`, `bun`, `pip`, `uv`, `poetry`, `composer`, …
    pub package_manager: Option<String>,
    /// Relative to the repository, `.` for its root. Every other path below is relative to this one.
    pub root_directory: String,
    pub install_command: Option<String>,
    pub build_command: Option<String>,
    /// Runs the service. It must listen on `0.0.0.0:$PORT`.
    pub start_command: Option<String>,
    /// The folder that a site's files end up in.
    pub output_directory: Option<String>,
    /// What is put into `PORT`, and where health is asked for.
    pub port: Option<u16>,
    /// Why each value is what it is, in the order in which a person would ask.
    pub reasons: Vec<Reason>,
    /// For people: `Next.js 15.3`.
    pub name: String,
    /// Variables the framework needs while building and running, unless the project sets them.
    pub variables: BTreeMap<String, String>,
    /// Files whose contents decide the dependencies: lockfiles, manifests, the package manager's settings.
    pub dependency_inputs: Vec<String>,
    /// Folders that speed the next build up when kept, such as `.next/cache`.
    pub caches: Vec<String>,
    /// The Dockerfile to build, when `kind` is `image`.
    pub dockerfile: Option<String>,
    /// The web root of a PHP project.
    pub document_root: Option<String>,
    /// A site whose routes live in the browser: unknown paths answer `index.html`.
    pub single_page: bool,
    /// Processes besides the web one, from a `Procfile`.
    pub processes: BTreeMap<String, String>,
    /// A command to run once before traffic moves, when the project itself declares one.
    pub release_command: Option<String>,
    pub warnings: Vec<String>,
    /// Other frameworks that matched, likeliest first.
    pub alternatives: Vec<String>,
    /// What a person may want to do next: a database, a missing variable, a release command.
    pub suggestions: Vec<String>,
}

/// What comes out of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// Files, served by the ingress.
    Site,
    /// A process on a runtime's base image.
    Service,
    /// A container image from a Dockerfile.
    Image,
}

/// The toolchain a project builds and runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Runtime {
    Node,
    Python,
    Php,
    Static,
    Docker,
    /// Recognised, but without a runtime image: needs a Dockerfile.
    #[serde(untagged)]
    Other(String),
}

impl Runtime {
    /// The runtime's name as it is printed and as its image is called.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Node => "node",
            Self::Python => "python",
            Self::Php => "php",
            Self::Static => "static",
            Self::Docker => "docker",
            Self::Other(name) => name,
        }
    }
}

/// One value of the plan and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The plan's field: `framework`, `build_command`, …
    pub field: String,
    /// For people: `"build": "vite build" in package.json`.
    pub because: String,
    pub origin: Origin,
    /// The file that decided, relative to the root directory.
    pub file: Option<String>,
    /// Counted from 1.
    pub line: Option<u32>,
}

/// Who decided a value; earlier ones win over later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A flag of this one call.
    Flag,
    /// `pierhead.yaml`.
    ProjectFile,
    /// The project's settings on the server.
    Project,
    /// Another tool's file that is honoured: `Procfile`, `netlify.toml`.
    ForeignFile,
    Detected,
    Default,
}

/// What a project or a call sets itself; every field that is `None` is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BuildSettings {
    pub framework: Option<String>,
    /// An empty command means: skip this part.
    pub install_command: Option<String>,
    pub build_command: Option<String>,
    pub start_command: Option<String>,
    pub output_directory: Option<String>,
    pub port: Option<u16>,
    pub runtime_version: Option<String>,
    pub dockerfile: Option<String>,
    /// The stage of the Dockerfile that is built; without one, the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dockerfile_target: Option<String>,
    /// `auto` (a Dockerfile wins when there is one), `dockerfile`, `framework` (ignore a Dockerfile).
    pub builder: Option<Builder>,
    pub single_page: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builder {
    Auto,
    Dockerfile,
    Framework,
}
