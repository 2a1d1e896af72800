//! A service is told of one deployment: the state of its commit, GitHub's own deployments, one comment below its pull request.
//!
//! Everything can be said again: a state of a commit takes the place of the one before, a deployment and a comment are looked for
//! before they are made, by what an attempt before left in them.

use pierhead_model::deployment::State;
use pierhead_store::Feedback;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Forge;
use super::call::{Caller, Trouble};
use super::link::Usable;
use super::words::Context;
use crate::error::{Error, StoreResult as _};

/// Pages of comments that are looked through for one's own.
const PAGES: u32 = 10;

/// Why something was not told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Forge(#[from] Trouble),
    #[error(transparent)]
    Here(#[from] Error),
}

#[derive(Deserialize)]
struct Made {
    id: u64,
}

#[derive(Deserialize)]
struct Deployment {
    id: u64,
    payload: Value,
}

#[derive(Deserialize)]
struct Comment {
    id: u64,
    body: Option<String>,
}

/// One service, one repository, one deployment.
#[derive(Debug)]
pub(crate) struct Telling<'t> {
    pub(crate) caller: &'t Caller<'t>,
    pub(crate) usable: &'t Usable,
    pub(crate) context: &'t Context,
    pub(crate) state: State,
}

impl Telling<'_> {
    fn repository(&self) -> Vec<String> {
        match self.usable.forge {
            Forge::Gitlab => vec!["projects".to_owned(), self.usable.link.repository_id.to_string()],
            Forge::GithubApp | Forge::Github | Forge::Gitea => {
                let (owner, name) = self.usable.owner_and_name();
                vec!["repos".to_owned(), owner.to_owned(), name.to_owned()]
            }
        }
    }

    async fn post<T: serde::de::DeserializeOwned>(&self, below: &[&str], body: &Value) -> Result<T, Trouble> {
        let repository = self.repository();
        let path: Vec<&str> = repository.iter().map(String::as_str).chain(below.iter().copied()).collect();
        self.caller.post(&path, body).await
    }

    /// The state of the commit.
    pub(crate) async fn commit(&self) -> Result<(), Trouble> {
        let Self { context, state, usable, .. } = self;
        let Some(word) = context.commit_state(usable.forge, *state) else { return Ok(()) };
        let mut body = json!({
            "state": word,
            "description": context.description(*state),
            "target_url": if *state == State::Production { &context.url } else { &context.log_url },
        });
        let name = if usable.forge == Forge::Gitlab { "name" } else { "context" };
        body[name] = context.name().into();
        match self.post::<Value>(&["statuses", &context.commit], &body).await {
            // GitLab refuses to be told the same twice.
            Err(Trouble::Refused { status: 400, said }) if said.contains("transition") => Ok(()),
            done => done.map(drop),
        }
    }

    /// GitHub's own deployment.
    pub(crate) async fn deployment(&self, feedback: &Feedback) -> Result<(), Failed> {
        if !matches!(self.usable.forge, Forge::GithubApp | Forge::Github) {
            return Ok(());
        }
        let id = match &feedback.remote {
            Some(id) => id.clone(),
            None => {
                let id = self.made_deployment().await?.to_string();
                self.caller.core.store.feedback_remote(&feedback.deployment, &id).await.stored()?;
                id
            }
        };
        let Self { context, state, .. } = self;
        let mut body = json!({
            "state": context.deployment_state(*state),
            "description": context.description(*state),
            "log_url": context.log_url,
        });
        if *state == State::Production {
            body["environment_url"] = context.url.as_str().into();
        }
        self.post::<Value>(&["deployments", &id, "statuses"], &body).await?;
        Ok(())
    }

    async fn made_deployment(&self) -> Result<u64, Trouble> {
        let context = self.context;
        let repository = self.repository();
        let path: Vec<&str> = repository.iter().map(String::as_str).chain(["deployments"]).collect();
        let environment = context.environment();
        let query = [("sha", context.commit.as_str()), ("environment", environment.as_str())];
        let own = |it: &Deployment| {
            let text = it.payload.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            text.as_ref().unwrap_or(&it.payload)["pierhead_deployment"] == context.deployment
        };
        let there = self.caller.get::<Vec<Deployment>>(&path, &query).await?.body;
        if let Some(found) = there.iter().find(|it| own(it)) {
            return Ok(found.id);
        }
        let body = json!({
            "ref": context.commit,
            "task": "deploy",
            "auto_merge": false,
            // It is being deployed whatever else is still checked.
            "required_contexts": [],
            "environment": environment,
            "payload": { "pierhead_deployment": context.deployment },
            "description": format!("v{} of {}", context.number, context.project),
            "transient_environment": !context.production,
            "production_environment": context.production,
        });
        let made: Made = self.post(&["deployments"], &body).await?;
        Ok(made.id)
    }

    /// The one comment below the pull request. `open`: whether the pull request still is.
    pub(crate) async fn comment(&self, feedback: &Feedback, open: bool) -> Result<(), Failed> {
        let Some(pull) = self.context.pull else { return Ok(()) };
        let store = &self.caller.core.store;
        let body = json!({ "body": self.context.comment(self.state, open) });
        let known = match store.feedback_comment(&feedback.project, pull).await.stored()? {
            Some(known) => Some(known),
            None => self.own_comment(pull).await?.map(|id| id.to_string()),
        };
        if let Some(id) = &known {
            match self.change(pull, id, &body).await {
                // Somebody deleted it.
                Err(Trouble::Refused { status: 404 | 410, .. }) => {}
                done => {
                    done?;
                    store.feedback_comment_put(&feedback.project, pull, id).await.stored()?;
                    return Ok(());
                }
            }
        }
        let below = self.comments(pull);
        let below: Vec<&str> = below.iter().map(String::as_str).collect();
        let made: Made = self.post(&below, &body).await?;
        store.feedback_comment_put(&feedback.project, pull, &made.id.to_string()).await.stored()?;
        Ok(())
    }

    fn comments(&self, pull: u64) -> [String; 3] {
        let gitlab = self.usable.forge == Forge::Gitlab;
        let (pulls, notes) = if gitlab { ("merge_requests", "notes") } else { ("issues", "comments") };
        [pulls.to_owned(), pull.to_string(), notes.to_owned()]
    }

    async fn own_comment(&self, pull: u64) -> Result<Option<u64>, Trouble> {
        let (repository, below) = (self.repository(), self.comments(pull));
        let path: Vec<&str> = repository.iter().chain(&below).map(String::as_str).collect();
        let marker = self.context.marker();
        for page in 1..=PAGES {
            let page = page.to_string();
            // Gitea gives all of them, and takes no notice.
            let query = [("per_page", "100"), ("page", page.as_str())];
            let found = self.caller.get::<Vec<Comment>>(&path, &query).await?;
            let own = |it: &&Comment| it.body.as_ref().is_some_and(|body| body.starts_with(&marker));
            if let Some(own) = found.body.iter().find(own) {
                return Ok(Some(own.id));
            }
            if !found.more {
                break;
            }
        }
        Ok(None)
    }

    async fn change(&self, pull: u64, id: &str, body: &Value) -> Result<(), Trouble> {
        let number = pull.to_string();
        let (method, below) = match self.usable.forge {
            Forge::Gitlab => (reqwest::Method::PUT, vec!["merge_requests", &number, "notes", id]),
            Forge::GithubApp | Forge::Github | Forge::Gitea => {
                (reqwest::Method::PATCH, vec!["issues", "comments", id])
            }
        };
        let repository = self.repository();
        let path: Vec<&str> = repository.iter().map(String::as_str).chain(below).collect();
        self.caller.call::<Value>(method, &path, &[], Some(body)).await.map(drop)
    }
}
