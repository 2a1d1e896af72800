//! What a person sets on a project: where its source is, how it is built, what it may use, when it is healthy.
//!
//! Requests may leave out any of it; answers hold all of it.

use pierhead_control::{Error, FieldProblem};
use pierhead_model::health::{HealthCheck, HealthKind};
use pierhead_model::limit;
use pierhead_model::plan::{BuildSettings, Builder};
use pierhead_model::project::{self, GitSource};
use pierhead_model::source::{Folder, GitReference, RepositoryUrl};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::mirrored;

/// The repository a project is built from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// `https://host/path` or `ssh://user@host/path`.
    repository: String,
    /// `null` is the repository's default branch.
    branch: Option<String>,
    /// A folder inside the repository, `.` for its root.
    root_directory: Option<String>,
}

impl Source {
    pub(crate) fn parse(&self) -> Result<GitSource, Error> {
        let repository = RepositoryUrl::parse(&self.repository);
        let branch = self.branch.as_deref().map(GitReference::parse).transpose();
        let root = self.root_directory.as_deref().map(Folder::parse).transpose();
        let found = [
            ("/source/repository", repository.as_ref().err()),
            ("/source/branch", branch.as_ref().err()),
            ("/source/root_directory", root.as_ref().err()),
        ];
        let problems = found.into_iter().filter_map(|(at, it)| it.map(|it| FieldProblem::new(at, it)));
        let problems: Vec<FieldProblem> = problems.collect();
        match (repository, branch, root) {
            (Ok(repository), Ok(branch), Ok(root)) => {
                Ok(GitSource { repository, branch, root_directory: root.unwrap_or_default() })
            }
            _ => Err(Error::Validation(problems)),
        }
    }
}

impl From<GitSource> for Source {
    fn from(source: GitSource) -> Self {
        Self {
            repository: source.repository.to_string(),
            branch: source.branch.map(|it| it.to_string()),
            root_directory: Some(source.root_directory.to_string()),
        }
    }
}

mirrored! {
    /// `auto`: a Dockerfile wins when there is one; `framework` ignores it.
    #[serde(rename_all = "snake_case")]
    BuilderChoice = Builder { Auto, Dockerfile, Framework }

    /// How health is asked for.
    #[serde(rename_all = "snake_case")]
    HealthKindName = HealthKind { Http, Tcp, Process }
}

/// How it is built. What is `null` is detected; an empty command skips that part.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Build {
    framework: Option<String>,
    #[schema(max_length = 4096)]
    install_command: Option<String>,
    #[schema(max_length = 4096)]
    build_command: Option<String>,
    /// Must listen on `0.0.0.0:$PORT`.
    #[schema(max_length = 4096)]
    start_command: Option<String>,
    output_directory: Option<String>,
    #[schema(minimum = 1)]
    port: Option<u16>,
    runtime_version: Option<String>,
    dockerfile: Option<String>,
    /// The stage of the Dockerfile; without one, the last.
    dockerfile_target: Option<String>,
    builder: Option<BuilderChoice>,
    single_page: Option<bool>,
}

impl From<Build> for BuildSettings {
    fn from(build: Build) -> Self {
        Self {
            framework: build.framework,
            install_command: build.install_command,
            build_command: build.build_command,
            start_command: build.start_command,
            output_directory: build.output_directory,
            port: build.port,
            runtime_version: build.runtime_version,
            dockerfile: build.dockerfile,
            dockerfile_target: build.dockerfile_target,
            builder: build.builder.map(Into::into),
            single_page: build.single_page,
        }
    }
}

impl From<BuildSettings> for Build {
    fn from(build: BuildSettings) -> Self {
        Self {
            framework: build.framework,
            install_command: build.install_command,
            build_command: build.build_command,
            start_command: build.start_command,
            output_directory: build.output_directory,
            port: build.port,
            runtime_version: build.runtime_version,
            dockerfile: build.dockerfile,
            dockerfile_target: build.dockerfile_target,
            builder: build.builder.map(Into::into),
            single_page: build.single_page,
        }
    }
}

/// Declares a struct of the API with the same fields and default as one of the domain, and both conversions.
macro_rules! same_fields {
    ($(#[$meta:meta])* $name:ident = $domain:ty { $($(#[$field_meta:meta])* $field:ident: $kind:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $name { $($(#[$field_meta])* $field: $kind),* }

        impl Default for $name {
            fn default() -> Self {
                <$domain>::default().into()
            }
        }

        impl From<$domain> for $name {
            fn from(it: $domain) -> Self {
                Self { $($field: it.$field.into()),* }
            }
        }

        impl From<$name> for $domain {
            fn from(it: $name) -> Self {
                Self { $($field: it.$field.into()),* }
            }
        }
    };
}

same_fields! {
    /// What one deployment may use while it is built and while it runs.
    Limits = limit::Limits {
        /// Of the running service, in MiB.
        #[schema(minimum = 16)]
        memory_mb: u32,
        /// In cores.
        #[schema(minimum = 0.05, maximum = 256)]
        cpu: f64,
        pids: u32,
        build_memory_mb: u32,
        build_cpu: f64,
        build_pids: u32,
        /// What a build may write to disk, in MiB.
        build_disk_mb: u32,
        #[schema(minimum = 1, maximum = 86_400)]
        build_timeout_s: u32,
        #[schema(minimum = 1, maximum = 3_600)]
        startup_timeout_s: u32,
        /// Between the polite and the forced stop.
        #[schema(maximum = 3_600)]
        stop_grace_s: u32,
    }
}

same_fields! {
    /// When a service counts as healthy.
    Health = HealthCheck {
        kind: HealthKindName,
        /// For HTTP: 2xx and 3xx are good answers.
        path: String,
        interval_ms: u32,
        timeout_ms: u32,
        /// Good answers in a row that make it healthy.
        healthy_after: u32,
        /// Bad answers in a row that make a live one unhealthy.
        unhealthy_after: u32,
    }
}

same_fields! {
    /// What makes the project deploy by itself.
    Triggers = project::Triggers {
        /// A push to its branch deploys to `production`.
        push: bool,
        /// A pull request to its branch gets a slot of its own, until it is closed.
        pull_requests: bool,
        /// Branches that get a slot of their own, as patterns: `release/*`.
        branches: Vec<String>,
    }
}
