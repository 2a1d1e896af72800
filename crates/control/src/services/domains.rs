//! Custom domains of a project: hostnames that are not below a base domain of the platform.

use std::collections::HashMap;
use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::access::{Kind, Permission, Scope};
use pierhead_model::certificate::{CertificateSource, covers, preference};
use pierhead_model::domain::{self, DomainState, Standing, ZoneRecord};
use pierhead_model::hostname::Hostname;
use pierhead_model::name::SlotName;
use pierhead_store::{CertificateHead, CertificateOrder, Domain, Project, Unit};
use serde_json::{Value, json};

use super::auth::Principal;
use crate::access::policy;
use crate::core::Core;
use crate::edge::looking;
use crate::error::{Error, FieldProblem, StoreResult as _};
use crate::outside::random_bits;

const READ_LINKS: Permission = Permission(Kind::Links, Scope::Read);
const WRITE_LINKS: Permission = Permission(Kind::Links, Scope::Write);
/// More are a sign of a mistake, and each is asked for in DNS every few hours.
const MAXIMUM: usize = 200;
/// Who asks again within this time is told what was found the last time.
const ASKED_JUST_NOW_MS: i64 = 2_000;

#[derive(Debug)]
pub struct Domains(pub(crate) Arc<Core>);

/// A hostname somebody claims for a project.
#[derive(Debug, Clone)]
pub struct NewDomain {
    pub name: String,
    /// What it shows; `None` for `production`.
    pub slot: Option<String>,
}

#[derive(Debug, Clone)]
pub struct DomainView {
    pub name: Hostname,
    pub slot: SlotName,
    pub state: DomainState,
    /// What the last look at DNS found.
    pub explanation: String,
    pub url: String,
    /// Any of these proves it.
    pub records: Vec<ZoneRecord>,
    pub checked_at: Option<Timestamp>,
    /// `None` when nobody looks any more unless asked to.
    pub next_check_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub certificate: DomainCertificate,
}

/// How far it has come with TLS.
#[derive(Debug, Clone, Default)]
pub struct DomainCertificate {
    /// Until when what is served is good; `None` without any.
    pub not_after: Option<Timestamp>,
    pub source: Option<CertificateSource>,
    /// Why the last order failed.
    pub problem: Option<String>,
    /// When the next one is ordered; `None` when nobody orders any.
    pub next_order_at: Option<Timestamp>,
}

impl Domains {
    pub async fn list(&self, principal: &Principal, project: &str) -> Result<Vec<DomainView>, Error> {
        let project = policy::project(&self.0, principal, project, READ_LINKS).await?;
        self.views(&project).await
    }

    pub async fn get(&self, principal: &Principal, project: &str, name: &str) -> Result<DomainView, Error> {
        let found = policy::project(&self.0, principal, project, READ_LINKS).await?;
        let claim = self.find(&found, name).await?;
        Ok(self.view(&self.around(&found).await?, claim))
    }

    /// Claims a hostname, or has one that is claimed show another slot.
    pub async fn put(
        &self,
        principal: &Principal,
        project: &str,
        new: NewDomain,
    ) -> Result<DomainView, Error> {
        let found = policy::project(&self.0, principal, project, WRITE_LINKS).await?;
        let name = new.name.clone();
        let claim = self.claim(principal, &found, new).await?;
        let there = self.0.store.domains_of_project(&found.id).await.stored()?;
        let known = there.iter().find(|known| known.host == claim.host);
        if known.is_none() && there.len() >= MAXIMUM {
            return Err(Error::invalid("", format!("a project has at most {MAXIMUM} domains")));
        }
        let deed = principal.does(&self.0, "domain.update", (&claim.host, &claim.host));
        let deed = deed.of_project(&found.id).after(told(&claim));
        let deed = known.map(told).into_iter().fold(deed, |deed, before| deed.before(before));
        let unit = self.0.store.begin().await.stored()?;
        unit.domain_put(&claim).await.stored()?;
        deed.commit(unit).await?;
        self.changed();
        self.get(principal, project, &name).await
    }

