//! The calls about pipelines and the catalogue.

use std::collections::BTreeMap;

use pierhead_model::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Answer, Client};
use crate::cli::client::types::Page;
use crate::cli::error::Error;

/// A version of a pipeline.
#[derive(Debug, Deserialize)]
pub(crate) struct PipelineVersion {
    pub(crate) version: u64,
    #[serde(default)]
    pub(crate) generated: bool,
    pub(crate) pipeline: Value,
    #[serde(default)]
    pub(crate) message: Option<String>,
    #[serde(default)]
    pub(crate) created_by: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) warnings: Vec<DocumentProblem>,
}

/// What is wrong with a document, or hardly meant.
#[derive(Debug, Deserialize)]
pub(crate) struct DocumentProblem {
    pub(crate) severity: String,
    #[serde(default)]
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) line: Option<u32>,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) suggestion: Option<String>,
}

impl DocumentProblem {
    /// `error  line 4, steps.db.image: …`
    pub(crate) fn shown(&self) -> String {
        let line = self.line.map(|line| format!("line {line}"));
        let path = Some(self.path.clone()).filter(|path| !path.is_empty());
        let place: Vec<String> = line.into_iter().chain(path).collect();
        let place = if place.is_empty() { String::new() } else { format!("{}: ", place.join(", ")) };
        let hint = self.suggestion.as_ref().map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
        format!("{:<8} {place}{}{hint}", self.severity, self.message)
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct Validation {
    pub(crate) valid: bool,
    pub(crate) problems: Vec<DocumentProblem>,
    #[serde(default)]
    pub(crate) rounds: Vec<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) before: Value,
    #[serde(default)]
    pub(crate) after: Value,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Diff {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) changes: Vec<Change>,
}

#[derive(Debug, Serialize)]
pub(crate) struct DryRunRequest {
    pub(crate) version: Option<u64>,
    pub(crate) environment: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) parameters: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DryRun {
    pub(crate) ok: bool,
    pub(crate) version: u64,
    #[serde(default)]
    pub(crate) environment: String,
    pub(crate) problems: Vec<DocumentProblem>,
    #[serde(default)]
    pub(crate) rounds: Vec<Vec<String>>,
    #[serde(default)]
    pub(crate) images: Vec<DryRunImage>,
    #[serde(default)]
    pub(crate) room: Room,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DryRunImage {
    pub(crate) image: String,
    pub(crate) found: String,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Room {
    pub(crate) memory_mb: u64,
    pub(crate) cpu: f64,
}

/// A line of a compose import's report.
#[derive(Debug, Deserialize)]
pub(crate) struct ComposeNote {
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) result: Option<String>,
    pub(crate) reason: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ComposeReport {
    pub(crate) pipeline: Value,
    #[serde(default)]
    pub(crate) translated: Vec<ComposeNote>,
    #[serde(default)]
    pub(crate) inferred: Vec<ComposeNote>,
    #[serde(default)]
    pub(crate) ignored: Vec<ComposeNote>,
    #[serde(default)]
    pub(crate) refused: Vec<ComposeNote>,
    #[serde(default)]
    pub(crate) problems: Vec<DocumentProblem>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tags {
    pub(crate) items: Vec<Tag>,
    pub(crate) mode: String,
    #[serde(default)]
    pub(crate) pattern: Option<String>,
    #[serde(default)]
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) truncated: bool,
    #[serde(default)]
    pub(crate) stale: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Tag {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

/// An entry of the catalogue: a service or a plugin.
#[derive(Debug, Deserialize)]
pub(crate) struct CatalogueItem {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) image: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    /// Of services only.
    #[serde(default)]
    pub(crate) selectable_tags: Option<String>,
    /// Of plugins only.
    #[serde(default)]
    pub(crate) destroys: bool,
    #[serde(default)]
    pub(crate) version: u64,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Registry {
    pub(crate) name: String,
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) plain_http: bool,
    #[serde(default)]
    pub(crate) version: u64,
}

/// The password is written by hand where it is read.
#[derive(Serialize)]
pub(crate) struct RegistryRequest {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) plain_http: bool,
}

impl std::fmt::Debug for RegistryRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistryRequest")
            .field("name", &self.name)
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct RegistryTest {
    pub(crate) ok: bool,
    #[serde(default)]
    pub(crate) authenticated: bool,
    #[serde(default)]
    pub(crate) problem: Option<RegistryProblem>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct RegistryProblem {
    pub(crate) detail: String,
}

/// Which part of the catalogue.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Services,
    Plugins,
}

impl Kind {
    const fn path(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Plugins => "plugins",
        }
    }
}

impl Client<'_> {
    /// The latest version, or one of them.
    pub(crate) async fn pipeline(
        &self,
        project: &str,
        version: Option<u64>,
    ) -> Result<Answer<PipelineVersion>, Error> {
        let version = version.map(|version| version.to_string());
        let mut path = vec!["projects", project, "pipeline"];
        if let Some(version) = &version {
            path.extend(["versions", version]);
        }
        self.call(self.request(Method::GET, &path)).await
    }

    pub(crate) async fn pipeline_versions(
        &self,
        project: &str,
    ) -> Result<Answer<Page<PipelineVersion>>, Error> {
        let request = self.request(Method::GET, &["projects", project, "pipeline", "versions"]);
        self.call(request.query("limit", Some("200"))).await
    }

    pub(crate) async fn pipeline_save(
        &self,
        project: &str,
        document: &str,
        message: Option<&str>,
        if_version: Option<u64>,
    ) -> Result<Answer<PipelineVersion>, Error> {
        let request = self.request(Method::PUT, &["projects", project, "pipeline"]);
        let mut request = request.query("message", message).document(document);
        if let Some(version) = if_version {
            request = request.if_match(version);
        }
        self.call(request).await
    }

    pub(crate) async fn pipeline_validate(
        &self,
        project: &str,
        document: &str,
    ) -> Result<Answer<Validation>, Error> {
        let request = self.request(Method::POST, &["projects", project, "pipeline", "validate"]);
        self.call(request.document(document)).await
    }

    pub(crate) async fn pipeline_diff(
        &self,
        project: &str,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Answer<Diff>, Error> {
        let (from, to) = (from.map(|it| it.to_string()), to.map(|it| it.to_string()));
        let request = self.request(Method::GET, &["projects", project, "pipeline", "diff"]);
        self.call(request.query("from", from.as_deref()).query("to", to.as_deref())).await
    }

    pub(crate) async fn pipeline_dry_run(
        &self,
        project: &str,
        body: &DryRunRequest,
    ) -> Result<Answer<DryRun>, Error> {
        let request = self.request(Method::POST, &["projects", project, "pipeline", "dry-run"]);
        self.call(request.body(body)).await
    }

    pub(crate) async fn template(&self, name: &str) -> Result<Answer<Value>, Error> {
        self.call(self.request(Method::GET, &["templates", name])).await
    }

    pub(crate) async fn templates(&self) -> Result<Answer<Page<CatalogueItem>>, Error> {
        self.call(self.request(Method::GET, &["templates"])).await
    }

    pub(crate) async fn import_compose(
        &self,
        compose: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Answer<ComposeReport>, Error> {
        let body = json!({ "compose": compose, "values": values });
        self.call(self.request(Method::POST, &["import", "compose"]).body(&body)).await
    }

    pub(crate) async fn catalogue(&self, kind: Kind) -> Result<Answer<Page<CatalogueItem>>, Error> {
        self.call(self.request(Method::GET, &[kind.path()])).await
    }

    pub(crate) async fn catalogue_item(
        &self,
        kind: Kind,
        name: &str,
    ) -> Result<Answer<CatalogueItem>, Error> {
        self.call(self.request(Method::GET, &[kind.path(), name])).await
    }

    /// Changes the entry of that name, or makes it.
    pub(crate) async fn catalogue_apply(
        &self,
        kind: Kind,
        name: &str,
        document: &str,
    ) -> Result<Answer<CatalogueItem>, Error> {
        let request = match self.catalogue_item(kind, name).await {
            Ok(found) => self.request(Method::PUT, &[kind.path(), name]).if_match(found.body.version),
            Err(Error::Problem(problem)) if problem.status == 404 => {
                self.request(Method::POST, &[kind.path()])
            }
            Err(error) => return Err(error),
        };
        self.call(request.document(document)).await
    }

    pub(crate) async fn catalogue_delete(&self, kind: Kind, name: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &[kind.path(), name])).await.map(drop)
    }

    pub(crate) async fn service_tags(&self, name: &str, search: Option<&str>) -> Result<Answer<Tags>, Error> {
        self.call(self.request(Method::GET, &["services", name, "tags"]).query("q", search)).await
    }

    pub(crate) async fn registries(&self) -> Result<Answer<Page<Registry>>, Error> {
        self.call(self.request(Method::GET, &["registries"])).await
    }

    pub(crate) async fn registry(&self, name: &str) -> Result<Answer<Registry>, Error> {
        self.call(self.request(Method::GET, &["registries", name])).await
    }

    pub(crate) async fn registry_create(&self, body: &RegistryRequest) -> Result<Answer<Registry>, Error> {
        self.call(self.request(Method::POST, &["registries"]).body(body)).await
    }

    pub(crate) async fn registry_replace(
        &self,
        body: &RegistryRequest,
        if_version: u64,
    ) -> Result<Answer<Registry>, Error> {
        let request = self.request(Method::PUT, &["registries", &body.name]).if_match(if_version);
        self.call(request.body(body)).await
    }

    pub(crate) async fn registry_test(&self, name: &str) -> Result<Answer<RegistryTest>, Error> {
        self.call(self.request(Method::POST, &["registries", name, "test"])).await
    }

    pub(crate) async fn registry_delete(&self, name: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["registries", name])).await.map(drop)
    }
}
