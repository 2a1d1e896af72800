//! Certificates: ordered for the names that want one, renewed ahead of time, and told to every ingress.
//!
//! What is ordered follows from the domains that are verified; what is served, from the certificates that are there. Orders run
//! beside each other and beside this, each held by a lease, so that nobody orders the same name twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use parking_lot::Mutex;
use pierhead_model::Timestamp;
use pierhead_model::certificate::{CertificateSource, pause_after};
use pierhead_model::domain::claimable;
use pierhead_model::id::ProjectId;
use pierhead_store::{CertificateHead, CertificateOrder, Domain, StoredCertificate};
use pierhead_wire::certificate::{Certificate, PrivateKey};
use secrecy::ExposeSecret as _;
use tokio::task::JoinSet;

use super::{Reconciler, Signal};
use crate::core::Core;
use crate::edge::authority::{Issued, OrderError};
use crate::edge::serving::{has_uploaded, served};
use crate::edge::{chain, looking};
use crate::error::{Error, StoreResult as _};
use crate::ingresses::Vouched;
use crate::outside::random_bits;

/// Orders at a time: authorities bound how many may be open.
const AT_ONCE: usize = 4;
/// How long an order may take, and how long nobody else begins it.
const PATIENCE: Duration = Duration::from_secs(280);
const LEASE: SignedDuration = SignedDuration::from_secs(300);
/// Between a certificate and the order of its successor.
const SOONEST: SignedDuration = SignedDuration::from_hours(1);
/// Somebody has to know when a certificate could not be renewed and ends within this time.
const ALARM: SignedDuration = SignedDuration::from_hours(14 * 24);

#[derive(Debug)]
pub(crate) struct Certificates {
    core: Arc<Core>,
    orders: Mutex<JoinSet<()>>,
    /// Chains and keys of what is served, by id.
    opened: Mutex<HashMap<String, (String, PrivateKey)>>,
    /// The authority wants nothing from us before this.
    limited_until: Arc<Mutex<Option<Timestamp>>>,
}

