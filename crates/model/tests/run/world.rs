//! A node with an engine, as simple as can be: what the machine orders is done here, late, in another order, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use pierhead_model::Timestamp;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::id::DeploymentId;
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::definition::Kind;
use pierhead_model::pipeline::name::OutputName;
use pierhead_model::run::{
    Effect, Ended, Event, IdempotencyKey, Observation, Observed, Phase, Plan, PlannedStep, Policy, Run,
    StepObserved, StepState, resume, step,
};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Container {
    Running {
        watched: bool,
    },
    /// A service that answers.
    Healthy,
    Exited(Ended),
}

/// A step as a test asks for it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub kind: Kind,
    /// Bits of earlier steps.
    pub needs: u8,
    pub attempts: u32,
    pub destroys: bool,
    /// Its containers never end by themselves.
    pub hangs: bool,
    /// Its attempts never succeed.
    pub fails: bool,
    /// Its `destroy` never succeeds.
    pub stubborn: bool,
}

pub(crate) struct World {
    pub run: Run,
    pub now: Timestamp,
    asked: BTreeMap<StepName, Asked>,
    /// What the process knows and a crash forgets.
    pub pending: Vec<Effect>,
    pub events: Vec<Event>,
    /// What survives.
    pub containers: BTreeMap<(StepName, u32), Container>,
    pub undos: BTreeMap<(StepName, u32), Container>,
    pub made: BTreeSet<StepName>,
    pub network: bool,
    /// What really succeeded at some time.
    succeeded: BTreeSet<StepName>,
    keys: BTreeMap<(StepName, &'static str), IdempotencyKey>,
    /// Steps in the order in which the machine learned of their ends, without those undone.
    ended: Vec<StepName>,
    pub most_at_once: usize,
}

/// Names that do not sort in the order of the graph.
pub(crate) fn name(index: usize) -> StepName {
    StepName::parse(&format!("s{}", (index * 5) % 8)).unwrap()
}

pub(crate) fn failure() -> Failure {
    Failure::new(Reason::PluginFailed, "it failed")
}

fn outputs() -> BTreeSet<OutputName> {
    [OutputName::parse("url").unwrap()].into()
}

impl World {
    pub(crate) fn new(steps: &[Asked]) -> Self {
        let planned = |(index, asked): (usize, &Asked)| {
            let needs = (0..index).filter(|bit| asked.needs & (1 << bit) != 0).map(name).collect();
            let attempts = if asked.kind == Kind::Plugin { asked.attempts } else { 1 };
            let destroys = asked.destroys && asked.kind == Kind::Plugin;
            let step = PlannedStep { kind: asked.kind, needs, timeout_s: 60, attempts, delay_s: 3, destroys };
            (name(index), step)
        };
        let policy = Policy { destroy_attempts: 3, ..Policy::default() };
        let plan = Plan { steps: steps.iter().enumerate().map(planned).collect(), timeout_s: 3_000, policy };
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        Self {
            run: Run::new(DeploymentId::from_random(7), plan, now),
            now,
            asked: steps.iter().enumerate().map(|(index, asked)| (name(index), asked.clone())).collect(),
            pending: Vec::new(),
            events: Vec::new(),
            containers: BTreeMap::new(),
            undos: BTreeMap::new(),
            made: BTreeSet::new(),
            network: false,
            succeeded: BTreeSet::new(),
            keys: BTreeMap::new(),
            ended: Vec::new(),
            most_at_once: 0,
        }
    }

    pub(crate) fn apply(&mut self, event: Event) {
        let (next, effects) = step(&self.run, event, self.now);
        self.store(next, effects);
    }

    /// The process dies: what it was about to do and what it heard is lost. Then it starts again.
    pub(crate) fn crash(&mut self) {
        self.pending.clear();
        self.events.clear();
        for container in self.containers.values_mut().chain(self.undos.values_mut()) {
            if let Container::Running { watched } = container {
                *watched = false;
            }
        }
        let (next, effects) = resume(&self.run, &self.observed(), self.now);
        self.store(next, effects);
    }

