//! What a node is told about the run of a pipeline. Fixed when the deployment is created, and free of secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hostname::Hostname;
use crate::limit::Limits;
use crate::pipeline::inputs::Inputs;
use crate::pipeline::name::ParameterName;
use crate::pipeline::plugin::PluginDeclaration;
use crate::pipeline::{Pipeline, StepName};

use super::plan::{NotRunnable, Plan};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineWork {
    /// Of the pipeline, counted from 1 in its project.
    pub version: u64,
    /// With everything chosen: tags and catalogue entries are in it.
    pub pipeline: Pipeline,
    /// As they were given: what a clone begins with.
    pub inputs: Inputs,
    /// Every one with its value.
    pub parameters: BTreeMap<ParameterName, String>,
    /// Those that its steps use, as they were registered.
    pub plugins: Vec<PluginDeclaration>,
    /// Of public services and sites.
    pub public: BTreeMap<StepName, PublicStep>,
}

/// Where visitors meet a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicStep {
    pub host: Hostname,
    /// With scheme and port, as it stands in a browser.
    pub url: String,
}

impl PipelineWork {
    /// What is run, in which order, within which times.
    pub fn plan(&self, limits: &Limits) -> Result<Plan, NotRunnable> {
        Plan::of(&self.pipeline, &self.plugins, limits)
    }
}
