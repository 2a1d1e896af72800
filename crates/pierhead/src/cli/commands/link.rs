//! `link` and `unlink`: which project a folder belongs to.

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::folder::{self, Link};
use crate::cli::target;

#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// The project [default: the one that is built from this folder's git remote]
    project: Option<String>,
}

pub(crate) async fn link(context: &Context, args: &LinkArgs) -> Result<(), Error> {
    let client = context.client()?;
    let name = match args.project.as_ref().or(context.globals.project.as_ref()) {
        Some(name) => client.project(name).await?.body.name,
        None => {
            let projects = client.projects(None).await?.body;
            let facts = context.facts()?;
            match target::matching_remotes(&projects, &facts).as_slice() {
                [only] => only.name.clone(),
                _ => {
                    let names: Vec<&str> = projects.iter().map(|project| project.name.as_str()).collect();
                    let fix = if names.is_empty() {
                        "There is no project yet: pierhead deploy URL".to_owned()
                    } else {
                        format!("Projects: {}", names.join(", "))
                    };
                    return Err(Error::usage("say which project: pierhead link NAME", fix));
                }
            }
        }
    };
    let url = client.base().as_str().trim_end_matches('/').to_owned();
    let link = Link { url, project: name, environment: context.globals.environment.clone() };
    folder::write_link(&context.folder, &link)?;
    context.say(&format!("This folder belongs to {} at {}.", link.project, link.url));
    if context.json() {
        return context.print_json(&json!(link));
    }
    Ok(())
}

pub(crate) fn unlink(context: &Context) -> Result<(), Error> {
    match context.facts()?.link {
        Some((path, link)) => {
            fs_err::remove_file(&path).map_err(|error| {
                Error::local("the link cannot be removed", error, "Check that you may write to this folder.")
            })?;
            context.say(&format!("This folder no longer belongs to {}.", link.project));
        }
        None => context.say("This folder is not linked."),
    }
    Ok(())
}
