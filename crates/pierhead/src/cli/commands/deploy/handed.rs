//! Deploying what is handed over: a folder's files, or an image.

use std::path::Path;

use pierhead_model::name::ProjectName;
use pierhead_model::plan::BuildSettings;

use super::{DeployArgs, announce};
use crate::cli::client::types::{Deployment, NewDeployment, NewProject};
use crate::cli::client::{Answer, Client};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::folder::{self, Facts, Link};
use crate::cli::target::{self, Chosen};
use crate::cli::upload::upload;

/// The files of a folder, into its project; a folder without one gets a project of its own.
pub(super) async fn from_folder(
    context: &Context,
    client: &Client<'_>,
    args: &DeployArgs,
    folder: &Path,
) -> Result<Answer<Deployment>, Error> {
    let chosen = project_of(context, client, args, folder).await?;
    let accepted = into_project(context, client, &chosen, asked(context, args), folder).await?;
    announce(context, &accepted.body, &chosen.because);
    Ok(accepted)
}

/// Sends what is missing, then deploys it.
pub(super) async fn into_project(
    context: &Context,
    client: &Client<'_>,
    chosen: &Chosen,
    new: NewDeployment,
    folder: &Path,
) -> Result<Answer<Deployment>, Error> {
    let upload = upload(context, client, &chosen.name, folder).await?;
    client.deploy_project(&chosen.name, &NewDeployment { upload: Some(upload), ..new }).await
}

/// An image, into a project that is chosen as always, or into one named after the image.
pub(super) async fn from_image(
    context: &Context,
    client: &Client<'_>,
    args: &DeployArgs,
    image: String,
) -> Result<Answer<Deployment>, Error> {
    let chosen = match &args.name {
        Some(name) => made(client, name, args.build.settings()).await?,
        None => target::project(context, client).await?,
    };
    let new = NewDeployment { image: Some(image), ..asked(context, args) };
    let accepted = client.deploy_project(&chosen.name, &new).await?;
    announce(context, &accepted.body, &chosen.because);
    Ok(accepted)
}

fn asked(context: &Context, args: &DeployArgs) -> NewDeployment {
    NewDeployment {
        environment: context.globals.environment.clone(),
        slot: context.globals.slot.clone(),
        no_cache: args.no_cache,
        ..NewDeployment::default()
    }
}

async fn project_of(
    context: &Context,
    client: &Client<'_>,
    args: &DeployArgs,
    folder: &Path,
) -> Result<Chosen, Error> {
    if let Some(name) = &args.name {
        let chosen = made(client, name, args.build.settings()).await?;
        return linked(context, client, folder, chosen);
    }
    // The folder itself says more than the one that the command was given in.
    let facts = Facts::gather(folder)?;
    let variable = context.environment.get("PIERHEAD_PROJECT");
    if let Some(chosen) = target::local_choice(context.globals.project.as_deref(), variable, &facts) {
        return Ok(chosen);
    }
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let called = full.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = ProjectName::from_text(&called).ok_or_else(|| {
        Error::usage("this folder's name cannot name a project", "Name the project with --name NAME.")
    })?;
    let chosen = made(client, name.as_str(), args.build.settings()).await?;
    linked(context, client, folder, chosen)
}

async fn made(client: &Client<'_>, name: &str, build: BuildSettings) -> Result<Chosen, Error> {
    let made = client.create_project(&NewProject { name, build }).await?.body;
    Ok(Chosen { name: made.name, because: "made just now".to_owned() })
}

/// The next deployment of this folder is one of the same project.
fn linked(context: &Context, client: &Client<'_>, folder: &Path, chosen: Chosen) -> Result<Chosen, Error> {
    let url = client.base().as_str().trim_end_matches('/').to_owned();
    let link = Link { url, project: chosen.name.clone(), environment: context.globals.environment.clone() };
    folder::write_link(folder, &link)?;
    Ok(chosen)
}
