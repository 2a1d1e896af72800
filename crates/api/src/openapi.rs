//! The OpenAPI document: what handlers say of themselves, completed with what follows for all of them.
//!
//! Security, scopes and problem answers are not repeated at each handler: they follow from the table in
//! [`access`](crate::access) and are the same everywhere.

use std::collections::BTreeSet;

use axum::http::Method;
use pierhead_control::Scope;
use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, Server,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::access::{FIRST_MESSAGE, OPEN, needed};
use crate::problem;

const TAGS: &[(&str, &str)] = &[
    ("access", "Signing in, tokens, who one is."),
    ("teams", "Who works together, and what they may do."),
    ("deployments", "Made, watched, cancelled, repeated, rolled back."),
    ("logs", "What builds and services said."),
    ("events", "What happens, as it happens."),
    ("projects", "What gets deployed, and how."),
    ("sources", "Webhooks, and the branches that are followed."),
    ("notifications", "Who is told what happened."),
    ("slots", "The stable places of a project."),
    ("variables", "Configuration and secrets."),
    ("domains", "Hostnames of a project's own."),
    ("pipelines", "Graphs of steps: their versions, checks and differences."),
    ("catalogue", "Registries, services and plugins, kept by admins."),
    ("environments", "Where deployments run."),
    ("platform", "Health, figures, this document."),
    ("pages", "For people with a browser."),
];

