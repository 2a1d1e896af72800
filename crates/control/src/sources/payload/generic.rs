//! Anybody: `{"ref": "main", "commit": "…"}`, or nothing at all for the project's own branch.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Happening, Parsed, Push, commit, text};

pub(super) fn read(payload: &Value) -> Parsed {
    // Standard Webhooks recommend `{type, timestamp, data}`.
    let data = payload.get("data").filter(|data| data.is_object()).unwrap_or(payload);
    let reference = text(data, "/ref").or_else(|| text(data, "/branch"));
    let branch = reference.map(|it| it.strip_prefix("refs/heads/").unwrap_or(&it).to_owned());
    let happening = Happening::Pushed(Push {
        branch,
        commit: commit(data, "/commit").or_else(|| commit(data, "/after")),
        message: text(data, "/message"),
        by: text(data, "/by"),
        default_branch: None,
    });
    // Its address names the project already.
    Parsed { places: BTreeSet::new(), happening }
}
