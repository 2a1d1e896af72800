//! Events in, orders out; what is written down and reported in between.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Goal, Phase as ReportPhase, StepReport, StepStatus};
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::definition::{Kind, Step};
use pierhead_model::pipeline::name::OutputName;
use pierhead_model::release::{Release, RunRelease};
use pierhead_model::run::{
    Cause, Effect, Event, Handed, IdempotencyKey, Observation, Observed, Phase, PipelineWork, Share,
    StepObserved, StepState, resume, step,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::keep::keep;
use super::notes::{Notebook, Notes, Outputs};
use super::orders::{Made, Order, Orders, Told};
use super::{app, clear, relays};
use crate::executor::{Run, StepError};
use crate::steps::Context;
use crate::steps::place::Place;
use crate::steps::service::Running;

pub(super) struct Driver<'r> {
    orders: Orders<'r>,
    notebook: Notebook,
    notes: Notes,
    /// Orders that are being carried out.
    underway: FuturesUnordered<Order<'r>>,
    /// Steps that are attended to, and how they are stopped.
    attended: HashMap<StepName, CancellationToken>,
    keepers: Vec<(StepName, BoxFuture<'r, ()>)>,
    /// Where services that became healthy in this process are reached: told before anything counts on them.
    addresses: HashMap<StepName, Vec<(u32, SocketAddr)>>,
    /// Replicas of services that became healthy in this process, until they are kept.
    running: HashMap<StepName, BTreeMap<u32, Running>>,
    /// Of a share: the names of services on other nodes are held, and who holds them.
    names_held: watch::Sender<bool>,
    holding: Option<BoxFuture<'r, ()>>,
}

impl<'r> Driver<'r> {
    /// Opens what is known of the run, or begins it.
    pub(super) async fn open(run: &'r Run, work: &'r PipelineWork) -> Result<Self, StepError> {
        let keys = run.held.assignment.work.keys.as_ref();
        let mut notebook = Notebook::open(run, keys.map(|keys| keys.outputs.as_str()))
            .map_err(StepError::disk("opening the notes of the run"))?;
        let known = notebook.read().await.map_err(StepError::disk("reading the notes of the run"))?;
        // What runs can be kept without knowing why it runs so.
        let is_kept = known.as_ref().is_some_and(|notes| notes.state.phase == Phase::Succeeded);
        let stops = run.held.assignment.goal == Goal::Stop;
        if keys.is_none() && !work.is_generated() && (stops || !is_kept) {
            run.log.say("node", "waiting for the control plane: only it knows what this run may use");
            // The worker begins anew when that has come.
            return std::future::pending().await;
        }
        let fresh = || -> Result<Notes, StepError> {
            let plan = work
                .plan(&run.held.assignment.work.limits)
                .map_err(|error| StepError::failed(Reason::Internal, error.to_string()))?;
            let state = pierhead_model::run::Run::new(run.id.clone(), plan, Timestamp::now());
            let Some(Share { handed, .. }) = &work.share else {
                return Ok(Notes { state, outputs: Outputs::new(), builds: BTreeMap::new() });
            };
            let outputs = notebook
                .unseal(&handed.outputs)
                .map_err(StepError::disk("reading what the leading node has left"))?;
            Ok(Notes { state, outputs, builds: handed.builds.clone() })
        };
        let notes = match known {
            Some(notes) => notes,
            None => {
                // This node has lost what it knew, and perhaps the files of what runs: nothing of that can be relied on.
                if run.report(|_| {}).await?.phase > ReportPhase::Accepted {
                    clear(run).await?;
                }
                fresh()?
            }
        };
        let (place, context) = surroundings(run);
        let names_held = watch::Sender::new(work.share.is_none());
        let orders = Orders {
            run,
            work,
            place,
            context,
            building: Arc::default(),
            names_held: names_held.subscribe(),
        };
        let (underway, keepers) = (FuturesUnordered::new(), Vec::new());
        Ok(Self {
            orders,
            notebook,
            notes,
            underway,
            attended: HashMap::new(),
            keepers,
            addresses: HashMap::new(),
            running: HashMap::new(),
            names_held,
            holding: None,
        })
    }

    /// Runs to success and keeps what runs, for as long as nobody says otherwise. Returns when it failed and was undone.
    pub(super) async fn run_on(&mut self) -> StepError {
        let ended = async {
            self.take_up().await?;
            if self.notes.state.phase == Phase::Created {
                self.happened(Event::Begin).await?;
            }
            while self.notes.state.phase != Phase::RolledBack {
                self.turn().await?;
            }
            Ok::<_, StepError>(())
        };
        match ended.await {
            Ok(()) => StepError::Failed(self.failure()),
            Err(error) => error,
        }
    }

    /// Undoes everything. Returns when nothing is left of it.
    pub(super) async fn run_back(&mut self) -> Result<(), StepError> {
        self.take_up().await?;
        self.happened(Event::Cancel).await?;
        self.happened(Event::Delete).await?;
        while self.notes.state.phase != Phase::RolledBack {
            self.turn().await?;
        }
        for (step, said) in self.notes.state.left_over() {
            self.orders.run.log.say(step.as_str(), &format!("what it made outside is left over: {said}"));
        }
        Ok(())
    }

    /// Goes on where it was: every order finds by itself what there is of it.
    async fn take_up(&mut self) -> Result<(), StepError> {
        let there = StepObserved { work: Observation::Running, undo: Observation::Running };
        let steps = self.notes.state.steps.keys().map(|name| (name.clone(), there.clone())).collect();
        let (state, effects) = resume(&self.notes.state, &Observed { steps }, Timestamp::now());
        self.accept(state, effects).await
    }

    /// Waits for the next thing to happen.
    async fn turn(&mut self) -> Result<(), StepError> {
        let due = self.notes.state.next_wakeup();
        let (keepers, holding) = (&mut self.keepers, &mut self.holding);
        let keeping = poll_fn(|context| {
            for keeper in keepers.iter_mut().map(|(_, keeper)| keeper).chain(holding.as_mut()) {
                let _ = keeper.as_mut().poll(context);
            }
            Poll::<()>::Pending
        });
        let told = tokio::select! {
            Some(told) = self.underway.next(), if !self.underway.is_empty() => told,
            () = until(due) => Told::Happened(Event::Tick),
            () = keeping => Told::Nothing,
        };
        match told {
            Told::Nothing => Ok(()),
            Told::Happened(event) => self.happened(event).await,
            Told::Succeeded { step, attempt, made } => {
                let Made { outputs, release, addresses, running } = *made;
                self.running.insert(step.clone(), running);
                if !addresses.is_empty() {
                    self.addresses.insert(step.clone(), addresses);
                }
                let names = outputs.keys().filter_map(|name| OutputName::parse(name).ok()).collect();
                self.notes.outputs.insert(step.clone(), outputs);
                if let Some(release) = release {
                    self.notes.builds.insert(step.clone(), release);
                }
                self.happened(Event::Succeeded { step, attempt, outputs: names }).await
            }
        }
    }

    async fn happened(&mut self, event: Event) -> Result<(), StepError> {
        let (state, effects) = step(&self.notes.state, event, Timestamp::now());
        self.accept(state, effects).await
    }

    /// Writes down what is now, and only then carries out what follows.
    async fn accept(
        &mut self,
        state: pierhead_model::run::Run,
        effects: Vec<Effect>,
    ) -> Result<(), StepError> {
        self.notes.state = state;
        self.notebook.write(&self.notes).await.map_err(StepError::disk("writing the notes of the run"))?;
        pierhead_model::crash_point!("agent.run_noted");
        self.report().await?;
        let up = matches!(self.notes.state.phase, Phase::Running | Phase::Succeeded);
        if self.orders.work.share.is_none() || !up {
            self.holding = None;
        } else if self.holding.is_none() {
            let holding = relays::hold(self.orders.clone(), self.notes.clone(), self.names_held.clone());
            self.holding = Some(Box::pin(holding));
        }
        for effect in effects {
            self.order(effect);
        }
        self.attend_to_services();
        Ok(())
    }

    fn order(&mut self, effect: Effect) {
        let orders = self.orders.clone();
        let id = &self.orders.run.id;
        let order = match effect {
            Effect::Prepare => orders.prepare(),
            Effect::Start { step, attempt, key } => self.start(step, attempt, key),
            Effect::Watch { step, attempt } => {
                let key = IdempotencyKey::create(id, &step);
                self.start(step, attempt, key)
            }
            Effect::Stop { step, attempt } => match self.attended.get(&step) {
                // Whoever attends to it tells when it has stopped.
                Some(attended) if !attended.is_cancelled() => return attended.cancel(),
                Some(_) => return,
                None => orders.stop(step, attempt),
            },
            Effect::Discard { step, attempt } => {
                self.attended.remove(&step);
                orders.discard(step, attempt)
            }
            Effect::Undo { step, attempt, key, destroy } => {
                orders.undo(step, attempt, key, destroy, self.notes.clone())
            }
            Effect::WatchUndo { step, attempt } => {
                let key = IdempotencyKey::destroy(id, &step);
                let destroy = self.notes.state.plan.steps.get(&step).is_some_and(|planned| planned.destroys);
                orders.undo(step, attempt, key, destroy, self.notes.clone())
            }
            Effect::Clean => orders.clean(),
            Effect::Finish => match self.orders.is_site() {
                true => orders.tidy(),
                false => return,
            },
        };
        self.underway.push(order);
    }

    fn start(&mut self, step: StepName, attempt: u32, key: IdempotencyKey) -> Order<'r> {
        let cancel = CancellationToken::new();
        self.attended.insert(step.clone(), cancel.clone());
        self.orders.clone().start(step, attempt, key, self.notes.clone(), cancel)
    }

    /// Services that are healthy are kept so; those that are not wanted any more are let go of.
    fn attend_to_services(&mut self) {
        let state = &self.notes.state;
        let is_kept = |name: &StepName| {
            state.steps.get(name).is_some_and(|step| matches!(step.state, StepState::Done { .. }))
                && matches!(state.phase, Phase::Running | Phase::Succeeded)
        };
        self.keepers.retain(|(name, _)| is_kept(name));
        for (name, step) in &self.orders.work.pipeline.steps {
            let Step::Service(service) = step else { continue };
            if self.orders.is_site() {
                continue;
            }
            if is_kept(name) && !self.keepers.iter().any(|(kept, _)| kept == name) {
                let attempt = state.steps.get(name).map_or(1, |step| step.attempt);
                let keeper = keep(
                    self.orders.clone(),
                    name.clone(),
                    service.as_ref().clone(),
                    (attempt, self.running.remove(name).unwrap_or_default()),
                    self.notes.clone(),
                );
                self.keepers.push((name.clone(), keeper));
            }
        }
    }

    async fn report(&mut self) -> Result<(), StepError> {
        if self.orders.work.is_generated() {
            return self.report_app().await;
        }
        let state = &self.notes.state;
        let steps: Vec<_> = state.steps.iter().filter_map(|(name, step)| told(name, step)).collect();
        let is_done = |name: &StepName| {
            matches!(state.steps.get(name).map(|it| &it.state), Some(StepState::Done { .. }))
        };
        let built = state
            .plan
            .steps
            .iter()
            .filter(|(_, planned)| planned.kind == Kind::Build)
            .all(|(name, _)| is_done(name));
        let phase = match state.phase {
            Phase::Created => ReportPhase::Accepted,
            Phase::Succeeded => ReportPhase::Healthy,
            Phase::Running if built => ReportPhase::Released,
            // What was released stays so; the failure follows when everything is undone.
            _ => ReportPhase::Building,
        };
        let release =
            Release::Run(RunRelease { deployment: self.orders.run.id.clone(), sites: self.sites() });
        let addresses = std::mem::take(&mut self.addresses);
        let handed = self.handed()?;
        self.orders
            .run
            .report(|report| {
                for (name, addresses) in addresses {
                    let instance = report.services.entry(name).or_default();
                    for (replica, address) in addresses {
                        instance.set_replica(replica, Some(address));
                    }
                }
                report.steps.retain(|step| step.status.is_none());
                report.steps.extend(steps);
                report.phase = report.phase.max(phase);
                if phase >= ReportPhase::Released {
                    report.release = Some(release);
                }
                if handed.is_some() {
                    report.handed = handed;
                }
            })
            .await
            .map(drop)
    }

    /// What the nodes need that run further replicas, once everything here has succeeded.
    fn handed(&self) -> Result<Option<Handed>, StepError> {
        let Orders { run, work, .. } = &self.orders;
        let known = || run.node.book.get(&run.id).is_some_and(|report| report.handed.is_some());
        // It is sealed differently each time, and one time is enough.
        if self.notes.state.phase != Phase::Succeeded || !work.is_spread() || known() {
            return Ok(None);
        }
        let outputs = self.notebook.seal(&self.notes.outputs).map_err(StepError::disk("sealing outputs"))?;
        Ok(Some(Handed { outputs, builds: self.notes.builds.clone() }))
    }

    async fn report_app(&mut self) -> Result<(), StepError> {
        let Notes { state, .. } = &self.notes;
        let service = |name: &&StepName| {
            state.plan.steps.get(*name).is_some_and(|planned| planned.kind == Kind::Service)
        };
        let Some(service) = state.steps.keys().find(service).and_then(|name| state.steps.get(name)) else {
            return Ok(());
        };
        let addresses = std::mem::take(&mut self.addresses);
        let report = self.orders.run.report(|report| {
            for (replica, address) in addresses.into_values().flatten() {
                report.instance.get_or_insert_default().set_replica(replica, Some(address));
            }
            app::tell(report, &state.phase, service);
        });
        if report.await?.phase == ReportPhase::Healthy {
            pierhead_model::crash_point!("agent.healthy_reported");
        }
        Ok(())
    }

    fn sites(&self) -> BTreeMap<StepName, pierhead_model::digest::Digest> {
        let site = |(name, step): (&StepName, &Step)| {
            let Step::Site(site) = step else { return None };
            match self.notes.builds.get(&site.build) {
                Some(Release::Site(built)) => Some((name.clone(), built.manifest)),
                _ => None,
            }
        };
        self.orders.work.pipeline.steps.iter().filter_map(site).collect()
    }

    fn failure(&self) -> Failure {
        match &self.notes.state.cause {
            Some(Cause::StepFailed { failure, .. }) => failure.clone(),
            Some(Cause::NotPrepared { message }) => Failure::new(Reason::Internal, message.clone()),
            Some(Cause::TimedOut) => {
                let limit_s = self.notes.state.plan.timeout_s;
                Failure::new(
                    Reason::StartupTimeout { limit_s },
                    format!("the run did not end within {limit_s} s; everything it had made was removed"),
                )
            }
            Some(Cause::Cancelled | Cause::Deleted) | None => {
                Failure::new(Reason::Cancelled, "it was cancelled, and everything it had made was removed")
            }
        }
    }
}

