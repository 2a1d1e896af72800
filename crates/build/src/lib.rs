//! A source tree in, a [`BuildPlan`](pierhead_model::plan::BuildPlan) out: what would be built, and why.
//!
//! This crate plans and never runs: no process, no network, no container engine. Everything it reads comes through
//! [`source::SourceTree`], is bounded in size and number, and belongs to a stranger. The same plan is printed by
//! `pierhead detect`, answered by the API and followed by the agent.
//!
//! | module | holds |
//! | --- | --- |
//! | [`source`] | where files come from: a directory that is not trusted, a map in memory |
//! | [`detect`] | the algorithm, and one module per ecosystem with its rules in a table |
//! | [`project_file`] | `pierhead.yaml`, typed, with line and column for every mistake |
//! | [`explain`] | a plan as text for people |
//! | [`catalogue`] | the rule tables as rows, to generate documentation from |
//! | [`dockerfile_template`] | a Dockerfile to start from, for toolchains without a runtime image |

pub mod catalogue;
mod choices;
pub mod detect;
pub mod dockerfile_template;
mod draft;
pub mod error;
pub mod explain;
mod facts;
mod foreign;
pub mod project_file;
pub mod source;
mod text;

pub use detect::{Request, detect, detect_request};
pub use error::DetectError;
pub use source::Directory;
