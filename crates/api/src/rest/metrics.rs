//! Figures over time: what visitors were answered, and what services and nodes used.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Json as Answer;
use axum::extract::State;
use pierhead_control::{FiguresQuery, FiguresSpan, FiguresView, MachineFiguresView};
use pierhead_model::Timestamp;
use pierhead_model::figures::range::total;
use pierhead_model::figures::{Figures, MachineFigures, Range, Traffic, Usage};
use pierhead_model::sleep::Rest;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Shared;
use crate::access::Caller;
use crate::extract::{Path, Query};
use crate::problem::Problem;

/// Figures of a project, step by step. Times are Unix seconds, each array has one value for each of `times`, and `null` is
/// what was not measured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectMetrics {
    from: u64,
    /// The end of the last step.
    to: u64,
    /// Length of a step. It follows from the range, and from how long figures are kept: 10 s for 2 hours, minutes for 2 days,
    /// quarters of an hour for 31 days.
    step_s: u64,
    /// Where each step begins.
    times: Vec<u64>,
    requests: Requests,
    wakes: WakesOfSteps,
    /// By name; none for what runs nothing.
    services: Vec<ServiceMetrics>,
    /// When something slept; each piece within `from` and `to`.
    asleep: Vec<Nap>,
    /// What went live, the first first.
    deployments: Vec<WentLive>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Requests {
    by_class: ByClass,
    /// Answers of the platform because a service gave none.
    upstream_errors: Vec<u64>,
    /// Of the answers' bodies.
    bytes_out: Vec<u64>,
    latency_ms: Latency,
    totals: Totals,
}

/// Answers by the first digit of their status.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ByClass {
    #[serde(rename = "1xx")]
    informational: Vec<u64>,
    #[serde(rename = "2xx")]
    success: Vec<u64>,
    #[serde(rename = "3xx")]
    redirection: Vec<u64>,
    #[serde(rename = "4xx")]
    client_error: Vec<u64>,
    #[serde(rename = "5xx")]
    server_error: Vec<u64>,
    other: Vec<u64>,
}

/// From a request's head to the answer's head; what that part of all requests took at the most, within 6 %.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Latency {
    p50: Vec<Option<f64>>,
    p95: Vec<Option<f64>>,
    p99: Vec<Option<f64>>,
}

/// The whole range as one step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Totals {
    requests: u64,
    /// Answers 5xx.
    errors: u64,
    bytes_out: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

