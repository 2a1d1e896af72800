//! Figures of the API itself, in Prometheus' text format.
//!
//! Labels come from closed sets (known methods, real statuses), so a caller cannot make the page grow.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use parking_lot::Mutex;
use pierhead_control::{Health, HostTraffic};

/// Upper bounds in seconds; a last bucket holds the rest.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];

#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Figures>);

#[derive(Debug, Default)]
struct Figures {
    answers: BTreeMap<(&'static str, u16), u64>,
    /// How many took at most so long, not cumulated.
    took: [u64; BUCKETS.len() + 1],
    seconds: f64,
}

impl Metrics {
    /// One request was answered; the body may still be streaming.
    pub(crate) fn answered(&self, method: &Method, status: StatusCode, took: Duration) {
        let mut figures = self.0.lock();
        *figures.answers.entry((known(method), status.as_u16())).or_default() += 1;
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        figures.took[bucket] += 1;
        figures.seconds += seconds;
    }

    /// The page.
    pub(crate) fn page(&self, health: Health) -> String {
        let figures = self.0.lock();
        let mut page = String::new();
        let mut line = |text: std::fmt::Arguments<'_>| {
            let _ = page.write_fmt(text);
            page.push('\n');
        };
        line(format_args!(
            "# HELP pierhead_build_info The version that runs.\n# TYPE pierhead_build_info gauge"
        ));
        line(format_args!("pierhead_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")));
        line(format_args!("# HELP pierhead_up Whether a part answers.\n# TYPE pierhead_up gauge"));
        for (part, up) in [("database", health.database), ("ingress", health.ingress)] {
            line(format_args!("pierhead_up{{part=\"{part}\"}} {}", u8::from(up)));
        }
        line(format_args!(
            "# HELP pierhead_http_requests_total Requests to the API that were answered.\n# TYPE pierhead_http_requests_total counter"
        ));
        for ((method, status), count) in &figures.answers {
            line(format_args!(
                "pierhead_http_requests_total{{method=\"{method}\",status=\"{status}\"}} {count}"
            ));
        }
        let name = "pierhead_http_request_duration_seconds";
        line(format_args!("# HELP {name} Time until the answer began.\n# TYPE {name} histogram"));
        let mut sum = 0;
        for (count, bound) in figures.took.iter().zip(BUCKETS.map(Some).into_iter().chain([None])) {
            sum += count;
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            line(format_args!("{name}_bucket{{le=\"{bound}\"}} {sum}"));
        }
        line(format_args!("{name}_sum {:.6}\n{name}_count {sum}", figures.seconds));
        page
    }
}

