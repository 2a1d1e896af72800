//! What should be, as last told, kept across restarts.
//!
//! Secrets are held in memory only: the file of an assignment has none, and says so. A run that needs them after a restart
//! waits until the control plane tells the assignment again; what already runs does not need them.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use pierhead_model::assignment::Assignment;
use pierhead_model::id::DeploymentId;
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::steps::mask::Mask;

/// An assignment and under which epoch it was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) assignment: Assignment,
    pub(crate) epoch: u64,
    /// Secrets belong to it that this process does not have.
    pub(crate) secrets_missing: bool,
}

impl Held {
    /// Takes out of texts whatever secrets this deployment was told of.
    pub(crate) fn mask(&self) -> Mask {
        let keys = self.assignment.work.keys.iter();
        let logins = keys.flat_map(|keys| keys.registries.iter().map(|login| login.password.as_str()));
        Mask::new(self.secrets().into_iter().chain(logins))
    }

    /// The values of the variables that are secrets.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let variables = self.assignment.work.variables.iter();
        variables.filter(|it| it.secret).map(|it| it.value.as_str()).collect()
    }
}

/// All that this node should do.
#[derive(Debug)]
pub(crate) struct Assignments {
    folder: PathBuf,
    held: HashMap<DeploymentId, Arc<Held>>,
}

impl Assignments {
    pub(crate) fn open(folder: PathBuf) -> std::io::Result<Self> {
        let held = durable::read_folder::<Held>(&folder)?;
        let held =
            held.into_iter().map(|held| (held.assignment.deployment.clone(), Arc::new(held))).collect();
        Ok(Self { folder, held })
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.held.values()
    }

    pub(crate) fn get(&self, deployment: &DeploymentId) -> Option<&Arc<Held>> {
        self.held.get(deployment)
    }

    /// Takes an assignment. `None` when it says nothing new; otherwise it is durable when this returns.
    pub(crate) async fn accept(
        &mut self,
        assignment: Assignment,
        epoch: u64,
    ) -> std::io::Result<Option<Arc<Held>>> {
        if let Some(known) = self.held.get(&assignment.deployment)
            && !says_something_new(known, &assignment)
        {
            return Ok(None);
        }
        let held = Held { assignment, epoch, secrets_missing: false };
        durable::write_json(self.file(&held.assignment.deployment), &without_secrets(&held)).await?;
        pierhead_model::crash_point!("agent.accepted");
        let held = Arc::new(held);
        self.held.insert(held.assignment.deployment.clone(), Arc::clone(&held));
        Ok(Some(held))
    }

    pub(crate) async fn forget(&mut self, deployment: &DeploymentId) -> std::io::Result<()> {
        durable::remove(self.file(deployment)).await?;
        self.held.remove(deployment);
        Ok(())
    }

    fn file(&self, deployment: &DeploymentId) -> PathBuf {
        self.folder.join(format!("{deployment}.json"))
    }
}

fn says_something_new(known: &Held, offered: &Assignment) -> bool {
    let generation = known.assignment.generation;
    offered.generation > generation || (known.secrets_missing && offered.generation == generation)
}

fn without_secrets(held: &Held) -> Held {
    let mut kept = held.clone();
    let variables = &mut kept.assignment.work.variables;
    let all = variables.len();
    variables.retain(|variable| !variable.secret);
    let keys = kept.assignment.work.keys.take();
    let access = kept.assignment.work.access.take();
    let variables = kept.assignment.work.variables.len();
    kept.secrets_missing = variables < all || keys.is_some() || access.is_some();
    kept
}

#[cfg(test)]
pub(crate) mod tests {
    use pierhead_model::assignment::{Goal, Source, Work};
    use pierhead_model::health::HealthCheck;
    use pierhead_model::hostname::Hostname;
    use pierhead_model::id::ProjectId;
    use pierhead_model::limit::Limits;
    use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
    use pierhead_model::plan::BuildSettings;
    use pierhead_model::source::{Folder, RepositoryUrl};
    use pierhead_model::variable::{Exposure, Variable, VariableKey};

    use super::*;

    pub(crate) fn assignment(generation: u64, goal: Goal) -> Assignment {
        Assignment {
            deployment: "3x9mq2p7ab".parse().unwrap(),
            generation,
            goal,
            project_id: ProjectId::new(pierhead_model::Timestamp::UNIX_EPOCH, 1),
            project: ProjectName::parse("shop").unwrap(),
            environment: EnvironmentName::local(),
            slot: SlotName::production(),
            work: Work {
                source: Source::Git {
                    repository: RepositoryUrl::parse("https://example.com/shop.git").unwrap(),
                    reference: None,
                    root_directory: Folder::default(),
                },
                settings: BuildSettings::default(),
                limits: Limits::default(),
                health: HealthCheck::default(),
                variables: vec![Variable {
                    key: VariableKey::parse("TOKEN").unwrap(),
                    value: "hunter2-canary".into(),
                    secret: true,
                    exposure: Exposure::Runtime,
                }],
                hostname: Hostname::parse("shop.localhost").unwrap(),
                deployment_hostname: Hostname::parse("3x9mq2p7ab.localhost").unwrap(),
                no_cache: false,
                keys: None,
                access: None,
            },
            rest: pierhead_model::sleep::RestOrder::default(),
            known: None,
        }
    }

    #[tokio::test]
    async fn older_ones_are_ignored_and_secrets_never_reach_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut assignments = Assignments::open(folder.path().into()).unwrap();
        assert!(assignments.accept(assignment(2, Goal::Run), 1).await.unwrap().is_some());
        assert!(assignments.accept(assignment(2, Goal::Run), 1).await.unwrap().is_none());
        assert!(assignments.accept(assignment(1, Goal::Stop), 1).await.unwrap().is_none());
        let file = fs_err::read_to_string(folder.path().join("3x9mq2p7ab.json")).unwrap();
        assert!(!file.contains("hunter2"), "{file}");

        let mut reopened = Assignments::open(folder.path().into()).unwrap();
        let id = assignment(2, Goal::Run).deployment;
        assert!(reopened.get(&id).unwrap().secrets_missing);
        let told_again = reopened.accept(assignment(2, Goal::Run), 1).await.unwrap().unwrap();
        assert!(!told_again.secrets_missing);
        assert_eq!(told_again.assignment.work.variables.len(), 1);
        reopened.forget(&id).await.unwrap();
        assert_eq!(Assignments::open(folder.path().into()).unwrap().all().count(), 0);
    }
}