/// Cold starts: how often a service that slept was waited for, and how long.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WakesOfSteps {
    count: Vec<u64>,
    mean_ms: Vec<Option<f64>>,
    max_ms: Vec<Option<f64>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceMetrics {
    service: String,
    /// Mean of each step, all replicas together.
    cpu_cores: Vec<Option<f64>>,
    /// The highest working set of one replica.
    memory_max_bytes: Vec<Option<u64>>,
    /// Of one replica, the newest known.
    memory_limit_bytes: Option<u64>,
    restarts: Vec<u64>,
    /// Restarts because memory had run out.
    oom_kills: Vec<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Nap {
    slot: String,
    from: u64,
    to: u64,
    /// `frozen` or `stopped`.
    depth: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WentLive {
    id: String,
    number: u64,
    slot: String,
    at: u64,
}

/// Figures of a node, step by step. Times are Unix seconds, each array has one value for each of `times`, and `null` is what
/// was not measured.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeMetrics {
    from: u64,
    /// The end of the last step.
    to: u64,
    step_s: u64,
    /// Where each step begins.
    times: Vec<u64>,
    /// Mean of each step, everything on the machine.
    cpu_cores: Vec<Option<f64>>,
    memory_used_bytes: Vec<Option<u64>>,
    disk_used_bytes: Vec<Option<u64>>,
    /// Those of the platform that run.
    containers: Vec<Option<u64>>,
    /// What the machine has, the newest known.
    cpu_limit_cores: Option<u64>,
    memory_limit_bytes: Option<u64>,
    disk_limit_bytes: Option<u64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProjectMetricsQuery {
    /// One slot; without it all slots of the project together.
    slot: Option<String>,
    /// For a slot's name that is in several environments.
    environment: Option<String>,
    /// One service: `service` is the one service of a project with a repository, those of a pipeline have the names of their
    /// steps.
    service: Option<String>,
    /// The time until now: `15m`, `1h`, `7d`; at most `31d`. An hour when nothing is said.
    #[param(example = "1h")]
    since: Option<String>,
    /// RFC 3339; instead of `since`.
    from: Option<String>,
    /// RFC 3339; now when nothing is said.
    to: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeMetricsQuery {
    /// The time until now: `15m`, `1h`, `7d`; at most `31d`. An hour when nothing is said.
    #[param(example = "1h")]
    since: Option<String>,
    /// RFC 3339; instead of `since`.
    from: Option<String>,
    /// RFC 3339; now when nothing is said.
    to: Option<String>,
}

fn span(since: Option<String>, from: Option<String>, to: Option<String>) -> Result<FiguresSpan, Problem> {
    let time = |pointer: &str, text: Option<String>| {
        let parsed = text.map(|text| text.parse::<Timestamp>()).transpose();
        parsed.map_err(|_| Problem::invalid(pointer, "is not a time like 2026-03-01T12:00:00Z"))
    };
    let since = since.map(|text| {
        length(&text).ok_or_else(|| Problem::invalid("/since", "is not a length of time like 15m, 1h or 7d"))
    });
    Ok(FiguresSpan { since: since.transpose()?, from: time("/from", from)?, to: time("/to", to)? })
}

fn length(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    let number = text.strip_suffix(unit)?;
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = number.parse().ok().filter(|_| digits)?;
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// Show a project's figures over time
///
/// What visitors were answered, how long that took, and what the services used. New figures come every ten seconds.
#[utoipa::path(get, path = "/projects/{project}/metrics", operation_id = "project_metrics", tag = "projects",
    params(ProjectMetricsQuery),
    responses((status = 200, description = "At most some 300 steps", body = ProjectMetrics)))]
pub(crate) async fn of_project(
    State(app): State<Shared>,
    caller: Caller,
    Path(project): Path<String>,
    Query(query): Query<ProjectMetricsQuery>,
) -> Result<Answer<ProjectMetrics>, Problem> {
    let ProjectMetricsQuery { slot, environment, service, since, from, to } = query;
    let query = FiguresQuery { slot, environment, service, span: span(since, from, to)? };
    let view = app.services.figures.of_project(&caller.principal, &project, &query).await?;
    Ok(Answer(view.into()))
}

/// Show a node's figures over time
#[utoipa::path(get, path = "/nodes/{node}/metrics", operation_id = "node_metrics", tag = "environments",
    params(NodeMetricsQuery),
    responses((status = 200, description = "At most some 300 steps", body = NodeMetrics)))]
pub(crate) async fn of_node(
    State(app): State<Shared>,
    caller: Caller,
    Path(node): Path<String>,
    Query(query): Query<NodeMetricsQuery>,
) -> Result<Answer<NodeMetrics>, Problem> {
    let span = span(query.since, query.from, query.to)?;
    Ok(Answer(app.services.figures.of_node(&caller.principal, &node, span).await?.into()))
}

/// Numbers that nobody reads to the last digit.
fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

fn quantile(traffic: &Traffic, part: f64) -> Option<f64> {
    traffic.took.quantile(part).map(|micros| rounded(micros / 1000.0, 2))
}

/// Of a step that begins then: milliseconds of one core, as cores.
fn cores(cpu_ms: u64, range: Range, start: u64) -> f64 {
    rounded(cpu_ms as f64 / 1000.0 / range.passed(start) as f64, 4)
}

