//! The run of a pipeline against a simple node: whatever fails, hangs, is cancelled, repeated, lost or killed, in whatever
//! order, every run ends, nothing that was made is left after a failure, and nothing runs before its time or twice.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail this way")]

#[path = "run/world.rs"]
mod world;

use pierhead_model::pipeline::definition::Kind;
use pierhead_model::run::{Cause, Event, Phase, StepState};
use proptest::prelude::*;
use world::{Asked, World, name};

#[derive(Debug, Clone)]
enum Happening {
    Execute(usize),
    Hear { pick: usize, again: bool },
    WorkEnds { pick: usize, well: bool },
    UndoEnds { pick: usize, well: bool },
    ServiceDies(usize),
    Crash,
    Cancel,
    Delete,
    Wait(i64),
}

fn happenings() -> impl Strategy<Value = Happening> {
    let pick = 0_usize..100;
    prop_oneof![
        12 => pick.clone().prop_map(Happening::Execute),
        10 => (pick.clone(), prop::bool::weighted(0.1)).prop_map(|(pick, again)| Happening::Hear { pick, again }),
        8 => (pick.clone(), prop::bool::weighted(0.85)).prop_map(|(pick, well)| Happening::WorkEnds { pick, well }),
        4 => (pick.clone(), any::<bool>()).prop_map(|(pick, well)| Happening::UndoEnds { pick, well }),
        1 => pick.prop_map(Happening::ServiceDies),
        3 => Just(Happening::Crash),
        1 => prop::bool::weighted(0.3).prop_map(|delete| if delete { Happening::Delete } else { Happening::Cancel }),
        2 => (0_i64..90).prop_map(Happening::Wait),
    ]
}

fn graphs() -> impl Strategy<Value = Vec<Asked>> {
    let kinds =
        prop::sample::select(vec![Kind::Plugin, Kind::Plugin, Kind::Service, Kind::Build, Kind::Site]);
    let asked = (kinds, any::<u8>(), any::<u8>(), 1_u32..4, any::<bool>(), 0_u8..20, 0_u8..10);
    let asked = asked.prop_map(|(kind, a, b, attempts, destroys, hangs, stubborn)| Asked {
        kind,
        needs: a & b,
        attempts,
        destroys,
        hangs: hangs == 0,
        fails: false,
        stubborn: stubborn == 0,
    });
    prop::collection::vec(asked, 1..8)
}