/// Whose steps they are, and what they work with.
pub(super) fn surroundings(run: &Run) -> (Place, Context) {
    let assignment = &run.held.assignment;
    let place = Place {
        install: run.identity.install.clone(),
        node: run.identity.node.clone(),
        epoch: run.held.epoch,
        deployment: run.id.clone(),
        project_id: assignment.project_id.clone(),
        project: assignment.project.clone(),
        environment: assignment.environment.clone(),
        slot: assignment.slot.clone(),
    };
    let context = Context {
        engine: Arc::clone(&run.node.engine),
        lines: Arc::<crate::log::DeploymentLog>::clone(&run.log),
        settling: run.settling().clone(),
        folder: run.node.layout.work(&run.id).join("steps"),
        init: run.node.init.clone(),
        log_limit_bytes: run.node.options.log_limit_bytes,
        now: Timestamp::now,
    };
    (place, context)
}

/// A step as people see it; `None` when it was never begun.
fn told(name: &StepName, step: &pierhead_model::run::StepRun) -> Option<StepReport> {
    let status = match step.state {
        StepState::Waiting | StepState::Skipped => return None,
        StepState::Active { .. } => StepStatus::Running,
        StepState::Stopping { .. } => StepStatus::Stopping,
        StepState::Pausing { .. } => StepStatus::Retrying,
        StepState::Done { .. } => StepStatus::Succeeded,
        StepState::Broken { .. } => StepStatus::Failed,
        StepState::Undoing { .. } | StepState::UndoPausing { .. } => StepStatus::Undoing,
        StepState::Undone => StepStatus::Undone,
        StepState::LeftOver => StepStatus::LeftOver,
    };
    let note =
        step.undo_failure.clone().or_else(|| step.failure.as_ref().map(|failure| failure.detail.clone()));
    Some(StepReport {
        name: name.to_string(),
        started_at: step.started_at?,
        finished_at: step.ended_at,
        exit_code: None,
        note,
        status: Some(status),
    })
}

async fn until(moment: Option<Timestamp>) {
    match moment {
        Some(moment) => {
            let left = std::time::Duration::try_from(moment.duration_since(Timestamp::now()));
            tokio::time::sleep(left.unwrap_or_default()).await;
        }
        None => std::future::pending().await,
    }
}
