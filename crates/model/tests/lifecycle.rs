//! The lifecycle against a small model: whatever is reported, cancelled, repeated or lost, in whatever order,
//! a slot has at most one live deployment, the newest wins, and everything ends.
#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use pierhead_model::Timestamp;
use pierhead_model::assignment::{Phase, Report, StepReport};
use pierhead_model::deployment::{Deployment, Effect, Event, Failure, Observed, Reason, State, decide, step};
use pierhead_model::id::{DeploymentId, NodeId, ProjectId, SlotId};
use pierhead_model::limit::Limits;
use pierhead_model::release::{Release, SiteRelease};
use proptest::prelude::*;

/// What can happen to the slot from outside.
#[derive(Debug, Clone)]
enum Happening {
    Deploy,
    Place(usize),
    Reported(usize, Phase),
    /// The reconciler looks again though nothing new is known.
    LookAgain,
    Cancel(usize),
    Wait(i64),
}

struct World {
    now: Timestamp,
    deployments: Vec<(Deployment, Option<Report>)>,
    /// Numbers in the order in which they went live.
    lived: Vec<u64>,
}

impl World {
    fn new() -> Self {
        Self {
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            deployments: Vec::new(),
            lived: Vec::new(),
        }
    }

    fn live(&self) -> Vec<usize> {
        let live = |i: &usize| self.deployments[*i].0.state == State::Production;
        (0..self.deployments.len()).filter(live).collect()
    }

    /// What the store does in one transaction.
    fn apply(&mut self, index: usize, event: Event) {
        if event == Event::Promoted {
            for other in self.live() {
                let (next, _) = step(&self.deployments[other].0, Event::Deactivated, self.now).unwrap();
                self.deployments[other].0 = next;
            }
            self.lived.push(self.deployments[index].0.number);
        }
        let before = self.deployments[index].0.clone();
        let (next, effects) = step(&before, event, self.now).unwrap();
        assert_eq!(next.generation, before.generation + 1);
        assert_eq!(next.state != before.state, effects.iter().any(|e| matches!(e, Effect::Emit { .. })));
        assert!(next.state >= before.state, "a state never goes back");
        self.deployments[index].0 = next;
    }