    fn observed(&self) -> Observed {
        let observation = |container: Option<&Container>| match container {
            None => Observation::Missing,
            Some(Container::Running { .. } | Container::Healthy) => Observation::Running,
            Some(Container::Exited(ended)) => Observation::Exited(ended.clone()),
        };
        let observed = |(name, step): (&StepName, &pierhead_model::run::StepRun)| {
            let undo_attempt = match step.state {
                StepState::Undoing { attempt, .. } => attempt,
                _ => 0,
            };
            let found = StepObserved {
                work: observation(self.containers.get(&(name.clone(), step.attempt))),
                undo: observation(self.undos.get(&(name.clone(), undo_attempt))),
            };
            (name.clone(), found)
        };
        Observed { steps: self.run.steps.iter().map(observed).collect() }
    }

    fn store(&mut self, next: Run, effects: Vec<Effect>) {
        let json = serde_json::to_string(&next).unwrap();
        assert_eq!(serde_json::from_str::<Run>(&json).unwrap(), next, "it survives being stored");
        // One that is being undone already ended last: undoing begins there.
        let has_ended = |state: &StepState| match state {
            StepState::Done { position } | StepState::Broken { position } => Some(*position),
            StepState::Undoing { .. } => Some(u32::MAX),
            _ => None,
        };
        let had_ended =
            |state: &StepState| has_ended(state).is_some() || matches!(state, StepState::UndoPausing { .. });
        let mut ended: Vec<_> = (next.steps.iter())
            .filter(|(name, _)| !had_ended(&self.run.steps[*name].state))
            .filter_map(|(name, step)| Some((has_ended(&step.state)?, name.clone())))
            .collect();
        ended.sort();
        self.ended.extend(ended.into_iter().map(|(_, name)| name));
        self.run = next;
        for effect in &effects {
            let starts = matches!(effect, Effect::Start { .. });
            assert!(!starts || self.run.phase == Phase::Running, "nothing starts on the way back");
        }
        self.pending.extend(effects);
        self.check();
    }

    fn check(&self) {
        let is_done = |name: &StepName| matches!(self.run.steps[name].state, StepState::Done { .. });
        if self.run.phase == Phase::Running {
            for (name, step) in &self.run.steps {
                let ready = self.run.plan.steps[name].needs.iter().all(is_done);
                assert!(step.state != StepState::Waiting || !ready, "{name} could start and did not");
            }
        }
        if self.run.phase == Phase::Succeeded {
            assert!(self.run.steps.keys().all(is_done) && self.run.cause.is_none());
        }
        if self.run.phase == Phase::RolledBack {
            assert!(self.run.cause.is_some(), "an end has its reason");
            assert!(self.run.steps.values().all(|step| step.state.is_gone()));
            let left: BTreeSet<_> = self.run.left_over().map(|(name, _)| name.clone()).collect();
            assert!(self.made.is_subset(&left), "made and not undone: {:?}", self.made);
            assert!(left.iter().all(|name| self.run.plan.steps[name].destroys), "only a destroy is given up");
            assert!(self.containers.is_empty() && self.undos.is_empty() && !self.network, "nothing is left");
        }
    }

    /// Effects of one step are carried out in order; others in any. Preparing and cleaning are alone.
    pub(crate) fn execute(&mut self, pick: usize) {
        if self.pending.is_empty() {
            return;
        }
        let mut at = pick % self.pending.len();
        if let Some(earlier) = self.pending[..at].iter().position(|other| conflict(other, &self.pending[at]))
        {
            at = earlier;
        }
        let effect = self.pending.remove(at);
        self.carry_out(effect, pick);
        let running = self
            .containers
            .values()
            .filter(|container| matches!(container, Container::Running { .. }))
            .count();
        self.most_at_once = self.most_at_once.max(running);
    }

