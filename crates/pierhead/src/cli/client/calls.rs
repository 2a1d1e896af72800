//! Every path of the API that the command line calls.

use reqwest::Method;
use serde_json::{Value, json};

use super::types::{
    Deployment, Detect, EnvironmentItem, Event, LogPage, Login, Me, NewClone, NewDeployment,
    NewQuickDeployment, NewToken, NewVariable, NewVariables, Node, Page, Project, ProjectMetrics, Slot,
    Token, Tokens, VariableValue, Variables, Verdict,
};
use super::{Answer, Client, Request, types};
use crate::cli::error::Error;

/// A list longer than this is cut, with a hint; in items.
const MAX_ITEMS: usize = 5_000;

/// Which deployments to list.
#[derive(Debug, Default, Clone)]
pub(crate) struct DeploymentFilter<'f> {
    pub(crate) slot: Option<&'f str>,
    pub(crate) state: Option<&'f str>,
    pub(crate) limit: Option<usize>,
}

/// Which log lines to get.
#[derive(Debug, Default, Clone)]
pub(crate) struct LogFilter {
    pub(crate) search: Option<String>,
    pub(crate) stream: Option<String>,
    pub(crate) step: Option<String>,
    /// Whose log, of a deployment that is on several nodes.
    pub(crate) node: Option<String>,
}

impl LogFilter {
    pub(crate) fn is_empty(&self) -> bool {
        self.search.is_none() && self.stream.is_none() && self.step.is_none()
    }

    fn apply(&self, request: Request) -> Request {
        request
            .query("q", self.search.as_deref())
            .query("stream", self.stream.as_deref())
            .query("step", self.step.as_deref())
            .query("node", self.node.as_deref())
    }
}

