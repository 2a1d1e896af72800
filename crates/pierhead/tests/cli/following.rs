//! `logs`: history, filters, and a live log that survives cut connections.

use serde_json::{Value, json};

use crate::fake::{Fake, Then, deployment, line, line_event, slot};
use crate::terminal::Terminal;

const LOGS: &str = "GET /deployments/3x9mq2p7ab/logs";
const STREAM: &str = "GET /deployments/3x9mq2p7ab/logs/stream";

fn page(lines: &[Value]) -> Value {
    let next = lines.last().map_or(4, |line| line["number"].as_u64().unwrap());
    json!({"lines": lines, "next": next, "last": 4})
}

fn with_history() -> Fake {
    let lines = [
        line(1, "build", "built"),
        line(2, "service", "\u{1b}[2J\u{1b}[31mlistening\u{1b}[0m"),
        json!({"number": 3, "time": "2026-11-20T11:00:00Z", "stream": "system", "step": "service", "text": "healthy"}),
        line(4, "service", "GET / 200\r"),
    ];
    Fake::new()
        .list("GET /projects/shop/deployments", json!([deployment(json!({}))]))
        .list("GET /projects/shop/slots", json!([slot("3x9mq2p7ab")]))
        .on("GET /deployments/3x9mq2p7ab", 200, deployment(json!({})))
        .on(LOGS, 200, page(&lines[..1]))
        .on(LOGS, 200, page(&lines))
        .on(LOGS, 200, page(&[]))
}

#[test]
fn history_without_control_sequences() {
    insta::assert_snapshot!(Terminal::with(&with_history()).transcript(&["logs -p shop"]));
    let raw = Terminal::with(&with_history()).run("logs -p shop --raw");
    assert!(String::from_utf8(raw.stdout).unwrap().contains("\u{1b}[2J"));
    let colored = Terminal::with(&with_history()).run("logs -p shop --color always");
    let colored = String::from_utf8(colored.stdout).unwrap();
    assert!(colored.contains("\u{1b}[31mlistening") && !colored.contains("[2J"));
}

#[test]
fn lines_as_json_and_with_times() {
    insta::assert_snapshot!(Terminal::with(&with_history()).transcript(&["logs -p shop --json"]));
    insta::assert_snapshot!(
        "times",
        Terminal::with(&with_history()).transcript(&["logs -p shop --timestamps -n 2"])
    );
}

#[test]
fn filters_reach_the_server() {
    let fake = with_history();
    let output = Terminal::with(&fake).run("logs 3x9mq2p7ab --search 'GET /' --step service --stream stdout");
    assert!(output.status.success());
    let query = &fake.asked(LOGS)[0].query;
    for part in ["q=GET+%2F", "step=service", "stream=stdout", "after=0"] {
        assert!(query.contains(part), "{query}");
    }
    assert_eq!(Terminal::with(&fake).run("logs 3x9mq2p7ab --since yesterday").status.code(), Some(2));
}

#[test]
fn a_cut_connection_loses_and_doubles_nothing() {
    let first: String =
        [line(5, "service", "five"), line(6, "service", "six")].iter().map(line_event).collect();
    let second: String = [line(6, "service", "six"), line(7, "service", "seven"), line(9, "service", "nine")]
        .iter()
        .map(line_event)
        .collect();
    let fake = with_history().events(STREAM, &first, Then::Cut).events(
        STREAM,
        &format!("{second}event: end\ndata:\n\n"),
        Then::Cut,
    );
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&["logs -p shop -f -n 1"]));
    let asked = fake.asked(STREAM);
    let resumed: Vec<&str> =
        asked.iter().map(|asked| asked.headers["last-event-id"].to_str().unwrap()).collect();
    assert_eq!(resumed, ["4", "6"]);
}

#[test]
fn the_next_deployment_of_the_slot_is_followed() {
    let next = deployment(json!({"id": "5eeeeeeeee", "number": 19}));
    let fake = Fake::new()
        .list("GET /projects/shop/deployments", json!([deployment(json!({}))]))
        .list("GET /projects/shop/slots", json!([slot("3x9mq2p7ab")]))
        .list("GET /projects/shop/slots", json!([slot("5eeeeeeeee")]))
        .on("GET /deployments/3x9mq2p7ab", 200, deployment(json!({})))
        .on("GET /deployments/5eeeeeeeee", 200, next)
        .on(LOGS, 200, json!({"lines": [], "next": 0, "last": 0}))
        .events(
            STREAM,
            &format!("{}event: end\ndata:\n\n", line_event(&line(1, "service", "old"))),
            Then::Cut,
        )
        .events(
            "GET /deployments/5eeeeeeeee/logs/stream",
            &format!("{}event: end\ndata:\n\n", line_event(&line(1, "service", "new"))),
            Then::Cut,
        );
    insta::assert_snapshot!(Terminal::with(&fake).transcript(&["logs -p shop -f"]));
}