    fn carry_out(&mut self, effect: Effect, chance: usize) {
        match effect {
            Effect::Prepare => {
                if chance % 50 == 49 {
                    self.events.push(Event::NotPrepared { message: "no addresses left".into() });
                } else {
                    self.network = true;
                    self.events.push(Event::Prepared);
                }
            }
            Effect::Start { step, attempt, key } => self.start(step, attempt, key),
            Effect::Watch { step, attempt } => match self.containers.get_mut(&(step.clone(), attempt)) {
                Some(Container::Healthy) => {
                    self.events.push(Event::Succeeded { step, attempt, outputs: outputs() });
                }
                Some(Container::Exited(ended)) => {
                    let ended = ended.clone();
                    self.events.push(of(step, attempt, ended));
                }
                Some(Container::Running { watched }) => *watched = true,
                None => {}
            },
            Effect::Stop { step, attempt } => {
                let container = self.containers.get_mut(&(step.clone(), attempt));
                match container {
                    Some(Container::Exited(ended)) => {
                        let ended = ended.clone();
                        self.events.push(of(step, attempt, ended));
                    }
                    Some(container) => {
                        *container = Container::Exited(Ended::Failed(failure()));
                        self.events.push(Event::Stopped { step, attempt });
                    }
                    None => self.events.push(Event::Stopped { step, attempt }),
                }
            }
            Effect::Discard { step, attempt } => {
                let container = self.containers.remove(&(step, attempt));
                assert!(
                    !matches!(container, Some(Container::Running { .. })),
                    "only what has ended is discarded"
                );
            }
            Effect::Undo { step, attempt, key, destroy } => self.undo(step, attempt, key, destroy),
            Effect::WatchUndo { step, attempt } => match self.undos.get_mut(&(step.clone(), attempt)) {
                Some(Container::Running { watched }) => *watched = true,
                Some(Container::Exited(Ended::Succeeded { .. })) => {
                    self.events.push(Event::Undone { step, attempt });
                }
                _ => self.events.push(Event::NotUndone { step, attempt, message: "it failed".into() }),
            },
            Effect::Clean => {
                if chance % 10 == 9 {
                    self.events.push(Event::NotCleaned { message: "the engine does not answer".into() });
                } else {
                    self.containers.clear();
                    self.undos.clear();
                    self.network = false;
                    self.events.push(Event::Cleaned);
                }
            }
            Effect::Finish => assert!(self.run.is_ended() || self.run.cause.is_some()),
        }
    }

    fn start(&mut self, step: StepName, attempt: u32, key: IdempotencyKey) {
        assert!(self.network, "the network is made first");
        for need in &self.run.plan.steps[&step].needs {
            assert!(self.succeeded.contains(need), "{step} starts before {need} succeeded");
        }
        assert_eq!(*self.keys.entry((step.clone(), "create")).or_insert(key.clone()), key, "another key");
        let others = self.containers.iter().filter(|((name, other), _)| *name == step && *other != attempt);
        for (_, container) in others {
            assert!(matches!(container, Container::Exited(_)), "{step} runs twice at once");
        }
        self.made.insert(step.clone());
        let container =
            self.containers.entry((step, attempt)).or_insert(Container::Running { watched: true });
        if let Container::Running { watched } = container {
            *watched = true;
        }
    }

    fn undo(&mut self, step: StepName, attempt: u32, key: IdempotencyKey, destroy: bool) {
        assert_eq!(*self.keys.entry((step.clone(), "destroy")).or_insert(key.clone()), key, "another key");
        let is_given_up = |name: &StepName| self.run.steps[name].state == StepState::LeftOver;
        for (name, planned) in &self.run.plan.steps {
            if planned.needs.contains(&step) {
                assert!(!self.made.contains(name) || is_given_up(name), "{name} needs {step} to be undone");
            }
        }
        let last =
            self.ended.iter().rfind(|name| **name == step || self.made.contains(*name) && !is_given_up(name));
        assert_eq!(last, Some(&step), "in reverse order of ends: {:?}", self.ended);
        if destroy {
            for ((name, other), container) in &mut self.undos {
                if *name == step && *other < attempt {
                    *container = Container::Exited(Ended::Failed(failure()));
                }
            }
            let container = self.undos.entry((step, attempt)).or_insert(Container::Running { watched: true });
            if let Container::Running { watched } = container {
                *watched = true;
            }
        } else {
            self.removed(&step);
            self.events.push(Event::Undone { step, attempt });
        }
    }

    fn removed(&mut self, step: &StepName) {
        self.made.remove(step);
        self.containers.retain(|(name, _), _| name != step);
    }

    /// A running container ends, or becomes healthy. Says whether there was one.
    pub(crate) fn work_ends(&mut self, pick: usize, well: bool) -> bool {
        let running: Vec<_> = (self.containers.iter())
            .filter(|((name, _), container)| {
                matches!(container, Container::Running { .. }) && !self.asked[name].hangs
            })
            .map(|(key, container)| (key.clone(), *container == Container::Running { watched: true }))
            .collect();
        if running.is_empty() {
            return false;
        }
        let ((step, attempt), watched) = running[pick % running.len()].clone();
        let well = well && !self.asked[&step].fails;
        let keeps_running = !self.run.plan.steps[&step].ends();
        let ended = if well { Ended::Succeeded { outputs: outputs() } } else { Ended::Failed(failure()) };
        if well {
            self.succeeded.insert(step.clone());
        }
        let container =
            if well && keeps_running { Container::Healthy } else { Container::Exited(ended.clone()) };
        self.containers.insert((step.clone(), attempt), container);
        if watched {
            self.events.push(of(step, attempt, ended));
        }
        true
    }