    /// Claims these and gives up all others.
    pub async fn replace(
        &self,
        principal: &Principal,
        project: &str,
        items: Vec<NewDomain>,
    ) -> Result<Vec<DomainView>, Error> {
        let found = policy::project(&self.0, principal, project, WRITE_LINKS).await?;
        if items.len() > MAXIMUM {
            return Err(Error::invalid("", format!("a project has at most {MAXIMUM} domains")));
        }
        let (mut claims, mut problems): (HashMap<Hostname, Domain>, Vec<FieldProblem>) = Default::default();
        for (index, item) in items.into_iter().enumerate() {
            match self.claim(principal, &found, item).await {
                Ok(claim) => {
                    let host = claim.host.clone();
                    if claims.insert(host.clone(), claim).is_some() {
                        problems.push(FieldProblem::new(
                            format!("/{index}/name"),
                            format!("`{host}` is there twice"),
                        ));
                    }
                }
                Err(Error::Validation(found)) => problems.extend(
                    found
                        .into_iter()
                        .map(|it| FieldProblem::new(format!("/{index}{}", it.pointer), it.detail)),
                ),
                Err(error) => return Err(error),
            }
        }
        if !problems.is_empty() {
            return Err(Error::Validation(problems));
        }
        let before = self.0.store.domains_of_project(&found.id).await.stored()?;
        let deed = principal.does_to(&self.0, "domains.update", &found);
        let after: Value = claims.values().map(told).collect();
        let deed = deed.before(before.iter().map(told).collect()).after(after);
        let unit = self.0.store.begin().await.stored()?;
        for gone in before.iter().filter(|claim| !claims.contains_key(&claim.host)) {
            self.give_up(&unit, gone).await?;
        }
        for claim in claims.values() {
            unit.domain_put(claim).await.stored()?;
        }
        deed.commit(unit).await?;
        self.changed();
        self.views(&found).await
    }

    /// Gives a hostname up. It is not served any more, and whoever wants it back needs a new proof.
    pub async fn delete(&self, principal: &Principal, project: &str, name: &str) -> Result<(), Error> {
        let found = policy::project(&self.0, principal, project, WRITE_LINKS).await?;
        let claim = self.find(&found, name).await?;
        let deed = principal.does(&self.0, "domain.delete", (&claim.host, &claim.host));
        let deed = deed.of_project(&found.id).before(told(&claim));
        let unit = self.0.store.begin().await.stored()?;
        self.give_up(&unit, &claim).await?;
        deed.commit(unit).await?;
        self.changed();
        Ok(())
    }

    /// Looks at DNS now.
    pub async fn verify(
        &self,
        principal: &Principal,
        project: &str,
        name: &str,
    ) -> Result<DomainView, Error> {
        let found = policy::project(&self.0, principal, project, WRITE_LINKS).await?;
        let claim = self.find(&found, name).await?;
        let now = self.0.outside.now().as_millisecond();
        if claim.checked_at.is_none_or(|at| now - at.as_millisecond() >= ASKED_JUST_NOW_MS) {
            looking::look(&self.0, &claim).await?;
        }
        self.get(principal, project, name).await
    }

    /// Orders a certificate now, whatever became of the last order.
    pub async fn renew(&self, principal: &Principal, project: &str, name: &str) -> Result<DomainView, Error> {
        let found = policy::project(&self.0, principal, project, WRITE_LINKS).await?;
        let claim = self.find(&found, name).await?;
        let deed = principal.does(&self.0, "domain.renew", (&claim.host, &claim.host)).of_project(&found.id);
        let unit = self.0.store.begin().await.stored()?;
        let is_own = claim.standing.state == DomainState::Verified;
        if !is_own || !unit.order_hasten(claim.host.as_str(), self.0.outside.now()).await.stored()? {
            return Err(Error::Conflict {
                detail: format!(
                    "No certificate is ordered for `{}`: it is not verified, one was uploaded, or no authority is configured.",
                    claim.host
                ),
            });
        }
        deed.commit(unit).await?;
        self.0.signals.certificates.raise();
        self.get(principal, project, name).await
    }

    async fn give_up(&self, unit: &Unit, claim: &Domain) -> Result<(), Error> {
        unit.domain_delete(&claim.project, &claim.host).await.stored().map(drop)
    }

    fn changed(&self) {
        self.0.signals.domains.raise();
        self.0.signals.routes.raise();
        self.0.signals.certificates.raise();
    }

