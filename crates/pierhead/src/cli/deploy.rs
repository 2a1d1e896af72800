//! Deploying, and watching until it is live or has failed.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::Client;
use super::{Failed, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    /// A repository's address.
    #[arg(value_name = "REPOSITORY")]
    repository: Option<String>,
    /// Deploy this project instead, from its own repository.
    #[arg(short, long, visible_alias = "app")]
    project: Option<String>,
    #[arg(long)]
    branch: Option<String>,
    #[arg(long)]
    root_directory: Option<String>,
    #[arg(short, long)]
    slot: Option<String>,
    /// A branch, tag or commit of the project's repository.
    #[arg(long = "ref")]
    reference: Option<String>,
    #[arg(long)]
    no_cache: bool,
    /// Do not wait.
    #[arg(short, long, visible_alias = "no-wait")]
    detach: bool,
}

impl Deploy {
    pub(crate) async fn run(self, client: &Client, json: bool) -> Outcome {
        let accepted = match (&self.project, &self.repository) {
            (Some(project), None) => {
                let body = json!({ "slot": self.slot, "ref": self.reference, "no_cache": self.no_cache });
                client.post(&format!("/projects/{project}/deployments"), &body).await?
            }
            (None, Some(repository)) => {
                let mut body = json!({ "repository": repository });
                for (name, value) in [("branch", &self.branch), ("root_directory", &self.root_directory)] {
                    if let Some(value) = value {
                        body[name] = value.clone().into();
                    }
                }
                client.post("/deployments", &body).await?
            }
            _ => {
                return Err(Failed::new(
                    2,
                    "Say what to deploy: pierhead deploy https://host/repository, or --project NAME",
                ));
            }
        };
        finish(client, accepted, self.detach, json).await
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct OfDeployment {
    deployment: String,
}

impl OfDeployment {
    pub(crate) async fn redeploy(self, client: &Client, json: bool) -> Outcome {
        let accepted = client.post(&format!("/deployments/{}/redeploy", self.deployment), &json!({})).await?;
        finish(client, accepted, false, json).await
    }

    pub(crate) async fn cancel(self, client: &Client, json: bool) -> Outcome {
        client.post(&format!("/deployments/{}/cancel", self.deployment), &json!({})).await?;
        let ended = until_settled(client, &self.deployment, |_| {}).await?;
        if json {
            output::answer(&ended.to_string());
        } else {
            output::say(&format!("{} is {}", self.deployment, text(&ended, "state")));
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    /// An earlier deployment; without it, the one before the live one.
    deployment: Option<String>,
    #[arg(short, long, visible_alias = "app", required_unless_present = "deployment")]
    project: Option<String>,
    #[arg(short, long, default_value = "production")]
    slot: String,
}

impl Rollback {
    pub(crate) async fn run(self, client: &Client, json: bool) -> Outcome {
        let path = match (&self.deployment, &self.project) {
            (Some(deployment), _) => format!("/deployments/{deployment}/rollback"),
            (None, Some(project)) => format!("/projects/{project}/rollback?slot={}", self.slot),
            (None, None) => {
                return Err(Failed::new(2, "Say what to roll back: a deployment, or --project NAME"));
            }
        };
        let accepted = client.post(&path, &json!({})).await?;
        finish(client, accepted, false, json).await
    }
}

/// Watches a deployment, and prints its URL as the one line of the answer.
async fn finish(client: &Client, accepted: Value, detach: bool, json: bool) -> Outcome {
    let id = text(&accepted, "id");
    if !json {
        output::say(&format!("{} → {} as {id}", text(&accepted, "project"), text(&accepted, "slot")));
    }
    let ended = if detach {
        accepted
    } else {
        let mut shown = String::new();
        until_settled(client, &id, |now| {
            let state = text(now, "state");
            if !json && state != shown {
                output::say(&state.to_lowercase());
                shown = state;
            }
        })
        .await?
    };
    let failed = text(&ended, "state") == "FAILED";
    if json {
        output::answer(&ended.to_string());
    } else if failed {
        show_failure(client, &id, &ended).await;
    } else {
        output::answer(&text(&ended, "url"));
    }
    Ok(if failed { ExitCode::from(5) } else { ExitCode::SUCCESS })
}

async fn show_failure(client: &Client, id: &str, ended: &Value) {
    if let Ok(log) = client.get(&format!("/deployments/{id}/logs?limit=10000")).await {
        let lines: Vec<&Value> = log["lines"].as_array().into_iter().flatten().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(30)) {
            output::say(&format!("    {}", output::harmless(line["text"].as_str().unwrap_or_default())));
        }
    }
    let detail = output::harmless(ended["failure"]["detail"].as_str().unwrap_or_default());
    output::error(&format!("{}: {detail}", text(ended, "reason")));
}

/// Asks again and again, each time waiting on the server, until it is live or has ended.
async fn until_settled(client: &Client, id: &str, mut seen: impl FnMut(&Value)) -> Result<Value, Failed> {
    loop {
        let now = client.get(&format!("/deployments/{id}?wait=2")).await?;
        seen(&now);
        if !matches!(text(&now, "state").as_str(), "QUEUED" | "BUILDING" | "PROVISIONING") {
            return Ok(now);
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