    pub(crate) fn undo_ends(&mut self, pick: usize, well: bool) -> bool {
        let running: Vec<_> = (self.undos.iter())
            .filter(|(_, container)| matches!(container, Container::Running { .. }))
            .map(|(key, container)| (key.clone(), *container == Container::Running { watched: true }))
            .collect();
        if running.is_empty() {
            return false;
        }
        let ((step, attempt), watched) = running[pick % running.len()].clone();
        let well = well && !self.asked[&step].stubborn;
        let (ended, event) = if well {
            self.removed(&step);
            let event = Event::Undone { step: step.clone(), attempt };
            (Ended::Succeeded { outputs: BTreeSet::new() }, event)
        } else {
            let event = Event::NotUndone { step: step.clone(), attempt, message: "it failed".into() };
            (Ended::Failed(failure()), event)
        };
        self.undos.insert((step, attempt), Container::Exited(ended));
        if watched {
            self.events.push(event);
        }
        true
    }

    /// Whether everything that is ordered is underway.
    pub(crate) fn only_watches(&self) -> bool {
        let runs = |container: Option<&Container>| matches!(container, Some(Container::Running { .. }));
        self.pending.iter().all(|effect| match effect {
            Effect::Watch { step, attempt } => runs(self.containers.get(&(step.clone(), *attempt))),
            Effect::WatchUndo { step, attempt } => runs(self.undos.get(&(step.clone(), *attempt))),
            _ => false,
        })
    }

    /// A healthy service dies.
    pub(crate) fn service_dies(&mut self, pick: usize) {
        let healthy: Vec<_> = (self.containers.iter())
            .filter(|(_, container)| **container == Container::Healthy)
            .map(|(key, _)| key.clone())
            .collect();
        if healthy.is_empty() {
            return;
        }
        let key = healthy[pick % healthy.len()].clone();
        self.containers.insert(key.clone(), Container::Exited(Ended::Failed(failure())));
        self.events.push(Event::Lost { step: key.0, failure: failure() });
    }

    pub(crate) fn hear(&mut self, pick: usize, again: bool) {
        if self.events.is_empty() {
            return;
        }
        let at = pick % self.events.len();
        let event = if again { self.events[at].clone() } else { self.events.remove(at) };
        self.apply(event);
    }

    pub(crate) fn wait(&mut self, seconds: i64) {
        self.now += jiff::SignedDuration::from_secs(seconds);
        self.apply(Event::Tick);
    }

    /// No more faults: everything is carried out, everything ends well that ever ends.
    pub(crate) fn heal(&mut self) {
        for _ in 0..2_000 {
            if !self.pending.is_empty() {
                self.execute(0);
            } else if !self.events.is_empty() {
                self.hear(0, false);
            } else if self.run.is_ended() {
                return;
            } else {
                let before = self.events.len();
                self.work_ends(0, true);
                self.undo_ends(0, true);
                if self.events.len() == before {
                    self.now =
                        self.run.next_wakeup().expect("what is not ended waits for something").max(self.now);
                    self.apply(Event::Tick);
                }
            }
        }
        panic!("it does not end: {:#?}", self.run);
    }
}

fn of(step: StepName, attempt: u32, ended: Ended) -> Event {
    match ended {
        Ended::Succeeded { outputs } => Event::Succeeded { step, attempt, outputs },
        Ended::Failed(failure) => Event::Failed { step, attempt, failure },
    }
}

fn step_of(effect: &Effect) -> Option<&StepName> {
    match effect {
        Effect::Start { step, .. }
        | Effect::Watch { step, .. }
        | Effect::Stop { step, .. }
        | Effect::Discard { step, .. }
        | Effect::Undo { step, .. }
        | Effect::WatchUndo { step, .. } => Some(step),
        Effect::Prepare | Effect::Clean | Effect::Finish => None,
    }
}

fn conflict(earlier: &Effect, later: &Effect) -> bool {
    match (step_of(earlier), step_of(later)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    }
}
