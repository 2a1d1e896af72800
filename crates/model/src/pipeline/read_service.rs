//! The fields of a service step, read.

use std::collections::BTreeSet;

use super::document::reader::{Cursor, Fields};
use super::image::ImageReference;
use super::name::{CatalogueName, StepName};
use super::read::{
    Common, absolute_path, common, container_path, owned, resources, text, variables, volumes,
};
use super::reference::Template;
use super::service::{Check, Health, HostMount, Privileges, ServiceStep};
use super::tag::TagPattern;

pub(super) fn service(mut fields: Fields<'_>) -> Option<ServiceStep> {
    let Common { needs, description, position } = common(&mut fields);
    let entry = fields.get("service");
    let (image, selectable_tags, build) = origin(&mut fields, entry.is_some());
    let ports = fields.get("ports").map(|it| it.list(Cursor::port)).unwrap_or_default();
    let public = fields.get("public").and_then(|it| it.port());
    let service = ServiceStep {
        needs,
        description,
        position,
        service: entry.and_then(|it| it.parse(CatalogueName::parse)),
        image,
        selectable_tags,
        build,
        entrypoint: fields.get("entrypoint").map(|it| it.list(owned)),
        command: fields.get("command").map(|it| it.list(|word| word.parse(Template::parse))),
        working_directory: fields.get("working_directory").and_then(|it| absolute_path(&it)),
        user: text(&mut fields, "user", 64),
        ports: ports.into_iter().chain(public).collect(),
        public,
        health: fields.get("health").and_then(|it| health(&it)),
        volumes: volumes(&mut fields),
        variables: variables(&mut fields),
        resources: resources(&mut fields),
        replicas: fields.get("replicas").map_or(Some(1), |it| it.integer(1..=100)).unwrap_or(1),
        startup_timeout_s: fields.get("startup_timeout_s").and_then(|it| it.integer(1..=3_600)),
        stop_grace_s: fields.get("stop_grace_s").and_then(|it| it.integer(0..=3_600)),
        privileges: fields.get("privileges").and_then(|it| privileges(&it)).unwrap_or_default(),
    };
    fields.finish();
    Some(service)
}

/// Exactly one of `image` and `build`, and tags that go with it. Neither is needed when the catalogue says it.
fn origin(
    fields: &mut Fields<'_>,
    in_catalogue: bool,
) -> (Option<ImageReference>, Option<TagPattern>, Option<StepName>) {
    let image_at = fields.get("image");
    let tags_at = fields.get("selectable_tags");
    let build_at = fields.get("build");
    let image = image_at.as_ref().and_then(|it| it.parse(ImageReference::parse));
    let tags = tags_at.as_ref().and_then(|it| it.parse(TagPattern::parse));
    let build = build_at.as_ref().and_then(|it| it.parse(StepName::parse));
    match (&image_at, &build_at) {
        (None, None) if !in_catalogue => {
            fields.cursor().problem("a service step needs `image`, `build`, or a `service` of the catalogue");
        }
        (Some(_), Some(build)) => build.problem("a service has an `image` or a `build`, not both"),
        (Some(_), None) | (None, _) => {}
    }
    if let (Some(at), Some(image)) = (&image_at, &image) {
        match (image.tag(), image.digest(), &tags) {
            (None, None, _) => {
                at.problem("without a tag, what runs would change by itself: add one, such as `:1.2`");
            }
            (_, Some(_), Some(_)) => at.problem("a digest pins the image: its tag cannot be selectable"),
            (Some(tag), None, Some(pattern)) if !pattern.matches(tag) => {
                at.problem(format!("the default tag `{tag}` does not match the selectable tags `{pattern}`"));
            }
            _ => {}
        }
    }
    if let (Some(at), None, false) = (&tags_at, &image_at, in_catalogue) {
        at.problem("tags are selectable only for an `image`");
    }
    (image, tags, build)
}

