//! `metrics`: what visitors were answered and what services used, as a table of small charts.

use clap::Args;

use crate::cli::client::types::{ProjectMetrics, ServiceMetrics};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;

/// Columns of a chart.
const WIDTH: usize = 32;
/// From nothing to the most there was; those of a terminal that can show only ASCII come last.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 8] = ['_', '.', '-', '~', '=', '+', '*', '#'];

#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    /// Only this service; all of the project when none is named
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// How far back, such as 15m, 6h or 7d; at most 31d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    since: String,
}

pub(crate) async fn run(context: &Context, args: &MetricsArgs) -> Result<(), Error> {
    let client = context.client()?;
    let chosen = target::project(context, &client).await?;
    let filters = [
        ("slot", context.globals.slot.as_deref()),
        ("service", args.service.as_deref()),
        ("since", Some(args.since.as_str())),
    ];
    let answer = client.metrics(&chosen.name, &filters).await?;
    let bars = if context.printer.symbols().done == "✓" { BARS } else { ASCII };
    context.show(&answer.raw, || lines(&answer.body, bars))
}

fn lines(metrics: &ProjectMetrics, bars: [char; 8]) -> Vec<String> {
    let mut table = Table::new(&["FIGURE", "TREND", "LAST", "HIGHEST", "TOTAL"]);
    let step = metrics.step_s as f64;
    let requests = &metrics.requests;
    let classes = &requests.by_class;
    let all: Vec<u64> = (0..metrics.times.len())
        .map(|index| classes.values().map(|class| class.get(index).copied().unwrap_or(0)).sum())
        .collect();
    let none = Vec::new();
    let errors = classes.get("5xx").unwrap_or(&none);
    let rates = |counts: &[u64]| counts.iter().map(|count| Some(*count as f64 / step)).collect::<Vec<_>>();
    let total = |counts: &[u64]| whole(counts.iter().sum::<u64>() as f64);
    let mut row = |name: String, values: &[Option<f64>], told: fn(f64) -> String, total: String| {
        let value = |value: Option<f64>| value.map(told).unwrap_or_default();
        let highest = values.iter().flatten().copied().reduce(f64::max);
        table.row([
            name,
            spark(values, bars),
            value(values.last().copied().flatten()),
            value(highest),
            total,
        ]);
    };
    row("requests/s".into(), &rates(&all), few, total(&all));
    row("errors/s".into(), &rates(errors), few, total(errors));
    row("bytes/s".into(), &rates(&requests.bytes_out), size, size(requests.totals.bytes_out as f64));
    let totals = &requests.totals;
    let latencies = [
        ("p50 ms", &requests.latency_ms.p50, totals.p50_ms),
        ("p95 ms", &requests.latency_ms.p95, totals.p95_ms),
        ("p99 ms", &requests.latency_ms.p99, totals.p99_ms),
    ];
    for (name, values, over_all) in latencies {
        row(name.into(), values, few, over_all.map(few).unwrap_or_default());
    }
    if metrics.wakes.count.iter().any(|count| *count > 0) {
        row("wake ms".into(), &metrics.wakes.max_ms, whole, total(&metrics.wakes.count));
    }
    for ServiceMetrics { service, cpu_cores, memory_max_bytes, memory_limit_bytes, restarts, .. } in
        &metrics.services
    {
        row(format!("{service} cores"), cpu_cores, few, String::new());
        let memory: Vec<_> = memory_max_bytes.iter().map(|bytes| bytes.map(|bytes| bytes as f64)).collect();
        let limit = memory_limit_bytes.map(|limit| format!("of {}", size(limit as f64)));
        row(format!("{service} memory"), &memory, size, limit.unwrap_or_default());
        if restarts.iter().any(|count| *count > 0) {
            let counts: Vec<_> = restarts.iter().map(|count| Some(*count as f64)).collect();
            row(format!("{service} restarts"), &counts, whole, total(restarts));
        }
    }
    table.lines()
}

