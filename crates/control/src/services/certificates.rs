//! Certificates that people hand over, and those that were ordered for their domains.

use std::sync::Arc;

use pierhead_model::access::{Kind, Permission, Scope};
use pierhead_model::certificate::{CertificateSource, covers};
use pierhead_store::{CertificateHead, Project, StoredCertificate};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::auth::Principal;
use crate::access::policy;
use crate::core::Core;
use crate::edge::chain;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;
use crate::reconcilers::certificates::key_place;

const READ_LINKS: Permission = Permission(Kind::Links, Scope::Read);
const WRITE_LINKS: Permission = Permission(Kind::Links, Scope::Write);
/// Of one project.
const MAXIMUM: usize = 200;
/// Authorities send some thousand bytes; RSA keys have as many.
const LONGEST: usize = 128 * 1024;

#[derive(Debug)]
pub struct Certificates(pub(crate) Arc<Core>);

/// A certificate somebody hands over.
#[derive(Debug, Clone)]
pub struct NewCertificate {
    /// PEM, the certificate itself first.
    pub chain: String,
    /// PEM.
    pub key: SecretString,
}

/// What is shown of a certificate: never its key.
pub type CertificateView = CertificateHead;

impl Certificates {
    /// Of a project.
    pub async fn of_project(
        &self,
        principal: &Principal,
        project: &str,
    ) -> Result<Vec<CertificateView>, Error> {
        let project = policy::project(&self.0, principal, project, READ_LINKS).await?;
        self.heads(Some(&project)).await
    }

    /// Of the installation's own names.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<CertificateView>, Error> {
        principal.require_admin()?;
        self.heads(None).await
    }

    /// For hostnames of a project; it is served for those that are verified.
    pub async fn upload(
        &self,
        principal: &Principal,
        project: &str,
        new: NewCertificate,
    ) -> Result<CertificateView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_LINKS).await?;
        if self.heads(Some(&project)).await?.len() >= MAXIMUM {
            return Err(Error::invalid("", format!("a project has at most {MAXIMUM} certificates")));
        }
        let domains = self.0.store.domains_of_project(&project.id).await.stored()?;
        let of_project = |names: &[String]| {
            let covered = |host: &str| names.iter().any(|name| covers(name, host));
            domains.iter().any(|domain| covered(domain.host.as_str()))
        };
        self.store(principal, Some(&project), new, of_project).await
    }

    /// For the installation's own names, such as a wildcard below its base domain.
    pub async fn upload_for_all(
        &self,
        principal: &Principal,
        new: NewCertificate,
    ) -> Result<CertificateView, Error> {
        principal.require_admin()?;
        self.store(principal, None, new, |_| true).await
    }

    pub async fn delete(&self, principal: &Principal, project: &str, id: &str) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, project, WRITE_LINKS).await?;
        self.remove(principal, Some(&project), id).await
    }

    pub async fn delete_for_all(&self, principal: &Principal, id: &str) -> Result<(), Error> {
        principal.require_admin()?;
        self.remove(principal, None, id).await
    }

    async fn heads(&self, project: Option<&Project>) -> Result<Vec<CertificateHead>, Error> {
        let all = self.0.store.certificate_heads().await.stored()?;
        Ok(all.into_iter().filter(|head| head.project.as_ref() == project.map(|it| &it.id)).collect())
    }

    async fn store(
        &self,
        principal: &Principal,
        project: Option<&Project>,
        new: NewCertificate,
        fits: impl FnOnce(&[String]) -> bool,
    ) -> Result<CertificateView, Error> {
        let key = new.key.expose_secret();
        for (pointer, length) in [("/chain", new.chain.len()), ("/key", key.len())] {
            if length > LONGEST {
                return Err(Error::invalid(pointer, format!("at most {LONGEST} bytes")));
            }
        }
        let now = self.0.outside.now();
        let read = chain::read(&new.chain, key, now);
        let read =
            read.map_err(|error| Error::invalid(if error.is_of_key() { "/key" } else { "/chain" }, error))?;
        if !fits(&read.names) {
            let detail =
                format!("it is for {}: none of these is a domain of this project", read.names.join(", "));
            return Err(Error::invalid("/chain", detail));
        }
        let id = format!("{:032x}", random_bits(&*self.0.outside));
        let sealed = self.0.key.seal(&key_place(&id), key, &*self.0.outside).map_err(Error::internal)?;
        let head = CertificateHead {
            id,
            project: project.map(|project| project.id.clone()),
            source: CertificateSource::Uploaded,
            names: read.names,
            validity: read.validity,
            created_by: principal.email.clone(),
            created_at: now,
        };
        let deed = principal.does(&self.0, "certificate.create", (&head.id, &head.names.join(" ")));
        let deed = project.into_iter().fold(deed, |deed, project| deed.of_project(&project.id));
        let unit = self.0.store.begin().await.stored()?;
        let new = StoredCertificate { head: head.clone(), chain: new.chain, key: sealed };
        unit.certificate_create(&new).await.stored()?;
        deed.after(told(&head)).commit(unit).await?;
        self.0.signals.certificates.raise();
        Ok(head)
    }

    async fn remove(&self, principal: &Principal, project: Option<&Project>, id: &str) -> Result<(), Error> {
        let found = self.heads(project).await?.into_iter().find(|head| head.id == id);
        let found = found.ok_or_else(|| Error::not_found("certificate", policy::shortened(id)))?;
        let deed = principal.does(&self.0, "certificate.delete", (&found.id, &found.names.join(" ")));
        let deed = project.into_iter().fold(deed, |deed, project| deed.of_project(&project.id));
        let unit = self.0.store.begin().await.stored()?;
        unit.certificate_delete(&found.id).await.stored()?;
        // Its successor is ordered at once, where one was.
        if found.source == CertificateSource::Acme
            && let Some(name) = found.names.first()
        {
            unit.order_hasten(name, self.0.outside.now()).await.stored()?;
        }
        deed.before(told(&found)).commit(unit).await?;
        self.0.signals.certificates.raise();
        Ok(())
    }
}

fn told(head: &CertificateHead) -> Value {
    json!({ "names": head.names, "not_after": head.validity.not_after, "source": head.source })
}
