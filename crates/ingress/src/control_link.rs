//! Following the control plane: tables and changes are applied one after the other by one task.
//!
//! The order within one change keeps every request safe: what enters is held, the table is replaced, what left is released.
//! See [`crate::drain`] for what happens to requests in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::sleep::Rest;
use pierhead_wire::control_to_ingress::ControlToIngress;
use pierhead_wire::ingress_to_control::RouteCounts;
use pierhead_wire::route;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::certificate_copy::{self, CertificateCopy};
use crate::context::Context;
use crate::deployments::{Deployments, Leaving};
use crate::guard::Guard;
use crate::route_table::RouteTable;
use crate::table_copy::{Kept, TableCopy};
use crate::target::{PreviousSite, Route, Target};

/// How often pools are looked through for connections that nobody uses.
const SWEEP: Duration = Duration::from_secs(15);
/// How often the control plane is told which services are needed.
const ACTIVITY: Duration = Duration::from_secs(1);
/// How often the control plane is told what was answered.
const COUNTING: Duration = Duration::from_secs(10);
/// A table with fewer routes says nothing by losing some.
const FEW: usize = 8;
/// More switches than this within one drain time are more than a page in a browser lives through.
const PREVIOUS_SITES: usize = 8;

#[derive(Debug)]
pub(crate) struct ControlLink {
    context: Arc<Context>,
    deployments: Deployments,
    /// Epoch and generation of the table.
    at: Option<(u64, u64)>,
    kept: Option<Keeping>,
    certificates: Option<CertificateCopy>,
    writing_certificates: JoinSet<()>,
    drains: JoinSet<(DeploymentId, u64)>,
}

/// The table as it is kept on disk.
#[derive(Debug)]
struct Keeping {
    copy: TableCopy,
    routes: BTreeMap<Hostname, route::Route>,
    /// What is on disk is older than this.
    is_behind: bool,
    writing: JoinSet<()>,
}

/// What to do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Apply,
    /// It is older than what is there.
    Ignore,
    /// It may be the table of a control plane that has lost its database.
    Suspicious,
    WantTable,
}

