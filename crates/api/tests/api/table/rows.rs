//! The rows: which rule each operation follows, and what it answers when it is allowed.

use serde_json::{Value, json};

use super::Rule;
use super::world::Place;

/// One operation.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) operation: &'static str,
    pub(crate) rule: Rule,
    /// What it answers to those who may: exactly one status, unless it says how often it was asked.
    pub(crate) good: &'static [u16],
    /// What is sent; otherwise the example of the document.
    pub(crate) body: Option<fn(&Place) -> Value>,
}

const fn row(operation: &'static str, rule: Rule, good: &'static [u16]) -> Row {
    Row { operation, rule, good, body: None }
}

const fn with(operation: &'static str, rule: Rule, good: &'static [u16], body: fn(&Place) -> Value) -> Row {
    Row { operation, rule, good, body: Some(body) }
}

pub(crate) fn all() -> impl Iterator<Item = &'static Row> {
    [PROJECTS, TEAMS, INSTALLATION, OWN, OPEN].into_iter().flatten()
}

/// What belongs to a project.
pub(crate) const PROJECTS: &[Row] = &[
    row("project_get", Rule::ReadProject, &[200]),
    with("project_update", Rule::WriteProject, &[200], |_| json!({ "sleep_after_s": 60 })),
    row("project_delete", Rule::DeleteProject, &[202]),
    with("project_transfer", Rule::GiveProjectAway, &[200], |_| json!({ "to": "outsider@example.com" })),
    row("grant_list", Rule::ReadProject, &[200]),
    with("grant_put", Rule::ManageGrants, &[200], |_| json!({ "team": "readers", "scopes": ["read"] })),
    row("grant_delete", Rule::ManageGrants, &[204]),
    row("project_deployment_list", Rule::ReadProject, &[200]),
    with("project_deploy", Rule::WriteProject, &[202], |_| json!({})),
    row("project_rollback", Rule::WriteProject, &[409]),
    row("source_get", Rule::ReadProject, &[200]),
    row("source_sync", Rule::WriteProject, &[202]),
    row("source_check", Rule::WriteProject, &[200]),
    row("source_secret_renew", Rule::WriteProject, &[201]),
    row("source_token_put", Rule::WriteProject, &[200]),
    // The project's repository has an https address.
    row("source_deploy_key_make", Rule::WriteProject, &[409]),
    row("source_credential_delete", Rule::WriteProject, &[204]),
    row("source_host_key_list", Rule::WriteProject, &[409]),
    row("source_host_key_approve", Rule::WriteProject, &[409]),
    // There is no app, and the project is not connected.
    row("source_connect", Rule::WriteProject, &[409]),
    row("source_disconnect", Rule::WriteProject, &[204]),
    row("source_webhook_make", Rule::WriteProject, &[409]),
    row("source_webhook_remove", Rule::WriteProject, &[204]),
    row("notification_list", Rule::WriteProject, &[200]),
    // The same name is taken the second time.
    row("notification_create", Rule::WriteProject, &[201]),
    row("notification_delete", Rule::WriteProject, &[404]),
    row("notification_test", Rule::WriteProject, &[404]),
    row("notification_delivery_list", Rule::WriteProject, &[404]),
    row("notification_replay", Rule::WriteProject, &[404]),
    row("visitors_get", Rule::ReadProject, &[200]),
    row("visitors_replace", Rule::WriteProject, &[200]),
    row("visitor_password_put", Rule::WriteProject, &[200]),
    // There is none.
    row("visitor_password_delete", Rule::DeleteVariable, &[404]),
    row("project_metrics", Rule::ReadProject, &[200]),
    row("slot_list", Rule::ReadProject, &[200]),
    row("slot_get", Rule::ReadProject, &[200]),
    row("slot_delete", Rule::DeleteDeployment, &[202]),
    with("slot_extend", Rule::WriteProject, &[200], |_| json!({})),
    with("slot_clone", Rule::WriteProject, &[202], |_| json!({ "slot": "copy" })),
    row("variable_list", Rule::ReadProject, &[200]),
    row("variable_replace", Rule::WriteProject, &[200]),
    row("variable_put", Rule::WriteProject, &[200]),
    row("variable_delete", Rule::DeleteVariable, &[200]),
    row("domain_list", Rule::ReadProject, &[200]),
    with(
        "domain_replace",
        Rule::WriteProject,
        &[200],
        |_| json!({ "items": [{ "name": "www.example.org" }] }),
    ),
    row("domain_get", Rule::ReadProject, &[200]),
    with("domain_put", Rule::WriteProject, &[200], |_| json!({ "slot": "production" })),
    row("domain_delete", Rule::DeleteVariable, &[204]),
    row("domain_verify", Rule::WriteProject, &[200]),
    // It is not verified.
    row("domain_renew", Rule::WriteProject, &[409]),
    row("project_certificate_list", Rule::ReadProject, &[200]),
    // What the example has is no certificate.
    with("project_certificate_create", Rule::WriteProject, &[422], |_| json!({ "chain": "-", "key": "-" })),
    row("project_certificate_delete", Rule::DeleteVariable, &[204]),
    row("pipeline_get", Rule::ReadProject, &[200]),
    row("pipeline_save", Rule::WriteProject, &[201]),
    row("pipeline_validate", Rule::ReadProjectByPost, &[200]),
    row("pipeline_version_list", Rule::ReadProject, &[200]),
    row("pipeline_version_get", Rule::ReadProject, &[200]),
    row("pipeline_diff", Rule::ReadProject, &[200]),
    row("pipeline_dry_run", Rule::ReadProjectByPost, &[200]),
    row("pipeline_tags", Rule::ReadProject, &[200]),
    row("deployment_get", Rule::ReadProject, &[200]),
    row("deployment_events", Rule::ReadProject, &[200]),
    row("deployment_cancel", Rule::WriteProject, &[202]),
    row("deployment_redeploy", Rule::WriteProject, &[409]),
    row("deployment_rollback", Rule::WriteProject, &[409]),
    row("deployment_delete", Rule::DeleteDeployment, &[202]),
    // It is no WebSocket; those are in `streams`.
    row("deployment_exec", Rule::WriteProject, &[400]),
    row("log_read", Rule::ReadProject, &[200]),
    row("log_stream", Rule::ReadProject, &[200]),
    row("upload_begin", Rule::WriteProject, &[200]),
    // It is no digest.
    row("upload_put", Rule::WriteProject, &[422]),
    // There is no such pull request.
    row("pull_approve", Rule::WriteProject, &[404]),
];

