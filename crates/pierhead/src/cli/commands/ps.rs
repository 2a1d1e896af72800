//! `ps`: what runs for each slot.

use serde_json::json;

use crate::cli::client::types::Deployment;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;

pub(crate) async fn run(context: &Context) -> Result<(), Error> {
    let client = context.client()?;
    let chosen = target::project(context, &client).await?;
    let slots = client.slots(&chosen.name).await?.body;
    let wanted = context.globals.slot.as_deref();
    let mut table = Table::new(&["DEPLOYMENT", "SLOT", "STATE", "NODE", "MEMORY", "RESTARTS", "UP"]);
    let mut items = Vec::new();
    for slot in slots.iter().filter(|slot| wanted.is_none_or(|wanted| wanted == slot.name)) {
        let Some(id) = &slot.live else { continue };
        let answer = client.deployment(id).await?;
        let deployment = &answer.body;
        table.row([
            deployment.id.clone(),
            slot.name.clone(),
            state(deployment).to_owned(),
            deployment.node.clone().unwrap_or_default(),
            memory(deployment),
            deployment.instance.as_ref().map(|instance| instance.restarts.to_string()).unwrap_or_default(),
            context.moment(deployment.live_since()),
        ]);
        items.push(answer.raw);
    }
    let document = json!({ "items": items, "next_cursor": null });
    context.show_table(&document, &table, "Nothing is running.")
}

/// One word for people: the condition that matters most.
fn state(deployment: &Deployment) -> &'static str {
    let conditions = deployment.conditions;
    match &deployment.instance {
        _ if conditions.offline => "offline",
        _ if conditions.crash_looping => "crash-looping",
        _ if conditions.asleep => "asleep",
        None => "serving-files",
        Some(instance) if instance.healthy => "healthy",
        Some(_) => "unhealthy",
    }
}

fn memory(deployment: &Deployment) -> String {
    match (deployment.peak_memory_mb, &deployment.limits) {
        (Some(peak), Some(limits)) => format!("{peak}/{} MB", limits.memory_mb),
        (Some(peak), None) => format!("{peak} MB"),
        (None, _) => String::new(),
    }
}
