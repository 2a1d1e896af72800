//! The agent as a whole: a control plane on one end of its link, an engine on the other, a real repository to fetch.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, like tests"
)]

mod control;
mod docker;
mod memory_blobs;
mod repository;
mod simulated;
mod slots;
mod world;
