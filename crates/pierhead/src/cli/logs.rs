//! Logs: what is there, and with `-f` what comes.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::client::Client;
use super::{Failed, Outcome};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Logs {
    deployment: Option<String>,
    /// The newest deployment of this project.
    #[arg(short, long, visible_alias = "app", required_unless_present = "deployment")]
    project: Option<String>,
    /// Go on as lines come, until the deployment has ended.
    #[arg(short, long, aliases = ["tail"])]
    follow: bool,
    /// Only what the build said.
    #[arg(long)]
    build: bool,
    #[arg(long)]
    step: Option<String>,
    /// Lines that contain this.
    #[arg(long)]
    search: Option<String>,
    /// The last so many lines.
    #[arg(short = 'n', long, default_value_t = 100)]
    lines: usize,
}

impl Logs {
    pub(crate) async fn run(self, client: &Client, json: bool) -> Outcome {
        let id = self.deployment_id(client).await?;
        let mut filter = String::new();
        if let Some(step) = self.step.as_deref().or_else(|| self.build.then_some("build")) {
            filter.push_str(&format!("&step={step}"));
        }
        if let Some(search) = &self.search {
            filter.push_str(&format!(
                "&q={}",
                url::form_urlencoded::byte_serialize(search.as_bytes()).collect::<String>()
            ));
        }
        let mut after = 0;
        let mut first = true;
        loop {
            let page =
                client.get(&format!("/deployments/{id}/logs?after={after}&limit=10000{filter}")).await?;
            let lines: Vec<&Value> = page["lines"].as_array().into_iter().flatten().collect();
            let skipped = if first { lines.len().saturating_sub(self.lines) } else { 0 };
            for line in lines.iter().skip(skipped) {
                print(line, json);
            }
            let next = page["next"].as_u64().unwrap_or(after);
            let more = next > after;
            (after, first) = (next, false);
            if more {
                continue;
            }
            if !self.follow {
                return Ok(ExitCode::SUCCESS);
            }
            let now = client.get(&format!("/deployments/{id}")).await?;
            if matches!(now["state"].as_str(), Some("FAILED" | "INACTIVE")) {
                return Ok(ExitCode::SUCCESS);
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn deployment_id(&self, client: &Client) -> Result<String, Failed> {
        if let Some(deployment) = &self.deployment {
            return Ok(deployment.clone());
        }
        let project = self.project.as_deref().unwrap_or_default();
        let list = client.get(&format!("/projects/{project}/deployments?limit=1")).await?;
        let newest = list["items"][0]["id"].as_str().map(ToOwned::to_owned);
        newest.ok_or_else(|| Failed::new(4, format!("{project} has no deployment yet.")))
    }
}

fn print(line: &Value, json: bool) {
    if json {
        output::answer(&line.to_string());
    } else {
        output::answer(&output::harmless(line["text"].as_str().unwrap_or_default()));
    }
}
