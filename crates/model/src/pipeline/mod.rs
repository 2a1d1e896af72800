//! Pipelines: a directed graph of steps that stands up a copy of an application.
//!
//! - [`definition`], [`service`]: what a pipeline is; [`mod@read`] makes one from YAML or JSON and tells every mistake.
//! - [`reference`], [`resolve`]: `${{ steps.db.outputs.url }}`, parsed when saved, resolved when run.
//! - [`graph`]: what waits for what; [`mod@validate`]: what steps mean to each other, to [`plugin`]s and to the place they run in;
//!   [`admission`]: what nobody but an admin may ask of a node.
//! - [`catalogue`]: services that admins describe once; [`inputs`]: what is chosen for one run; [`sources`]: what its builds build; [`mod@dry_run`]: what would happen.
//! - [`mod@diff`]: between versions; [`mod@schema`]: the published one; [`compose`], [`mod@generated`]: made from a `compose.yaml`, or from
//!   a project's settings.

pub mod admission;
pub mod catalogue;
pub mod compose;
pub mod definition;
pub mod diff;
pub mod document;
pub mod dry_run;
pub mod generated;
pub mod graph;
pub mod image;
pub mod inputs;
pub mod name;
pub mod parameters;
pub mod plugin;
pub mod read;
mod read_service;
pub mod reference;
pub mod resolve;
pub mod schema;
pub mod service;
pub mod sources;
pub mod tag;
pub mod validate;

pub use definition::{Pipeline, Step};
pub use document::{Format, Problem, Severity};
pub use generated::generated;
pub use graph::Graph;
pub use name::StepName;
pub use read::{Lines, Read, read};
pub use sources::with_sources;
pub use validate::validate;
