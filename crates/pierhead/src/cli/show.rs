//! Lists, in aligned columns, ids first.

use std::process::ExitCode;

use serde_json::Value;

use super::Outcome;
use super::client::Client;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Deployments {
    #[arg(short, long, visible_alias = "app")]
    project: Option<String>,
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
}

impl Deployments {
    pub(crate) async fn run(self, client: &Client, json: bool) -> Outcome {
        let project = self.project.map(|project| format!("&project={project}")).unwrap_or_default();
        let list = client.get(&format!("/deployments?limit={}{project}", self.limit)).await?;
        table(&list, json, &["id", "project", "slot", "state", "reason", "created_at"])
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct OfProject {
    #[arg(short, long, visible_alias = "app")]
    project: String,
}

impl OfProject {
    pub(crate) async fn slots(self, client: &Client, json: bool) -> Outcome {
        let list = client.get(&format!("/projects/{}/slots", self.project)).await?;
        table(&list, json, &["name", "environment", "live", "url"])
    }
}

pub(crate) async fn projects(client: &Client, json: bool) -> Outcome {
    let list = client.get("/projects?limit=200").await?;
    table(&list, json, &["name", "url", "live", "created_at"])
}

pub(crate) async fn verify(client: &Client, json: bool) -> Outcome {
    let verdict = client.get("/verify").await?;
    let ok = verdict["ok"] == true;
    if json {
        output::answer(&verdict.to_string());
    } else {
        for check in verdict["checks"].as_array().into_iter().flatten() {
            let mark = if check["ok"] == true { "ok  " } else { "FAIL" };
            let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
            let detail = check["detail"].as_str().map(|detail| format!(": {detail}")).unwrap_or_default();
            output::answer(&format!("{mark}  {:6}  {}{detail}", text("id"), text("name")));
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(list: &Value, json: bool, columns: &[&str]) -> Outcome {
    if json {
        output::answer(&list.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let items = list["items"].as_array().cloned().unwrap_or_default();
    if items.is_empty() {
        output::say("Nothing yet. Deploy something: pierhead deploy https://host/repository");
        return Ok(ExitCode::SUCCESS);
    }
    let shown = |value: &Value| match value {
        Value::String(text) => output::harmless(text),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|column| column.to_uppercase()).collect()];
    rows.extend(items.iter().map(|item| columns.iter().map(|column| shown(&item[*column])).collect()));
    let width =
        |index: usize| rows.iter().filter_map(|row| row.get(index)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        output::answer(cells.join("  ").trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
