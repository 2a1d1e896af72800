//! What makes things be as they should be: each compares what is stored with what is, and does what follows.
//!
//! | reconciler | makes true |
//! | --- | --- |
//! | [`deployments`] | every deployment on its way has a node, moves when its node reports, and ends in time |
//! | [`drains`] | what is live on a node that is drained goes live on another |
//! | [`routes`] | every ingress shows what is live |
//! | [`hooks`] | webhooks that nobody needs are taken away at their services |
//! | [`images`] | an image that is live outlives the node that built it |
//! | [`expiry`] | slots that nobody needed for their lifetime are deleted |
//! | [`sleep`] | what nobody needs sleeps |
//! | [`letters`] | every letter is sent |
//! | [`audit`] | the audit log holds a year |
//! | [`figures`] | what was counted and measured is stored |
//! | [`ageing`] | figures become coarser as they grow old, and are forgotten in the end |
//! | [`notices`] | what happened is told to who wants to know |
//! | [`removals`] | slots and projects that were deleted are torn down to the last row |
//! | [`sources`] | a branch that moved is deployed, whether or not somebody told |
//!
//! What a node should do is compared by its session, see [`crate::fleet`].

pub(crate) mod ageing;
pub(crate) mod audit;
pub(crate) mod caches;
pub(crate) mod certificates;
pub(crate) mod deployments;
pub(crate) mod domains;
pub(crate) mod drains;
pub(crate) mod driver;
pub(crate) mod expiry;
pub(crate) mod feedback;
pub(crate) mod figures;
pub(crate) mod hooks;
pub(crate) mod images;
pub(crate) mod letters;
pub(crate) mod notices;
pub(crate) mod pushed;
pub(crate) mod removals;
pub(crate) mod routes;
pub(crate) mod sleep;
pub(crate) mod sources;
pub(crate) mod tokens;

pub(crate) use driver::{Reconciler, Signal, drive};