    /// What the reconciler does until there is nothing to do.
    fn settle(&mut self) {
        for index in 0..self.deployments.len() {
            for round in 0.. {
                assert!(round < 10, "deciding must come to an end");
                let live_number = self.live().first().map(|live| self.deployments[*live].0.number);
                let (deployment, report) = &self.deployments[index];
                let observed = Observed { report: report.as_ref(), shares: &[], live_number, now: self.now };
                let Some(event) = decide(deployment, observed) else { break };
                self.apply(index, event);
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        let count = self.deployments.len();
        match happening {
            Happening::Deploy => {
                let number = count as u64 + 1;
                let id = DeploymentId::from_random(number);
                let (project, slot) = (ProjectId::new(self.now, 1), SlotId::new(self.now, 1));
                let deployment = Deployment::queued(id, project, slot, number, Limits::default(), self.now);
                self.deployments.push((deployment, None));
            }
            Happening::Wait(seconds) => self.now += jiff::SignedDuration::from_secs(seconds),
            _ if count == 0 => {}
            Happening::Place(index) => {
                let deployment = &self.deployments[index % count].0;
                if deployment.state == State::Queued && deployment.node.is_none() {
                    self.apply(index % count, Event::Placed { node: NodeId::new(self.now, 1) });
                }
            }
            Happening::Reported(index, phase) => {
                let (deployment, report) = &mut self.deployments[index % count];
                if deployment.node.is_some() {
                    *report = Some(report_of(deployment, phase, self.now));
                }
            }
            Happening::LookAgain => {}
            Happening::Cancel(index) => {
                if self.deployments[index % count].0.state.is_in_progress() {
                    self.apply(index % count, Event::CancelRequested);
                }
            }
        }
        self.settle();
    }
}

fn report_of(deployment: &Deployment, phase: Phase, now: Timestamp) -> Report {
    let mut report = Report::accepted(deployment.id.clone());
    report.phase = phase;
    if (Phase::Released..Phase::Failed).contains(&phase) {
        let manifest = pierhead_model::digest::Digest::of(deployment.id.as_str().as_bytes());
        report.release = Some(Release::Site(SiteRelease { manifest, files: 1, bytes: 1 }));
        report.steps = vec![StepReport {
            name: "build".into(),
            started_at: now,
            finished_at: None,
            exit_code: None,
            note: None,
            status: None,
        }];
    }
    if phase == Phase::Failed {
        report.failure = Some(Failure::new(Reason::BuildFailed { exit_code: Some(1) }, "it failed"));
    }
    report
}

fn happenings() -> impl Strategy<Value = Happening> {
    let phase = prop::sample::select(vec![
        Phase::Accepted,
        Phase::Building,
        Phase::Released,
        Phase::Healthy,
        Phase::Healthy,
        Phase::Failed,
        Phase::Stopped,
    ]);
    prop_oneof![
        2 => Just(Happening::Deploy),
        4 => (0_usize..9).prop_map(Happening::Place),
        6 => (0_usize..9, phase).prop_map(|(index, phase)| Happening::Reported(index, phase)),
        1 => Just(Happening::LookAgain),
        1 => (0_usize..9).prop_map(Happening::Cancel),
        1 => (0_i64..4000).prop_map(Happening::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn one_live_newest_wins_and_all_end(happenings in prop::collection::vec(happenings(), 1..60)) {
        let mut world = World::new();
        for happening in happenings {
            world.happen(happening);
            prop_assert!(world.live().len() <= 1);
            let ever_live = !world.lived.is_empty();
            prop_assert_eq!(world.live().len(), usize::from(ever_live), "once live, always one live");
            prop_assert!(world.lived.is_sorted(), "an older one never replaces a newer one: {:?}", world.lived);
            for (deployment, _) in &world.deployments {
                prop_assert_eq!(deployment.deadline.is_some(), deployment.state.is_in_progress() );
                prop_assert_eq!(deployment.failure.is_some(), deployment.state == State::Failed);
            }
        }
        // Nothing more is heard of any node, and a day passes: everything must have ended.
        world.happen(Happening::Wait(86_400));
        for (deployment, _) in &world.deployments {
            prop_assert!(!deployment.state.is_in_progress(), "{deployment:?}");
        }
    }
}

#[test]
fn a_cancelled_one_ends_only_when_its_node_proves_it_or_a_minute_has_passed() {
    let mut world = World::new();
    world.happen(Happening::Deploy);
    world.happen(Happening::Place(0));
    world.happen(Happening::Reported(0, Phase::Building));
    world.happen(Happening::Cancel(0));
    assert_eq!(world.deployments[0].0.state, State::Building, "not before the proof");
    world.happen(Happening::Reported(0, Phase::Healthy));
    assert_eq!(world.deployments[0].0.state, State::Building, "a late success does not go live");
    world.happen(Happening::Reported(0, Phase::Stopped));
    assert_eq!(world.deployments[0].0.state, State::Failed);
    assert_eq!(world.deployments[0].0.failure.as_ref().unwrap().reason, Reason::Cancelled);

    world.happen(Happening::Deploy);
    world.happen(Happening::Place(1));
    world.happen(Happening::Cancel(1));
    world.happen(Happening::Wait(61));
    assert_eq!(world.deployments[1].0.failure.as_ref().unwrap().reason, Reason::Cancelled);
}

#[test]
fn the_one_that_started_later_stays_live_though_the_earlier_one_finishes_last() {
    let mut world = World::new();
    for index in 0..2 {
        world.happen(Happening::Deploy);
        world.happen(Happening::Place(index));
    }
    world.happen(Happening::Reported(1, Phase::Healthy));
    world.happen(Happening::Reported(0, Phase::Healthy));
    assert_eq!(world.deployments[1].0.state, State::Production);
    assert_eq!(world.deployments[0].0.failure.as_ref().unwrap().reason, Reason::Superseded);
}

/// Live is what is healthy on every node that has a share of it.
#[test]
fn a_deployment_waits_for_its_shares_and_fails_with_any_of_them() {
    let now = Timestamp::UNIX_EPOCH;
    let (project, slot) = (ProjectId::new(now, 1), SlotId::new(now, 1));
    let mut deployment =
        Deployment::queued(DeploymentId::from_random(1), project, slot, 1, Limits::default(), now);
    deployment.state = State::Provisioning;
    deployment.node = Some(NodeId::new(now, 1));
    let leader = report_of(&deployment, Phase::Healthy, now);
    let share = |phase| report_of(&deployment, phase, now);
    let next = |shares: &[Option<&Report>]| {
        decide(&deployment, Observed { report: Some(&leader), shares, live_number: None, now })
    };
    let (healthy, starting) = (share(Phase::Healthy), share(Phase::Building));
    assert_eq!(next(&[Some(&healthy), None]), None, "one has said nothing yet");
    assert_eq!(next(&[Some(&healthy), Some(&starting)]), None);
    assert_eq!(next(&[Some(&healthy), Some(&healthy)]), Some(Event::Promoted));
    let failed = share(Phase::Failed);
    assert!(matches!(next(&[Some(&healthy), Some(&failed)]), Some(Event::Failed(_))));

    // Cancelled is what is gone everywhere.
    deployment.cancel_requested_at = Some(now);
    let stopped = report_of(&deployment, Phase::Stopped, now);
    let next = |shares: &[Option<&Report>]| {
        decide(&deployment, Observed { report: Some(&stopped), shares, live_number: None, now })
    };
    assert_eq!(next(&[Some(&healthy)]), None, "a share of it still runs");
    assert!(matches!(next(&[Some(&stopped), None]), Some(Event::Failed(_))));
}
