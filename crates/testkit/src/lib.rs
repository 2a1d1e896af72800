//! What end-to-end tests need: a real server of their own, repositories to deploy, and waits that are bounded.
//!
//! Every test has its own ports, data directory and labels, and removes what it made in the engine even when it fails.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test helper fails its test")]

mod git;
mod server;

pub use git::GitServer;
pub use server::{Ended, Server};
