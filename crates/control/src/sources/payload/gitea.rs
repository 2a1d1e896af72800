//! Gitea and Forgejo: GitHub's words, with small differences. <https://docs.gitea.com/usage/webhooks>

use serde_json::Value;

use super::{Happening, Parsed, Push, github, nothing, places, text};

pub(super) fn read(event: &str, payload: &Value) -> Parsed {
    let happening = match event {
        "push" => match github::pushed(payload) {
            Happening::Pushed(push) => {
                let message = push.message.or_else(|| text(payload, "/commits/0/message"));
                Happening::Pushed(Push { message, ..push })
            }
            other => other,
        },
        event if event == "pull_request" || event.starts_with("pull_request_sync") => github::pull(payload),
        other => nothing(format!("`{other}` changes nothing here")),
    };
    Parsed { places: places(payload), happening }
}