impl Certificates {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, orders: Mutex::default(), opened: Mutex::default(), limited_until: Arc::default() }
    }

    /// Tells the ingresses what to serve.
    async fn publish(
        &self,
        heads: &[CertificateHead],
        verified: &[Domain],
        now: Timestamp,
    ) -> Result<(), Error> {
        let served = served(heads, verified, now);
        if let Some(tls) = &self.core.public.tls {
            tls.names.vouch(served.values().flatten().cloned().collect());
        }
        let unknown: Vec<String> = {
            let mut opened = self.opened.lock();
            opened.retain(|id, _| served.contains_key(id));
            served.keys().filter(|id| !opened.contains_key(*id)).cloned().collect()
        };
        for (id, chain, sealed) in self.core.store.certificates_open(&unknown).await.stored()? {
            match self.core.key.open(&key_place(&id), &sealed) {
                Ok(key) => {
                    let key = PrivateKey::new(key.expose_secret().to_owned());
                    self.opened.lock().insert(id, (chain, key));
                }
                Err(error) => tracing::error!(id, %error, "the key of a certificate cannot be opened"),
            }
        }
        let vouched: Vouched = {
            let opened = self.opened.lock();
            let certificate = |(id, names): (String, Vec<String>)| {
                let (chain, key) = opened.get(&id)?.clone();
                Some((id, Arc::new(Certificate { names, chain, key })))
            };
            served.into_iter().filter_map(certificate).collect()
        };
        self.core.ingresses.vouch(vouched);
        Ok(())
    }

    /// Writes down which names want a certificate.
    async fn want(
        &self,
        heads: &[CertificateHead],
        verified: &[Domain],
        now: Timestamp,
    ) -> Result<(), Error> {
        let is_uploaded = |head: &&CertificateHead| head.source == CertificateSource::Uploaded;
        let uploaded: Vec<CertificateHead> = heads.iter().filter(is_uploaded).cloned().collect();
        let mut wanted: BTreeMap<String, Option<ProjectId>> = verified
            .iter()
            .filter(|domain| !has_uploaded(&uploaded, domain, now))
            .map(|domain| (domain.host.to_string(), Some(domain.project.clone())))
            .collect();
        if self.core.edge.records.is_some() {
            let bases = looking::bases(&self.core).await?;
            let public = bases.iter().filter(|base| claimable(base, []).is_ok());
            wanted.extend(public.map(|base| (format!("*.{base}"), None)));
        }
        let known = self.core.store.orders().await.stored()?;
        let known: BTreeMap<&str, &CertificateOrder> =
            known.iter().map(|order| (order.name.as_str(), order)).collect();
        for name in known.keys().filter(|name| !wanted.contains_key(**name)) {
            self.core.store.order_delete(name).await.stored()?;
        }
        for (name, project) in &wanted {
            match known.get(name.as_str()) {
                Some(order) if order.project == *project => {}
                known => {
                    let own = |head: &&CertificateHead| {
                        head.project == *project && head.validity.includes(now) && head.names.contains(name)
                    };
                    let due = heads.iter().filter(own).map(|head| head.validity.renew_at()).max();
                    let due = due.unwrap_or(now).max(now);
                    self.core.store.order_ensure(name, project.as_ref(), due).await.stored()?;
                    if known.is_some() {
                        // The hostname is another project's now.
                        self.core.store.order_hasten(name, due).await.stored()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes the orders that are due, as many as there is room for.
    async fn begin(&self, now: Timestamp) -> Result<(), Error> {
        if self.limited_until.lock().is_some_and(|until| now < until) {
            return Ok(());
        }
        let room = {
            let mut orders = self.orders.lock();
            while orders.try_join_next().is_some() {}
            AT_ONCE.saturating_sub(orders.len())
        };
        let holder = format!("epoch {}", self.core.epoch);
        for order in self.core.store.orders_due(now, room as u64).await.stored()? {
            let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
            if self.core.store.order_take(&order, &holder, now, until).await.stored()? {
                let making = make(
                    Arc::clone(&self.core),
                    order,
                    holder.clone(),
                    Arc::clone(&self.limited_until),
                    self.core.signals.certificates.clone(),
                );
                self.orders.lock().spawn(making);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Reconciler for Certificates {
    fn name(&self) -> &'static str {
        "certificates"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let now = self.core.outside.now();
        let verified = self.core.store.domains_verified().await.stored()?;
        let heads = self.core.store.certificate_heads().await.stored()?;
        self.publish(&heads, &verified, now).await?;
        if self.core.edge.authority.is_some() {
            self.want(&heads, &verified, now).await?;
            self.begin(now).await?;
        }
        Ok(None)
    }
}

/// Makes one order and writes down what came of it.
async fn make(
    core: Arc<Core>,
    order: CertificateOrder,
    holder: String,
    limited_until: Arc<Mutex<Option<Timestamp>>>,
    ended: Signal,
) {
    let name = order.name.as_str();
    let outcome = match tokio::time::timeout(PATIENCE, made(&core, &order)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(OrderError { detail: "the authority took too long".to_owned(), limited_for: None }),
    };
    let now = core.outside.now();
    let written = match outcome {
        Ok(renew_at) => {
            tracing::info!(name, %renew_at, "a certificate was issued");
            core.store.order_ended(name, &holder, (0, None), renew_at).await
        }
        Err(error) => {
            let limited = error.limited_for.and_then(|limit| SignedDuration::try_from(limit).ok());
            if let Some(until) = limited.and_then(|limit| now.checked_add(limit).ok()) {
                *limited_until.lock() = Some(until);
            }
            let pause = pause_after(order.failures).max(limited.unwrap_or_default());
            let due = now.checked_add(pause).unwrap_or(Timestamp::MAX);
            let failures = order.failures.saturating_add(1);
            warn(&core, name, &error, due).await;
            core.store.order_ended(name, &holder, (failures, Some(&error.detail)), due).await
        }
    };
    if let Err(error) = written {
        tracing::warn!(name, %error, "what came of an order is not written down; it is made again when its lease is over");
    }
    ended.raise();
}

async fn warn(core: &Core, name: &str, error: &OrderError, due: Timestamp) {
    let heads = core.store.certificate_heads().await.unwrap_or_default();
    let ends = heads.iter().filter(|head| head.names.first().is_some_and(|first| first == name));
    let ends = ends.map(|head| head.validity.not_after).max();
    let now = core.outside.now();
    match ends {
        Some(ends) if ends.duration_since(now) < ALARM => {
            tracing::error!(name, %ends, %error, next = %due, "a certificate that ends soon cannot be renewed");
        }
        _ => tracing::warn!(name, %error, next = %due, "no certificate was issued"),
    }
}

/// Orders, keeps what came, and says when the next order is due.
async fn made(core: &Core, order: &CertificateOrder) -> Result<Timestamp, OrderError> {
    let Some(authority) = &core.edge.authority else {
        return Err(OrderError { detail: "no authority is configured".to_owned(), limited_for: None });
    };
    let issued = authority.order(core, &order.name).await?;
    keep(core, order, issued).await
}

async fn keep(core: &Core, order: &CertificateOrder, issued: Issued) -> Result<Timestamp, OrderError> {
    let failed = |detail: String| OrderError { detail, limited_for: None };
    let now = core.outside.now();
    let chain = chain::read(&issued.chain, &issued.key, now);
    let chain = chain.map_err(|error| failed(format!("what the authority sent cannot be used: {error}")))?;
    let id = format!("{:032x}", random_bits(&*core.outside));
    let key = core.key.seal(&key_place(&id), &issued.key, &*core.outside);
    let key = key.map_err(|error| failed(error.to_string()))?;
    // What the order was for comes first: by this its successors find it.
    let mut names = chain.names;
    let mut seen = HashSet::new();
    names.insert(0, order.name.clone());
    names.retain(|name| seen.insert(name.clone()));
    let stored = |error: Error| failed(error.to_string());
    let heads = core.store.certificate_heads().await.stored().map_err(stored)?;
    let unit = core.store.begin().await.stored().map_err(stored)?;
    let new = StoredCertificate {
        head: CertificateHead {
            id,
            project: order.project.clone(),
            source: CertificateSource::Acme,
            names,
            validity: chain.validity,
            created_by: "pierhead".to_owned(),
            created_at: now,
        },
        chain: issued.chain,
        key,
    };
    unit.certificate_create(&new).await.stored().map_err(stored)?;
    let before = |head: &&CertificateHead| {
        head.source == CertificateSource::Acme && head.names.first() == Some(&order.name)
    };
    for old in heads.iter().filter(before) {
        unit.certificate_delete(&old.id).await.stored().map_err(stored)?;
    }
    unit.commit().await.stored().map_err(stored)?;
    // A clock that is wrong, or a certificate that is almost over when it comes, must not make orders follow each other.
    let soonest = now.checked_add(SOONEST).unwrap_or(Timestamp::MAX);
    Ok(chain.validity.renew_at().max(soonest))
}

/// Where the key of a certificate belongs to.
pub(crate) fn key_place(id: &str) -> String {
    format!("certificate/{id}")
}
