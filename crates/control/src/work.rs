//! What a deployment was told to do, as it is remembered: fixed when it is created, secrets sealed.
//!
//! A rollback or a redeployment repeats the record, so it has the variables and limits that the first one had.

use pierhead_model::assignment::{Source, Work};
use pierhead_model::health::HealthCheck;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::limit::Limits;
use pierhead_model::plan::BuildSettings;
use pierhead_model::source::Commit;
use pierhead_model::variable::{Exposure, Variable, VariableKey};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};

use crate::core::Core;
use crate::error::Error;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorkRecord {
    pub(crate) source: Source,
    pub(crate) settings: BuildSettings,
    pub(crate) limits: Limits,
    pub(crate) health: HealthCheck,
    pub(crate) variables: Vec<SealedVariable>,
    pub(crate) no_cache: bool,
    /// Nobody of the project wrote what is fetched, and nobody let it have secrets.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) by_stranger: bool,
    /// Of a release that was built before; what is built now reports its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) commit: Option<Commit>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SealedVariable {
    pub(crate) key: VariableKey,
    /// Sealed when `secret`.
    pub(crate) value: String,
    pub(crate) secret: bool,
    pub(crate) exposure: Exposure,
}

impl WorkRecord {
    /// Seals the variables for one deployment.
    pub(crate) fn seal(
        core: &Core,
        id: &DeploymentId,
        variables: &[Variable],
    ) -> Result<Vec<SealedVariable>, Error> {
        let seal = |variable: &Variable| {
            let value = if variable.secret {
                let place = place(id, &variable.key);
                core.key.seal(&place, &variable.value, &*core.outside).map_err(Error::internal)?
            } else {
                variable.value.clone()
            };
            let Variable { key, secret, exposure, .. } = variable.clone();
            Ok(SealedVariable { key, value, secret, exposure })
        };
        variables.iter().map(seal).collect()
    }

    /// The variables in the clear: for the node that runs the deployment, and for a deployment that repeats it.
    pub(crate) fn open(&self, core: &Core, id: &DeploymentId) -> Result<Vec<Variable>, Error> {
        let open = |sealed: &SealedVariable| {
            let value = if sealed.secret {
                let opened =
                    core.key.open(&place(id, &sealed.key), &sealed.value).map_err(Error::internal)?;
                opened.expose_secret().to_owned()
            } else {
                sealed.value.clone()
            };
            let SealedVariable { key, secret, exposure, .. } = sealed.clone();
            Ok(Variable { key, value, secret, exposure })
        };
        self.variables.iter().map(open).collect()
    }

    /// What the node is sent.
    pub(crate) fn to_work(
        &self,
        core: &Core,
        id: &DeploymentId,
        hostname: Hostname,
        deployment_hostname: Hostname,
    ) -> Result<Work, Error> {
        Ok(Work {
            source: self.source.clone(),
            settings: self.settings.clone(),
            limits: self.limits.clone(),
            health: self.health.clone(),
            variables: self.open(core, id)?,
            hostname,
            deployment_hostname,
            no_cache: self.no_cache,
            keys: None,
            access: None,
        })
    }

    pub(crate) fn to_text(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(Error::internal)
    }

    pub(crate) fn from_text(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(Error::internal)
    }
}

fn place(id: &DeploymentId, key: &VariableKey) -> String {
    format!("deployment/{id}/{}", key.as_str())
}
