//! Which project and which deployment a command means.

use super::client::Client;
use super::client::calls::DeploymentFilter;
use super::client::types::{Deployment, Project, Slot};
use super::context::Context;
use super::error::Error;
use super::folder::{self, Facts};

/// A project's name, and why it is this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) because: String,
}

/// What can be known without a server, in order of precedence.
pub(crate) fn local_choice(flag: Option<&str>, variable: Option<&str>, facts: &Facts) -> Option<Chosen> {
    let chosen = |name: &str, because: String| Chosen { name: name.to_owned(), because };
    let file_name =
        |path: &std::path::Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(name) = flag {
        return Some(chosen(name, "--project".to_owned()));
    }
    if let Some(name) = variable {
        return Some(chosen(name, "PIERHEAD_PROJECT".to_owned()));
    }
    if let Some((path, Some(name))) = &facts.project_file {
        return Some(chosen(name, file_name(path)));
    }
    if let Some((_, link)) = &facts.link {
        return Some(chosen(&link.project, ".pierhead/link.json".to_owned()));
    }
    facts.pushed_project().map(|name| chosen(name, "the git remote `pierhead`".to_owned()))
}

/// The projects that are built from one of this folder's git remotes.
pub(crate) fn matching_remotes<'p>(projects: &'p [Project], facts: &Facts) -> Vec<&'p Project> {
    let same = |project: &&Project| {
        let source = project.source.as_ref();
        source.is_some_and(|source| {
            facts
                .remotes
                .iter()
                .any(|remote| folder::same_repository(&remote.url, source.repository.as_str()))
        })
    };
    projects.iter().filter(same).collect()
}

/// The project that a command is about.
pub(crate) async fn project(context: &Context, client: &Client<'_>) -> Result<Chosen, Error> {
    let facts = context.facts()?;
    let variable = context.environment.get("PIERHEAD_PROJECT");
    if let Some(chosen) = local_choice(context.globals.project.as_deref(), variable, &facts) {
        context.printer.explain(&format!("project {} from {}", chosen.name, chosen.because));
        return Ok(chosen);
    }
    let projects = client.projects(None).await?.body;
    let matching = matching_remotes(&projects, &facts);
    match matching.as_slice() {
        [only] => Ok(Chosen { name: only.name.clone(), because: "the git remote of this folder".to_owned() }),
        [] => Err(Error::usage(
            "this folder does not belong to a project",
            match facts.origin() {
                Some(remote) => format!(
                    "Deploy its repository: pierhead deploy {}\nOr connect it to a project: pierhead link NAME",
                    remote.url
                ),
                None => {
                    "Say which one: --project NAME\nOr connect this folder: pierhead link NAME".to_owned()
                }
            },
        )),
        several => {
            let names: Vec<&str> = several.iter().map(|project| project.name.as_str()).collect();
            let what = format!("several projects are built from this repository: {}", names.join(", "));
            Err(Error::usage(
                what,
                "Say which one: --project NAME\nOr connect this folder: pierhead link NAME",
            ))
        }
    }
}

