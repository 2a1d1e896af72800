//! What a node is told about the run of a pipeline. Fixed when the deployment is created, and free of secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::assignment::{Source, Work};
use crate::hostname::Hostname;
use crate::id::DeploymentId;
use crate::limit::Limits;
use crate::pipeline::inputs::Inputs;
use crate::pipeline::name::ParameterName;
use crate::pipeline::plugin::PluginDeclaration;
use crate::pipeline::service::ServiceStep;
use crate::pipeline::{Pipeline, Step, StepName, generated};
use crate::project::GitSource;
use crate::release::Release;
use crate::spread::Replicas;

use super::plan::{NotRunnable, Plan};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineWork {
    /// Of the pipeline, counted from 1 in its project; 0 for the one that is generated.
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
    /// The replicas that run on this node, of services that have others elsewhere.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub here: Replicas,
    /// Set when another node leads the deployment, and this one runs nothing but what is `here`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
}

/// What a node needs that runs a part of a deployment's replicas, after the node that leads it has made everything else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The deployment that it is a part of.
    pub of: DeploymentId,
    pub handed: Handed,
}

/// What a run leaves for the nodes that run parts of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// What its steps left for each other, sealed with the run's key.
    pub outputs: String,
    /// What its build steps made.
    pub builds: BTreeMap<StepName, Release>,
}

/// Where visitors meet a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicStep {
    pub host: Hostname,
    /// With scheme and port, as it stands in a browser.
    pub url: String,
}

/// What the steps of a generated pipeline may take, in seconds. A build waits for its turn for as long as that takes, and builds
/// and services say themselves, and better, when they take too long: this is only there so that no mistake can keep one for ever.
const AT_MOST_S: u32 = 7 * 24 * 3600;

impl PipelineWork {
    /// The run that a deployment is: of the pipeline that was drawn, or of the one that is generated for its project.
    pub fn of(work: &Work) -> Self {
        let source = match &work.source {
            Source::Git { repository, reference, root_directory } => Some(GitSource {
                repository: repository.clone(),
                branch: reference.clone(),
                root_directory: root_directory.clone(),
            }),
            Source::Files { .. } | Source::Image { .. } | Source::Release { .. } => None,
            Source::Pipeline { work } => return work.as_ref().clone(),
        };
        let Work { settings: build, limits, health, hostname, .. } = work;
        let app = generated::App { source: source.as_ref(), build, limits, health };
        let pipeline = generated::as_run(app);
        let url = format!("http://{hostname}");
        let public = |(name, step): (&StepName, &Step)| {
            matches!(step, Step::Service(_))
                .then(|| (name.clone(), PublicStep { host: hostname.clone(), url: url.clone() }))
        };
        Self {
            version: 0,
            public: pipeline.steps.iter().filter_map(public).collect(),
            pipeline,
            inputs: Inputs::default(),
            parameters: BTreeMap::new(),
            plugins: Vec::new(),
            here: Replicas::new(),
            share: None,
        }
    }

    /// What is run, in which order, within which times.
    pub fn plan(&self, limits: &Limits) -> Result<Plan, NotRunnable> {
        let mut plan = Plan::of(&self.pipeline, &self.plugins, limits)?;
        if self.share.is_some() {
            // Everything that they need is there.
            plan.steps.retain(|name, _| self.here.contains_key(name));
            plan.steps.values_mut().for_each(|step| step.needs.clear());
        }
        if self.is_generated() {
            plan.steps.values_mut().for_each(|step| step.timeout_s = AT_MOST_S);
            plan.timeout_s = 2 * AT_MOST_S;
        }
        Ok(plan)
    }

    /// The replicas of a service that run on this node.
    pub fn replicas(&self, name: &StepName, service: &ServiceStep) -> BTreeSet<u32> {
        match self.here.get(name) {
            Some(here) => here.clone(),
            None if self.share.is_some() => BTreeSet::new(),
            None => (1..=service.replicas.max(1)).collect(),
        }
    }

    /// Whether some of its replicas run on other nodes.
    pub fn is_spread(&self) -> bool {
        self.share.is_none() && !self.here.is_empty()
    }

    /// Whether nobody drew it.
    pub const fn is_generated(&self) -> bool {
        self.version == 0
    }
}
