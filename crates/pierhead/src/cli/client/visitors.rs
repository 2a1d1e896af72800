//! The calls about who may visit what a project shows.

use pierhead_model::visitors::VisitorRules;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Client};
use crate::cli::error::Error;

#[derive(Debug, Deserialize)]
pub(crate) struct Visitors {
    #[serde(flatten)]
    pub(crate) rules: VisitorRules,
    pub(crate) passwords: Vec<VisitorPassword>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct VisitorPassword {
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct VisitorPass {
    pub(crate) pass: String,
}

impl Client<'_> {
    pub(crate) async fn visitors(&self, project: &str) -> Result<Answer<Visitors>, Error> {
        self.call(self.request(Method::GET, &["projects", project, "visitors"])).await
    }

    pub(crate) async fn visitors_replace(
        &self,
        project: &str,
        rules: &VisitorRules,
    ) -> Result<Answer<Visitors>, Error> {
        let body = json!(rules);
        self.call(self.request(Method::PUT, &["projects", project, "visitors"]).body(&body)).await
    }

    pub(crate) async fn visitor_password_put(
        &self,
        project: &str,
        name: &str,
        password: &SecretString,
    ) -> Result<Answer<Value>, Error> {
        let body = json!({ "password": password.expose_secret() });
        let path = ["projects", project, "visitors", "passwords", name];
        self.call(self.request(Method::PUT, &path).body(&body)).await
    }

    pub(crate) async fn visitor_password_delete(&self, project: &str, name: &str) -> Result<(), Error> {
        let path = ["projects", project, "visitors", "passwords", name];
        self.call_raw(&self.request(Method::DELETE, &path)).await.map(drop)
    }

    pub(crate) async fn visitor_pass(&self, host: &str) -> Result<Answer<VisitorPass>, Error> {
        let body = json!({ "host": host });
        self.call(self.request(Method::POST, &["visitor-passes"]).body(&body)).await
    }
}
