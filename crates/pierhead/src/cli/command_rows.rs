//! Every command has a row that names the operations of the API it asks for, or says that it is local. The table test of the API
//! asks each of those operations in the name of everybody; so a command without a row is one whose rights nobody looked at.

use std::collections::BTreeSet;

use super::arguments::command;

/// It asks no server.
const LOCAL: &[&str] = &[];
/// It asks whatever it is told to, in the name of who is signed in.
const ANY: &[&str] = &["*"];

/// A command, as it is typed without its arguments, and the operations that it asks for.
const ROWS: &[(&str, &[&str])] = &[
    ("agent", LOCAL),
    ("api", ANY),
    ("audit", &["audit_list"]),
    ("cancel", &["project_deployment_list", "deployment_get", "deployment_cancel"]),
    ("certificates", &["certificate_list", "project_certificate_list"]),
    ("certificates delete", &["certificate_delete", "project_certificate_delete"]),
    ("certificates list", &["certificate_list", "project_certificate_list"]),
    ("certificates upload", &["certificate_create", "project_certificate_create"]),
    ("completions", LOCAL),
    (
        "deploy",
        &[
            "deploy",
            "project_deploy",
            "project_create",
            "project_get",
            "project_list",
            "detect",
            "upload_begin",
            "upload_put",
            "deployment_get",
            "log_read",
            "log_stream",
        ],
    ),
    ("deployments", &["project_deployment_list"]),
    ("deployments delete", &["deployment_delete"]),
    ("deployments events", &["deployment_events"]),
    ("deployments list", &["project_deployment_list"]),
    ("deployments show", &["deployment_get"]),
    ("deployments wait", &["deployment_get"]),
    ("detect", LOCAL),
    ("domains", &["domain_list"]),
    ("domains add", &["domain_put"]),
    ("domains list", &["domain_list"]),
    ("domains remove", &["domain_delete"]),
    ("domains renew", &["domain_renew"]),
    ("domains show", &["domain_get"]),
    ("domains verify", &["domain_verify"]),
    ("env", &["variable_list"]),
    ("env export", &["variable_list"]),
    ("env get", &["variable_list"]),
    ("env import", &["variable_list", "variable_replace"]),
    ("env list", &["variable_list"]),
    ("env set", &["variable_put"]),
    ("env unset", &["variable_delete"]),
    ("environments", &["environment_list"]),
    ("environments list", &["environment_list"]),
    ("github", &["github_get"]),
    ("github app", &["github_app_set"]),
    ("github connect", &["github_connection_begin", "github_connection_finish"]),
    ("github disconnect", &["github_connection_delete"]),
    ("github forget-app", &["github_app_delete"]),
    ("github installations", &["github_installation_list"]),
    ("github repositories", &["github_repository_list"]),
    ("github show", &["github_get"]),
    ("exec", &["project_deployment_list", "deployment_get", "deployment_exec"]),
    ("grants", &["grant_list", "environment_grant_list"]),
    ("grants delete", &["grant_list", "grant_delete", "environment_grant_list", "environment_grant_delete"]),
    ("grants list", &["grant_list", "environment_grant_list"]),
    ("grants set", &["grant_put", "environment_grant_put"]),
    ("identities", &["identity_list"]),
    ("identities list", &["identity_list"]),
    ("identities unlink", &["identity_unlink"]),
    ("ingress", LOCAL),
    ("init", LOCAL),
    ("invitations", &["invitation_list", "team_invitation_list"]),
    ("invitations accept", &["invitation_accept"]),
    ("invitations create", &["invitation_create"]),
    ("invitations decline", &["invitation_decline"]),
    ("invitations delete", &["invitation_delete"]),
    ("invitations list", &["invitation_list", "team_invitation_list"]),
    ("invitations resend", &["invitation_resend"]),
    ("keys", &["keys_get"]),
    ("keys rotate", &["keys_rotate"]),
    ("keys show", &["keys_get"]),
    ("link", &["project_list", "project_get"]),
    ("login", &["login", "device_begin", "device_token"]),
    ("logout", &["logout"]),
    ("logs", &["project_deployment_list", "deployment_get", "log_read", "log_stream"]),
    ("mail", &["mail_get"]),
    ("mail show", &["mail_get"]),
    ("mail test", &["mail_test"]),
    ("ingresses", &["ingress_list"]),
    ("ingresses add", &["ingress_add"]),
    ("ingresses approve-certificate", &["ingress_approve_certificate"]),
    ("ingresses list", &["ingress_list"]),
    ("ingresses remove", &["ingress_remove"]),
    ("ingresses revoke-token", &["ingress_revoke_token"]),
    ("ingresses rotate-token", &["ingress_rotate_token"]),
    ("metrics", &["project_metrics"]),
    ("nodes", &["environment_list", "node_list"]),
    ("nodes add", &["node_add"]),
    ("nodes approve-certificate", &["node_approve_certificate"]),
    ("nodes cordon", &["node_cordon"]),
    ("nodes drain", &["node_drain"]),
    ("nodes list", &["environment_list", "node_list"]),
    ("nodes remove", &["node_remove"]),
    ("nodes revoke-token", &["node_revoke_token"]),
    ("nodes rotate-token", &["node_rotate_token"]),
    ("nodes uncordon", &["node_uncordon"]),
    ("notifications", &["notification_list"]),
    ("notifications add", &["notification_create"]),
    ("notifications delete", &["notification_delete"]),
    ("notifications list", &["notification_list"]),
    ("notifications replay", &["notification_replay"]),
    ("notifications sent", &["notification_delivery_list"]),
    ("notifications test", &["notification_test"]),
    ("open", &["project_deployment_list", "deployment_get", "project_get"]),
    ("pipelines", &["pipeline_get", "pipeline_version_get"]),
    ("pipelines apply", &["pipeline_get", "pipeline_save"]),
    ("pipelines diff", &["pipeline_diff"]),
    ("pipelines dry-run", &["pipeline_dry_run"]),
    ("pipelines import", &["compose_import"]),
    ("pipelines show", &["pipeline_get", "pipeline_version_get"]),
    ("pipelines templates", &["template_list"]),
    ("pipelines validate", &["pipeline_validate"]),
    ("pipelines versions", &["pipeline_version_list"]),
    ("plugins build", LOCAL),
    ("plugins list", LOCAL),
    ("plugins register", &["plugin_get", "plugin_create", "plugin_replace"]),
    ("plugins registered", &["plugin_list"]),
    ("plugins show", LOCAL),
    ("plugins try", LOCAL),
    ("plugins unregister", &["plugin_delete"]),
    ("projects", &["project_list"]),
    ("projects create", &["project_create"]),
    ("projects delete", &["project_get", "project_delete"]),
    ("projects list", &["project_list"]),
    ("projects show", &["project_get"]),
    ("projects transfer", &["project_transfer"]),
    ("projects update", &["project_get", "project_update"]),
    ("ps", &["slot_list", "deployment_get"]),
    ("redeploy", &["project_deployment_list", "deployment_get", "deployment_redeploy", "log_stream"]),
    ("registries", &["registry_list"]),
    ("registries add", &["registry_create"]),
    ("registries delete", &["registry_delete"]),
    ("registries list", &["registry_list"]),
    ("registries set", &["registry_get", "registry_replace"]),
    ("registries test", &["registry_test"]),
    ("rollback", &["project_deployment_list", "deployment_get", "deployment_rollback"]),
    ("runtimes build", LOCAL),
    ("runtimes list", LOCAL),
    ("services", &["service_list"]),
    ("services apply", &["service_get", "service_create", "service_replace"]),
    ("services delete", &["service_delete"]),
    ("services list", &["service_list"]),
    ("services show", &["service_get"]),
    ("services tags", &["service_tags"]),
    ("sessions", &["session_list"]),
    ("sessions list", &["session_list"]),
    ("sessions revoke", &["session_revoke"]),
    ("sign-up", &["sign_up_policy_get", "sign_up_policy_put"]),
    ("slots", &["slot_list"]),
    ("slots clone", &["slot_clone"]),
    ("slots delete", &["slot_delete"]),
    ("slots extend", &["slot_extend"]),
    ("slots list", &["slot_list"]),
    ("source", &["source_get"]),
    ("source approve", &["pull_approve"]),
    ("source check", &["source_check"]),
    ("source connect", &["source_connect"]),
    ("source deploy-key", &["source_deploy_key_make"]),
    ("source disconnect", &["source_disconnect"]),
    ("source forget", &["source_credential_delete"]),
    ("source host-keys", &["source_host_key_list"]),
    ("source secret", &["source_secret_renew"]),
    ("source show", &["source_get"]),
    ("source sync", &["source_sync"]),
    ("source token", &["source_token_put"]),
    ("source trust", &["source_host_key_approve"]),
    ("source webhook", &["source_webhook_make", "source_webhook_remove"]),
    ("status", &["slot_list", "deployment_get"]),
    ("teams", &["team_list"]),
    ("teams create", &["team_create"]),
    ("teams delete", &["team_delete"]),
    ("teams list", &["team_list"]),
    ("teams members", &["member_list"]),
    ("teams remove-member", &["member_delete"]),
    ("teams rename", &["team_update"]),
    ("teams set-role", &["member_update"]),
    ("teams show", &["team_get"]),
    ("teams transfer", &["team_transfer"]),
    ("tokens", &["token_list"]),
    ("tokens create", &["token_create"]),
    ("tokens list", &["token_list"]),
    ("tokens revoke", &["token_revoke"]),
    ("unlink", LOCAL),
    ("up", LOCAL),
    ("users", &["user_list"]),
    ("users disable", &["user_update"]),
    ("users enable", &["user_update"]),
    ("users invite", &["user_invite"]),
    ("users list", &["user_list"]),
    ("users reset-password", &["user_password_link"]),
    ("users set-role", &["user_update"]),
    ("validate", LOCAL),
    ("verify", &["verify"]),
    ("version", &["live"]),
    ("visitors", &["visitors_get"]),
    ("visitors delete-password", &["visitor_password_delete"]),
    ("visitors pass", &["visitor_pass_create"]),
    ("visitors set", &["visitors_get", "visitors_replace"]),
    ("visitors set-password", &["visitor_password_put"]),
    ("visitors show", &["visitors_get"]),
    ("whoami", &["me"]),
];

