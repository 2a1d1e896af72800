//! One look at DNS for one claim, and what is written down of it.

use pierhead_model::domain::{Answer, Holder, TXT_LABEL, Zone, judge};
use pierhead_model::hostname::Hostname;
use pierhead_store::{Domain, DomainLooked, StoreError};

use crate::core::Core;
use crate::error::{Error, StoreResult as _, from_store};

/// Looks, judges and writes. What somebody else wrote meanwhile stands.
pub(crate) async fn look(core: &Core, domain: &Domain) -> Result<(), Error> {
    let zone = zone(core, &domain.host).await;
    let bases = bases(core).await?;
    let holder = core.store.domain_holder(&domain.host).await.stored()?;
    let holder = match holder.filter(|holder| holder.project != domain.project) {
        None => Holder::Nobody,
        Some(other) => Holder::Other(zone.evidence(&other.proof, &bases)),
    };
    let evidence = zone.evidence(&domain.proof, &bases);
    let now = core.outside.now();
    let verdict = judge(&domain.standing, evidence, holder, &zone.described(), now);
    let looked = DomainLooked {
        explanation: verdict.explanation,
        at: now,
        next_check_at: verdict.next_check_at,
        displaces: verdict.displaces,
        standing: verdict.standing,
    };
    let changed = looked.standing.state != domain.standing.state;
    match core.store.domain_looked(domain, &looked).await {
        Ok(true) if changed => {
            tracing::info!(host = %domain.host, project = %domain.project, state = %looked.standing.state,
                displaces = looked.displaces, "a custom domain was looked at");
            core.signals.routes.raise();
            core.signals.certificates.raise();
        }
        // Another claim came first: the next look sees it.
        Ok(_) | Err(StoreError::Conflict { .. }) => {}
        Err(error) => return Err(from_store(error)),
    }
    Ok(())
}

async fn zone(core: &Core, host: &Hostname) -> Zone {
    let beside = format!("{TXT_LABEL}.{host}");
    // RFC 1035 bounds a name; the label in front can make it too long, and then the alias is the only proof.
    let txt = async { if beside.len() > 253 { Answer::Nothing } else { core.edge.names.txt(&beside).await } };
    let (txt, cname) = tokio::join!(txt, core.edge.names.cname(host.as_str()));
    Zone { txt, cname }
}

/// The domains below which the platform's own hostnames are.
pub(crate) async fn bases(core: &Core) -> Result<Vec<Hostname>, Error> {
    let environments = core.store.environment_list().await.stored()?;
    Ok(environments.into_iter().map(|environment| environment.base_domain).collect())
}
