//! One step at a time: plugins and services on the simulated engine with every fault, and on a real one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, like tests"
)]

mod crashes;
mod docker;
mod lab;
mod outside;
mod plugins;
mod services;