/// The same call on the command line.
const COMMANDS: &[(&str, &str)] = &[
    ("login", "pierhead login --email you@example.com"),
    ("logout", "pierhead logout"),
    ("me", "pierhead whoami"),
    ("token_create", "pierhead tokens create ci --scope read,write"),
    ("token_list", "pierhead tokens list"),
    ("token_revoke", "pierhead tokens revoke TOKEN"),
    ("detect", "pierhead detect ."),
    ("deploy", "pierhead deploy https://github.com/team/shop"),
    ("project_deploy", "pierhead deploy --project shop"),
    ("deployment_list", "pierhead deployments"),
    ("project_deployment_list", "pierhead deployments --project shop"),
    ("deployment_cancel", "pierhead cancel ID"),
    ("deployment_redeploy", "pierhead redeploy ID"),
    ("deployment_rollback", "pierhead rollback ID"),
    ("project_rollback", "pierhead rollback --project shop"),
    ("deployment_exec", "pierhead exec --deployment ID"),
    ("log_read", "pierhead logs ID"),
    ("log_stream", "pierhead logs --follow ID"),
    ("project_list", "pierhead projects"),
    ("project_metrics", "pierhead metrics --project shop"),
    ("slot_list", "pierhead slots --project shop"),
    ("variable_list", "pierhead env list --project shop"),
    ("variable_put", "pierhead env set ANSWER=42 --project shop"),
    ("node_list", "pierhead nodes"),
    ("node_cordon", "pierhead nodes cordon NODE"),
    ("node_uncordon", "pierhead nodes uncordon NODE"),
    ("node_drain", "pierhead nodes drain NODE"),
    ("slot_extend", "pierhead slots extend SLOT --project shop"),
    ("slot_clone", "pierhead slots clone SLOT COPY --tag api=v3 --project shop"),
    ("pipeline_get", "pierhead pipelines show --project shop"),
    ("pipeline_save", "pierhead pipelines apply pipeline.yaml --project shop"),
    ("pipeline_validate", "pierhead pipelines validate pipeline.yaml --project shop"),
    ("pipeline_version_list", "pierhead pipelines versions --project shop"),
    ("pipeline_diff", "pierhead pipelines diff --project shop"),
    ("pipeline_dry_run", "pierhead pipelines dry-run --project shop"),
    ("compose_import", "pierhead pipelines import compose.yaml"),
    ("template_list", "pierhead pipelines templates"),
    ("service_list", "pierhead services"),
    ("service_create", "pierhead services apply service.yaml"),
    ("service_tags", "pierhead services tags SERVICE"),
    ("plugin_list", "pierhead plugins registered"),
    ("plugin_create", "pierhead plugins register plugin.yaml"),
    ("registry_list", "pierhead registries"),
    ("registry_create", "pierhead registries add NAME HOST --username USER"),
    ("registry_test", "pierhead registries test NAME"),
    ("verify", "pierhead verify"),
    ("session_list", "pierhead sessions"),
    ("session_revoke", "pierhead sessions revoke SESSION"),
    ("user_list", "pierhead users"),
    ("user_invite", "pierhead users invite you@example.com"),
    ("user_update", "pierhead users set-role you@example.com admin"),
    ("team_list", "pierhead teams"),
    ("team_create", "pierhead teams create storefront"),
    ("team_get", "pierhead teams show storefront"),
    ("team_update", "pierhead teams rename storefront shopfront"),
    ("team_delete", "pierhead teams delete storefront"),
    ("team_transfer", "pierhead teams transfer storefront you@example.com"),
    ("member_list", "pierhead teams members storefront"),
    ("member_update", "pierhead teams set-role storefront you@example.com developer"),
    ("member_delete", "pierhead teams remove-member storefront you@example.com"),
    ("invitation_list", "pierhead invitations"),
    ("invitation_create", "pierhead invitations create storefront you@example.com"),
    ("invitation_resend", "pierhead invitations resend storefront INVITATION"),
    ("invitation_delete", "pierhead invitations delete storefront INVITATION"),
    ("invitation_accept", "pierhead invitations accept INVITATION"),
    ("invitation_decline", "pierhead invitations decline INVITATION"),
    ("grant_list", "pierhead grants --project shop"),
    ("grant_put", "pierhead grants set storefront read-only --project shop"),
    ("project_transfer", "pierhead projects transfer shop storefront"),
    ("audit_list", "pierhead audit"),
    ("identity_list", "pierhead identities"),
    ("identity_unlink", "pierhead identities unlink IDENTITY"),
    ("device_begin", "pierhead login --browser"),
    ("device_token", "pierhead login --browser"),
    ("keys_get", "pierhead keys"),
    ("keys_rotate", "pierhead keys rotate"),
    ("source_get", "pierhead source --project shop"),
    ("source_check", "pierhead source check --project shop"),
    ("source_sync", "pierhead source sync --project shop"),
    ("source_secret_renew", "pierhead source secret --project shop"),
    ("source_deploy_key_make", "pierhead source deploy-key --project shop"),
    ("source_connect", "pierhead source connect --project shop"),
    ("source_disconnect", "pierhead source disconnect --project shop"),
    ("source_webhook_make", "pierhead source webhook --project shop"),
    ("source_webhook_remove", "pierhead source webhook --remove --project shop"),
    ("github_get", "pierhead github"),
    ("github_app_set", "pierhead github app 4711 --key-file app.pem"),
    ("github_app_delete", "pierhead github forget-app"),
    ("github_connection_begin", "pierhead github connect"),
    ("github_connection_delete", "pierhead github disconnect"),
    ("github_installation_list", "pierhead github installations"),
    ("github_repository_list", "pierhead github repositories 4712 shop"),
    ("source_token_put", "pierhead source token --project shop"),
    ("source_host_key_list", "pierhead source host-keys --project shop"),
    ("source_host_key_approve", "pierhead source trust SHA256:FINGERPRINT --project shop"),
    ("pull_approve", "pierhead source approve 7 COMMIT --project shop"),
    ("notification_list", "pierhead notifications --project shop"),
    ("notification_create", "pierhead notifications add ci --project shop"),
    ("notification_test", "pierhead notifications test ci --project shop"),
    ("notification_replay", "pierhead notifications replay ci ID --project shop"),
];

const DESCRIPTION: &str = "A git repository becomes a live URL. JSON with snake_case names, times in RFC 3339 UTC, sizes \
with their unit in the name; what is unknown is `null`, never missing. Lists are `{items, next_cursor}`. Errors are problem \
documents (RFC 9457). Every POST honours `Idempotency-Key`. Unknown fields and parameters are refused.";