impl From<FiguresView> for ProjectMetrics {
    fn from(view: FiguresView) -> Self {
        let FiguresView { range, steps, asleep, deployments } = view;
        let traffic: Vec<Traffic> = steps.iter().map(|step| step.traffic_of(None)).collect();
        let sum = total(&steps, None);
        let class =
            |class: usize| traffic.iter().map(|it| it.answers.get(class).copied().unwrap_or(0)).collect();
        let latency = |part| traffic.iter().map(|traffic| quantile(traffic, part)).collect();
        let requests = Requests {
            by_class: ByClass {
                informational: class(1),
                success: class(2),
                redirection: class(3),
                client_error: class(4),
                server_error: class(5),
                other: class(0),
            },
            upstream_errors: traffic.iter().map(|traffic| traffic.upstream_errors).collect(),
            bytes_out: traffic.iter().map(|traffic| traffic.bytes).collect(),
            latency_ms: Latency { p50: latency(0.5), p95: latency(0.95), p99: latency(0.99) },
            totals: Totals {
                requests: sum.requests(),
                errors: sum.answers[5],
                bytes_out: sum.bytes,
                p50_ms: quantile(&sum, 0.5),
                p95_ms: quantile(&sum, 0.95),
                p99_ms: quantile(&sum, 0.99),
            },
        };
        let some = |count: u64, value: f64| (count > 0).then_some(value);
        let wakes = WakesOfSteps {
            count: steps.iter().map(|step| step.wakes.count).collect(),
            mean_ms: steps
                .iter()
                .map(|it| some(it.wakes.count, rounded(it.wakes.sum_ms as f64 / it.wakes.count as f64, 1)))
                .collect(),
            max_ms: steps.iter().map(|it| some(it.wakes.count, it.wakes.longest_ms as f64)).collect(),
        };
        let names: BTreeSet<&String> = steps.iter().flat_map(|step| step.usage.keys()).collect();
        let services = names.into_iter().map(|name| service(name, range, &steps)).collect();
        Self {
            from: range.from,
            to: range.to,
            step_s: range.step,
            times: range.times().collect(),
            requests,
            wakes,
            services,
            asleep: asleep
                .into_iter()
                .map(|nap| Nap {
                    slot: nap.slot.to_string(),
                    from: nap.from,
                    to: nap.to,
                    depth: if nap.depth == Rest::Frozen { "frozen" } else { "stopped" },
                })
                .collect(),
            deployments: deployments
                .into_iter()
                .map(|live| WentLive {
                    id: live.id.to_string(),
                    number: live.number,
                    slot: live.slot.to_string(),
                    at: live.at,
                })
                .collect(),
        }
    }
}

fn service(name: &str, range: Range, steps: &[Figures]) -> ServiceMetrics {
    let usages: Vec<Usage> =
        steps.iter().map(|step| step.usage.get(name).cloned().unwrap_or_default()).collect();
    let measured = |usage: &&Usage| usage.samples > 0;
    let limit = usages.iter().rev().find(measured).map(|usage| usage.memory_limit);
    ServiceMetrics {
        service: name.to_owned(),
        cpu_cores: range
            .times()
            .zip(&usages)
            .map(|(start, usage)| (usage.samples > 0).then(|| cores(usage.cpu_ms, range, start)))
            .collect(),
        memory_max_bytes: usages.iter().map(|usage| (usage.samples > 0).then_some(usage.memory)).collect(),
        memory_limit_bytes: limit.filter(|limit| *limit > 0),
        restarts: usages.iter().map(|usage| usage.restarts).collect(),
        oom_kills: usages.iter().map(|usage| usage.oom_kills).collect(),
    }
}

