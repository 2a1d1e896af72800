//! What a person sees: the built binary against a server that answers from a script.
//!
//! Each test is a transcript of commands with stdout, stderr and exit code, compared as a whole. Nothing here is a terminal, so
//! these are also the contract for scripts.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

mod fake;
mod terminal;

mod configure;
mod deploying;
mod folder;
mod following;
mod listing;
mod offline;
mod pipelines;
mod plugins;
mod session;
