//! Ports: which a service listens on, and which one people reach.

use std::collections::BTreeSet;

use super::interpolation::literal;
use super::{Place, Report, Verdict, scalar};
use crate::pipeline::document::tree::{Node, Value};

/// Ports of protocols that are not HTTP, so that publishing one does not make it a web site.
const NOT_HTTP: [u16; 21] = [
    21, 22, 23, 25, 53, 110, 143, 389, 465, 587, 636, 993, 1433, 1521, 1883, 3306, 5432, 5672, 6379, 11211,
    27017,
];

/// What images of this name listen on when the file does not say.
const WELL_KNOWN: [(&str, u16); 14] = [
    ("postgres", 5432),
    ("postgis", 5432),
    ("timescaledb", 5432),
    ("mysql", 3306),
    ("mariadb", 3306),
    ("redis", 6379),
    ("valkey", 6379),
    ("mongo", 27017),
    ("rabbitmq", 5672),
    ("memcached", 11211),
    ("elasticsearch", 9200),
    ("opensearch", 9200),
    ("minio", 9000),
    ("kafka", 9092),
];

/// What was found out about ports.
#[derive(Debug, Default)]
pub(super) struct Ports {
    pub(super) listens: BTreeSet<u16>,
    /// The first published one that looks like HTTP.
    pub(super) public: Option<u16>,
}

/// Where a port stands in the pipeline.
pub(super) fn published(at: &Place, node: &Node, step: &str, ports: &mut Ports, report: &mut Report<'_>) {
    for (index, item) in items(node).enumerate() {
        let at = at.item(index, item);
        let Some((target, host)) = target(&at, item, report) else { continue };
        ports.listens.insert(target);
        if NOT_HTTP.contains(&target) {
            let reason = "reached by the deployment's own services only: it does not look like HTTP";
            report.note(Verdict::Inferred, &at, Some(format!("steps.{step}.ports")), reason);
        } else if ports.public.is_none() {
            ports.public = Some(target);
            let instead =
                host.map_or_else(String::new, |host| format!(" instead of port {host} of a machine"));
            let reason = format!("its first published port that may be HTTP gets a hostname{instead}");
            report.note(Verdict::Inferred, &at, Some(format!("steps.{step}.public")), &reason);
        } else {
            let reason =
                "one port of a service has a hostname; this one is reached by the deployment's own services";
            report.note(Verdict::Inferred, &at, Some(format!("steps.{step}.ports")), reason);
        }
    }
}

/// Ports that are not published.
pub(super) fn exposed(at: &Place, node: &Node, step: &str, ports: &mut Ports, report: &mut Report<'_>) {
    for (index, item) in items(node).enumerate() {
        let at = at.item(index, item);
        if let Some((target, _)) = target(&at, item, report) {
            ports.listens.insert(target);
            report.translated(&at, format!("steps.{step}.ports"));
        }
    }
}

/// What an image of this repository listens on by its name.
pub(super) fn well_known(repository: &str) -> Option<u16> {
    let name = repository.rsplit('/').next().unwrap_or_default();
    WELL_KNOWN.iter().find(|(known, _)| *known == name).map(|(_, port)| *port)
}

fn items(node: &Node) -> impl Iterator<Item = &Node> {
    match &node.value {
        Value::List(items) => items.iter(),
        _ => std::slice::from_ref(node).iter(),
    }
}

/// The port inside, and the one of the machine it was published as.
fn target(at: &Place, node: &Node, report: &mut Report<'_>) -> Option<(u16, Option<String>)> {
    let (target, host, protocol) = match &node.value {
        Value::Map(entries) => {
            let field =
                |name: &str| entries.iter().find(|entry| entry.key == name).and_then(|it| scalar(&it.value));
            let literal =
                |name: &str, report: &mut Report<'_>| field(name).and_then(|text| literal(text, at, report));
            let protocol = literal("protocol", report).unwrap_or_else(|| "tcp".to_owned());
            (literal("target", report)?, literal("published", report), protocol)
        }
        _ => {
            let text = literal(scalar(node)?, at, report)?;
            let (rest, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
            let (host, target) = match rest.rsplit_once(':') {
                Some((host, target)) => (host.rsplit(':').next(), target),
                None => (None, rest),
            };
            (target.to_owned(), host.map(str::to_owned), protocol.to_owned())
        }
    };
    if protocol != "tcp" {
        report.note(Verdict::Refused, at, None, "only TCP ports are routed");
        return None;
    }
    if target.contains('-') {
        let reason = "a range of ports: name the single ones that matter";
        report.note(Verdict::Refused, at, None, reason);
        return None;
    }
    let port = target.parse::<u16>().ok().filter(|port| *port > 0);
    if port.is_none() {
        report.note(Verdict::Refused, at, None, "this is no port: 1 to 65535");
    }
    Some((port?, host))
}
