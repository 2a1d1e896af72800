//! The client against registries: one that says whatever a test wants, and Debian's `docker-registry`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helpers fail the test")]

mod browser;
mod debian;
mod hostile;
mod pages;
mod stub;
mod tokens;
