//! Copies of slots: another place with the same choices, to try something beside what others use.

use pierhead_model::deployment::State;
use pierhead_model::name::SlotName;
use pierhead_model::pipeline::inputs::Inputs;

use super::auth::Principal;
use super::deployments::{DeploymentView, Deployments, NewDeployment, record, view};
use super::slots;
use crate::access::policy::{self, WRITE_DEPLOYMENT};
use crate::error::{Error, StoreResult as _};

/// A copy of a slot that somebody wants.
#[derive(Debug, Clone, Default)]
pub struct NewClone {
    /// The name of the copy.
    pub slot: String,
    /// What is chosen otherwise than in the slot that is copied.
    pub inputs: Inputs,
}

impl Deployments {
    /// A copy of a slot beside it: the latest version of the pipeline with what was chosen there, or the commit that it has.
    pub async fn clone_slot(
        &self,
        principal: &Principal,
        project: &str,
        from: &str,
        clone: NewClone,
    ) -> Result<DeploymentView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_DEPLOYMENT).await?;
        let source = slots::find(&self.0, &project, from).await?;
        let name = SlotName::parse(&clone.slot).map_err(|error| Error::invalid("/slot", error))?;
        if slots::find(&self.0, &project, name.as_str()).await.is_ok() {
            return Err(Error::NameTaken { what: "slot", name: name.to_string() });
        }
        let history = self.0.store.slot_summary(&source.id).await.stored()?;
        let live = history.iter().find(|summary| summary.state == State::Production);
        let Some(copied) = live.or(history.first()) else {
            let detail = format!("The slot {from} has no deployment yet: there is nothing to copy.");
            return Err(Error::Conflict { detail });
        };
        let copied = record(&self.0, &copied.id).await?;
        let environment = Some(copied.environment_name.to_string());
        let view = view(&self.0, copied);
        let inputs = match self.0.store.pipeline_latest(&project.id).await.stored()? {
            Some(latest) => {
                let inherited = view.inputs.unwrap_or_default().kept_by(&latest.pipeline);
                inherited.with(clone.inputs)
            }
            None => Inputs::default(),
        };
        let new = NewDeployment {
            slot: Some(name.to_string()),
            reference: view.commit.map(|commit| commit.hash),
            environment,
            inputs,
            ..NewDeployment::default()
        };
        slots::touch(&self.0, &source).await?;
        self.deploy(principal, &project, new, "clone").await
    }
}
