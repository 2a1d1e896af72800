//! Who may do what: one table of roles, one function that decides.
//!
//! - A [`Permission`] is a [`Kind`] of thing and a [`Scope`]; [`Rights`] are a set of them.
//! - A [`Role`] is a named bundle of rights; everybody in a team has one.
//! - A [`Tie`] is a reason why somebody has rights on a project, an environment or a team. The rights of all ties are
//!   united: several teams each add theirs, and none takes away.
//! - [`Standing::judge`] compares what is needed with the rights and with the token. What one may not read does not exist.

mod policy;
mod rights;
mod role;

pub use policy::{Standing, Tie, Verdict, rights_of};
pub use rights::{Kind, Permission, Rights, Scope, Scopes};
pub use role::Role;