/// The values as bars, the oldest first; a gap where nothing was measured.
fn spark(values: &[Option<f64>], bars: [char; 8]) -> String {
    let columns = values.len().min(WIDTH);
    let highest = values.iter().flatten().copied().fold(0.0, f64::max);
    let column = |index: usize| {
        let part = values.get(index * values.len() / columns..(index + 1) * values.len() / columns);
        // Of the values that share a column the highest is shown: a peak must not vanish.
        let value = part.into_iter().flatten().flatten().copied().reduce(f64::max);
        value.map_or(' ', |value| {
            let height = if highest > 0.0 { (value / highest * 7.0).round() as usize } else { 0 };
            bars.get(height).copied().unwrap_or(' ')
        })
    };
    (0..columns).map(column).collect()
}

/// Three digits.
fn few(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        ..0.995 => format!("{value:.2}"),
        ..99.5 => format!("{value:.1}"),
        _ => whole(value),
    }
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn size(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return if unit == "B" { format!("{value:.0} B") } else { format!("{} {unit}", few(value)) };
        }
        value /= 1000.0;
    }
    format!("{} TB", few(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_seen_and_a_gap_is_a_gap() {
        let spark = |values: &[Option<f64>]| spark(values, BARS);
        assert_eq!(spark(&[]), "");
        assert_eq!(spark(&[Some(0.0), None, Some(0.0)]), "▁ ▁");
        assert_eq!(spark(&[Some(0.0), Some(1.0), Some(7.0), Some(3.5)]), "▁▂█▅");
        let mut many = vec![Some(0.0); 300];
        many[150] = Some(9.0);
        let drawn = spark(&many);
        assert_eq!((drawn.chars().count(), drawn.matches('█').count()), (WIDTH, 1));
        assert_eq!(super::spark(&[Some(0.0), Some(1.0)], ASCII), "_#");
    }

    #[test]
    fn figures_have_few_digits() {
        for (value, told) in
            [(0.0, "0"), (0.004, "0.00"), (0.25, "0.25"), (1.0, "1.0"), (12.34, "12.3"), (432.1, "432")]
        {
            assert_eq!(few(value), told);
        }
        for (bytes, told) in
            [(0.0, "0 B"), (999.0, "999 B"), (1500.0, "1.5 kB"), (512_000_000.0, "512 MB"), (2e12, "2.0 TB")]
        {
            assert_eq!(size(bytes), told);
        }
    }

    #[test]
    fn each_service_has_its_lines_and_what_never_happened_has_none() {
        let metrics: ProjectMetrics = serde_json::from_value(serde_json::json!({
            "from": 0, "to": 20, "step_s": 10, "times": [0, 10],
            "requests": {
                "by_class": { "2xx": [10, 30], "5xx": [0, 5] },
                "bytes_out": [0, 20000],
                "latency_ms": { "p50": [1.5, 2.5], "p95": [null, 9.0], "p99": [null, null] },
                "totals": { "bytes_out": 20000, "p50_ms": 2.0, "p95_ms": 9.0, "p99_ms": null },
            },
            "wakes": { "count": [0, 0], "max_ms": [null, null] },
            "services": [{
                "service": "web", "cpu_cores": [0.5, null], "memory_max_bytes": [1_000_000, 2_000_000],
                "memory_limit_bytes": 512_000_000, "restarts": [0, 2], "oom_kills": [0, 0],
            }],
        }))
        .unwrap();
        let told: Vec<String> =
            lines(&metrics, BARS).iter().map(|line| crate::output::safe_text::plain(line)).collect();
        let expected = [
            "FIGURE        TREND  LAST    HIGHEST  TOTAL",
            "requests/s    ▃█     3.5     3.5      45",
            "errors/s      ▁█     0.50    0.50     5",
            "bytes/s       ▁█     2.0 kB  2.0 kB   20.0 kB",
            "p50 ms        ▅█     2.5     2.5      2.0",
            "p95 ms         █     9.0     9.0      9.0",
            "p99 ms               -       -        -",
            "web cores     █      -       0.50     -",
            "web memory    ▅█     2.0 MB  2.0 MB   of 512 MB",
            "web restarts  ▁█     2       2        2",
        ];
        assert_eq!(told, expected);
    }
}
