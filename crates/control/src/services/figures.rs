//! Figures over time, as people look at them: of a project, of one slot or service of it, of a node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pierhead_model::Timestamp;
use pierhead_model::figures::range::RangeError;
use pierhead_model::figures::{Figures, Range};
use pierhead_model::id::{DeploymentId, SlotId};
use pierhead_model::name::SlotName;
use pierhead_model::sleep::Rest;
use pierhead_store::FiguresOf;

use super::auth::Principal;
use super::environments::Environments;
use crate::access::policy::{self, READ_DEPLOYMENT};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::figures::seconds;

/// What is shown when nobody says of when.
const HOUR: Duration = Duration::from_secs(3600);
/// Marks in one answer: with more than these a chart is all marks.
const MARKS: u64 = 200;

#[derive(Debug)]
pub struct FiguresOverTime(pub(crate) Arc<Core>);

/// Of when; either the time until now, or two moments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    pub since: Option<Duration>,
    pub from: Option<Timestamp>,
    /// `None` for now.
    pub to: Option<Timestamp>,
}

/// Which figures of a project; every field that is set narrows.
#[derive(Debug, Clone, Default)]
pub struct FiguresQuery {
    pub slot: Option<String>,
    pub environment: Option<String>,
    pub service: Option<String>,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct FiguresView {
    pub range: Range,
    /// One for each step.
    pub steps: Vec<Figures>,
    pub asleep: Vec<NapView>,
    /// What went live, the first first.
    pub deployments: Vec<WentLiveView>,
}

/// A stretch of sleep within the range, in Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NapView {
    pub slot: SlotName,
    pub from: u64,
    pub to: u64,
    pub depth: Rest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WentLiveView {
    pub id: DeploymentId,
    pub number: u64,
    pub slot: SlotName,
    /// In Unix seconds.
    pub at: u64,
}

#[derive(Debug, Clone)]
pub struct MachineFiguresView {
    pub range: Range,
    /// One for each step.
    pub steps: Vec<Figures>,
}

impl FiguresOverTime {
    /// Of the slots of a project.
    pub async fn of_project(
        &self,
        principal: &Principal,
        project: &str,
        query: &FiguresQuery,
    ) -> Result<FiguresView, Error> {
        let core = &*self.0;
        let project = policy::project(core, principal, project, READ_DEPLOYMENT).await?;
        let range = range(query.span, core.outside.now())?;
        let environments = core.store.environment_list().await.stored()?;
        let is_there = |slot: &pierhead_store::Slot, wanted: &str| {
            environments.iter().any(|it| it.id == slot.environment && it.name.as_str() == wanted)
        };
        let mut slots = core.store.slots_of_project(&project.id).await.stored()?;
        if let Some(wanted) = &query.environment {
            slots.retain(|slot| is_there(slot, wanted));
        }
        if let Some(wanted) = &query.slot {
            slots.retain(|slot| slot.name.as_str() == wanted);
            if slots.is_empty() {
                return Err(Error::not_found("slot", policy::shortened(wanted)));
            }
        }
        let owners: Vec<FiguresOf> = slots.iter().map(|slot| FiguresOf::Slot(slot.id.clone())).collect();
        let points = core.store.figures_read(&owners, range.from, range.to).await.stored()?;
        let mut steps = range.fold(points.iter().map(|(at, figures)| (*at, figures)));
        if let Some(service) = &query.service {
            for step in &mut steps {
                step.traffic.retain(|name, _| name == service);
                step.usage.retain(|name, _| name == service);
            }
        }
        let names: HashMap<SlotId, SlotName> = slots.into_iter().map(|slot| (slot.id, slot.name)).collect();
        let (asleep, deployments) = self.marks(&names, range).await?;
        Ok(FiguresView { range, steps, asleep, deployments })
    }

    async fn marks(
        &self,
        names: &HashMap<SlotId, SlotName>,
        range: Range,
    ) -> Result<(Vec<NapView>, Vec<WentLiveView>), Error> {
        let core = &*self.0;
        let slots: Vec<SlotId> = names.keys().cloned().collect();
        let now = core.outside.now();
        let between = (moment(range.from), moment(range.to));
        let naps = core.store.rests_of(&slots, between, MARKS).await.stored()?;
        let inside = |at: Timestamp| seconds(at).clamp(range.from, range.to);
        let asleep = naps.into_iter().filter_map(|nap| {
            let (from, to) = (inside(nap.began_at), inside(nap.ended_at.unwrap_or(now)));
            Some(NapView { slot: names.get(&nap.slot)?.clone(), from, to, depth: nap.depth })
        });
        let live = core.store.deployments_gone_live(&slots, between, MARKS).await.stored()?;
        let live = live.into_iter().filter_map(|live| {
            let slot = names.get(&live.slot)?.clone();
            Some(WentLiveView { id: live.id, number: live.number, slot, at: seconds(live.at) })
        });
        Ok((asleep.filter(|nap| nap.from < nap.to).collect(), live.collect()))
    }

    /// Of a node.
    pub async fn of_node(
        &self,
        principal: &Principal,
        node: &str,
        span: Span,
    ) -> Result<MachineFiguresView, Error> {
        let core = &*self.0;
        let node = Environments(Arc::clone(&self.0)).node(principal, node).await?;
        let range = range(span, core.outside.now())?;
        let points =
            core.store.figures_read(&[FiguresOf::Node(node.id)], range.from, range.to).await.stored()?;
        Ok(MachineFiguresView { range, steps: range.fold(points.iter().map(|(at, figures)| (*at, figures))) })
    }
}

fn moment(at: u64) -> Timestamp {
    i64::try_from(at).ok().and_then(|at| Timestamp::from_second(at).ok()).unwrap_or(Timestamp::MAX)
}

fn range(span: Span, now: Timestamp) -> Result<Range, Error> {
    let now = seconds(now);
    let (from, to, pointer) = match span {
        Span { since: Some(_), from: Some(_), .. } => {
            return Err(Error::invalid("/since", "says the same as `from`: one of them is enough"));
        }
        Span { from: Some(from), to, .. } => (seconds(from), to.map_or(now, seconds), "/from"),
        Span { from: None, to: Some(_), .. } => {
            return Err(Error::invalid("/from", "is missing: `to` is only the end of it"));
        }
        Span { since, from: None, to: None } => {
            (now.saturating_sub(since.unwrap_or(HOUR).as_secs()), now, "/since")
        }
    };
    Range::cover(from, to, now).map_err(|error| match error {
        RangeError::Backwards => Error::invalid(pointer, "the range ends before it begins"),
        RangeError::TooLong => Error::invalid(pointer, "figures are kept for 31 days, and shown for no more"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn an_hour_unless_somebody_says_when() {
        let now = at(0);
        let of = |since: Option<u64>, from: Option<i64>, to: Option<i64>| {
            let span = Span { since: since.map(Duration::from_secs), from: from.map(at), to: to.map(at) };
            range(span, now)
                .map(|range| (range.step, range.to - range.from))
                .map_err(|error| error.to_string())
        };
        assert_eq!(of(None, None, None), Ok((20, 3600)));
        assert_eq!(of(Some(900), None, None), Ok((10, 900)));
        assert_eq!(of(None, Some(-900), None), Ok((10, 900)));
        assert_eq!(of(None, Some(-900), Some(-300)), Ok((10, 600)));
        for wrong in [
            of(Some(0), None, None),
            of(Some(32 * 86_400), None, None),
            of(Some(60), Some(-60), None),
            of(None, None, Some(0)),
            of(None, Some(10), Some(5)),
        ] {
            wrong.unwrap_err();
        }
    }
}
