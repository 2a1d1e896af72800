//! One step of a pipeline on this node: a plugin that is run once, or a service that keeps running.
//!
//! What is here knows containers, not runs: each function takes a complete description of one attempt at one step, and may be
//! called again with the same description after a crash. It finds what it made by its name and goes on from there. Which step
//! comes next, how often one is tried and what is undone is decided elsewhere.
//!
//! | module | holds |
//! | --- | --- |
//! | [`place`] | whose step it is: its labels, and the names of its container and volumes |
//! | [`network`] | the two networks of a deployment |
//! | [`contract`] | what a plugin reads and what it must answer; pure |
//! | [`mask`] | secrets, taken out of what a plugin prints; pure |
//! | [`plugin`] | one attempt of a plugin, from its creation to its answer |
//! | [`service`] | one service from an image that is on the node, until it is healthy |
//! | [`relay`] | the container that holds the name of a service on another node |
//! | [`context`] | what all of them work with: the engine, the log, a folder for notes |
//! | [`end`] | stopping and removing a step's container |
//!
//! Rules:
//! - A container is never removed here before its result could be written down: [`end::remove`] is called by whoever did that.
//! - What a plugin is told travels through standard input alone. The engine keeps environment, arguments and labels on disk
//!   and shows them to whoever asks.
//! - What could not be handed over completely is not judged: the attempt is made again, with the same idempotency key.

pub mod context;
pub mod contract;
pub mod end;
mod handed;
pub mod mask;
pub mod network;
mod output;
pub mod place;
pub mod plugin;
pub mod relay;
pub mod service;

pub use context::{Context, Line, Lines, StepError};