impl Client<'_> {
    pub(crate) async fn login(&self, email: &str, password: &str) -> Result<Tokens, Error> {
        let request = self.request(Method::POST, &["auth", "login"]).body(&Login { email, password });
        Ok(self.call(request).await?.body)
    }

    pub(crate) async fn device_begin(&self, name: &str) -> Result<types::DeviceBegun, Error> {
        let request = self.request(Method::POST, &["auth", "device"]).without_key();
        Ok(self.call(request.body(&serde_json::json!({ "name": name }))).await?.body)
    }

    pub(crate) async fn device_token(&self, device_code: &str) -> Result<types::DeviceToken, Error> {
        let request = self.request(Method::POST, &["auth", "device", "token"]).without_key();
        Ok(self.call(request.body(&serde_json::json!({ "device_code": device_code }))).await?.body)
    }

    pub(crate) async fn logout(&self, everywhere: bool) -> Result<(), Error> {
        let everywhere = everywhere.then_some("true");
        let request = self.request(Method::POST, &["auth", "logout"]).query("everywhere", everywhere);
        self.call_raw(&request).await.map(drop)
    }

    pub(crate) async fn me(&self) -> Result<Answer<Me>, Error> {
        self.call(self.request(Method::GET, &["me"])).await
    }

    pub(crate) async fn detect(
        &self,
        body: &Detect,
    ) -> Result<Answer<pierhead_model::plan::BuildPlan>, Error> {
        self.call(self.request(Method::POST, &["detect"]).body(body)).await
    }

    pub(crate) async fn deploy_repository(
        &self,
        body: &NewQuickDeployment,
    ) -> Result<Answer<Deployment>, Error> {
        self.call(self.request(Method::POST, &["deployments"]).body(body)).await
    }

    pub(crate) async fn deploy_project(
        &self,
        project: &str,
        body: &NewDeployment,
    ) -> Result<Answer<Deployment>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "deployments"]).body(body)).await
    }

    pub(crate) async fn create_project(
        &self,
        body: &types::NewProject<'_>,
    ) -> Result<Answer<Project>, Error> {
        self.call(self.request(Method::POST, &["projects"]).body(body)).await
    }

    /// Announcing twice is the same as once, so it carries no key.
    pub(crate) async fn upload_begin(
        &self,
        project: &str,
        tree: &pierhead_model::tree::FileTree,
    ) -> Result<Answer<types::Upload>, Error> {
        let request = self.request(Method::POST, &["projects", project, "uploads"]);
        self.call(request.body(tree).without_key()).await
    }

    pub(crate) async fn upload_put(
        &self,
        project: &str,
        digest: &str,
        path: std::path::PathBuf,
        size: u64,
    ) -> Result<(), Error> {
        let request = self.request(Method::PUT, &["projects", project, "uploads", "files", digest]);
        self.call_raw(&request.file(path, size)).await.map(drop)
    }

    pub(crate) async fn deployment(&self, id: &str) -> Result<Answer<Deployment>, Error> {
        self.call(self.request(Method::GET, &["deployments", id])).await
    }

    pub(crate) async fn deployments(
        &self,
        project: &str,
        filter: &DeploymentFilter<'_>,
    ) -> Result<Answer<Vec<Deployment>>, Error> {
        let request = self
            .request(Method::GET, &["projects", project, "deployments"])
            .query("slot", filter.slot)
            .query("state", filter.state);
        self.list(request, filter.limit).await
    }

    pub(crate) async fn deployment_events(&self, id: &str) -> Result<Answer<Vec<Event>>, Error> {
        self.list(self.request(Method::GET, &["deployments", id, "events"]), None).await
    }

    pub(crate) async fn deployment_delete(&self, id: &str) -> Result<Value, Error> {
        self.call_raw(&self.request(Method::DELETE, &["deployments", id])).await
    }

    /// `cancel` or `redeploy`.
    pub(crate) async fn deployment_act(&self, id: &str, action: &str) -> Result<Answer<Deployment>, Error> {
        self.call(self.request(Method::POST, &["deployments", id, action])).await
    }

    pub(crate) async fn rollback(
        &self,
        id: &str,
        current_variables: bool,
    ) -> Result<Answer<Deployment>, Error> {
        let current_variables = current_variables.then_some("true");
        let request = self
            .request(Method::POST, &["deployments", id, "rollback"])
            .query("current_variables", current_variables);
        self.call(request).await
    }

    pub(crate) async fn projects(&self, search: Option<&str>) -> Result<Answer<Vec<Project>>, Error> {
        self.list(self.request(Method::GET, &["projects"]).query("q", search), None).await
    }

    pub(crate) async fn project(&self, name: &str) -> Result<Answer<Project>, Error> {
        self.call(self.request(Method::GET, &["projects", name])).await
    }

    pub(crate) async fn project_create(&self, body: &Value) -> Result<Answer<Project>, Error> {
        self.call(self.request(Method::POST, &["projects"]).body(body)).await
    }

    pub(crate) async fn project_update(&self, name: &str, patch: &Value) -> Result<Answer<Project>, Error> {
        self.call(self.request(Method::PATCH, &["projects", name]).body(patch)).await
    }

    pub(crate) async fn project_delete(&self, name: &str) -> Result<Value, Error> {
        self.call_raw(&self.request(Method::DELETE, &["projects", name])).await
    }

    /// What is `None` is not asked for.
    pub(crate) async fn metrics(
        &self,
        project: &str,
        filters: &[(&str, Option<&str>)],
    ) -> Result<Answer<ProjectMetrics>, Error> {
        let request = self.request(Method::GET, &["projects", project, "metrics"]);
        let request = filters.iter().fold(request, |request, (name, value)| request.query(name, *value));
        self.call(request).await
    }

    pub(crate) async fn slots(&self, project: &str) -> Result<Answer<Vec<Slot>>, Error> {
        self.list(self.request(Method::GET, &["projects", project, "slots"]), None).await
    }

    pub(crate) async fn slot_delete(&self, project: &str, slot: &str) -> Result<Value, Error> {
        self.call_raw(&self.request(Method::DELETE, &["projects", project, "slots", slot])).await
    }

    pub(crate) async fn slot_extend(
        &self,
        project: &str,
        slot: &str,
        lifetime_s: Option<u32>,
    ) -> Result<Answer<Slot>, Error> {
        let request = self.request(Method::POST, &["projects", project, "slots", slot, "extend"]);
        self.call(request.body(&json!({ "lifetime_s": lifetime_s }))).await
    }

    pub(crate) async fn slot_clone(
        &self,
        project: &str,
        slot: &str,
        body: &NewClone,
    ) -> Result<Answer<Deployment>, Error> {
        let request = self.request(Method::POST, &["projects", project, "slots", slot, "clone"]);
        self.call(request.body(body)).await
    }

    /// `show`: those set in this place, all, or what is in force there.
    pub(crate) async fn variables(
        &self,
        project: &str,
        at: &VariablesAt,
        show: Option<&str>,
    ) -> Result<Answer<Variables>, Error> {
        let request = self.request(Method::GET, &["projects", project, "variables"]).query("show", show);
        self.call(at.of(request)).await
    }

    pub(crate) async fn variable_put(
        &self,
        project: &str,
        at: &VariablesAt,
        variable: &NewVariable,
    ) -> Result<Value, Error> {
        let NewVariable { key, value, secret, exposure } = variable;
        let body = VariableValue { value: value.as_deref(), secret: *secret, exposure: *exposure };
        let request = self.request(Method::PUT, &["projects", project, "variables", key]).body(&body);
        self.call_raw(&at.of(request)).await
    }

    pub(crate) async fn variable_delete(
        &self,
        project: &str,
        at: &VariablesAt,
        key: &str,
    ) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["projects", project, "variables", key]);
        self.call_raw(&at.of(request)).await.map(drop)
    }

    pub(crate) async fn variables_replace(
        &self,
        project: &str,
        at: &VariablesAt,
        items: Vec<NewVariable>,
        version: u64,
    ) -> Result<Value, Error> {
        let request = self.request(Method::PUT, &["projects", project, "variables"]);
        self.call_raw(&at.of(request).body(&NewVariables { items }).if_match(version)).await
    }

    pub(crate) async fn tokens(&self) -> Result<Answer<Vec<Token>>, Error> {
        self.list(self.request(Method::GET, &["tokens"]), None).await
    }

    pub(crate) async fn token_create(&self, body: &NewToken) -> Result<Answer<types::CreatedToken>, Error> {
        self.call(self.request(Method::POST, &["tokens"]).body(body)).await
    }

    pub(crate) async fn token_revoke(&self, id: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["tokens", id])).await.map(drop)
    }

    pub(crate) async fn environments(&self) -> Result<Answer<Vec<EnvironmentItem>>, Error> {
        self.list(self.request(Method::GET, &["environments"]), None).await
    }

    pub(crate) async fn nodes(&self, environment: &str) -> Result<Answer<Vec<Node>>, Error> {
        self.list(self.request(Method::GET, &["environments", environment, "nodes"]), None).await
    }

    /// `cordon`, `uncordon` or `drain`.
    pub(crate) async fn node_change(&self, node: &str, change: &str) -> Result<Answer<Node>, Error> {
        self.call(self.request(Method::POST, &["nodes", node, change])).await
    }

    pub(crate) async fn node_add(
        &self,
        environment: &str,
        name: &str,
        address: Option<&str>,
    ) -> Result<Answer<Node>, Error> {
        let body = json!({ "name": name, "address": address });
        self.call(self.request(Method::POST, &["environments", environment, "nodes"]).body(&body)).await
    }

    pub(crate) async fn node_approve(&self, node: &str, thumbprint: &str) -> Result<Answer<Node>, Error> {
        let body = json!({ "thumbprint": thumbprint });
        self.call(self.request(Method::POST, &["nodes", node, "approve-certificate"]).body(&body)).await
    }

    pub(crate) async fn node_remove(&self, node: &str, lost: bool) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["nodes", node]);
        let request = request.query("lost", lost.then_some("true"));
        self.call_raw(&request).await.map(drop)
    }

    pub(crate) async fn verify(&self) -> Result<Answer<Verdict>, Error> {
        self.call(self.request(Method::GET, &["verify"])).await
    }

    pub(crate) async fn log_page(
        &self,
        id: &str,
        after: u64,
        limit: u32,
        filter: &LogFilter,
    ) -> Result<LogPage, Error> {
        let request = self
            .request(Method::GET, &["deployments", id, "logs"])
            .query("after", Some(&after.to_string()))
            .query("limit", Some(&limit.to_string()));
        Ok(self.call(filter.apply(request)).await?.body)
    }

    pub(crate) async fn log_stream(
        &self,
        id: &str,
        after: u64,
        filter: &LogFilter,
    ) -> Result<reqwest::Response, Error> {
        let request = self
            .request(Method::GET, &["deployments", id, "logs", "stream"])
            .query("after", Some(&after.to_string()));
        self.send(&filter.apply(request), Some(after)).await
    }

    /// Every page of a list, as one document `{items, next_cursor: null}`.
    pub(super) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        request: Request,
        limit: Option<usize>,
    ) -> Result<Answer<Vec<T>>, Error> {
        let limit = limit.unwrap_or(MAX_ITEMS).min(MAX_ITEMS);
        let page_size = limit.min(200).to_string();
        let base = request.url.clone();
        let mut items = Vec::new();
        let mut raw = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let request = self
                .request_to(Method::GET, base.clone())
                .query("limit", Some(&page_size))
                .query("cursor", cursor.as_deref());
            let page = self.call::<Page<T>>(request).await?;
            items.extend(page.body.items);
            if let Some(Value::Array(more)) = page.raw.get("items") {
                raw.extend(more.iter().cloned());
            }
            cursor = page.body.next_cursor;
            if cursor.is_none() || items.len() >= limit {
                break;
            }
        }
        items.truncate(limit);
        raw.truncate(limit);
        Ok(Answer { body: items, raw: json!({ "items": raw, "next_cursor": cursor }) })
    }
}

/// Where variables are set: nothing is the whole project.
#[derive(Debug, Clone, Default)]
pub(crate) struct VariablesAt {
    pub(crate) environment: Option<String>,
    pub(crate) slot: Option<String>,
}

impl VariablesAt {
    pub(crate) const fn is_project(&self) -> bool {
        self.environment.is_none() && self.slot.is_none()
    }

    fn of(&self, request: super::Request) -> super::Request {
        request.query("environment", self.environment.as_deref()).query("slot", self.slot.as_deref())
    }
}