fn happen(world: &mut World, happening: Happening) {
    match happening {
        Happening::Execute(pick) => world.execute(pick),
        Happening::Hear { pick, again } => world.hear(pick, again),
        Happening::WorkEnds { pick, well } => drop(world.work_ends(pick, well)),
        Happening::UndoEnds { pick, well } => drop(world.undo_ends(pick, well)),
        Happening::ServiceDies(pick) => world.service_dies(pick),
        Happening::Crash => world.crash(),
        Happening::Cancel => world.apply(Event::Cancel),
        Happening::Delete => world.apply(Event::Delete),
        Happening::Wait(seconds) => world.wait(seconds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_run_ends_and_leaves_nothing(steps in graphs(), happenings in prop::collection::vec(happenings(), 0..80)) {
        let mut world = World::new(&steps);
        world.apply(Event::Begin);
        for happening in happenings {
            happen(&mut world, happening);
        }
        world.heal();
        // And when the slot goes, so does everything.
        world.apply(Event::Delete);
        world.heal();
        prop_assert_eq!(&world.run.phase, &Phase::RolledBack);
    }

    /// Without faults it succeeds, and as much runs at once as the graph allows.
    #[test]
    fn without_faults_it_succeeds_and_the_widest_round_runs_at_once(mut steps in graphs()) {
        for step in &mut steps {
            step.hangs = false;
        }
        let mut world = World::new(&steps);
        world.apply(Event::Begin);
        let graph = pierhead_model::pipeline::Graph::from_needs(
            world.run.plan.steps.iter().map(|(name, step)| (name.clone(), step.needs.iter().cloned().collect())),
        );
        let first_round = graph.rounds()[0].len();
        world.heal();
        prop_assert_eq!(&world.run.phase, &Phase::Succeeded);
        prop_assert!(world.most_at_once >= first_round);
        prop_assert_eq!(world.made.len(), steps.len());
    }

    /// Killed after three of four things that happen, it takes the same way to the same end as without.
    #[test]
    fn a_crash_after_everything_changes_nothing(
        mut steps in graphs(),
        bad in prop::option::of((0_usize..8, any::<bool>())),
        mut chance in 1_u64..,
    ) {
        for (index, step) in steps.iter_mut().enumerate() {
            // How far others had come when one failed, and so what of theirs is left over, is a matter of time.
            step.stubborn = false;
            (step.hangs, step.fails) = match bad {
                Some((at, hangs)) if at == index => (hangs, !hangs),
                _ => (false, false),
            };
        }
        let mut undisturbed = World::new(&steps);
        undisturbed.apply(Event::Begin);
        undisturbed.heal();

        let mut world = World::new(&steps);
        world.apply(Event::Begin);
        world.crash();
        for _ in 0..5_000 {
            if world.run.is_ended() {
                break;
            }
            // xorshift64
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            if !world.events.is_empty() {
                world.hear(0, false);
            } else if chance & 4 == 0 {
                world.execute((chance >> 8) as usize % 8);
            } else if !world.work_ends(0, true) && !world.undo_ends(0, true) && world.only_watches() {
                world.now = world.run.next_wakeup().expect("what is not ended waits for something").max(world.now);
                world.apply(Event::Tick);
            }
            if chance & 3 != 0 {
                world.crash();
            }
        }
        prop_assert_eq!(&world.run.phase, &undisturbed.run.phase);
        prop_assert_eq!(&world.run.cause, &undisturbed.run.cause);
        prop_assert_eq!(world.made, undisturbed.made);
    }
}

fn plugin(needs: u8) -> Asked {
    Asked {
        kind: Kind::Plugin,
        needs,
        attempts: 1,
        destroys: true,
        hangs: false,
        fails: false,
        stubborn: false,
    }
}

/// Everything that is ordered and said, until nothing is.
fn drain(world: &mut World) {
    while !world.pending.is_empty() || !world.events.is_empty() {
        world.execute(0);
        world.hear(0, false);
    }
}

#[test]
fn failing_at_every_step_of_a_chain_undoes_all_before_it_in_reverse() {
    for failing in 0..5 {
        let steps: Vec<_> =
            (0..5).map(|index| plugin(if index == 0 { 0 } else { 1 << (index - 1) })).collect();
        let mut world = World::new(&steps);
        world.apply(Event::Begin);
        drain(&mut world);
        for index in 0..=failing {
            world.work_ends(0, index != failing);
            drain(&mut world);
        }
        for index in (0..=failing).rev() {
            assert!(matches!(world.run.steps[&name(index)].state, StepState::Undoing { attempt: 1, .. }));
            // It fails once, visibly, and is tried again.
            world.undo_ends(0, false);
            drain(&mut world);
            assert_eq!(world.run.steps[&name(index)].undo_failure.as_deref(), Some("it failed"));
            world.wait(2);
            drain(&mut world);
            world.undo_ends(0, true);
            drain(&mut world);
        }
        assert_eq!(world.run.phase, Phase::RolledBack);
        assert!(matches!(&world.run.cause, Some(Cause::StepFailed { step, .. }) if *step == name(failing)));
        for index in failing + 1..5 {
            assert_eq!(world.run.steps[&name(index)].state, StepState::Skipped);
        }
    }
}

#[test]
fn a_destroy_that_never_succeeds_is_given_up_and_listed() {
    let mut world = World::new(&[plugin(0), Asked { stubborn: true, ..plugin(1) }, plugin(2)]);
    world.apply(Event::Begin);
    world.heal();
    assert_eq!(world.run.phase, Phase::Succeeded);
    world.apply(Event::Delete);
    world.heal();
    assert_eq!(world.run.phase, Phase::RolledBack);
    let left: Vec<_> = world.run.left_over().collect();
    assert_eq!(left, [(&name(1), "it failed")]);
    assert_eq!(world.made.len(), 1, "what the others made is gone");
}

#[test]
fn an_attempt_that_hangs_is_stopped_before_the_next() {
    let mut world = World::new(&[Asked { attempts: 2, hangs: true, ..plugin(0) }]);
    world.apply(Event::Begin);
    drain(&mut world);
    world.wait(60);
    assert!(matches!(world.run.steps[&name(0)].state, StepState::Stopping { attempt: 1, .. }));
    drain(&mut world);
    assert!(matches!(world.run.steps[&name(0)].state, StepState::Pausing { attempt: 2, .. }));
    world.wait(3);
    drain(&mut world);
    assert!(matches!(world.run.steps[&name(0)].state, StepState::Active { attempt: 2, .. }));
    world.heal();
    let Some(Cause::StepFailed { failure, .. }) = &world.run.cause else { panic!("{:?}", world.run) };
    assert_eq!(failure.reason.code(), "plugin_timeout");
}

#[test]
fn cancelled_while_preparing_it_waits_for_that_and_cleans() {
    let mut world = World::new(&[plugin(0)]);
    world.apply(Event::Begin);
    world.apply(Event::Cancel);
    assert!(matches!(world.run.phase, Phase::Preparing { .. }));
    drain(&mut world);
    assert_eq!((&world.run.phase, &world.run.cause), (&Phase::RolledBack, &Some(Cause::Cancelled)));
    assert_eq!(world.run.steps[&name(0)].state, StepState::Skipped);
}
