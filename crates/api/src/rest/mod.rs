//! The calls, one noun per file: its requests, its answers, its handlers, and what they say in the OpenAPI document.
//!
//! Answers are types of this crate, converted from what the control plane shows, so that a change inside never changes the
//! API by accident. A field is never sometimes missing: what is unknown is `null`.

mod audit;
mod auth;
mod browser;
mod certificates;
mod compose;
mod deployment;
mod deployments;
mod detect;
mod device;
mod domains;
mod dry_run;
mod environments;
mod events;
mod exec;
mod github;
mod grants;
mod hooks;
mod ingresses;
mod invitations;
mod keys;
pub(crate) mod list;
mod logs;
mod mail;
mod metrics;
mod nodes;
mod notices;
mod pipelines;
mod plan;
mod platform;
mod plugins;
mod problems;
mod projects;
mod registries;
mod services;
mod settings;
mod sign_in;
mod sign_up;
mod slots;
mod source_access;
mod source_check;
mod source_links;
mod sources;
mod tags;
mod teams;
mod templates;
mod tokens;
mod uploads;
mod users;
mod values;
mod variables;
mod visitors;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Shared, pages};

/// Every call, its handler and its documentation. `routes!` makes all three from one handler.
pub(crate) fn routes() -> OpenApiRouter<Shared> {
    let api = OpenApiRouter::new()
        .routes(routes!(auth::login))
        .routes(routes!(browser::login))
        .routes(routes!(browser::csrf))
        .routes(routes!(browser::state))
        .routes(routes!(browser::set_up))
        .routes(routes!(browser::create_account))
        .routes(routes!(sign_in::options))
        .routes(routes!(sign_in::begin))
        .routes(routes!(sign_in::back))
        .routes(routes!(sign_in::list, sign_in::link))
        .routes(routes!(sign_in::unlink))
        .routes(routes!(auth::rotate_keys))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::set_up))
        .routes(routes!(auth::me))
        .routes(routes!(users::change_password))
        .routes(routes!(users::sessions))
        .routes(routes!(users::revoke_session))
        .routes(routes!(users::list, invitations::invite_account))
        .routes(routes!(users::get, users::update))
        .routes(routes!(invitations::show))
        .routes(routes!(invitations::create_account))
        .routes(routes!(sign_up::ask))
        .routes(routes!(sign_up::policy, sign_up::set_policy))
        .routes(routes!(sign_up::forgot))
        .routes(routes!(sign_up::reset))
        .routes(routes!(sign_up::link))
        .routes(routes!(mail::get))
        .routes(routes!(mail::test))
        .routes(routes!(keys::get))
        .routes(routes!(keys::rotate))
        .routes(routes!(device::begin))
        .routes(routes!(device::token))
        .routes(routes!(device::get, device::answer))
        .routes(routes!(invitations::mine))
        .routes(routes!(invitations::accept))
        .routes(routes!(invitations::decline))
        .routes(routes!(teams::list, teams::create))
        .routes(routes!(teams::get, teams::update, teams::delete))
        .routes(routes!(teams::transfer))
        .routes(routes!(teams::members))
        .routes(routes!(teams::set_role, teams::remove))
        .routes(routes!(invitations::of_team, invitations::create))
        .routes(routes!(invitations::withdraw))
        .routes(routes!(invitations::resend))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(detect::detect))
        .routes(routes!(deployments::list, deployments::create))
        .routes(routes!(deployments::get, deployments::delete))
        .routes(routes!(deployments::cancel))
        .routes(routes!(deployments::redeploy))
        .routes(routes!(deployments::rollback))
        .routes(routes!(events::of_deployment))
        .routes(routes!(logs::read))
        .routes(routes!(logs::stream))
        .routes(routes!(exec::run))
        .routes(routes!(projects::list, projects::create))
        .routes(routes!(projects::get, projects::update, projects::delete))
        .routes(routes!(deployments::list_of_project, deployments::create_in_project))
        .routes(routes!(deployments::rollback_slot))
        .routes(routes!(grants::transfer))
        .routes(routes!(grants::of_project, grants::put_on_project))
        .routes(routes!(grants::delete_from_project))
        .routes(routes!(metrics::of_project))
        .routes(routes!(slots::list))
        .routes(routes!(slots::get, slots::delete))
        .routes(routes!(slots::extend))
        .routes(routes!(slots::clone))
        .routes(routes!(sources::get))
        .routes(routes!(sources::sync))
        .routes(routes!(source_check::check))
        .routes(routes!(sources::renew_secret))
        .routes(routes!(sources::approve))
        .routes(routes!(notices::list, notices::create))
        .routes(routes!(notices::delete))
        .routes(routes!(notices::test))
        .routes(routes!(notices::sent))
        .routes(routes!(notices::replay))
        .routes(routes!(source_access::put_token))
        .routes(routes!(source_access::make_deploy_key))
        .routes(routes!(source_access::delete_credential))
        .routes(routes!(source_access::host_keys, source_access::approve_host_key))
        .routes(routes!(source_links::connect, source_links::disconnect))
        .routes(routes!(source_links::make_hook, source_links::remove_hook))
        .routes(routes!(github::get))
        .routes(routes!(github::set_app, github::delete_app))
        .routes(routes!(github::manifest))
        .routes(routes!(github::convert))
        .routes(routes!(github::begin, github::finish, github::disconnect))
        .routes(routes!(github::installations))
        .routes(routes!(github::repositories))
        .routes(routes!(github::branches))
        .routes(routes!(uploads::begin))
        .routes(routes!(uploads::put))
        .routes(routes!(hooks::receive))
        .routes(routes!(hooks::receive_for_project))
        .routes(routes!(variables::get, variables::replace))
        .routes(routes!(variables::put, variables::delete))
        .routes(routes!(domains::list, domains::replace))
        .routes(routes!(domains::get, domains::put, domains::delete))
        .routes(routes!(domains::verify))
        .routes(routes!(domains::renew))
        .routes(routes!(visitors::get, visitors::replace))
        .routes(routes!(visitors::put_password, visitors::delete_password))
        .routes(routes!(visitors::pass))
        .routes(routes!(certificates::of_project, certificates::upload))
        .routes(routes!(certificates::delete))
        .routes(routes!(certificates::list, certificates::upload_for_all))
        .routes(routes!(certificates::delete_for_all))
        .routes(routes!(environments::list, environments::create))
        .routes(routes!(environments::get, environments::update))
        .routes(routes!(grants::of_environment, grants::put_on_environment))
        .routes(routes!(grants::delete_from_environment))
        .routes(routes!(nodes::list, nodes::add))
        .routes(routes!(nodes::get, nodes::remove))
        .routes(routes!(metrics::of_node))
        .routes(routes!(nodes::cordon))
        .routes(routes!(nodes::uncordon))
        .routes(routes!(nodes::drain))
        .routes(routes!(nodes::approve_certificate))
        .routes(routes!(nodes::rotate_token))
        .routes(routes!(nodes::revoke_token))
        .routes(routes!(ingresses::list, ingresses::add))
        .routes(routes!(ingresses::get, ingresses::remove))
        .routes(routes!(ingresses::approve_certificate))
        .routes(routes!(ingresses::rotate_token))
        .routes(routes!(ingresses::revoke_token))
        .routes(routes!(registries::list, registries::create))
        .routes(routes!(registries::get, registries::replace, registries::delete))
        .routes(routes!(registries::test))
        .routes(routes!(services::list, services::create))
        .routes(routes!(services::get, services::replace, services::delete))
        .routes(routes!(services::tags))
        .routes(routes!(plugins::list, plugins::create))
        .routes(routes!(plugins::get, plugins::replace, plugins::delete))
        .routes(routes!(pipelines::get, pipelines::save))
        .routes(routes!(pipelines::versions))
        .routes(routes!(pipelines::version))
        .routes(routes!(pipelines::validate))
        .routes(routes!(pipelines::diff))
        .routes(routes!(pipelines::tags))
        .routes(routes!(dry_run::dry_run))
        .routes(routes!(templates::list, templates::create))
        .routes(routes!(templates::get, templates::delete))
        .routes(routes!(compose::import))
        .routes(routes!(events::follow))
        .routes(routes!(platform::verify))
        .routes(routes!(platform::document));
    OpenApiRouter::new()
        .nest("/api/v1", api)
        .routes(routes!(platform::live))
        .routes(routes!(platform::ready))
        .routes(routes!(platform::metrics))
        .routes(routes!(pipelines::schema))
        .routes(routes!(visitors::visit))
        .routes(routes!(pages::home))
        .routes(routes!(pages::docs))
        .routes(routes!(pages::api_docs))
        .routes(routes!(pages::problem))
        .routes(routes!(pages::asset))
}
