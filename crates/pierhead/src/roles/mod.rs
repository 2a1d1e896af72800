//! The processes that Pierhead is made of, composed from the crates.

pub(crate) mod runtimes;
pub(crate) mod up;

/// Why a role ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoleError {
    #[error("`{0}` is not built into this binary yet")]
    NotBuiltIn(&'static str),
}
