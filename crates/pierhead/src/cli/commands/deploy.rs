//! `deploy`: from the linked project's repository, from any repository's address, from a folder, or from an image.

mod handed;

use std::path::PathBuf;

use clap::Args;
use pierhead_model::plan::BuildSettings;
use pierhead_model::source::RepositoryUrl;

use super::pipelines::pair;
use crate::cli::client::Answer;
use crate::cli::client::Client;
use crate::cli::client::types::{Deployment, Detect, NewDeployment, NewQuickDeployment};
use crate::cli::context::Context;
use crate::cli::deploying::{self, ShowLogs};
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::style::{BOLD, DIM, paint};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  pierhead deploy https://github.com/team/shop\n  pierhead deploy            in a folder that is linked to a project\n  pierhead deploy ./site     the files of a folder, without a repository\n  pierhead deploy --image registry.example.com/shop:2\n  URL=$(pierhead deploy)     stdout is the live URL and nothing else"
)]
pub(crate) struct DeployArgs {
    /// A repository's address, or a folder [default: this folder]
    source: Option<String>,
    /// The files of the folder as they are here, instead of the project's repository
    #[arg(long, conflicts_with_all = ["repository", "branch", "reference", "image"])]
    upload: bool,
    /// An image, run as it is
    #[arg(long, value_name = "IMAGE", conflicts_with_all = ["source", "repository", "branch", "reference"])]
    image: Option<String>,
    /// A repository's address
    #[arg(long, value_name = "URL", conflicts_with = "source")]
    repository: Option<String>,
    /// The branch [default: the repository's default branch]
    #[arg(short, long, value_name = "NAME")]
    branch: Option<String>,
    /// A branch, tag or commit of the project's repository
    #[arg(long = "ref", value_name = "REF", conflicts_with = "branch")]
    reference: Option<String>,
    /// The name of the project that is made [default: the repository's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Into a slot named after the branch
    #[arg(long, conflicts_with_all = ["slot", "prod"])]
    preview: bool,
    /// Of a pipeline: another tag for a service, as SERVICE=TAG
    #[arg(long = "tag", value_name = "SERVICE=TAG", value_parser = pair)]
    tags: Vec<(String, String)>,
    /// Of a pipeline: a value for a parameter, as NAME=VALUE
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// Build without caches
    #[arg(long)]
    no_cache: bool,
    /// Do not wait
    #[arg(short, long, visible_alias = "no-wait")]
    detach: bool,
    /// How much of the log to show
    #[arg(long, value_name = "AMOUNT", default_value = "tail")]
    logs: ShowLogs,
    /// Only show what would be built
    #[arg(long)]
    dry_run: bool,
    /// The folder inside the repository
    #[arg(long, value_name = "DIR")]
    root_directory: Option<String>,
    #[command(flatten)]
    build: BuildFlags,
}

/// What would otherwise be detected.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Instead of what is detected")]
pub(crate) struct BuildFlags {
    #[arg(long, value_name = "ID")]
    framework: Option<String>,
    #[arg(long, value_name = "COMMAND")]
    install_command: Option<String>,
    #[arg(long, value_name = "COMMAND")]
    build_command: Option<String>,
    #[arg(long, value_name = "COMMAND")]
    start_command: Option<String>,
    #[arg(long, value_name = "DIR")]
    output_directory: Option<String>,
    #[arg(long, value_name = "NUMBER")]
    port: Option<u16>,
}

impl BuildFlags {
    pub(crate) fn settings(&self) -> BuildSettings {
        BuildSettings {
            framework: self.framework.clone(),
            install_command: self.install_command.clone(),
            build_command: self.build_command.clone(),
            start_command: self.start_command.clone(),
            output_directory: self.output_directory.clone(),
            port: self.port,
            ..BuildSettings::default()
        }
    }
}

pub(crate) async fn run(context: &Context, args: &DeployArgs) -> Result<(), Error> {
    let origin = origin(context, args)?;
    let client = context.client()?;
    if args.dry_run {
        let address = match origin {
            Origin::Address(address) => Some(address),
            Origin::Project | Origin::Folder(_) | Origin::Image(_) => None,
        };
        return dry_run(context, &client, args, address).await;
    }
    let accepted = match origin {
        Origin::Address(repository) => from_address(context, &client, args, repository).await?,
        Origin::Project => from_project(context, &client, args).await?,
        Origin::Folder(folder) => handed::from_folder(context, &client, args, &folder).await?,
        Origin::Image(image) => handed::from_image(context, &client, args, image).await?,
    };
    if args.detach {
        context.say(&format!(
            "queued {}; follow it with: pierhead deployments wait {}",
            accepted.body.id, accepted.body.id
        ));
        return context.show(&accepted.raw, || vec![accepted.body.url.clone()]);
    }
    deploying::until_live(context, &client, accepted.body, args.logs).await
}

/// What is deployed.
enum Origin {
    Address(String),
    /// Whatever the project is built from.
    Project,
    Folder(PathBuf),
    Image(String),
}

fn origin(context: &Context, args: &DeployArgs) -> Result<Origin, Error> {
    if let Some(image) = &args.image {
        return Ok(Origin::Image(image.clone()));
    }
    let Some(given) = args.repository.as_ref().or(args.source.as_ref()) else {
        return Ok(if args.upload { Origin::Folder(context.folder.clone()) } else { Origin::Project });
    };
    let folder = context.path(given.as_ref());
    if args.repository.is_none() && folder.is_dir() {
        let here = folder.canonicalize().ok() == context.folder.canonicalize().ok();
        return Ok(if here && !args.upload { Origin::Project } else { Origin::Folder(folder) });
    }
    let parsed = RepositoryUrl::parse(given)
        .map_err(|error| Error::usage(error.to_string(), "Write for example https://github.com/team/shop"))?;
    Ok(Origin::Address(parsed.to_string()))
}

