//! Custom domains, certificates, and ingresses on machines of their own.

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
    pub(crate) certificate: DomainCertificate,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DomainCertificate {
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) problem: Option<String>,
    pub(crate) next_order_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Certificate {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_after: Timestamp,
}

/// An ingress on a machine of its own.
#[derive(Debug, Deserialize)]
pub(crate) struct Ingress {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) status: String,
    pub(crate) current: Option<bool>,
    pub(crate) online_since: Option<Timestamp>,
    /// Only in the answer that made it.
    #[serde(default)]
    pub(crate) token: Option<String>,
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

    pub(crate) async fn domain_renew(&self, project: &str, name: &str) -> Result<Answer<Domain>, Error> {
        self.call(self.request(Method::POST, &["projects", project, "domains", name, "renew"])).await
    }

    /// Of a project, or of the installation's own names.
    pub(crate) async fn certificates(
        &self,
        project: Option<&str>,
    ) -> Result<Answer<Vec<Certificate>>, Error> {
        self.list(self.request(Method::GET, &certificates(project)), None).await
    }

    pub(crate) async fn certificate_create(
        &self,
        project: Option<&str>,
        chain: &str,
        key: &str,
    ) -> Result<Answer<Certificate>, Error> {
        let body = json!({ "chain": chain, "key": key });
        self.call(self.request(Method::POST, &certificates(project)).body(&body)).await
    }

    pub(crate) async fn certificate_delete(&self, project: Option<&str>, id: &str) -> Result<(), Error> {
        let mut path = certificates(project);
        path.push(id);
        self.call_raw(&self.request(Method::DELETE, &path)).await.map(drop)
    }

    pub(crate) async fn ingresses(&self) -> Result<Answer<Vec<Ingress>>, Error> {
        self.list(self.request(Method::GET, &["ingresses"]), None).await
    }

    pub(crate) async fn ingress_add(&self, name: &str) -> Result<Answer<Ingress>, Error> {
        self.call(self.request(Method::POST, &["ingresses"]).body(&json!({ "name": name }))).await
    }

    pub(crate) async fn ingress_change(&self, ingress: &str, change: &str) -> Result<Answer<Ingress>, Error> {
        self.call(self.request(Method::POST, &["ingresses", ingress, change])).await
    }

    pub(crate) async fn ingress_approve(
        &self,
        ingress: &str,
        thumbprint: &str,
    ) -> Result<Answer<Ingress>, Error> {
        let body = json!({ "thumbprint": thumbprint });
        self.call(self.request(Method::POST, &["ingresses", ingress, "approve-certificate"]).body(&body))
            .await
    }

    pub(crate) async fn ingress_remove(&self, ingress: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["ingresses", ingress])).await.map(drop)
    }
}

fn certificates(project: Option<&str>) -> Vec<&str> {
    match project {
        Some(project) => vec!["projects", project, "certificates"],
        None => vec!["certificates"],
    }
}
