//! One service from an image that is on the node: started on its deployment's network under its own name, watched until it is
//! healthy, and asked again afterwards. What keeps it running is not here.
//!
//! The container is found by its name, as a plugin's is: [`start`] may be called again after a crash, and then waits for the
//! one that runs.
//!
//! | module | holds |
//! | --- | --- |
//! | `spec` | the container's description, from the service's |
//! | `health` | asking until the answer is good |
//! | `volumes` | what belongs to the slot and outlives deployments |
//! | `start` | from the start to the first good answer, or the reason why there is none |
//! | `silence` | why nothing answers: what listens inside of the container |
//! | `end` | its last words, and how it ended |

mod end;
mod health;
mod silence;
mod spec;
mod start;
mod volumes;

use std::net::Ipv4Addr;
use std::time::Duration;

use pierhead_engine::spec::Mount;
use pierhead_engine::state::ContainerId;
use pierhead_model::deployment::Failure;
use pierhead_model::pipeline::service::Privileges;

use super::mask::Mask;
use super::network::Networks;
use super::place::Place;

pub use end::{follow, last_words, tell};
pub use health::{Answer, ask};
pub use start::{start, thaw};
pub(super) use volumes::ensure as ensure_volumes;
pub use volumes::{SlotVolume, remove_all as remove_volumes};

/// One replica of a service, completely described.
#[derive(Clone)]
pub struct Service {
    pub place: Place,
    /// The step's name in its pipeline: a host label, by which the others of its deployment reach it.
    pub step: String,
    /// Counts attempts; another one is another container.
    pub generation: u32,
    /// Counted from 1.
    pub replica: u32,
    /// On the node already, by digest where that is known.
    pub image: String,
    /// Instead of the image's own.
    pub entrypoint: Option<Vec<String>>,
    /// Instead of the image's own arguments.
    pub command: Option<Vec<String>>,
    pub working_directory: Option<String>,
    /// `user` or `uid:gid`, instead of the image's own.
    pub user: Option<String>,
    /// The engine keeps those without a secret for as long as it keeps the container, and shows them to whoever may ask it.
    pub variables: Vec<(String, String)>,
    /// Values among them that must not be shown.
    pub secret_values: Vec<String>,
    pub memory_mb: u32,
    /// In cores.
    pub cpu: f64,
    pub pids: u32,
    pub volumes: Vec<SlotVolume>,
    /// What else its image does not hold, such as the files of a build.
    pub mounts: Vec<Mount>,
    /// What an admin gave it beyond what every service has.
    pub privileges: Privileges,
    /// Those of the deployment: it is on both, under its step's name.
    pub networks: Networks,
    pub health: Health,
    /// Where visitors meet it.
    pub port: Option<u16>,
    /// What its variables hold is not known here and now: one that is there is taken, but none can be made.
    pub unknown: bool,
    /// From its first start until it is healthy.
    pub startup_timeout: Duration,
    /// How often a process that ends before it is healthy is started, and the wait before the second time, doubled each time.
    pub starts: u32,
    pub pause: Duration,
}

/// Names only: variables may hold secrets.
impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("container", &self.container())
            .field("image", &self.image)
            .finish_non_exhaustive()
    }
}

/// When it counts as healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub check: Check,
    /// Between questions, at most: they come faster at first.
    pub interval: Duration,
    /// Of one question.
    pub timeout: Duration,
    /// Good answers in a row.
    pub healthy_after: u32,
    /// Bad answers in a row that make one that was healthy unhealthy.
    pub unhealthy_after: u32,
}

/// The question that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// GET from the node, as the ingress will; 2xx and 3xx are good answers.
    Http { port: u16, path: String, host: String },
    /// A connection from the node that is accepted.
    Tcp { port: u16 },
    /// Run inside of the container; exit code 0 is good.
    Command(Vec<String>),
    /// Running for a moment is healthy.
    Process,
}

/// A service that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub id: ContainerId,
    /// In its deployment's network that has a way out.
    pub address: Ipv4Addr,
}

/// How the start of a service ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Started {
    Healthy(Running),
    /// It may still run; secrets are masked in the detail.
    Failed(Failure),
    /// As asked for: it does not run any more.
    Cancelled,
}

impl Service {
    /// The name of its container.
    #[must_use]
    pub fn container(&self) -> String {
        self.place.service_container(&self.step, self.generation, self.replica)
    }

    fn mask(&self) -> Mask {
        Mask::new(self.secret_values.iter().map(String::as_str))
    }
}
