//! The control plane with many nodes: real database, real reconcilers, simulated agents over links in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like tests")]

mod agent;
mod builds;
mod configuration;
mod dry_runs;
mod placement;
mod thousand;
mod world;
