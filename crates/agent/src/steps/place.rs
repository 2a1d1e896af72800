//! Whose step it is: the labels of what it makes, and names that can be found again.
//!
//! A name is made of what identifies an attempt and nothing else, so an agent that has forgotten everything makes the same one
//! again. It begins with the install, because several may share an engine.

use pierhead_engine::labels as engine_labels;
use pierhead_engine::spec::Labels;
use pierhead_model::id::{DeploymentId, InstallId, NodeId, ProjectId};
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
use sha2::{Digest as _, Sha256};

use super::contract::Action;
use crate::labels;

/// The volume of a slot that an object is.
const VOLUME: &str = "pierhead.volume";
/// Characters of a hash that are more than enough to tell volumes apart.
const HASH_CHARACTERS: usize = 32;

/// The deployment that steps belong to, on its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub install: InstallId,
    pub node: NodeId,
    /// The control plane's epoch; older ones may not remove what carries it.
    pub epoch: u64,
    pub deployment: DeploymentId,
    pub project_id: ProjectId,
    pub project: ProjectName,
    pub environment: EnvironmentName,
    pub slot: SlotName,
}

impl Place {
    /// The container of one attempt of a plugin. `generation` counts attempts.
    #[must_use]
    pub fn plugin_container(&self, step: &str, action: Action, generation: u32) -> String {
        format!("{}-{}-{generation}", self.prefix(step), action.as_str())
    }

    /// The container of one replica of a service.
    #[must_use]
    pub fn service_container(&self, step: &str, generation: u32, replica: u32) -> String {
        format!("{}-run-{generation}-{replica}", self.prefix(step))
    }

    /// Of the name of a service's container: which attempt it is, and which replica.
    pub(crate) fn attempt_and_replica(container: &str) -> Option<(u32, u32)> {
        let (_, numbers) = container.rsplit_once("-run-")?;
        let (generation, replica) = numbers.split_once('-')?;
        Some((generation.parse().ok()?, replica.parse().ok()?))
    }

    /// The container that holds the name of a service which is elsewhere.
    #[must_use]
    pub fn relay_container(&self, service: &str) -> String {
        format!("{}-relay", self.prefix(service))
    }

    /// Both ids have a fixed length and what follows a step's name is words and numbers of ours, so no two attempts of any two
    /// steps share a name.
    fn prefix(&self, step: &str) -> String {
        format!("ph-{}-{}-{step}", self.install, self.deployment)
    }

    /// A volume of the slot. Names of projects and slots may join ambiguously, so they are hashed.
    #[must_use]
    pub fn volume(&self, name: &str) -> String {
        let mut hasher = Sha256::new();
        for part in [
            self.install.as_ref(),
            self.project_id.as_ref(),
            self.environment.as_str(),
            self.slot.as_str(),
            name,
        ] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let hash = hex::encode(hasher.finalize());
        format!("ph-volume-{}", hash.get(..HASH_CHARACTERS).unwrap_or(&hash))
    }

    /// Labels of what goes with the deployment.
    pub(super) fn labels_of_step(&self, step: &str) -> Labels {
        let mut labels = self.labels_of_slot();
        labels.insert(engine_labels::GENERATION.to_owned(), self.epoch.to_string());
        labels.insert(labels::DEPLOYMENT.to_owned(), self.deployment.to_string());
        labels.insert(labels::STEP.to_owned(), step.to_owned());
        labels
    }

    /// Labels of a volume, which outlives the deployment and goes with the slot.
    pub(super) fn labels_of_volume(&self, name: &str) -> Labels {
        let mut labels = self.labels_of_slot();
        labels.insert(engine_labels::GENERATION.to_owned(), self.epoch.to_string());
        labels.insert(VOLUME.to_owned(), name.to_owned());
        labels
    }

    /// What everything of the slot on this node carries.
    pub(super) fn labels_of_slot(&self) -> Labels {
        let mut labels = engine_labels::owner(self.install.as_ref(), self.node.as_ref());
        labels.extend(
            [
                (labels::ENVIRONMENT, self.environment.as_str()),
                (labels::PROJECT, self.project.as_str()),
                (labels::SLOT, self.slot.as_str()),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        labels
    }

    /// Whether something that carries the slot's labels is a volume of it.
    pub(super) fn is_volume(labels: &Labels) -> bool {
        labels.contains_key(VOLUME) && !labels.contains_key(crate::labels::DEPLOYMENT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(project: &str, slot: &str) -> Place {
        let epoch = pierhead_model::Timestamp::UNIX_EPOCH;
        Place {
            install: InstallId::new(epoch, 1),
            node: NodeId::new(epoch, 1),
            epoch: 1,
            deployment: "3x9mq2p7ab".parse().unwrap(),
            project_id: ProjectId::new(epoch, 1),
            project: ProjectName::parse(project).unwrap(),
            environment: EnvironmentName::local(),
            slot: SlotName::parse(slot).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn no_two_attempts_share_a_container(
            a in "[a-z0-9]{1,4}(-(create|destroy|run|relay|[0-9]))?", b in "[a-z0-9]{1,4}(-(create|destroy|run|relay|[0-9]))?",
            m in 0_u32..20, n in 0_u32..20,
        ) {
            let place = place("shop", "qa");
            let names = |step: &str, generation: u32| {
                [
                    place.plugin_container(step, Action::Create, generation),
                    place.plugin_container(step, Action::Destroy, generation),
                    place.service_container(step, generation, 1),
                ]
            };
            for (i, one) in names(&a, m).iter().enumerate() {
                for (k, other) in names(&b, n).iter().enumerate() {
                    prop_assert_eq!(one == other, (i, &a, m) == (k, &b, n), "{} {}", one, other);
                }
                prop_assert!(*one != place.relay_container(&b), "{one}");
            }
            prop_assert_eq!(place.relay_container(&a) == place.relay_container(&b), a == b);
        }
    }

    #[test]
    fn the_longest_names_are_names_of_an_engine() {
        let name = place("shop", "qa").plugin_container(&"s".repeat(63), Action::Destroy, u32::MAX);
        assert!(name.len() < 200, "{name}");
    }

    #[test]
    fn volumes_belong_to_a_slot_and_not_to_a_deployment() {
        let qa = place("shop", "qa");
        let redeployed = Place { deployment: "4x9mq2p7ab".parse().unwrap(), epoch: 2, ..qa.clone() };
        assert_eq!(qa.volume("data"), redeployed.volume("data"));
        assert_ne!(qa.volume("data"), place("shop", "qa2").volume("data"));
        assert_ne!(qa.volume("data"), qa.volume("data2"));
        assert!(Place::is_volume(&qa.labels_of_volume("data")));
        assert!(!Place::is_volume(&qa.labels_of_step("db")));
        assert_eq!(Place::attempt_and_replica(&qa.service_container("a-run-7-7", 3, 12)), Some((3, 12)));
        for other in [qa.relay_container("db"), qa.plugin_container("x-run-1-2", Action::Create, 1)] {
            assert_eq!(Place::attempt_and_replica(&other), None, "{other}");
        }
    }
}
