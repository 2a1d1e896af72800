//! From a webhook to a deployment, with repositories that are pretended.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

mod corpus;
mod intake;
mod moves;
mod notices;
mod world;
