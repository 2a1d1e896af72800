//! `git push` to Pierhead itself: what is pushed is deployed.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use pierhead_model::assignment::Source;
use pierhead_store::Project;

use super::accepting::Origin;
use super::auth::Principal;
use super::deployments::{Deployments, NewDeployment, Prepared};
use super::handed;
use crate::access::policy::{self, READ_PROJECT, WRITE_DEPLOYMENT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::services::accepting::accept;
use crate::sources::{Pushes as Host, following};

const HEADS: &str = "refs/heads/";

#[derive(Debug)]
pub struct Pushes {
    pub(crate) core: Arc<Core>,
    pub(crate) host: Option<Arc<dyn Host>>,
}

/// What came of a push.
#[derive(Debug)]
pub struct PushView {
    /// In git's own protocol.
    pub answer: Bytes,
    /// What is to be said to whoever pushed.
    pub notes: Vec<String>,
    /// The deployment that it led to.
    pub deployment: Option<String>,
}

impl Pushes {
    /// What was pushed before, in git's own protocol.
    pub async fn advertise(&self, principal: &Principal, project: &str) -> Result<Bytes, Error> {
        let project = policy::project(&self.core, principal, project, READ_PROJECT).await?;
        self.host()?.advertise(&project.id).await
    }

    /// Takes what is pushed, and deploys the branch that the project follows.
    pub async fn receive(
        &self,
        principal: &Principal,
        project: &str,
        pack: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<PushView, Error> {
        let project = policy::project(&self.core, principal, project, WRITE_DEPLOYMENT).await?;
        let (answer, moved) = self.host()?.receive(&project.id, pack).await?;
        let mut view = PushView { answer, notes: Vec::new(), deployment: None };
        for (reference, commit) in moved {
            let branch = reference.strip_prefix(HEADS).unwrap_or(&reference);
            match self.deploy(principal, &project, branch, &commit).await {
                Ok(Some((id, slot))) => {
                    view.notes.push(format!("deploying {branch} to {slot} as {id}"));
                    view.deployment = Some(id);
                }
                Ok(None) => view.notes.push(format!(
                    "{branch} is kept, and not deployed: {} follows {}",
                    project.name,
                    own_branch(&project)
                )),
                // The branch has moved already; whoever pushed is told why nothing follows.
                Err(error) => view.notes.push(format!("{branch} is not deployed: {error}")),
            }
        }
        Ok(view)
    }

    fn host(&self) -> Result<&dyn Host, Error> {
        let detail = "This server takes no pushes.";
        self.host.as_deref().ok_or_else(|| Error::Unavailable { detail: detail.to_owned() })
    }

    async fn deploy(
        &self,
        principal: &Principal,
        project: &Project,
        branch: &str,
        commit: &str,
    ) -> Result<Option<(String, String)>, Error> {
        let slot = match own_branch(project) == branch {
            true => pierhead_model::name::SlotName::production(),
            false => match following::slot_of_pattern(&project.settings, branch) {
                Some(slot) => slot,
                None => return Ok(None),
            },
        };
        let (tree, commit) = self.host()?.snapshot(&project.id, commit).await?;
        let digests = tree.digests();
        self.core.store.uploads_note(&project.id, &digests, self.core.outside.now()).await.stored()?;
        let ((tree, _), _) = handed::announce(&self.core, project, tree).await?;
        let deployments = Deployments(Arc::clone(&self.core));
        let environment = deployments.environment(principal, None).await?;
        let new = NewDeployment {
            slot: Some(slot.to_string()),
            upload: Some(tree.to_hex()),
            ..NewDeployment::default()
        };
        let Prepared { slot, mut planned, variables } =
            deployments.prepare(project, &environment, new).await?;
        if !matches!(planned.source, Source::Pipeline { .. }) {
            planned.commit = Some(commit);
        }
        let origin = Origin::of("git", &principal.email).asked_by(principal, project);
        let id = accept(&self.core, origin, (&project.id, &slot.id), planned, &variables).await?;
        Ok(Some((id.to_string(), slot.name.to_string())))
    }
}

/// The branch that deploys to production.
fn own_branch(project: &Project) -> &str {
    let source = project.settings.source.as_ref();
    source.and_then(|source| source.branch.as_ref()).map_or("main", |branch| branch.as_str())
}
