//! The calls about GitHub: the app of the installation, one's own account, what is there.

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::types::Page;
use super::{Answer, Client};
use crate::cli::error::Error;

#[derive(Debug, Deserialize)]
pub(crate) struct Github {
    pub(crate) app: Option<GithubApp>,
    pub(crate) login: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GithubApp {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) install_url: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ConnectionBegun {
    pub(crate) url: String,
    pub(crate) continuation: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Installation {
    pub(crate) id: u64,
    pub(crate) account: String,
    pub(crate) repositories: String,
    pub(crate) suspended: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Repository {
    pub(crate) name: String,
    pub(crate) clone_url: String,
    #[serde(default)]
    pub(crate) default_branch: Option<String>,
    pub(crate) may_connect: bool,
}

impl Client<'_> {
    pub(crate) async fn github(&self) -> Result<Answer<Github>, Error> {
        self.call(self.request(Method::GET, &["github"])).await
    }

    pub(crate) async fn github_app_set(
        &self,
        (id, url): (u64, Option<&str>),
        [private_key, webhook_secret, client_secret]: [&SecretString; 3],
    ) -> Result<Answer<GithubApp>, Error> {
        let body = json!({
            "id": id, "url": url, "private_key": private_key.expose_secret(),
            "webhook_secret": webhook_secret.expose_secret(), "client_secret": client_secret.expose_secret(),
        });
        self.call(self.request(Method::PUT, &["github", "app"]).body(&body)).await
    }

    pub(crate) async fn github_app_delete(&self) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["github", "app"])).await.map(drop)
    }

    pub(crate) async fn github_begin(&self) -> Result<Answer<ConnectionBegun>, Error> {
        self.call(self.request(Method::POST, &["github", "connection"])).await
    }

    pub(crate) async fn github_finish(
        &self,
        (code, state): (&str, &str),
        continuation: &str,
    ) -> Result<Answer<Github>, Error> {
        let body = json!({ "code": code, "state": state, "continuation": continuation });
        self.call(self.request(Method::PUT, &["github", "connection"]).body(&body)).await
    }

    pub(crate) async fn github_disconnect(&self) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["github", "connection"])).await.map(drop)
    }

    pub(crate) async fn github_installations(&self) -> Result<Answer<Page<Installation>>, Error> {
        self.call(self.request(Method::GET, &["github", "installations"]).query("limit", Some("100"))).await
    }

    pub(crate) async fn github_repositories(
        &self,
        installation: u64,
        search: Option<&str>,
    ) -> Result<Answer<Page<Repository>>, Error> {
        let id = installation.to_string();
        let request = self.request(Method::GET, &["github", "installations", &id, "repositories"]);
        self.call(request.query("limit", Some("100")).query("search", search)).await
    }
}