impl From<MachineFiguresView> for NodeMetrics {
    fn from(view: MachineFiguresView) -> Self {
        let MachineFiguresView { range, steps } = view;
        let machines: Vec<Option<MachineFigures>> = steps
            .into_iter()
            .map(|step| step.machine.map(|machine| *machine).filter(|machine| machine.samples > 0))
            .collect();
        let of = |what: fn(&MachineFigures) -> u64| machines.iter().map(|it| it.as_ref().map(what)).collect();
        let newest = machines.iter().rev().flatten().next().cloned();
        let limit = |what: fn(&MachineFigures) -> u64| newest.as_ref().map(what).filter(|limit| *limit > 0);
        Self {
            from: range.from,
            to: range.to,
            step_s: range.step,
            times: range.times().collect(),
            cpu_cores: range
                .times()
                .zip(&machines)
                .map(|(start, machine)| machine.as_ref().map(|machine| cores(machine.cpu_ms, range, start)))
                .collect(),
            memory_used_bytes: of(|machine| machine.memory),
            disk_used_bytes: of(|machine| machine.disk),
            containers: of(|machine| machine.containers),
            cpu_limit_cores: limit(|machine| machine.cpu_cores),
            memory_limit_bytes: limit(|machine| machine.memory_limit),
            disk_limit_bytes: limit(|machine| machine.disk_limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::figures::Wakes;

    use super::*;

    const NOW: u64 = 1_772_366_425;

    #[test]
    fn lengths_of_time_have_one_number_and_one_unit() {
        for (text, seconds) in
            [("90s", Some(90)), ("15m", Some(900)), ("1h", Some(3600)), ("7d", Some(604_800))]
        {
            assert_eq!(length(text).map(|it| it.as_secs()), seconds, "{text}");
        }
        for text in ["", "h", "1", "1h30m", "-1h", "+1h", "1.5h", "1 h", "99999999999999999999d", "1w", "1é"]
        {
            assert_eq!(length(text), None, "{text}");
        }
    }

    #[test]
    fn every_step_has_a_value_and_what_was_not_measured_has_none() {
        let range = Range::cover(NOW - 25, NOW, NOW).unwrap();
        let mut steps = vec![Figures::default(); 3];
        let mut traffic = Traffic { answers: [0, 0, 3, 0, 1, 2], bytes: 60, ..Traffic::default() };
        (0..6).for_each(|_| traffic.took.record(3000));
        steps[1].traffic.insert("web".to_owned(), traffic.clone());
        steps[1].traffic.insert(String::new(), traffic);
        let usage = Usage { samples: 2, cpu_ms: 2500, memory: 70, memory_limit: 100, ..Usage::default() };
        steps[2].usage.insert("web".to_owned(), usage);
        steps[0].usage.insert("web".to_owned(), Usage { restarts: 1, ..Usage::default() });
        steps[0].wakes = Wakes { count: 2, sum_ms: 301, longest_ms: 200 };
        let view = FiguresView { range, steps, asleep: Vec::new(), deployments: Vec::new() };
        let told = serde_json::to_value(ProjectMetrics::from(view)).unwrap();
        let at =
            |pointer: &str| told.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {told}")).clone();
        assert_eq!(at("/times"), serde_json::json!([NOW - 25, NOW - 15, NOW - 5]));
        assert_eq!((at("/step_s"), at("/to")), (10.into(), (NOW + 5).into()));
        assert_eq!(at("/requests/by_class/2xx"), serde_json::json!([0, 6, 0]));
        assert_eq!(at("/requests/by_class/5xx"), serde_json::json!([0, 4, 0]));
        assert_eq!(at("/requests/totals/requests"), 12);
        assert_eq!(at("/requests/totals/errors"), 4);
        assert_eq!(at("/requests/latency_ms/p99/0"), serde_json::Value::Null);
        let median = at("/requests/latency_ms/p50/1").as_f64().unwrap();
        assert!((2.82..=3.18).contains(&median), "{median}");
        assert_eq!(at("/wakes/mean_ms"), serde_json::json!([150.5, null, null]));
        assert_eq!(at("/services/0/service"), "web");
        // Half of the last step has passed.
        assert_eq!(at("/services/0/cpu_cores"), serde_json::json!([null, null, 0.5]));
        assert_eq!(at("/services/0/memory_max_bytes"), serde_json::json!([null, null, 70]));
        assert_eq!(at("/services/0/memory_limit_bytes"), 100);
        assert_eq!(at("/services/0/restarts"), serde_json::json!([1, 0, 0]));
    }

    #[test]
    fn a_node_that_said_nothing_has_only_gaps() {
        let range = Range::cover(NOW - 25, NOW, NOW).unwrap();
        let mut steps = vec![Figures::default(); 3];
        let view = MachineFiguresView { range, steps: steps.clone() };
        let told = serde_json::to_value(NodeMetrics::from(view)).unwrap();
        assert_eq!(told["cpu_cores"], serde_json::json!([null, null, null]));
        assert_eq!(told["disk_limit_bytes"], serde_json::Value::Null);
        let machine =
            MachineFigures { samples: 1, cpu_ms: 4000, memory: 9, cpu_cores: 8, ..MachineFigures::default() };
        steps[1].machine = Some(Box::new(machine));
        let told = serde_json::to_value(NodeMetrics::from(MachineFiguresView { range, steps })).unwrap();
        assert_eq!(told["cpu_cores"], serde_json::json!([null, 0.4, null]));
        assert_eq!(told["memory_used_bytes"], serde_json::json!([null, 9, null]));
        assert_eq!(told["cpu_limit_cores"], 8);
    }
}