/// How a person named a deployment.
#[derive(Debug, PartialEq, Eq)]
enum Reference<'t> {
    Id(&'t str),
    /// `v18`
    Number(u64),
    Host(&'t str),
    Slot(&'t str),
}

fn reference(text: &str) -> Reference<'_> {
    use pierhead_model::id::DeploymentId;
    if let Some(number) = text.strip_prefix('v').and_then(|number| number.parse().ok()) {
        return Reference::Number(number);
    }
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    let label = host.split(['.', ':']).next().unwrap_or_default();
    if DeploymentId::looks_like_one(label) {
        return Reference::Id(label);
    }
    if host.contains(['.', ':']) || text.contains("://") {
        Reference::Host(host)
    } else {
        Reference::Slot(text)
    }
}

/// A deployment by its id, `v18`, an address or a slot's name; without any, what is live in the slot.
pub(crate) async fn deployment(
    context: &Context,
    client: &Client<'_>,
    given: Option<&str>,
) -> Result<Deployment, Error> {
    let slot = context.slot();
    match given.map(reference) {
        Some(Reference::Id(id)) => Ok(client.deployment(id).await?.body),
        Some(Reference::Number(number)) => {
            let project = project(context, client).await?;
            let filter = DeploymentFilter { slot: Some(slot), ..DeploymentFilter::default() };
            let all = client.deployments(&project.name, &filter).await?.body;
            all.into_iter().find(|deployment| deployment.number == Some(number)).ok_or_else(|| {
                let what = format!("there is no v{number} in {slot} of {}", project.name);
                Error::not_found(what, "See them with: pierhead deployments list")
            })
        }
        Some(Reference::Host(host)) => {
            let project = project(context, client).await?;
            let slots = client.slots(&project.name).await?.body;
            let same = |slot: &&Slot| {
                url::Url::parse(&slot.url)
                    .is_ok_and(|url| url.host_str().is_some_and(|name| host.split(':').next() == Some(name)))
            };
            match slots.iter().find(same) {
                Some(slot) => live_of(client, slot).await,
                None => Err(Error::not_found(
                    format!("no slot of {} answers at {host}", project.name),
                    "See them with: pierhead slots list",
                )),
            }
        }
        Some(Reference::Slot(name)) => live(context, client, name).await,
        None => live(context, client, slot).await,
    }
}

async fn live(context: &Context, client: &Client<'_>, slot: &str) -> Result<Deployment, Error> {
    let project = project(context, client).await?;
    let slots = client.slots(&project.name).await?.body;
    match slots.iter().find(|candidate| candidate.name == slot) {
        Some(slot) => live_of(client, slot).await,
        None => {
            let names: Vec<&str> = slots.iter().map(|slot| slot.name.as_str()).collect();
            let fix = if names.is_empty() {
                "Deploy first: pierhead deploy".to_owned()
            } else {
                format!("Slots: {}", names.join(", "))
            };
            Err(Error::not_found(format!("{} has no slot or deployment `{slot}`", project.name), fix))
        }
    }
}

async fn live_of(client: &Client<'_>, slot: &Slot) -> Result<Deployment, Error> {
    match &slot.live {
        Some(id) => Ok(client.deployment(id).await?.body),
        None => {
            let fix = match &slot.latest {
                Some(latest) => {
                    format!("The latest deployment is {latest}: pierhead deployments show {latest}")
                }
                None => "Deploy first: pierhead deploy".to_owned(),
            };
            Err(Error::not_found(format!("nothing is live in {}", slot.name), fix))
        }
    }
}

/// The newest deployment of the slot, whatever its state.
pub(crate) async fn latest(context: &Context, client: &Client<'_>) -> Result<Option<Deployment>, Error> {
    Ok(newest(context, client, 1).await?.into_iter().next())
}

/// The newest deployment of the slot that is on its way.
pub(crate) async fn in_progress(context: &Context, client: &Client<'_>) -> Result<Option<Deployment>, Error> {
    /// More than can wait in one slot: newer ones supersede older ones.
    const RECENT: usize = 50;
    let recent = newest(context, client, RECENT).await?;
    Ok(recent.into_iter().find(|deployment| deployment.state.is_in_progress()))
}

async fn newest(context: &Context, client: &Client<'_>, limit: usize) -> Result<Vec<Deployment>, Error> {
    let project = project(context, client).await?;
    let filter =
        DeploymentFilter { slot: Some(context.slot()), limit: Some(limit), ..DeploymentFilter::default() };
    Ok(client.deployments(&project.name, &filter).await?.body)
}

#[cfg(test)]
mod tests {
    use super::super::folder::{Link, Remote};
    use super::*;

    #[test]
    fn the_order_of_precedence() {
        let mut facts = Facts {
            project_file: Some(("/x/pierhead.yaml".into(), Some("file".into()))),
            link: Some((
                "/x/.pierhead/link.json".into(),
                Link { url: "http://x".into(), project: "link".into(), environment: None },
            )),
            remotes: vec![Remote { name: "pierhead".into(), url: "https://x/git/remote.git".into() }],
        };
        let name =
            |flag, variable, facts: &Facts| local_choice(flag, variable, facts).map(|chosen| chosen.name);
        assert_eq!(name(Some("flag"), Some("variable"), &facts).as_deref(), Some("flag"));
        assert_eq!(name(None, Some("variable"), &facts).as_deref(), Some("variable"));
        assert_eq!(name(None, None, &facts).as_deref(), Some("file"));
        facts.project_file = Some(("/x/pierhead.yaml".into(), None));
        assert_eq!(name(None, None, &facts).as_deref(), Some("link"));
        facts.link = None;
        assert_eq!(name(None, None, &facts).as_deref(), Some("remote"));
        facts.remotes.clear();
        assert_eq!(name(None, None, &facts), None);
    }

    #[test]
    fn a_deployment_has_many_names() {
        assert_eq!(reference("3x9mq2p7ab"), Reference::Id("3x9mq2p7ab"));
        assert_eq!(reference("https://3x9mq2p7ab.example.com/path"), Reference::Id("3x9mq2p7ab"));
        assert_eq!(reference("v18"), Reference::Number(18));
        assert_eq!(reference("https://shop.localhost:8480"), Reference::Host("shop.localhost:8480"));
        assert_eq!(reference("shop.example.com"), Reference::Host("shop.example.com"));
        assert_eq!(reference("production"), Reference::Slot("production"));
        assert_eq!(reference("vitrine"), Reference::Slot("vitrine"));
    }
}
