//! The container port: what Pierhead needs from a container engine, and the drivers that give it.
//!
//! This crate knows containers, images, networks and volumes. It knows nothing of deployments, projects or
//! users: labels are a map the caller fills, limits are numbers the caller chooses.
//!
//! | module | idea |
//! | --- | --- |
//! | [`spec`] | what to create: typed, serialisable, validated; the only input a driver builds from |
//! | [`engine`] | the [`Engine`] trait and the optional capabilities [`Listening`], [`Freeze`] and [`session::Sessions`] |
//! | [`session`] | a command in a running container that somebody talks to |
//! | [`state`] | what an engine says about its objects: states, exits, samples |
//! | [`log`] | log chunks and the cursor that neither loses nor doubles them |
//! | [`image`] | importing, building, describing images |
//! | [`error`] | why a call failed, and whether trying again can help |
//! | [`labels`] | the label keys, and pure questions about who owns an object |
//! | [`memory_watch`] | a sampler that outlives the container's cgroup |
//! | [`cgroup`] | memory, processor and process counters straight from cgroup v1 and v2 |
//! | [`docker`] | the driver for Docker Engine 20.10 (API 1.41) and newer |
//! | [`simulated`] | the driver in memory, with faults on demand; checks its caller as Docker would |
//!
//! Rules every driver keeps (`tests/contract` checks them on each):
//! - **Nothing is forwarded.** A driver builds the engine's request from [`spec::ContainerSpec`] alone; there
//!   is no field for privileges, devices, host namespaces or published ports.
//! - **Every call ends**: with a result, or with [`Error::Timeout`]. Only [`Engine::wait`] and a followed log
//!   last as long as the container; dropping their future or stream ends them.
//! - **Creating is idempotent by name, removing is idempotent.** A caller that crashed does the same again.
//! - **The agent is the supervisor**: no restart policies, no automatic removal. An exit code stays readable
//!   until somebody removes the container.

pub mod cgroup;
pub mod docker;
pub mod engine;
pub mod error;
pub mod image;
pub mod labels;
pub mod log;
pub mod memory_watch;
pub mod session;
pub mod simulated;
pub mod spec;
pub mod state;

pub use engine::{ByteSource, ByteStream, Engine, Freeze, Listening, StdinWriter};
pub use error::{Error, Result};
