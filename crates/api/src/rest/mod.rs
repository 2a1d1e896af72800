//! The calls, one noun per file.

mod auth;
mod deployments;
mod logs;
mod places;
mod platform;
mod projects;
mod slots;
mod variables;

use axum::Router;
use axum::routing::{get, post, put};

use crate::Shared;

/// Every call and its handler.
pub(crate) fn routes() -> Router<Shared> {
    let api = Router::new()
        .route("/auth/login", post(auth::login))
        .route("/auth/refresh", post(auth::refresh))
        .route("/auth/logout", post(auth::logout))
        .route("/auth/setup", post(auth::set_up))
        .route("/me", get(auth::me))
        .route("/tokens", get(auth::token_list).post(auth::token_create))
        .route("/tokens/{token}", axum::routing::delete(auth::token_revoke))
        .route("/detect", post(deployments::detect))
        .route("/deployments", get(deployments::list).post(deployments::create))
        .route("/deployments/{id}", get(deployments::get).delete(deployments::delete))
        .route("/deployments/{id}/cancel", post(deployments::cancel))
        .route("/deployments/{id}/redeploy", post(deployments::redeploy))
        .route("/deployments/{id}/rollback", post(deployments::rollback))
        .route("/deployments/{id}/events", get(deployments::events))
        .route("/deployments/{id}/logs", get(logs::read))
        .route("/deployments/{id}/logs/stream", get(logs::stream))
        .route("/projects", get(projects::list).post(projects::create))
        .route("/projects/{project}", get(projects::get).patch(projects::update).delete(projects::delete))
        .route(
            "/projects/{project}/deployments",
            get(deployments::list_of_project).post(deployments::create_in_project),
        )
        .route("/projects/{project}/rollback", post(deployments::rollback_slot))
        .route("/projects/{project}/slots", get(slots::list))
        .route("/projects/{project}/slots/{slot}", get(slots::get).delete(slots::delete))
        .route("/projects/{project}/variables", get(variables::get).put(variables::replace))
        .route("/projects/{project}/variables/{key}", put(variables::put).delete(variables::delete))
        .route("/environments", get(places::environments))
        .route("/environments/{environment}/nodes", get(places::nodes))
        .route("/events", get(platform::events))
        .route("/verify", get(platform::verify));
    Router::new()
        .nest("/api/v1", api)
        .route("/healthz", get(platform::live))
        .route("/readyz", get(platform::ready))
        .route("/docs/problems/{code}", get(platform::problem_page))
}

/// A time as the API writes it: RFC 3339, UTC, milliseconds.
pub(crate) fn time(time: pierhead_model::Timestamp) -> String {
    format!("{time:.3}")
}
