//! The calls about a project's source: how it is followed, how its repository is entered.

use pierhead_model::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::types::Page;
use super::{Answer, Client};
use crate::cli::error::Error;

#[derive(Debug, Deserialize)]
pub(crate) struct Source {
    pub(crate) verdict: String,
    pub(crate) branches: Vec<Branch>,
    #[serde(default)]
    pub(crate) access: SourceAccess,
    #[serde(default)]
    pub(crate) connection: Option<SourceConnection>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SourceConnection {
    pub(crate) provider: String,
    pub(crate) repository: String,
    #[serde(default)]
    pub(crate) webhook: bool,
    #[serde(default)]
    pub(crate) unused: Option<String>,
    /// Why something was not told there.
    #[serde(default)]
    pub(crate) problem: Option<String>,
}

/// Whether a project's provider reaches the server.
#[derive(Debug, Deserialize)]
pub(crate) struct SourceCheck {
    pub(crate) reach: String,
    pub(crate) detail: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Branch {
    pub(crate) reference: String,
    pub(crate) slot: String,
    #[serde(default)]
    pub(crate) commit: Option<String>,
    #[serde(default)]
    pub(crate) looked_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) outcome: Option<String>,
    #[serde(default)]
    pub(crate) problem: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct SourceAccess {
    #[serde(default)]
    pub(crate) credential: Option<String>,
    #[serde(default)]
    pub(crate) server: Option<String>,
    #[serde(default)]
    pub(crate) public_key: Option<String>,
    #[serde(default)]
    pub(crate) settings_url: Option<String>,
    #[serde(default)]
    pub(crate) unused: Option<String>,
    #[serde(default)]
    pub(crate) host_keys: Vec<HostKey>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HostKey {
    pub(crate) server: String,
    pub(crate) algorithm: String,
    pub(crate) fingerprint: String,
    #[serde(default)]
    pub(crate) published: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HookSecret {
    pub(crate) secret: String,
    pub(crate) addresses: Value,
}

impl Client<'_> {
    pub(crate) async fn source(&self, project: &str) -> Result<Answer<Source>, Error> {
        self.call(self.request(Method::GET, &["projects", project, "source"])).await
    }

    pub(crate) async fn source_sync(&self, project: &str) -> Result<Answer<Source>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "source", "sync"])).await
    }

    pub(crate) async fn source_check(&self, project: &str) -> Result<Answer<SourceCheck>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "source", "check"])).await
    }

    pub(crate) async fn source_secret(&self, project: &str) -> Result<Answer<HookSecret>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "source", "secret"])).await
    }

    pub(crate) async fn source_deploy_key(&self, project: &str) -> Result<Answer<Source>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "source", "deploy-key"])).await
    }

    pub(crate) async fn source_token(
        &self,
        project: &str,
        username: Option<&str>,
        token: &SecretString,
    ) -> Result<Answer<Source>, Error> {
        let body = json!({ "username": username, "token": token.expose_secret() });
        self.call(self.request(Method::PUT, &["projects", project, "source", "token"]).body(&body)).await
    }

    pub(crate) async fn source_connect(
        &self,
        project: &str,
        (provider, api_url): (&str, Option<&str>),
        token: Option<&SecretString>,
    ) -> Result<Answer<Source>, Error> {
        let token = token.map(|token| token.expose_secret());
        let body = json!({ "provider": provider, "token": token, "api_url": api_url });
        let request = self.request(Method::PUT, &["projects", project, "source", "connection"]);
        self.call(request.body(&body)).await
    }

    pub(crate) async fn source_disconnect(&self, project: &str) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["projects", project, "source", "connection"]);
        self.call_raw(&request).await.map(drop)
    }

    pub(crate) async fn source_webhook(&self, project: &str) -> Result<Answer<Source>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "source", "webhook"])).await
    }

    pub(crate) async fn source_webhook_remove(&self, project: &str) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["projects", project, "source", "webhook"]);
        self.call_raw(&request).await.map(drop)
    }

    pub(crate) async fn source_credential_delete(&self, project: &str) -> Result<(), Error> {
        let request = self.request(Method::DELETE, &["projects", project, "source", "credential"]);
        self.call_raw(&request).await.map(drop)
    }

    pub(crate) async fn source_host_keys(&self, project: &str) -> Result<Answer<Page<HostKey>>, Error> {
        self.call(self.request(Method::GET, &["projects", project, "source", "host-keys"])).await
    }

    pub(crate) async fn source_trust(
        &self,
        project: &str,
        fingerprint: &str,
    ) -> Result<Answer<Source>, Error> {
        let body = json!({ "fingerprint": fingerprint });
        self.call(self.request(Method::POST, &["projects", project, "source", "host-keys"]).body(&body)).await
    }

    pub(crate) async fn pull_approve(
        &self,
        project: &str,
        number: u64,
        (commit, secrets): (&str, bool),
    ) -> Result<Answer<Source>, Error> {
        let body = json!({ "commit": commit, "secrets": secrets });
        let number = number.to_string();
        let path = ["projects", project, "pulls", &number, "approve"];
        self.call(self.request(Method::POST, &path).body(&body)).await
    }
}