fn health(cursor: &Cursor<'_>) -> Option<Health> {
    let mut fields = cursor.fields("`health`")?;
    let default = Health::default();
    let check = fields.require("check").and_then(|it| check(&it));
    let mut number = |name, maximum, default| {
        fields.get(name).map_or(Some(default), |it| it.integer(1..=maximum)).unwrap_or(default)
    };
    let health = Health {
        check: check.unwrap_or(Check::Process),
        interval_s: number("interval_s", 3_600, default.interval_s),
        timeout_s: number("timeout_s", 600, default.timeout_s),
        healthy_after: number("healthy_after", 100, default.healthy_after),
        unhealthy_after: number("unhealthy_after", 100, default.unhealthy_after),
    };
    fields.finish();
    Some(health)
}

fn check(cursor: &Cursor<'_>) -> Option<Check> {
    #[derive(Clone, Copy)]
    enum Kind {
        Http,
        Tcp,
        Command,
        Process,
    }
    let kinds =
        [("http", Kind::Http), ("tcp", Kind::Tcp), ("command", Kind::Command), ("process", Kind::Process)];
    let mut fields = cursor.fields("a health check")?;
    let kind = fields.require("kind")?.choice(&kinds)?;
    let check = match kind {
        Kind::Http => {
            let path = fields.get("path").map_or(Some("/".to_owned()), |it| url_path(&it));
            let port = fields.get("port").and_then(|it| it.port());
            Check::Http { path: path.unwrap_or_default(), port }
        }
        Kind::Tcp => Check::Tcp { port: fields.get("port").and_then(|it| it.port()) },
        Kind::Command => {
            let command = fields.require("command").map(|it| {
                let words = it.list(owned);
                if words.is_empty() {
                    it.problem("a command needs at least one word");
                }
                words
            });
            Check::Command { command: command.unwrap_or_default() }
        }
        Kind::Process => Check::Process,
    };
    fields.finish();
    Some(check)
}

fn url_path(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    if !text.starts_with('/')
        || text.len() > 1_024
        || text.chars().any(|c| c.is_control() || c.is_whitespace())
    {
        cursor.problem("a path such as `/health` is expected");
        return None;
    }
    Some(text.to_owned())
}

fn privileges(cursor: &Cursor<'_>) -> Option<Privileges> {
    let mut fields = cursor.fields("`privileges`")?;
    let mut truth = |name| fields.get(name).and_then(|it| it.boolean()).unwrap_or_default();
    let (privileged, host_network, host_processes) =
        (truth("privileged"), truth("host_network"), truth("host_processes"));
    let capability = |it: &Cursor<'_>| {
        let text = it.text()?.to_ascii_uppercase();
        let name = text.strip_prefix("CAP_").unwrap_or(&text);
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        if !is_name {
            it.problem("a capability such as `NET_ADMIN` is expected");
        }
        is_name.then(|| name.to_owned())
    };
    let mount = |it: &Cursor<'_>| {
        let mut fields = it.fields("a host mount")?;
        let source = fields.require("source").and_then(|it| absolute_path(&it));
        let path = fields.require("path").and_then(|it| container_path(&it));
        let read_only = fields.get("read_only").and_then(|it| it.boolean()).unwrap_or_default();
        fields.finish();
        Some(HostMount { source: source?, path: path?, read_only })
    };
    let capabilities = fields.get("capabilities").map(|it| it.list(capability)).unwrap_or_default();
    let devices = fields.get("devices").map(|it| it.list(absolute_path)).unwrap_or_default();
    let host_mounts = fields.get("host_mounts").map(|it| it.list(mount)).unwrap_or_default();
    fields.finish();
    Some(Privileges {
        privileged,
        host_network,
        host_processes,
        capabilities: capabilities.into_iter().collect(),
        devices: devices.into_iter().collect::<BTreeSet<_>>(),
        host_mounts,
    })
}
