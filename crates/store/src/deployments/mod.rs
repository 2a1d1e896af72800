//! Deployments: their rows, and the one write that moves them.
//!
//! - [`advance`]: state, event and whatever it replaces, in one transaction.
//! - [`query`]: everything that reads.
//! - [`record`]: a deployment with the names around it.

mod advance;
mod query;
mod record;
pub(crate) mod row;

pub use advance::{AcceptedHead, Advanced, NewDeployment};
pub use query::{DeploymentFilter, GoneLive, Promised, Summary};
pub use record::DeploymentRecord;
