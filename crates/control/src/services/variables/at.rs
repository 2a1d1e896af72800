//! Where variables are asked for: by the names that somebody sent.

use std::collections::BTreeMap;

use pierhead_model::access::Permission;
use pierhead_model::id::EnvironmentId;
use pierhead_model::name::{EnvironmentName, SlotName};
use pierhead_model::variable::{SlotPattern, VariableScope};
use pierhead_store::Environment;
use serde_json::Value;

use crate::access::policy;
use crate::core::Core;
use crate::error::Error;
use crate::services::auth::Principal;

/// A place as somebody says it: nothing is the whole project, a slot alone is in the environment of this machine.
#[derive(Debug, Clone, Default)]
pub struct VariablesAt {
    pub environment: Option<String>,
    /// A slot, or the beginning of names and `*`.
    pub slot: Option<String>,
}

/// Which of a project's variables are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VariablesShown {
    /// Set in this place.
    #[default]
    Own,
    /// What the next deployment of this slot gets, wherever it was set.
    InForce,
    /// Of every place.
    All,
}

/// A place that was found.
pub(super) struct Place {
    pub(super) scope: VariableScope,
    environment: Option<Environment>,
}

pub(super) async fn find(
    core: &Core,
    principal: &Principal,
    at: &VariablesAt,
    needed: Permission,
) -> Result<Place, Error> {
    let local = EnvironmentName::local();
    let name = at.environment.as_deref().or(at.slot.as_ref().map(|_| local.as_str()));
    let Some(name) = name else {
        return Ok(Place { scope: VariableScope::Project, environment: None });
    };
    let hidden = || Error::invalid("/environment", "there is no such environment");
    let environment = policy::environment(core, principal, name, needed, hidden).await?;
    let scope = match &at.slot {
        None => VariableScope::Environment(environment.id.clone()),
        Some(slot) => {
            let slot = SlotPattern::parse(slot).map_err(|error| Error::invalid("/slot", error))?;
            VariableScope::Slot(environment.id.clone(), slot)
        }
    };
    Ok(Place { scope, environment: Some(environment) })
}

impl Place {
    /// The names of the environments that are spoken of.
    pub(super) fn names(&self) -> BTreeMap<EnvironmentId, EnvironmentName> {
        self.environment.iter().map(|it| (it.id.clone(), it.name.clone())).collect()
    }

    /// The one slot that is meant: that of a project's main hostname when none was said.
    pub(super) fn slot(&self) -> Result<(&Environment, SlotName), Error> {
        let environment = self.environment.as_ref().ok_or_else(|| {
            Error::invalid("/environment", "say of which environment: what is in force differs between them")
        })?;
        let slot = match &self.scope {
            VariableScope::Slot(_, slot) => {
                SlotName::parse(slot.as_str()).map_err(|error| Error::invalid("/slot", error))?
            }
            VariableScope::Project | VariableScope::Environment(_) => SlotName::production(),
        };
        Ok((environment, slot))
    }

    /// Adds where it was to what is told of a change.
    pub(super) fn tell(&self, told: &mut Value) {
        if let Some(environment) = &self.environment {
            told["environment"] = environment.name.as_str().into();
        }
        if let VariableScope::Slot(_, slot) = &self.scope {
            told["slot"] = slot.as_str().into();
        }
    }
}

pub(super) const fn environment_of(scope: &VariableScope) -> Option<&EnvironmentId> {
    match scope {
        VariableScope::Project => None,
        VariableScope::Environment(environment) | VariableScope::Slot(environment, _) => Some(environment),
    }
}