/// Each command that does something when it is typed like this.
fn runnable(command: &clap::Command, typed: &str, found: &mut BTreeSet<String>) {
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        let typed = format!("{typed} {}", inner.get_name()).trim_start().to_owned();
        if !inner.is_subcommand_required_set() && !inner.is_arg_required_else_help_set() {
            found.insert(typed.clone());
        }
        runnable(inner, &typed, found);
    }
}

#[test]
fn every_command_has_a_row() {
    let mut commands = BTreeSet::new();
    runnable(&command(), "", &mut commands);
    let rows: BTreeSet<String> = ROWS.iter().map(|(typed, _)| (*typed).to_owned()).collect();
    assert_eq!(rows.len(), ROWS.len(), "a command has two rows");
    let missing: Vec<&String> = commands.difference(&rows).collect();
    assert!(missing.is_empty(), "commands without a row in {}: {missing:#?}", file!());
    let gone: Vec<&String> = rows.difference(&commands).collect();
    assert!(gone.is_empty(), "rows of commands that are not there: {gone:#?}");
}

#[test]
fn rows_name_operations_that_are_there() {
    let document = serde_json::to_value(pierhead_api::openapi()).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let operations: BTreeSet<&str> = items
        .flat_map(|item| item.as_object().unwrap().values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    for (typed, asked) in ROWS {
        for operation in asked.iter().filter(|operation| **operation != "*") {
            assert!(operations.contains(operation), "`{typed}` asks for `{operation}`, which is not there");
        }
    }
}
