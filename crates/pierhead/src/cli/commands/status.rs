//! `status`: per slot, what is live and what is on its way.

use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;
use crate::output::Table;
use crate::output::style::{BOLD, paint};

pub(crate) async fn run(context: &Context) -> Result<(), Error> {
    let client = context.client()?;
    let chosen = target::project(context, &client).await?;
    let slots = client.slots(&chosen.name).await?;
    let mut table = Table::new(&["SLOT", "LIVE", "VERSION", "SINCE", "ON ITS WAY", "URL"]);
    let mut items = Vec::new();
    for (slot, raw) in slots.body.iter().zip(slots.raw["items"].as_array().into_iter().flatten()) {
        let live = match &slot.live {
            Some(id) => Some(client.deployment(id).await?),
            None => None,
        };
        let latest = match &slot.latest {
            Some(id) if Some(id) != slot.live.as_ref() => Some(client.deployment(id).await?),
            _ => None,
        };
        let coming = latest
            .as_ref()
            .map(|latest| format!("{} {}", latest.body.id, latest.body.state))
            .unwrap_or_default();
        let live_body = live.as_ref().map(|live| &live.body);
        table.row([
            slot.name.clone(),
            live_body.map(|live| live.id.clone()).unwrap_or_default(),
            live_body.map(|live| live.version()).unwrap_or_default(),
            context.moment(live_body.and_then(|live| live.live_since())),
            coming,
            slot.url.clone(),
        ]);
        items.push(json!({ "slot": raw, "live": live.map(|live| live.raw), "latest": latest.map(|latest| latest.raw) }));
    }
    context.say(&format!("{}  ({})", paint(BOLD, &chosen.name), chosen.because));
    let document = json!({ "project": chosen.name, "slots": items });
    context.show_table(&document, &table, "Nothing was deployed yet: pierhead deploy")
}
