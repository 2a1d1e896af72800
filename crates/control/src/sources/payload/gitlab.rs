//! GitLab. <https://docs.gitlab.com/user/project/integrations/webhook_events/>

use pierhead_model::pull::PullRequest;
use serde_json::Value;

use super::{Happening, Parsed, Pull, Push, branch_of, commit, nothing, places, text, time};

pub(super) fn read(event: &str, payload: &Value) -> Parsed {
    let happening = match event {
        "Push Hook" | "System Hook" => pushed(payload),
        "Merge Request Hook" => merge(payload),
        "Tag Push Hook" => nothing("tags are not followed"),
        other => nothing(format!("`{other}` changes nothing here")),
    };
    Parsed { places: places(payload), happening }
}

fn pushed(payload: &Value) -> Happening {
    let branch = match branch_of(payload) {
        Ok(branch) => branch,
        Err(nothing) => return nothing,
    };
    let head = commit(payload, "/after");
    // The newest commit is the last of the list.
    let commits = payload.pointer("/commits").and_then(Value::as_array);
    let newest = commits.and_then(|commits| {
        commits.iter().find(|found| found.get("id").and_then(Value::as_str) == head.as_deref())
    });
    Happening::Pushed(Push {
        branch: Some(branch),
        message: newest.and_then(|newest| text(newest, "/message")),
        commit: head,
        by: text(payload, "/user_username").or_else(|| text(payload, "/user_name")),
        default_branch: text(payload, "/project/default_branch"),
    })
}

fn merge(payload: &Value) -> Happening {
    let attribute = |name: &str| format!("/object_attributes/{name}");
    let Some(number) = payload.pointer(&attribute("iid")).and_then(Value::as_u64) else {
        return nothing("the event names no merge request");
    };
    let Some(base) = text(payload, &attribute("target_branch")) else {
        return nothing("the merge request names no branch to merge into");
    };
    let id = |name: &str| payload.pointer(&attribute(name)).and_then(Value::as_u64);
    let request = PullRequest {
        number,
        open: matches!(text(payload, &attribute("state")).as_deref(), Some("opened" | "reopened" | "locked")),
        title: text(payload, &attribute("title")).unwrap_or_default(),
        author: text(payload, "/user/username").unwrap_or_default(),
        url: text(payload, &attribute("url")).unwrap_or_default(),
        base,
        fork: id("source_project_id").is_none() || id("source_project_id") != id("target_project_id"),
        updated_at: time(payload, &attribute("updated_at")),
        approval: None,
    };
    Happening::Pull(Box::new(Pull {
        request,
        commit: commit(payload, &attribute("last_commit/id")),
        default_branch: text(payload, "/project/default_branch"),
    }))
}
