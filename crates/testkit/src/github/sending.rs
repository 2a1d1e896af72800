//! What GitHub sends by webhooks, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Inside;
use crate::hook::Hook;

/// Sends a `ping` by a webhook, once its answer is given, and writes down what became of it.
pub(super) fn ping(inside: &Arc<Mutex<Inside>>, id: u64) {
    let inside = Arc::clone(inside);
    tokio::spawn(async move {
        let (hook, delivery) = {
            let mut inside = inside.lock();
            let Some(hook) = inside.hooks.iter().find(|it| it["id"] == id).cloned() else { return };
            (hook, inside.next())
        };
        let outcome = send(&hook, &format!("ping-{delivery}")).await;
        note(&mut inside.lock(), Some(id), "ping", (&outcome.0, outcome.1));
    });
}

pub(super) fn note(inside: &mut Inside, hook: Option<u64>, event: &str, (status, code): (&str, u16)) {
    let id = inside.next();
    let delivery = json!({
        "id": id, "guid": format!("guid-{id}"), "delivered_at": jiff::Timestamp::now().to_string(), "redelivery": false,
        "duration": 0.03, "status": status, "status_code": code, "event": event, "action": null,
        "installation_id": null, "repository_id": null,
    });
    inside.deliveries.insert(0, (hook, delivery));
}

async fn send(hook: &Value, delivery: &str) -> (String, u16) {
    let config = &hook["config"];
    let body =
        json!({ "zen": "Keep it logically awesome.", "hook_id": hook["id"], "hook": hook }).to_string();
    let ping = Hook::new("ping", delivery, body, config["secret"].as_str().unwrap_or_default());
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let request = client
        .post(config["url"].as_str().unwrap_or_default())
        .header("content-type", "application/json")
        .header("x-github-event", ping.event)
        .header("x-github-delivery", ping.delivery)
        .header("x-hub-signature-256", ping.signature)
        .body(ping.body);
    match request.send().await.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => ("OK".to_owned(), status.as_u16()),
        Ok(status) => (format!("Invalid HTTP Response: {}", status.as_u16()), status.as_u16()),
        Err(error) if error.is_timeout() => ("timed out".to_owned(), 0),
        Err(_) => ("failed to connect to host".to_owned(), 0),
    }
}
