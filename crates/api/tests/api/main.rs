//! The API over a real control plane on SQLite, without a node: what is deployed stays QUEUED.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

mod access;
mod attacks;
mod calls;
mod catalogue;
mod devices;
mod document;
mod live;
mod pages;
mod pipelines;
mod platform;
mod problems;
mod slots;
mod table;
