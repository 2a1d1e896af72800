//! The first-party plugins in their images, run as steps: against a real PostgreSQL, real sockets, and a stand-in of Keycloak.
//!
//! Needs Docker and PostgreSQL's programs. Images are made when they are missing.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail by panicking, like tests"
)]

mod database;
mod files;
mod guide;
mod harness;
mod http;
mod keycloak;
#[path = "../steps/lab.rs"]
#[expect(dead_code, reason = "shared with the tests of steps, which use all of it")]
mod lab;
mod server;
mod sql;
mod waiting;