async fn from_address(
    context: &Context,
    client: &Client<'_>,
    args: &DeployArgs,
    repository: String,
) -> Result<Answer<Deployment>, Error> {
    let misplaced = [
        (context.globals.project.is_some(), "--project", "Name the new project with --name."),
        (
            context.globals.slot.is_some() || args.preview,
            "--slot",
            "A repository's address deploys to production; for other slots use its project.",
        ),
        (args.reference.is_some(), "--ref", "Use --branch."),
    ];
    if let Some((_, flag, fix)) = misplaced.into_iter().find(|(given, _, _)| *given) {
        return Err(Error::usage(format!("{flag} does not go with a repository's address"), fix));
    }
    let new = NewQuickDeployment {
        repository,
        branch: args.branch.clone(),
        root_directory: args.root_directory.clone(),
        name: args.name.clone(),
        build: args.build.settings(),
    };
    let accepted = client.deploy_repository(&new).await?;
    announce(context, &accepted.body, &new.repository);
    Ok(accepted)
}

async fn from_project(
    context: &Context,
    client: &Client<'_>,
    args: &DeployArgs,
) -> Result<Answer<Deployment>, Error> {
    if args.build.settings() != BuildSettings::default()
        || args.root_directory.is_some()
        || args.name.is_some()
    {
        let what = "the build of a project is part of its settings";
        return Err(Error::usage(what, "Change it in pierhead.yaml, or with: pierhead projects update"));
    }
    let chosen = target::project(context, client).await.map_err(|error| no_upload(context, error))?;
    let reference = args.reference.clone().or_else(|| args.branch.clone());
    let slot = match (&context.globals.slot, args.preview) {
        (Some(slot), _) => Some(slot.clone()),
        (None, true) => Some(preview_slot(reference.as_deref())?),
        (None, false) => None,
    };
    let new = NewDeployment {
        environment: context.globals.environment.clone(),
        slot,
        reference,
        no_cache: args.no_cache,
        tags: args.tags.iter().cloned().collect(),
        parameters: args.parameters.iter().cloned().collect(),
        ..NewDeployment::default()
    };
    let accepted = match client.deploy_project(&chosen.name, &new).await {
        // It is built from nothing but what is handed over.
        Err(Error::Problem(problem)) if new.reference.is_none() && problem.is_about("/source") => {
            handed::into_project(context, client, &chosen, new, &context.folder).await?
        }
        accepted => accepted?,
    };
    announce(context, &accepted.body, &chosen.because);
    Ok(accepted)
}

fn preview_slot(reference: Option<&str>) -> Result<String, Error> {
    let named = reference.and_then(pierhead_model::name::SlotName::from_text);
    let named = named.filter(|slot| !slot.is_production());
    named.map(|slot| slot.to_string()).ok_or_else(|| {
        Error::usage(
            "a preview needs a branch to be named after",
            "Add --branch NAME, or name the slot with --slot.",
        )
    })
}

/// A folder without a project: say what works.
fn no_upload(context: &Context, error: Error) -> Error {
    let Error::Usage { what, .. } = &error else { return error };
    let origin = context.facts().ok().and_then(|facts| facts.origin().map(|remote| remote.url.clone()));
    let fix = match origin.filter(|url| RepositoryUrl::parse(url).is_ok()) {
        Some(url) => format!("Push your changes, then deploy the repository: pierhead deploy {url}"),
        None => "Deploy its files as they are: pierhead deploy --upload\nor connect it to an existing project: pierhead link NAME".to_owned(),
    };
    if what.starts_with("several") { error } else { Error::usage(what.clone(), fix) }
}

/// `shop → production in local  (pierhead.yaml)`
fn announce(context: &Context, deployment: &Deployment, because: &str) {
    if context.printer.animates() {
        let arrow = context.printer.symbols().arrow;
        let place = if deployment.environment.is_empty() {
            String::new()
        } else {
            format!(" in {}", deployment.environment)
        };
        let head = format!("{} {arrow} {}{place}", paint(BOLD, &deployment.project), deployment.slot);
        context.say(&format!("{head}  {}", paint(DIM, &format!("({because})"))));
    }
}

async fn dry_run(
    context: &Context,
    client: &Client<'_>,
    args: &DeployArgs,
    address: Option<String>,
) -> Result<(), Error> {
    let detect = match address {
        Some(repository) => {
            Detect { repository, branch: args.branch.clone(), root_directory: args.root_directory.clone() }
        }
        None => {
            let chosen = target::project(context, client).await?;
            let project = client.project(&chosen.name).await?.body;
            let source = project.source.ok_or_else(|| {
                Error::usage(
                    format!("{} has no repository", project.name),
                    "Set one with: pierhead projects update --repository URL",
                )
            })?;
            let branch = args
                .reference
                .clone()
                .or_else(|| args.branch.clone())
                .or(source.branch.map(|branch| branch.as_str().to_owned()));
            Detect {
                repository: source.repository.to_string(),
                branch,
                root_directory: Some(source.root_directory.to_string()),
            }
        }
    };
    let plan = client.detect(&detect).await?;
    context.show(&plan.raw, || {
        pierhead_build::explain::explain(&plan.body).lines().map(crate::output::safe_text::plain).collect()
    })
}