impl ControlLink {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        let kept = context.options.table_copy.clone().map(|path| Keeping {
            copy: TableCopy::new(path),
            routes: BTreeMap::new(),
            is_behind: false,
            writing: JoinSet::new(),
        });
        let certificates = context.options.certificate_copy.clone().map(CertificateCopy::new);
        Self {
            context,
            deployments: Deployments::default(),
            at: None,
            kept,
            certificates,
            writing_certificates: JoinSet::new(),
            drains: JoinSet::new(),
        }
    }

    /// Begins with the table that was kept, if there is one.
    pub(crate) async fn recall(&mut self) {
        self.recall_certificates().await;
        let Some(keeping) = &self.kept else { return };
        let copy = keeping.copy.clone();
        let Ok(Some(table)) = tokio::task::spawn_blocking(move || copy.read()).await else { return };
        tracing::info!(routes = table.routes.len(), "serving by the table that was kept");
        self.remember(&table.routes, true, &[]);
        self.at = Some((table.epoch, table.generation));
        self.replace(table.routes);
    }

    async fn recall_certificates(&mut self) {
        let (Some(mut copy), Some(tls)) = (self.certificates.take(), &self.context.tls) else { return };
        let read = tokio::task::spawn_blocking(move || {
            let found = copy.read().unwrap_or_default();
            copy.remember(true, &found, &[]);
            (copy, found)
        });
        // A panic while reading leaves no copy.
        let Ok((copy, found)) = read.await else { return };
        tracing::info!(certificates = found.len(), "serving the certificates that were kept");
        tls.take(true, found, &[]);
        self.certificates = Some(copy);
    }

    /// Writes the copy of the certificates, unless it is being written or says the same.
    fn keep_certificates(&mut self) {
        while self.writing_certificates.try_join_next().is_some() {}
        let Some(copy) = self.certificates.as_mut().filter(|_| self.writing_certificates.is_empty()) else {
            return;
        };
        let Some((path, certificates)) = copy.take_due() else { return };
        self.writing_certificates.spawn_blocking(move || {
            if let Err(error) = certificate_copy::write(&path, &certificates) {
                tracing::error!(%error, "the certificates cannot be kept on disk; a restart would begin with older ones");
            }
        });
    }

    /// Notes what changed, for the copy.
    fn remember(&mut self, upserts: &[route::Route], whole: bool, removals: &[Hostname]) {
        let Some(keeping) = &mut self.kept else { return };
        if whole {
            keeping.routes.clear();
        }
        for host in removals {
            keeping.routes.remove(host);
        }
        keeping.routes.extend(upserts.iter().map(|route| (route.host.clone(), route.clone())));
        keeping.is_behind = true;
    }

    /// Writes the copy, unless it is being written or says the same.
    fn keep(&mut self) {
        let (Some(keeping), Some((epoch, generation))) = (&mut self.kept, self.at) else { return };
        while keeping.writing.try_join_next().is_some() {}
        if !keeping.is_behind || !keeping.writing.is_empty() {
            return;
        }
        keeping.is_behind = false;
        let (copy, routes) = (keeping.copy.clone(), keeping.routes.values().cloned().collect());
        keeping.writing.spawn_blocking(move || {
            if let Err(error) = copy.write(&Kept { epoch, generation, routes }) {
                tracing::error!(%error, "the route table cannot be kept on disk; a restart would begin with an older one");
            }
        });
    }

    /// Applies what comes. When the link has ended, what is draining is still seen to its end.
    pub(crate) async fn run(mut self, mut link: mpsc::Receiver<ControlToIngress>) {
        self.context.outbox.want_table();
        let mut sweep = tokio::time::interval(SWEEP);
        let mut activity = tokio::time::interval(ACTIVITY);
        activity.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut counting = tokio::time::interval(COUNTING);
        counting.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut linked = true;
        loop {
            tokio::select! {
                message = link.recv(), if linked => match message {
                    Some(message) => self.receive(message),
                    None => linked = false,
                },
                Some(ended) = self.drains.join_next() => {
                    if let Ok((deployment, drain)) = ended
                        && self.deployments.forget(&deployment, drain)
                    {
                        self.context.outbox.drained(deployment);
                    }
                }
                _ = sweep.tick() => self.deployments.sweep(),
                _ = counting.tick() => {
                    self.context.outbox.check(Instant::now());
                    if self.context.outbox.has_room() {
                        self.count(self.context.table.load().iter());
                    }
                }
                _ = activity.tick() => {
                    self.keep();
                    self.keep_certificates();
                    let needed = self.deployments.needed();
                    if !needed.is_empty() {
                        self.context.outbox.active(needed);
                    }
                }
            }
        }
    }

    /// What these routes answered since this was asked last.
    fn count<'a>(&self, routes: impl Iterator<Item = &'a Arc<Route>>) {
        let counted = routes.filter_map(|route| {
            let (counts, took) = route.counters.take()?;
            Some(RouteCounts { host: route.host.clone(), counts, took })
        });
        let counted: Vec<_> = counted.collect();
        if !counted.is_empty() {
            let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            self.context.outbox.counted(at, counted);
        }
    }

    fn receive(&mut self, message: ControlToIngress) {
        let message = match message {
            ControlToIngress::Certificates { whole, certificates, removals } => {
                if let Some(copy) = &mut self.certificates {
                    copy.remember(whole, &certificates, &removals);
                }
                if let Some(tls) = &self.context.tls {
                    tls.take(whole, certificates, &removals);
                }
                return;
            }
            ControlToIngress::Challenges { version, answers } => {
                if let Some(tls) = &self.context.tls {
                    tls.challenge(answers);
                }
                self.context.outbox.answering(version);
                return;
            }
            ControlToIngress::Counted { run, sequence } => return self.context.outbox.stored(run, sequence),
            message @ (ControlToIngress::Table { .. } | ControlToIngress::Change { .. }) => message,
        };
        if matches!(message, ControlToIngress::Table { .. }) {
            // The first thing that is said on a new link.
            self.context.outbox.rewind();
        }
        let (verdict, epoch, generation) = match &message {
            ControlToIngress::Table { epoch, generation, routes } => {
                let shrinks = !self.context.options.accept_smaller_table
                    && is_suspicious(self.context.table.load().len(), routes.len());
                (judge_table(self.at, *epoch, *generation, shrinks), *epoch, *generation)
            }
            ControlToIngress::Change { epoch, from, generation, .. } => {
                (judge_change(self.at, *epoch, *from, *generation), *epoch, *generation)
            }
            ControlToIngress::Certificates { .. }
            | ControlToIngress::Challenges { .. }
            | ControlToIngress::Counted { .. } => return,
        };
        match verdict {
            Verdict::Apply => {}
            Verdict::Ignore => {
                tracing::warn!(epoch, generation, "an older route table was refused");
                return;
            }
            Verdict::Suspicious => {
                tracing::error!(
                    epoch,
                    generation,
                    "a control plane that has started anew offers a table with less than half of the routes; the last one is served on. \
                     If that is meant, remove the table's copy and restart the ingress"
                );
                return;
            }
            Verdict::WantTable => return self.context.outbox.want_table(),
        }
        match message {
            ControlToIngress::Table { routes, .. } => {
                self.remember(&routes, true, &[]);
                self.replace(routes);
            }
            ControlToIngress::Change { upserts, removals, .. } => {
                self.remember(&upserts, false, &removals);
                self.change(upserts, &removals);
            }
            ControlToIngress::Certificates { .. }
            | ControlToIngress::Challenges { .. }
            | ControlToIngress::Counted { .. } => {}
        }
        self.at = Some((epoch, generation));
        self.context.outbox.applied(epoch, generation);
    }

    fn replace(&mut self, routes: Vec<route::Route>) {
        let old = self.context.table.load_full();
        let table = RouteTable::of(routes.into_iter().map(|route| self.route(&old, route)));
        for deployment in table.iter().filter_map(|route| route.target.serving()) {
            self.deployments.hold(deployment);
        }
        let table = Arc::new(table);
        self.context.table.store(Arc::clone(&table));
        self.count(old.iter().filter(|route| table.get(route.host.as_str()).is_none()));
        for route in old.iter() {
            self.rested(&table, route);
            self.release(&route.target);
        }
    }

    fn change(&mut self, upserts: Vec<route::Route>, removals: &[Hostname]) {
        let old = self.context.table.load_full();
        let upserts: Vec<_> = upserts.into_iter().map(|route| self.route(&old, route)).collect();
        let touched: Vec<Hostname> =
            upserts.iter().map(|route| route.host.clone()).chain(removals.iter().cloned()).collect();
        let table = Arc::new(old.changed(upserts, removals));
        let mut seen = std::collections::HashSet::new();
        let touched: Vec<_> = touched.iter().filter(|host| seen.insert(host.as_str())).collect();
        for host in &touched {
            if let Some(deployment) = table.get(host.as_str()).and_then(|route| route.target.serving()) {
                self.deployments.hold(deployment);
            }
        }
        self.context.table.store(Arc::clone(&table));
        self.count(removals.iter().filter_map(|host| old.get(host.as_str())));
        for host in &touched {
            if let Some(route) = old.get(host.as_str()) {
                self.rested(&table, route);
                self.release(&route.target);
            }
        }
    }

    /// A service that fell asleep or woke up: who waits looks again, and one that is needed all the same is woken at once.
    fn rested(&self, table: &RouteTable, before: &Route) {
        let Target::Service(before_it) = &before.target else { return };
        let now = table.get(before.host.as_str()).map(|route| &route.target);
        if now.is_some_and(|now| now.is(&before.target)) {
            return;
        }
        before_it.tracker().rest_changed();
        if let Some(Target::Service(service)) = now
            && service.rest() != Rest::Awake
            && service.tracker().is_busy()
            && service.tracker().is_first_to_ask()
        {
            self.context.outbox.wake(service.deployment().clone());
        }
    }

    fn release(&mut self, target: &Target) {
        let Some(deployment) = target.serving() else { return };
        if let Some(Leaving { tracker, drain }) = self.deployments.release(deployment) {
            let timeout = self.context.options.drain_timeout;
            self.drains.spawn(async move {
                // Finished or out of time: both end the drain.
                let _ = tokio::time::timeout(timeout, tracker.finished()).await;
                (tracker.deployment().clone(), drain)
            });
        }
    }

    /// The sites that a page of this host may still have been loaded from.
    fn previous_sites(&self, target: &Target, before: &Route) -> Vec<PreviousSite> {
        let Target::Site(_) = target else { return Vec::new() };
        let now = Instant::now();
        let replaced = match &before.target {
            Target::Site(site) if !target.is(&before.target) => {
                Some(PreviousSite { site: Arc::clone(site), until: now + self.context.options.drain_timeout })
            }
            Target::Site(_) | Target::Service(_) | Target::Page { .. } => None,
        };
        let earlier = before.previous.iter().filter(|previous| now < previous.until).cloned();
        replaced.into_iter().chain(earlier).take(PREVIOUS_SITES).collect()
    }

    /// A line of the next table, with what it keeps from the line of this one.
    fn route(&mut self, old: &RouteTable, route: route::Route) -> Arc<Route> {
        let target = self.deployments.target(route.target);
        let before = old.get(route.host.as_str());
        let previous = before.map(|before| self.previous_sites(&target, before)).unwrap_or_default();
        Arc::new(Route {
            host: route.host,
            project: route.project,
            target,
            guard: route.rules.as_deref().map(|rules| Box::new(Guard::of(rules))),
            counters: before.map(|before| Arc::clone(&before.counters)).unwrap_or_default(),
            previous,
        })
    }
}

