//! What would happen, from facts that were looked up: nothing is deployed to know it.
//!
//! [`wanted`] says what has to be asked of the world: images of registries, room on nodes. [`judge`] turns the answers into
//! problems at the steps they belong to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::definition::{Pipeline, Resources, Step};
use super::document::Problem;
use super::graph::Graph;
use super::image::ImageReference;
use super::name::StepName;
use super::service::ServiceStep;
use crate::limit::Limits;
use crate::placement::Need;

/// What a run would ask for.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The steps by the round in which they could start.
    pub rounds: Vec<Vec<StepName>>,
    /// Each image once, with the steps that run it.
    pub images: BTreeMap<ImageReference, Vec<StepName>>,
    pub room: Room,
}

/// Of a node's machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    pub memory_mb: u64,
    /// In thousandths of a core.
    pub cpu_milli: u64,
    /// Of the largest container.
    pub widest_cpu_milli: u64,
}

/// What was found about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageFound {
    Yes,
    /// Why it cannot be run; the text says what to do.
    No(String),
    /// The registry could not be asked. It may exist.
    Unknown(String),
}

/// What was found out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// An image that is not in it was not asked for.
    pub images: BTreeMap<ImageReference, ImageFound>,
    /// Why no node has room, as [`crate::placement`] says it.
    pub no_room: Option<String>,
}

/// What a run would ask for. `limits` fill in what steps do not set.
pub fn wanted(pipeline: &Pipeline, limits: &Limits) -> Wanted {
    let graph = Graph::of(pipeline);
    let mut images: BTreeMap<ImageReference, Vec<StepName>> = BTreeMap::new();
    for (name, step) in &pipeline.steps {
        let image = match step {
            Step::Service(service) => service.image.as_ref(),
            Step::Plugin(plugin) => Some(&plugin.image),
            Step::Build(_) | Step::Site(_) => None,
        };
        if let Some(image) = image {
            images.entry(image.clone()).or_default().push(name.clone());
        }
    }
    let rounds = graph.rounds();
    Wanted {
        room: room(pipeline, &rounds, limits),
        rounds: rounds.into_iter().map(|round| round.into_iter().cloned().collect()).collect(),
        images,
    }
}

/// What keeps running stays; what ends is there only in its round. The most of both together is what a node must have.
fn room(pipeline: &Pipeline, rounds: &[Vec<&StepName>], limits: &Limits) -> Room {
    let default = (limits.memory_mb, limits.cpu);
    let build = (limits.build_memory_mb, limits.build_cpu);
    let mut keeps = Room::default();
    let mut most = Room::default();
    for round in rounds {
        let mut passing = Room::default();
        for step in round.iter().filter_map(|name| pipeline.steps.get(*name)) {
            match step {
                Step::Service(service) => keeps.add(&service.resources, default, service.replicas),
                Step::Plugin(plugin) => passing.add(&plugin.resources, default, 1),
                Step::Build(step) => passing.add(&step.resources, build, 1),
                Step::Site(_) => {}
            }
        }
        most.memory_mb = most.memory_mb.max(keeps.memory_mb + passing.memory_mb);
        most.cpu_milli = most.cpu_milli.max(keeps.cpu_milli + passing.cpu_milli);
        most.widest_cpu_milli =
            most.widest_cpu_milli.max(keeps.widest_cpu_milli).max(passing.widest_cpu_milli);
    }
    most
}

/// What one replica of a service takes. `limits` fill in what it does not set.
pub fn room_of(service: &ServiceStep, limits: &Limits) -> Room {
    let mut room = Room::default();
    room.add(&service.resources, (limits.memory_mb, limits.cpu), 1);
    room
}

impl Room {
    /// Room for both, which run at the same time.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            memory_mb: self.memory_mb + other.memory_mb,
            cpu_milli: self.cpu_milli + other.cpu_milli,
            widest_cpu_milli: self.widest_cpu_milli.max(other.widest_cpu_milli),
        }
    }

    fn add(&mut self, resources: &Resources, default: (u32, f64), times: u32) {
        let cores = resources.cpu.unwrap_or(default.1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0.05 and 256 cores: within bounds that reading checks"
        )]
        let milli = (cores * 1_000.0).ceil() as u64;
        self.memory_mb += u64::from(resources.memory_mb.unwrap_or(default.0)) * u64::from(times);
        self.cpu_milli += milli * u64::from(times);
        self.widest_cpu_milli = self.widest_cpu_milli.max(milli);
    }

    /// What [`crate::placement::place`] is asked for.
    pub fn need(&self) -> Need {
        #[expect(clippy::cast_precision_loss, reason = "thousandths of cores, far below 2^52")]
        let cores = |milli: u64| milli as f64 / 1_000.0;
        Need {
            memory_mb: self.memory_mb,
            cpu: cores(self.cpu_milli),
            widest_cpu: cores(self.widest_cpu_milli),
            build_memory_mb: 0,
        }
    }
}

/// What speaks against running it now.
pub fn judge(wanted: &Wanted, facts: &Facts) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (image, steps) in &wanted.images {
        let (make, why): (fn(String, String) -> Problem, _) = match facts.images.get(image) {
            Some(ImageFound::No(why)) => (Problem::error, why.clone()),
            Some(ImageFound::Unknown(why)) => {
                (Problem::warning, format!("whether it exists is not known: {why}"))
            }
            Some(ImageFound::Yes) | None => continue,
        };
        problems.extend(steps.iter().map(|step| make(format!("steps.{step}.image"), why.clone())));
    }
    problems.extend(facts.no_room.iter().map(|why| Problem::error("", why.clone())));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::{Format, read};

    fn shop() -> Pipeline {
        read(include_str!("../../tests/pipelines/shop.yaml"), Format::Yaml).unwrap().pipeline
    }

    #[test]
    fn what_is_asked_for() {
        let wanted = wanted(&shop(), &Limits::default());
        let rounds: Vec<Vec<&str>> =
            wanted.rounds.iter().map(|round| round.iter().map(StepName::as_str).collect()).collect();
        assert_eq!(rounds, [&["build-web", "db"][..], &["create-db", "web"], &["seed"], &["api"]]);
        let images: Vec<_> = wanted.images.keys().map(ToString::to_string).collect();
        assert_eq!(images.len(), 4, "{images:?}");
        // The database and the build at first: 512 + 2048 MiB; later the database and two replicas of the API.
        assert_eq!(wanted.room, Room { memory_mb: 2560, cpu_milli: 2500, widest_cpu_milli: 2000 });
    }

    #[test]
    fn answers_become_problems_at_their_steps() {
        let wanted = wanted(&shop(), &Limits::default());
        let image = |text: &str| ImageReference::parse(text).unwrap();
        let facts = Facts {
            images: [
                (image("postgres:16.4"), ImageFound::No("there is no `16.4`".into())),
                (image("ghcr.io/acme/api:main"), ImageFound::Unknown("it does not answer".into())),
                (image("ghcr.io/pierhead/run-sql:1.0"), ImageFound::Yes),
            ]
            .into(),
            no_room: Some("no node has room".into()),
        };
        let told: Vec<_> = judge(&wanted, &facts)
            .iter()
            .map(|problem| format!("{:?} {problem}", problem.severity))
            .collect();
        assert_eq!(
            told,
            [
                "Warning steps.api.image: whether it exists is not known: it does not answer",
                "Error steps.db.image: there is no `16.4`",
                "Error no node has room",
            ]
        );
        assert_eq!(judge(&wanted, &Facts::default()), []);
        assert_eq!(wanted.room.need().cpu, 2.5);
    }
}
