//! Pipelines: a directed graph of steps that stands up a copy of an application.
//!
//! - [`definition`], [`service`]: what a pipeline is; [`mod@read`] makes one from YAML or JSON and tells every mistake.
//! - [`reference`], [`resolve`]: `${{ steps.db.outputs.url }}`, parsed when saved, resolved when run.

pub mod definition;
pub mod document;
pub mod image;
pub mod name;
pub mod read;
mod read_service;
pub mod reference;
pub mod resolve;
pub mod service;
pub mod tag;

pub use definition::{Pipeline, Step};
pub use document::{Format, Problem, Severity};
pub use name::StepName;
pub use read::{Lines, Read, read};
