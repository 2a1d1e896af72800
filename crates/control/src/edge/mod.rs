//! What the platform has to do with the world before its ingress: whose a hostname is, and who vouches for it.

pub(crate) mod looking;
pub(crate) mod names;
pub(crate) mod routes;

use std::sync::Arc;

use names::{Names, NoNames};

/// The way to DNS.
#[derive(Debug, Clone)]
pub struct EdgeOptions {
    pub names: Arc<dyn Names>,
}

impl Default for EdgeOptions {
    /// Nobody is asked: no custom domain is ever verified.
    fn default() -> Self {
        Self { names: Arc::new(NoNames) }
    }
}