/// Adds what is the same for all calls.
pub(crate) fn completed(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Pierhead")
        .version("1")
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
        .build();
    document.servers = Some(vec![Server::new("/")]);
    let tag = |(name, description)| TagBuilder::new().name(name).description(Some(description)).build();
    document.tags = Some(TAGS.iter().copied().map(tag).collect());
    let requests = schemas_of_requests(&document);
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An access token from `/auth/login`, or an API token from `/tokens`."))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let mut schemas = vec![(problem::Document::name().into_owned(), problem::Document::schema())];
    problem::Document::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let example = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new()
        .description("A problem document; `/docs/problems/{code}` explains each code")
        .content("application/problem+json", example)
        .build();
    components.responses.insert("Problem".to_owned(), problem.into());
    for (name, schema) in &mut components.schemas {
        if let (RefOr::T(Schema::Object(list)), Some(item)) = (&mut *schema, name.strip_prefix("List_")) {
            // Generic schemas come with their item written out.
            let items = ArrayBuilder::new().items(Ref::from_schema_name(item)).build();
            list.properties.insert("items".to_owned(), items.into());
        }
        if let (RefOr::T(Schema::Object(object)), false) = (schema, requests.contains(name)) {
            // An answer holds every field, `null` when it is unknown.
            object.required = object.properties.keys().cloned().collect();
        }
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            complete(path, &method, operation);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::PATCH, patch),
        (Method::DELETE, delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.as_mut().map(|operation| (method, operation)))
}

fn complete(path: &str, method: &Method, operation: &mut Operation) {
    let mut extensions = ExtensionsBuilder::new();
    let id = operation.operation_id.as_deref().unwrap_or_default();
    if let Some((_, command)) = COMMANDS.iter().find(|(of, _)| *of == id) {
        extensions = extensions.add("x-cli", *command);
    }
    if *method == Method::POST && !OPEN.contains(&path) {
        let schema = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The same request with the same key is carried out once; kept for 24 hours"))
            .schema(Some(schema));
        operation.parameters.get_or_insert_default().push(key.build().into());
    }
    let mut security = Vec::new();
    if !OPEN.contains(&path) {
        let scope = match needed(method) {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Delete => "delete",
        };
        extensions = extensions.add("x-scopes", json!([scope]));
        security.push(SecurityRequirement::new("bearer", [] as [&str; 0]));
    }
    if path == FIRST_MESSAGE {
        security.push(SecurityRequirement::default());
    }
    operation.security = Some(security);
    operation.extensions.get_or_insert_default().merge(extensions.build());
    let problem = RefOr::Ref(Ref::new("#/components/responses/Problem"));
    operation.responses.responses.insert("default".to_owned(), problem);
}

/// Schemas that a request may contain: their optional fields stay optional.
fn schemas_of_requests(document: &OpenApi) -> BTreeSet<String> {
    let document = serde_json::to_value(document).unwrap_or_default();
    let mut found = BTreeSet::new();
    for item in document["paths"].as_object().into_iter().flat_map(|paths| paths.values()) {
        for operation in item.as_object().into_iter().flat_map(|item| item.values()) {
            collect(&operation["requestBody"], &document, &mut found);
        }
    }
    found
}

fn collect(value: &Value, document: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|it| it.strip_prefix("#/components/schemas/"))
                && found.insert(name.to_owned())
            {
                collect(&document["components"]["schemas"][name], document, found);
            }
            members.values().for_each(|member| collect(member, document, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, document, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The document as text, the same every time.
///
/// Extensions are kept in a map without an order, so everything is sorted by name.
pub(crate) fn text(document: &OpenApi) -> String {
    let mut value = serde_json::to_value(document).unwrap_or_default();
    value.sort_all_objects();
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_belongs_to_a_call() {
        let document = text(&crate::openapi());
        for (operation, _) in COMMANDS {
            assert!(document.contains(&format!("\"operationId\": \"{operation}\"")), "{operation}");
        }
    }
}
