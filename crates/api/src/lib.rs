//! The API: the only place that knows status codes and JSON field names.
//!
//! - [`rest`]: one noun per file: its requests, its answers, its handlers.
//! - [`problem`]: the one place where an error becomes an answer (RFC 9457).
//! - [`caller`]: who asks, and what their token allows.
//! - [`layers`]: what happens to every request: ids, limits, idempotency, headers.

mod caller;
mod layers;
mod problem;
mod query;
mod rest;

use std::sync::Arc;

use axum::Router;
use pierhead_control::Services;

/// What every handler can reach.
pub(crate) type Shared = Arc<Services>;

/// All routes: the REST API below `/api/v1`, health and documents at the root.
pub fn router(services: Shared) -> Router {
    layers::around(rest::routes(), &services).with_state(services)
}