/// What belongs to a team.
pub(crate) const TEAMS: &[Row] = &[
    row("team_get", Rule::ReadTeam, &[200]),
    with("team_update", Rule::WriteTeam, &[200], |place| json!({ "name": format!("{}-x", place.team) })),
    // Projects belong to it.
    row("team_delete", Rule::DeleteTeam, &[409]),
    with("team_transfer", Rule::GiveTeamAway, &[200], |place| json!({ "to": place.member })),
    row("member_list", Rule::ReadTeam, &[200]),
    with("member_update", Rule::WriteTeam, &[200], |_| json!({ "role": "developer" })),
    row("member_delete", Rule::WriteTeam, &[204]),
    row("team_invitation_list", Rule::ReadTeam, &[200]),
    with("invitation_create", Rule::WriteTeam, &[201], |_| json!({ "email": "new@example.com" })),
    row("invitation_resend", Rule::WriteTeam, &[200]),
    row("invitation_delete", Rule::WriteTeam, &[204]),
];

/// What belongs to the installation.
pub(crate) const INSTALLATION: &[Row] = &[
    // The key is none, and nothing was made yet.
    row("github_app_set", Rule::AdminToWrite, &[422]),
    row("github_app_delete", Rule::AdminToWrite, &[404]),
    row("github_app_manifest", Rule::AdminToWrite, &[200]),
    with("github_app_convert", Rule::AdminToWrite, &[422], |_| json!({ "code": "" })),
    row("environment_get", Rule::SeeEnvironment, &[200]),
    with(
        "environment_create",
        Rule::AdminToWrite,
        &[201],
        |place| json!({ "name": place.fresh, "base_domain": format!("{}.example.com", place.fresh) }),
    ),
    with("environment_update", Rule::AdminToWrite, &[200], |_| json!({ "lifetime_s": 3600 })),
    row("environment_grant_list", Rule::AdminToRead, &[200]),
    with(
        "environment_grant_put",
        Rule::AdminToWrite,
        &[200],
        |_| json!({ "team": "readers", "bundle": "read-only" }),
    ),
    row("environment_grant_delete", Rule::AdminToWrite, &[404]),
    row("node_list", Rule::SeeEnvironment, &[200]),
    with("node_add", Rule::AdminToWrite, &[201], |place| json!({ "name": place.fresh })),
    row("node_get", Rule::SeeEnvironment, &[200]),
    row("node_metrics", Rule::SeeEnvironment, &[200]),
    row("node_remove", Rule::AdminToWrite, &[204]),
    row("node_cordon", Rule::AdminToWrite, &[200]),
    row("node_uncordon", Rule::AdminToWrite, &[200]),
    row("node_drain", Rule::AdminToWrite, &[200]),
    // It shows none.
    row("node_approve_certificate", Rule::AdminToWrite, &[409]),
    row("node_revoke_token", Rule::AdminToWrite, &[200]),
    row("node_rotate_token", Rule::AdminToWrite, &[200]),
    row("ingress_list", Rule::AdminToRead, &[200]),
    with("ingress_add", Rule::AdminToWrite, &[201], |place| json!({ "name": place.fresh })),
    row("ingress_get", Rule::AdminToRead, &[200]),
    row("ingress_remove", Rule::AdminToWrite, &[204]),
    // It shows none.
    row("ingress_approve_certificate", Rule::AdminToWrite, &[409]),
    row("ingress_revoke_token", Rule::AdminToWrite, &[200]),
    row("ingress_rotate_token", Rule::AdminToWrite, &[200]),
    row("plugin_create", Rule::AdminToWrite, &[201, 409]),
    row("plugin_delete", Rule::AdminToWrite, &[204, 404]),
    row("plugin_replace", Rule::AdminToWrite, &[404]),
    row("service_create", Rule::AdminToWrite, &[201, 409]),
    row("service_delete", Rule::AdminToWrite, &[204, 404]),
    row("service_replace", Rule::AdminToWrite, &[404]),
    row("template_create", Rule::AdminToWrite, &[201, 409]),
    row("template_delete", Rule::AdminToWrite, &[204, 404]),
    row("certificate_list", Rule::AdminToRead, &[200]),
    with("certificate_create", Rule::AdminToWrite, &[422], |_| json!({ "chain": "-", "key": "-" })),
    // It is a project's.
    row("certificate_delete", Rule::AdminToWrite, &[404]),
    row("registry_list", Rule::AdminToRead, &[200]),
    row("registry_create", Rule::AdminToWrite, &[201, 409]),
    row("registry_get", Rule::AdminToRead, &[200, 404]),
    row("registry_replace", Rule::AdminToWrite, &[200]),
    row("registry_test", Rule::AdminToWrite, &[200]),
    row("registry_delete", Rule::AdminToWrite, &[204]),
    row("user_list", Rule::AdminToRead, &[200]),
    with(
        "user_invite",
        Rule::AdminToWrite,
        &[201],
        |place| json!({ "email": format!("{}@example.com", place.fresh) }),
    ),
    row("user_get", Rule::AdminToRead, &[200]),
    with("user_update", Rule::AdminToWrite, &[200], |_| json!({ "role": "user" })),
    row("user_password_link", Rule::AdminToWrite, &[201]),
    with("sign_up_policy_put", Rule::AdminToWrite, &[200], |_| json!({ "policy": "closed" })),
    row("mail_get", Rule::AdminToRead, &[200]),
    // None can be sent there.
    row("mail_test", Rule::AdminToWrite, &[409]),
    row("keys_get", Rule::AdminToRead, &[200]),
    // The test's key comes from nowhere, so there is no other.
    row("keys_rotate", Rule::AdminToWrite, &[409]),
    row("token_keys_rotate", Rule::AdminToWrite, &[204]),
    row("verify", Rule::AdminToRead, &[200]),
];

