//! From a webhook to a deployment, with repositories that are pretended.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

#[path = "../fleet/agent.rs"]
mod agent;
mod checks;
mod corpus;
mod description;
mod feedback;
mod github;
mod intake;
mod moves;
mod notices;
mod world;
