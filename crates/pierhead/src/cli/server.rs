//! Commands that work on this machine: the server, its runtimes, detection.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use pierhead_agent::RuntimeImages;
use pierhead_build::Directory;
use pierhead_engine::docker::DockerEngine;
use pierhead_model::plan::BuildSettings;
use serde_json::json;

use super::{Failed, Outcome};
use crate::output;
use crate::roles::up;
use crate::settings::Sources;

#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// Where everything is kept (PIERHEAD_DATA_DIR).
    #[arg(long)]
    data_dir: Option<String>,
    /// Address of the API.
    #[arg(long)]
    listen: Option<String>,
    /// Address of the sites and services.
    #[arg(long)]
    ingress_listen: Option<String>,
    /// What hostnames end with.
    #[arg(long)]
    base_domain: Option<String>,
    /// A pierhead.toml.
    #[arg(long)]
    config: Option<PathBuf>,
}

impl Up {
    pub(crate) async fn run(self) -> Outcome {
        let filter = tracing_subscriber::EnvFilter::try_from_env("PIERHEAD_LOG")
            .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_target(false)
            .init();
        let mut sources = Sources { variables: std::env::vars().collect(), ..Sources::default() };
        let flags = [
            ("data_dir", self.data_dir),
            ("listen", self.listen),
            ("ingress_listen", self.ingress_listen),
            ("base_domain", self.base_domain),
        ];
        sources.flags.extend(flags.into_iter().filter_map(|(name, value)| Some((name, value?))));
        if let Some(path) = self.config {
            sources.read_file(&fs_err::read_to_string(path).context("the configuration cannot be read")?)?;
        }
        Ok(up::run(sources.resolve()?).await?)
    }
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Runtimes {
    /// Make base images: all defaults, or `node`, `node:20`, `python`, `php`
    Build { names: Vec<String> },
    /// What there is
    List,
}

impl Runtimes {
    pub(crate) async fn run(self, json: bool) -> Outcome {
        let engine = Arc::new(DockerEngine::local().context("Docker cannot be reached")?);
        let folder = std::env::var_os("PIERHEAD_DATA_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let images = RuntimeImages::new(engine, folder.join("runtimes"));
        match self {
            Self::Build { names } => {
                let names =
                    if names.is_empty() { ["node", "python", "php"].map(Into::into).into() } else { names };
                for name in names {
                    let (runtime, version) = match name.split_once(':') {
                        Some((runtime, version)) => (runtime, Some(version)),
                        None => (name.as_str(), None),
                    };
                    let mut say = |line: String| output::say(&line);
                    let reference = images.ensure_default(runtime, version, &mut say).await;
                    output::answer(&reference.map_err(anyhow::Error::from)?);
                }
            }
            Self::List => {
                let found = images.list().await.map_err(anyhow::Error::from)?;
                for (runtime, version, image) in found {
                    if json {
                        let line = json!({ "runtime": runtime, "version": version, "image": image });
                        output::answer(&line.to_string());
                    } else {
                        output::answer(&format!("{runtime:8}{version:8}{}", image.as_deref().unwrap_or("-")));
                    }
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Detect {
    #[arg(default_value = ".")]
    path: PathBuf,
}

impl Detect {
    pub(crate) fn run(self, json: bool) -> Outcome {
        if !self.path.is_dir() {
            return Err(Failed::new(1, format!("{} is not a folder.", self.path.display())));
        }
        let plan = pierhead_build::detect(&Directory::new(&self.path), &BuildSettings::default(), ".");
        let plan = plan.map_err(|error| Failed::new(1, error.to_string()))?;
        if json {
            output::answer(&serde_json::to_string(&plan).context("the plan cannot be written")?);
            return Ok(ExitCode::SUCCESS);
        }
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        output::answer(&format!("framework  {} ({})", plan.name, plan.framework));
        output::answer(&format!("kind       {}", plan.kind));
        output::answer(&format!(
            "runtime    {} {}",
            plan.runtime.as_str(),
            plan.runtime_version.clone().unwrap_or_default()
        ));
        output::answer(&format!("install    {}", shown(&plan.install_command)));
        output::answer(&format!("build      {}", shown(&plan.build_command)));
        output::answer(&format!("start      {}", shown(&plan.start_command)));
        output::answer(&format!("output     {}", shown(&plan.output_directory)));
        output::answer(&format!(
            "port       {}",
            plan.port.map_or_else(|| "-".to_owned(), |port| port.to_string())
        ));
        Ok(ExitCode::SUCCESS)
    }
}
