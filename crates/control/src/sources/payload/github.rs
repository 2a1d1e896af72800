//! GitHub. <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

use pierhead_model::pull::PullRequest;
use serde_json::Value;

use super::{
    Happening, Installation, InstallationChange, Parsed, Pull, Push, branch_of, commit, nothing, places,
    text, time,
};

pub(super) fn read(event: &str, payload: &Value) -> Parsed {
    let happening = match event {
        "push" => pushed(payload),
        "pull_request" => pull(payload),
        "installation" => installation(payload),
        "installation_repositories" => repositories(payload),
        "ping" => Happening::Ping,
        other => nothing(format!("`{other}` changes nothing here")),
    };
    Parsed { places: places(payload), happening }
}

fn installation(payload: &Value) -> Happening {
    let change = match payload.pointer("/action").and_then(Value::as_str) {
        Some("deleted") => InstallationChange::Ended("uninstalled"),
        Some("suspend") => InstallationChange::Ended("suspended"),
        Some("created" | "unsuspend" | "new_permissions_accepted") => InstallationChange::Usable,
        _ => return nothing("nothing follows from this about an installation"),
    };
    of_installation(payload, change)
}

fn repositories(payload: &Value) -> Happening {
    let ids = |name: &str| {
        let list = payload.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|it| it.get("id")?.as_u64()).collect()
    };
    let (added, removed) = (ids("repositories_added"), ids("repositories_removed"));
    of_installation(payload, InstallationChange::Repositories { added, removed })
}

fn of_installation(payload: &Value, change: InstallationChange) -> Happening {
    let Some(id) = payload.pointer("/installation/id").and_then(Value::as_u64) else {
        return nothing("the event names no installation");
    };
    let account = text(payload, "/installation/account/login").unwrap_or_default();
    Happening::Installation(Installation { id, account, change })
}

/// The same fields in Gitea.
pub(super) fn pushed(payload: &Value) -> Happening {
    let branch = match branch_of(payload) {
        Ok(branch) => branch,
        Err(nothing) => return nothing,
    };
    let by = text(payload, "/sender/login").or_else(|| text(payload, "/pusher/name"));
    Happening::Pushed(Push {
        branch: Some(branch),
        commit: commit(payload, "/after"),
        message: text(payload, "/head_commit/message"),
        by,
        default_branch: text(payload, "/repository/default_branch"),
    })
}

/// The same fields in Gitea.
pub(super) fn pull(payload: &Value) -> Happening {
    let Some(number) = payload.pointer("/pull_request/number").and_then(Value::as_u64) else {
        return nothing("the event names no pull request");
    };
    let Some(base) = text(payload, "/pull_request/base/ref") else {
        return nothing("the pull request names no branch to merge into");
    };
    let id = |side: &str| payload.pointer(&format!("/pull_request/{side}/repo/id")).and_then(Value::as_u64);
    let request = PullRequest {
        number,
        open: payload.pointer("/pull_request/state").and_then(Value::as_str) == Some("open"),
        title: text(payload, "/pull_request/title").unwrap_or_default(),
        author: text(payload, "/pull_request/user/login").unwrap_or_default(),
        url: text(payload, "/pull_request/html_url").unwrap_or_default(),
        base,
        // A repository that is gone was not this one.
        fork: id("head").is_none() || id("head") != id("base"),
        updated_at: time(payload, "/pull_request/updated_at"),
        approval: None,
    };
    Happening::Pull(Box::new(Pull {
        request,
        commit: commit(payload, "/pull_request/head/sha"),
        default_branch: text(payload, "/repository/default_branch"),
    }))
}