/// What is one's own, and what everybody who is signed in may have: lists show what one may see, see `lists`.
pub(crate) const OWN: &[Row] = &[
    row("me", Rule::SignedIn, &[200]),
    // The old password is wrong.
    with(
        "password_change",
        Rule::SignedInToWrite,
        &[422],
        |_| json!({ "old_password": "not that", "password": "battery staple correct" }),
    ),
    row("logout", Rule::SignedInToWrite, &[204]),
    row("session_list", Rule::SignedIn, &[200]),
    row("session_revoke", Rule::OwnersOnly, &[204]),
    row("sign_up_policy_get", Rule::SignedIn, &[200]),
    row("github_get", Rule::SignedIn, &[200]),
    // There is no app.
    row("github_connection_begin", Rule::SignedInToWrite, &[409]),
    row("github_connection_finish", Rule::SignedInToWrite, &[409]),
    row("github_connection_delete", Rule::SignedInToWrite, &[204]),
    row("github_installation_list", Rule::SignedIn, &[409]),
    row("github_repository_list", Rule::SignedIn, &[409]),
    row("github_branch_list", Rule::SignedIn, &[409]),
    row("identity_list", Rule::SignedIn, &[200]),
    // There is no such provider, and none of one's own has that id.
    row("identity_link", Rule::SignedInToWrite, &[404]),
    row("identity_unlink", Rule::OwnersOnly, &[204]),
    // Nobody asks to be signed in with that code; after a while nobody may try others.
    row("device_get", Rule::SignedIn, &[404, 429]),
    with("device_answer", Rule::SignedInToWrite, &[404, 429], |_| json!({ "approve": true })),
    row("token_list", Rule::SignedIn, &[200]),
    with("token_create", Rule::SignedInToWrite, &[201], |_| json!({ "name": "x", "scopes": ["read"] })),
    row("token_revoke", Rule::OwnersOnly, &[204]),
    row("audit_list", Rule::SignedIn, &[200]),
    row("audit_export", Rule::SignedIn, &[200]),
    row("invitation_list", Rule::SignedIn, &[200]),
    with("invitation_accept", Rule::OutsidersOnly, &[200], |place| json!({ "invitation": place.invitation })),
    with(
        "invitation_decline",
        Rule::OutsidersOnly,
        &[204],
        |place| json!({ "invitation": place.invitation }),
    ),
    // An API token has none.
    row("csrf_token", Rule::SignedIn, &[200, 404]),
    row("team_list", Rule::SignedIn, &[200]),
    with("team_create", Rule::SignedInToWrite, &[201], |place| json!({ "name": place.fresh })),
    row("project_list", Rule::SignedIn, &[200]),
    with("project_create", Rule::SignedInToWrite, &[201], |place| json!({ "name": place.fresh })),
    row("deployment_list", Rule::SignedIn, &[200]),
    with(
        "deploy",
        Rule::SignedInToWrite,
        &[202],
        |place| json!({ "repository": format!("https://example.com/{}", place.fresh) }),
    ),
    // No stream; what a stream tells, and to whom, is in `streams`.
    row("event_follow", Rule::Follow, &[400]),
    row("detect", Rule::SignedInToWrite, &[422]),
    row("compose_import", Rule::SignedInToWrite, &[200]),
    row("environment_list", Rule::SignedIn, &[200]),
    row("plugin_list", Rule::SignedIn, &[200]),
    row("plugin_get", Rule::SignedIn, &[404]),
    row("service_list", Rule::SignedIn, &[200]),
    row("service_get", Rule::SignedIn, &[404]),
    row("service_tags", Rule::SignedIn, &[404]),
    row("template_list", Rule::SignedIn, &[200]),
    row("template_get", Rule::SignedIn, &[404]),
    // There is no such hostname.
    row("visitor_pass_create", Rule::SignedInToWrite, &[404]),
];

