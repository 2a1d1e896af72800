//! The API: the only place that knows status codes and JSON field names.
//!
//! - [`rest`]: one noun per file: its requests, its answers, its handlers. Every route is made from a documented handler, so
//!   the router and the OpenAPI document cannot differ.
//! - [`problem`]: the one place where an error becomes an answer (RFC 9457).
//! - [`access`]: who may call what, for all routes in one table.
//! - [`idempotency`], [`layers`]: what happens to every request, whatever it asks for.
//! - [`openapi`](mod@openapi): the document; [`pages`]: what a browser shows of it; [`console`]: the console's files.

mod access;
mod console;
mod extract;
mod idempotency;
mod layers;
mod metrics;
mod openapi;
mod pages;
mod problem;
mod rest;

use std::sync::Arc;

use axum::Router;
use pierhead_control::Services;

pub use self::console::{Files, embedded};

/// How the API is reached, and how much it reads.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where browsers find this server when something stands in front of it: `https://deploy.example.com`.
    pub public_url: Option<String>,
    /// Longest body, in bytes.
    pub body_limit: usize,
    /// The console's files.
    pub console: Files,
}

impl Default for Options {
    fn default() -> Self {
        Self { public_url: None, body_limit: 1 << 20, console: embedded }
    }
}

/// Large bodies of strangers that are read at a time.
const LARGE_BODIES: usize = 2;

/// What every handler can reach.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) services: Arc<Services>,
    pub(crate) options: Options,
    pub(crate) metrics: metrics::Metrics,
    /// Room for large bodies of strangers.
    pub(crate) large_bodies: tokio::sync::Semaphore,
    /// The OpenAPI document as it is served.
    pub(crate) document: String,
    /// The page that shows it.
    pub(crate) reference: String,
}

pub(crate) type Shared = Arc<App>;

/// All routes: the REST API below `/api/v1`, health and documents at the root.
pub fn router(services: Arc<Services>) -> Router {
    router_with(services, Options::default())
}

/// As [`router`], with other options than the usual ones.
pub fn router_with(services: Arc<Services>, options: Options) -> Router {
    let (routes, document) = rest::routes().split_for_parts();
    let document = openapi::completed(document);
    let app = Arc::new(App {
        services,
        options,
        metrics: metrics::Metrics::default(),
        large_bodies: tokio::sync::Semaphore::new(LARGE_BODIES),
        reference: pages::reference(&document),
        document: openapi::text(&document),
    });
    layers::around(routes, &app).with_state(app)
}

/// The OpenAPI document of everything that [`router`] answers.
pub fn openapi() -> utoipa::openapi::OpenApi {
    openapi::completed(rest::routes().into_openapi())
}

/// The same as text, as it is served and checked in.
pub fn openapi_text() -> String {
    openapi::text(&openapi())
}
