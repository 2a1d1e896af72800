//! Custom domains.

use pierhead_model::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Answer, Client};
use crate::cli::error::Error;

#[derive(Debug, Deserialize)]
pub(crate) struct Domain {
    pub(crate) name: String,
    pub(crate) slot: String,
    pub(crate) state: String,
    pub(crate) explanation: String,
    pub(crate) url: String,
    pub(crate) records: Vec<ZoneRecord>,
    pub(crate) checked_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ZoneRecord {
    pub(crate) r#type: String,
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Client<'_> {
    pub(crate) async fn domains(&self, project: &str) -> Result<Answer<Vec<Domain>>, Error> {
        self.list(self.request(Method::GET, &["projects", project, "domains"]), None).await
    }

    pub(crate) async fn domain(&self, project: &str, name: &str) -> Result<Answer<Domain>, Error> {
        self.call(self.request(Method::GET, &["projects", project, "domains", name])).await
    }

    pub(crate) async fn domain_put(
        &self,
        project: &str,
        name: &str,
        slot: &str,
    ) -> Result<Answer<Domain>, Error> {
        let path = ["projects", project, "domains", name];
        self.call(self.request(Method::PUT, &path).body(&json!({ "slot": slot }))).await
    }

    pub(crate) async fn domain_delete(&self, project: &str, name: &str) -> Result<(), Error> {
        let path = ["projects", project, "domains", name];
        self.call_raw(&self.request(Method::DELETE, &path)).await.map(drop)
    }

    pub(crate) async fn domain_verify(&self, project: &str, name: &str) -> Result<Answer<Domain>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "domains", name, "verify"])).await
    }
}