/// What strangers are answered.
pub(crate) const OPEN: &[Row] = &[
    row("home", Rule::Open, &[303]),
    row("docs", Rule::Open, &[200]),
    row("api_docs", Rule::Open, &[200]),
    row("page_asset", Rule::Open, &[404]),
    row("problem_page", Rule::Open, &[200]),
    row("pipeline_schema", Rule::Open, &[200]),
    row("openapi", Rule::Open, &[200]),
    row("live", Rule::Open, &[200]),
    // There is no ingress.
    row("ready", Rule::Open, &[503]),
    row("metrics", Rule::Open, &[200]),
    // To sign in.
    row("visit", Rule::Open, &[303]),
    // Nobody has that password; after a while nobody may try it any more.
    row("login", Rule::Open, &[401, 429]),
    row("login_browser", Rule::Open, &[401, 429]),
    row("sign_in_options", Rule::Open, &[200]),
    row("session_state", Rule::Open, &[200]),
    // There is no such provider.
    row("provider_sign_in", Rule::Open, &[404]),
    // To the sign-in page, which says why.
    row("provider_callback", Rule::Open, &[303]),
    row("refresh", Rule::Open, &[401]),
    row("set_up", Rule::Open, &[401]),
    row("invitation_show", Rule::Open, &[401]),
    row("account_create", Rule::Open, &[401]),
    row("set_up_browser", Rule::Open, &[401]),
    row("account_create_browser", Rule::Open, &[401]),
    with("device_begin", Rule::Open, &[200, 429], |_| json!({ "name": "a laptop" })),
    with("device_token", Rule::Open, &[401], |_| json!({ "device_code": "phd_dev_unknown" })),
    // No letters can be sent there.
    row("password_forgot", Rule::Open, &[403]),
    row("password_reset", Rule::Open, &[401]),
    // Only where everybody may have an account.
    row("sign_up", Rule::Open, &[403]),
    // What is not signed is not listened to.
    row("hook_receive", Rule::Open, &[401]),
    row("hook_receive_for_project", Rule::Open, &[401]),
];