    async fn claim(&self, principal: &Principal, project: &Project, new: NewDomain) -> Result<Domain, Error> {
        let host = Hostname::parse(new.name.trim()).map_err(|error| Error::invalid("/name", error))?;
        let slot = match new.slot {
            Some(slot) => SlotName::parse(&slot).map_err(|error| Error::invalid("/slot", error))?,
            None => SlotName::production(),
        };
        let mut platform = looking::bases(&self.0).await?;
        platform.extend(console_host(&self.0.access.console_url));
        domain::claimable(&host, &platform).map_err(|error| Error::invalid("/name", error))?;
        let now = self.0.outside.now();
        Ok(Domain {
            host,
            project: project.id.clone(),
            slot,
            proof: format!("{:032x}", random_bits(&*self.0.outside)),
            standing: Standing { state: DomainState::Pending, tries: 0, lost_since: None },
            explanation: "not looked at yet".to_owned(),
            checked_at: None,
            next_check_at: now,
            verified_at: None,
            created_by: principal.email.clone(),
            created_at: now,
        })
    }

    async fn find(&self, project: &Project, name: &str) -> Result<Domain, Error> {
        let hidden = || Error::not_found("domain", policy::shortened(name));
        let host = Hostname::parse(name).map_err(|_| hidden())?;
        self.0.store.domain_get(&project.id, &host).await.stored()?.ok_or_else(hidden)
    }

    async fn views(&self, project: &Project) -> Result<Vec<DomainView>, Error> {
        let around = self.around(project).await?;
        let claims = self.0.store.domains_of_project(&project.id).await.stored()?;
        Ok(claims.into_iter().map(|claim| self.view(&around, claim)).collect())
    }

    async fn around(&self, project: &Project) -> Result<Around, Error> {
        let environments = self.0.store.environment_list().await.stored()?;
        let slots = self.0.store.slots_of_project(&project.id).await.stored()?;
        let of_slot = slots.into_iter().filter_map(|slot| {
            let environment = environments.iter().find(|it| it.id == slot.environment)?;
            Some((slot.name, environment.base_domain.clone()))
        });
        Ok(Around {
            of_slot: of_slot.collect(),
            first: environments.first().map(|it| it.base_domain.clone()),
            certificates: self.0.store.certificate_heads().await.stored()?,
            orders: self.0.store.orders().await.stored()?,
        })
    }

    fn view(&self, around: &Around, claim: Domain) -> DomainView {
        let base = around.of_slot.get(&claim.slot).or(around.first.as_ref());
        let records = base.map(|base| domain::records(&claim.host, &claim.proof, base));
        DomainView {
            certificate: around.certificate(&claim, self.0.outside.now()),
            url: self.0.public.url(&claim.host),
            records: records.into_iter().flatten().collect(),
            state: claim.standing.state,
            explanation: claim.explanation,
            slot: claim.slot,
            checked_at: claim.checked_at,
            next_check_at: Some(claim.next_check_at).filter(|at| at.as_second() < Timestamp::MAX.as_second()),
            verified_at: claim.verified_at,
            created_by: claim.created_by,
            created_at: claim.created_at,
            name: claim.host,
        }
    }
}

/// What belongs to a claim, wherever it is.
struct Around {
    /// The base domains that aliases point below: by slot, and for slots that are not there yet.
    of_slot: HashMap<SlotName, Hostname>,
    first: Option<Hostname>,
    certificates: Vec<CertificateHead>,
    orders: Vec<CertificateOrder>,
}

impl Around {
    fn certificate(&self, claim: &Domain, now: Timestamp) -> DomainCertificate {
        if claim.standing.state != DomainState::Verified {
            return DomainCertificate::default();
        }
        let own = |head: &&CertificateHead| {
            head.validity.includes(now)
                && head.project.as_ref().is_none_or(|of| *of == claim.project)
                && head.names.iter().any(|name| covers(name, claim.host.as_str()))
        };
        let best = |head: &&CertificateHead| preference(head.source, &head.validity, now);
        let served = self.certificates.iter().filter(own).max_by_key(best);
        let order = self.orders.iter().find(|order| order.name == claim.host.as_str());
        DomainCertificate {
            not_after: served.map(|head| head.validity.not_after),
            source: served.map(|head| head.source),
            problem: order.and_then(|order| order.problem.clone()),
            next_order_at: order.map(|order| order.due_at),
        }
    }
}

fn told(claim: &Domain) -> Value {
    json!({ "name": claim.host, "slot": claim.slot })
}

/// The console's own hostname belongs to nobody else.
fn console_host(url: &str) -> Option<Hostname> {
    Hostname::parse(url::Url::parse(url).ok()?.host_str()?).ok()
}