/// What visitors were answered. Hostnames and names of projects hold nothing that a label could not.
pub(crate) fn traffic(page: &mut String, lines: &[HostTraffic]) {
    if lines.is_empty() {
        return;
    }
    let labels = |line: &HostTraffic| {
        let host = line.host.as_ref().map_or("other", |host| host.as_str());
        let project = line.project.as_ref().map_or("", |project| project.as_str());
        format!("host=\"{host}\",project=\"{project}\"")
    };
    let mut family = |name: &str, help: &str, write: &dyn Fn(&mut String, &str, &HostTraffic)| {
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} counter");
        for line in lines {
            write(page, name, line);
        }
    };
    family(
        "pierhead_route_requests_total",
        "Requests of visitors that were answered.",
        &|page, name, line| {
            for (class, count) in line.counts.answers.iter().enumerate().filter(|(_, count)| **count > 0) {
                let class = if class == 0 { "other".to_owned() } else { format!("{class}xx") };
                let _ = writeln!(page, "{name}{{{},status=\"{class}\"}} {count}", labels(line));
            }
        },
    );
    family("pierhead_route_bytes_total", "Bytes of the answers' bodies.", &|page, name, line| {
        let _ = writeln!(page, "{name}{{{}}} {}", labels(line), line.counts.bytes);
    });
    let help = "Answers of the platform because a service gave none.";
    family("pierhead_route_upstream_errors_total", help, &|page, name, line| {
        let _ = writeln!(page, "{name}{{{}}} {}", labels(line), line.counts.upstream_errors);
    });
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use pierhead_control::TrafficCounts;
    use pierhead_model::hostname::Hostname;
    use pierhead_model::name::ProjectName;

    use super::*;

    #[test]
    fn what_visitors_were_answered_has_a_line_for_each_class_that_there_was() {
        let counts = TrafficCounts { answers: [0, 0, 7, 0, 2, 0], bytes: 90, upstream_errors: 1 };
        let lines = [
            HostTraffic {
                host: Hostname::parse("shop.test").ok(),
                project: ProjectName::parse("shop").ok(),
                counts,
            },
            HostTraffic { host: None, project: None, counts },
        ];
        let mut page = String::new();
        traffic(&mut page, &[]);
        assert_eq!(page, "");
        traffic(&mut page, &lines);
        for line in [
            "pierhead_route_requests_total{host=\"shop.test\",project=\"shop\",status=\"2xx\"} 7",
            "pierhead_route_requests_total{host=\"other\",project=\"\",status=\"4xx\"} 2",
            "pierhead_route_bytes_total{host=\"shop.test\",project=\"shop\"} 90",
            "pierhead_route_upstream_errors_total{host=\"shop.test\",project=\"shop\"} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
        }
        assert!(!page.contains("5xx"), "{page}");
    }

    /// A panel of a figure that nobody exports is empty for ever, and nobody notices.
    #[test]
    fn dashboards_show_only_what_is_exported() {
        let metrics = Metrics::default();
        metrics.answered(&Method::GET, StatusCode::OK, Duration::from_millis(3));
        let mut page = metrics.page(Health { database: true, ingress: true });
        let counts = TrafficCounts { answers: [0, 0, 7, 0, 2, 0], bytes: 90, upstream_errors: 1 };
        traffic(&mut page, &[HostTraffic { host: None, project: None, counts }]);
        let families: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
        let families: Vec<&str> = families.iter().filter_map(|line| line.split(' ').next()).collect();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana");
        let mut named = 0;
        for entry in fs_err::read_dir(folder).unwrap() {
            let text = fs_err::read_to_string(entry.unwrap().path()).unwrap();
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
            for (at, _) in text.match_indices("pierhead_") {
                let rest = &text[at..];
                let end = rest.find(|c: char| !(c.is_ascii_lowercase() || c == '_')).unwrap_or(rest.len());
                let name = &rest[..end];
                let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
                let is_exported = families.contains(&name) || family.is_some_and(|it| families.contains(&it));
                assert!(is_exported, "{name} is not among {families:?}");
                named += 1;
            }
        }
        assert!(named > 5, "{named}");
    }

    #[test]
    fn buckets_are_cumulative_and_unknown_methods_share_a_label() {
        let metrics = Metrics::default();
        metrics.answered(&Method::GET, StatusCode::OK, Duration::from_millis(3));
        metrics.answered(&Method::GET, StatusCode::OK, Duration::from_secs(100));
        metrics.answered(
            &Method::from_bytes(b"EVIL").unwrap(),
            StatusCode::METHOD_NOT_ALLOWED,
            Duration::ZERO,
        );
        let page = metrics.page(Health { database: true, ingress: false });
        for line in [
            "pierhead_up{part=\"ingress\"} 0",
            "pierhead_http_requests_total{method=\"GET\",status=\"200\"} 2",
            "pierhead_http_requests_total{method=\"other\",status=\"405\"} 1",
            "pierhead_http_request_duration_seconds_bucket{le=\"0.005\"} 2",
            "pierhead_http_request_duration_seconds_bucket{le=\"60\"} 2",
            "pierhead_http_request_duration_seconds_bucket{le=\"+Inf\"} 3",
            "pierhead_http_request_duration_seconds_count 3",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} is missing in\n{page}");
        }
    }
}