/// Whether a table is so much smaller than the one before that something has probably been lost.
const fn is_suspicious(before: usize, after: usize) -> bool {
    before >= FEW && after < before / 2
}

/// Within one epoch a table may shrink as it likes: that is what was done, change by change.
fn judge_table(at: Option<(u64, u64)>, epoch: u64, generation: u64, shrinks: bool) -> Verdict {
    match at {
        Some(at) if (epoch, generation) < at => Verdict::Ignore,
        Some((current, _)) if shrinks && epoch > current => Verdict::Suspicious,
        Some(_) | None => Verdict::Apply,
    }
}

fn judge_change(at: Option<(u64, u64)>, epoch: u64, from: u64, generation: u64) -> Verdict {
    match at {
        Some((current, _)) if epoch < current => Verdict::Ignore,
        Some((current, here)) if epoch == current && generation <= here => Verdict::Ignore,
        Some((current, here)) if epoch == current && from == here => Verdict::Apply,
        Some(_) | None => Verdict::WantTable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_older_is_applied_and_a_gap_asks_for_everything() {
        use Verdict::{Apply, Ignore, Suspicious, WantTable};
        for (at, epoch, generation, verdict) in [
            (None, 1, 1, Apply),
            (Some((1, 5)), 1, 5, Apply),
            (Some((1, 5)), 1, 9, Apply),
            (Some((1, 5)), 1, 4, Ignore),
            (Some((2, 5)), 1, 9, Ignore),
            (Some((1, 5)), 2, 1, Apply),
        ] {
            assert_eq!(judge_table(at, epoch, generation, false), verdict, "{at:?} {epoch} {generation}");
        }
        for (at, epoch, verdict) in [
            (None, 2, Apply),
            (Some((1, 5)), 1, Apply),
            (Some((1, 5)), 2, Suspicious),
            (Some((3, 1)), 2, Ignore),
        ] {
            assert_eq!(judge_table(at, epoch, 9, true), verdict, "{at:?} {epoch}");
        }
        for (before, after, suspicious) in
            [(0, 0, false), (7, 0, false), (8, 4, false), (8, 3, true), (100, 0, true)]
        {
            assert_eq!(is_suspicious(before, after), suspicious, "{before} {after}");
        }
        for (at, epoch, from, generation, verdict) in [
            (None, 1, 0, 1, WantTable),
            (Some((1, 5)), 1, 5, 6, Apply),
            (Some((1, 5)), 1, 5, 9, Apply),
            (Some((1, 5)), 1, 4, 5, Ignore),
            (Some((1, 5)), 1, 6, 7, WantTable),
            (Some((1, 5)), 2, 5, 6, WantTable),
            (Some((2, 5)), 1, 5, 6, Ignore),
        ] {
            assert_eq!(
                judge_change(at, epoch, from, generation),
                verdict,
                "{at:?} {epoch} {from} {generation}"
            );
        }
    }
}
