//! The domain of Pierhead: its words, its rules, and nothing else.
//!
//! Nothing in this crate reads a clock, rolls a die, opens a file or a socket. Time and chance are arguments, the outside
//! world is data that came in and effects that go out. That is what lets a test run a week of expiries in a millisecond,
//! and what makes a rule readable in one place:
//!
//! | module | holds |
//! | --- | --- |
//! | [`id`], [`name`], [`digest`], [`source`] | values parsed once at the edge and never re-checked |
//! | [`deployment`] | the lifecycle: states, reasons, events, `step(state, event, now)` |
//! | [`assignment`] | what a node should do for a deployment, and what it reports back |
//! | [`plan`], [`release`] | what would be built; what was built |
//! | [`project`], [`variable`], [`limit`], [`health`] | configuration, with its bounds |
//! | [`pipeline`] | graphs of steps: read, validated, compared, imported |
//! | [`run`] | the run of a pipeline: `step(run, event, now)`, and what a crash changes about it |
//! | [`access`] | who may do what: roles, scopes, grants, one decision |
//! | [`address`] | which addresses may be reached on behalf of somebody |
//! | [`lifetime`] | how long slots live |
//! | [`placement`], [`spread`] | which node gets what |
//! | [`sleep`] | how deeply a service sleeps that nobody needs |
//! | [`figures`] | what is counted and measured, how it adds up, and how long it is kept |
//! | [`hostname`] | which hostnames belong to what, so that two never collide |
//! | [`code`] | every error a person can meet, with its page |
//! | [`crash`] | places where a test makes the process die |

pub mod access;
pub mod address;
pub mod assignment;
pub mod certificate;
pub mod code;
pub mod crash;
pub mod deployment;
pub mod digest;
pub mod domain;
pub mod figures;
pub mod git_access;
pub mod health;
pub mod hostname;
pub mod id;
pub mod lifetime;
pub mod limit;
pub mod log;
pub mod name;
pub mod notice;
pub mod pipeline;
pub mod placement;
pub mod plan;
pub mod project;
pub mod pull;
pub mod queue;
pub mod release;
pub mod remote;
pub mod run;
pub mod sleep;
pub mod source;
pub mod spread;
pub mod tree;
pub mod variable;
pub mod visitors;

/// A moment in UTC; always handed in by the caller, never read here.
pub use jiff::Timestamp;
