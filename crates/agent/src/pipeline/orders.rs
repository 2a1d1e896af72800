//! What each order of the machine means.
//!
//! Every order may be carried out again after a crash, so each looks first for what there is. None of them changes the run:
//! they end by telling what happened.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use pierhead_engine::spec::Labels;
use pierhead_model::deployment::{Failure, Reason};
use pierhead_model::pipeline::StepName;
use pierhead_model::pipeline::definition::{PluginStep, Step};
use pierhead_model::pipeline::service::ServiceStep;
use pierhead_model::release::Release;
use pierhead_model::run::{Event, IdempotencyKey, PipelineWork};
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::describe::{self, Base};
use super::notes::Notes;
use super::pull;
use super::values::Values;
use crate::assignments::Held;
use crate::executor::Run;
use crate::labels;
use crate::steps::contract::Action;
use crate::steps::place::Place;
use crate::steps::plugin::Outcome;
use crate::steps::service::{Running, Service, Started};
use crate::steps::{self, Context, StepError};
use crate::undo::{self, Images};

/// Before an engine that does not answer is asked again.
const PAUSE: Duration = Duration::from_secs(2);
/// What a service gets to end politely when its step does not say.
const GRACE: Duration = Duration::from_secs(10);

/// What came of an order.
#[derive(Debug)]
pub(super) enum Told {
    Nothing,
    Happened(Event),
    Succeeded { step: StepName, attempt: u32, made: Box<Made> },
}

/// What orders are carried out with. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Orders<'r> {
    pub(super) run: &'r Run,
    pub(super) work: &'r PipelineWork,
    pub(super) place: Place,
    pub(super) context: Context,
    /// Builds of one run take turns: they share its folders.
    pub(super) building: Arc<tokio::sync::Mutex<()>>,
    /// The names of services on other nodes are held: those here may begin.
    pub(super) names_held: watch::Receiver<bool>,
}

/// An order that is being carried out.
pub(super) type Order<'r> = BoxFuture<'r, Told>;

impl<'r> Orders<'r> {
    pub(super) fn prepare(self) -> Order<'r> {
        Box::pin(async move {
            if self.work.is_generated() {
                // A site needs none; a service makes its own, when it is known to be one.
                return Told::Happened(Event::Prepared);
            }
            let pool = self.run.node.options.subnet_pool;
            Told::Happened(loop {
                match steps::network::prepare(&self.context, &self.place, pool).await {
                    Ok(_) => break Event::Prepared,
                    Err(error) if error.retryable() => {
                        tracing::warn!(%error, "networks could not be made; trying again");
                        tokio::time::sleep(PAUSE).await;
                    }
                    Err(error) => break Event::NotPrepared { message: error.to_string() },
                }
            })
        })
    }

    pub(super) fn start(
        self,
        step: StepName,
        attempt: u32,
        key: IdempotencyKey,
        notes: Notes,
        cancel: CancellationToken,
    ) -> Order<'r> {
        Box::pin(async move {
            let told = match self.work.pipeline.steps.get(&step) {
                Some(Step::Plugin(plugin)) => {
                    self.start_plugin(&step, plugin, attempt, &key, &notes, &cancel).await
                }
                Some(Step::Service(service)) => {
                    self.start_service(&step, service, attempt, &notes, &cancel).await
                }
                Some(Step::Build(build)) => {
                    let building = async {
                        match self.work.is_generated() {
                            true => super::app::build(&self).await,
                            false => super::build::build(&self, &step, build, &notes).await,
                        }
                    };
                    tokio::select! {
                        built = Box::pin(building) => built.map(|(outputs, release)| Some(Made { release: Some(release), ..Made::of(outputs) })),
                        () = cancel.cancelled() => Ok(None),
                    }
                }
                Some(Step::Site(site)) => Ok(Some(Made::of(self.site(&step, &site.build, &notes)))),
                None => Err(Failure::new(Reason::Internal, format!("there is no step `{step}`"))),
            };
            match told {
                Ok(Some(made)) => Told::Succeeded { step, attempt, made: Box::new(made) },
                Ok(None) => Told::Happened(Event::Stopped { step, attempt }),
                Err(failure) => {
                    self.run.log.say(step.as_str(), &failure.detail);
                    Told::Happened(Event::Failed { step, attempt, failure })
                }
            }
        })
    }

    /// Nobody attends to the attempt, as after a crash: whatever runs of it is stopped.
    pub(super) fn stop(self, step: StepName, attempt: u32) -> Order<'r> {
        Box::pin(async move {
            for container in self.containers_of(&step, attempt) {
                patiently(|| steps::end::stop(&self.context, &container, Duration::ZERO)).await;
            }
            Told::Happened(Event::Stopped { step, attempt })
        })
    }

    pub(super) fn discard(self, step: StepName, attempt: u32) -> Order<'r> {
        Box::pin(async move {
            for container in self.containers_of(&step, attempt) {
                patiently(|| steps::end::remove(&self.context, &container)).await;
            }
            Told::Nothing
        })
    }

    pub(super) fn undo(
        self,
        step: StepName,
        attempt: u32,
        key: IdempotencyKey,
        destroy: bool,
        notes: Notes,
    ) -> Order<'r> {
        Box::pin(async move {
            Told::Happened(match self.try_undo(&step, attempt, &key, destroy, &notes).await {
                Ok(()) => Event::Undone { step, attempt },
                Err(message) => {
                    self.run.log.say(step.as_str(), &format!("could not be undone: {message}"));
                    Event::NotUndone { step, attempt, message }
                }
            })
        })
    }

    pub(super) fn clean(self) -> Order<'r> {
        Box::pin(async move {
            let Run { node, identity, id, .. } = self.run;
            Told::Happened(match undo::remove(node, identity, id, Images::Keep).await {
                Ok(()) => Event::Cleaned,
                Err(error) => Event::NotCleaned { message: error.to_string() },
            })
        })
    }

    /// Whether it is an application that turned out to be a site.
    pub(super) fn is_site(&self) -> bool {
        let report = self.run.node.book.get(&self.run.id);
        let release = report.and_then(|report| report.release);
        self.work.is_generated() && matches!(release, Some(Release::Site(_)))
    }

    /// What the build of a site made is not needed any more; nobody has to wait until it is gone.
    pub(super) fn tidy(self) -> Order<'r> {
        Box::pin(async move {
            let Run { node, identity, id, .. } = self.run;
            while let Err(error) = undo::remove(node, identity, id, Images::Keep).await {
                tracing::warn!(deployment = %id, %error, "what a build left could not be removed; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            Told::Nothing
        })
    }

    fn values<'v>(&'v self, notes: &'v Notes) -> Values<'v> {
        let Held { assignment, secrets_missing, .. } = self.run.held.as_ref();
        Values { assignment, work: self.work, notes, unknown: *secrets_missing }
    }

    async fn start_plugin(
        &self,
        name: &StepName,
        step: &PluginStep,
        attempt: u32,
        key: &IdempotencyKey,
        notes: &Notes,
        cancel: &CancellationToken,
    ) -> Result<Option<Made>, Failure> {
        pull::ensure(self.run, &step.image).await?;
        let how = (Action::Create, attempt, key);
        let described = describe::plugin(self.values(notes), &self.place, (name, step), how)?;
        match patiently(|| steps::plugin::run(&self.context, &described, cancel)).await {
            Outcome::Succeeded(answer) => {
                if !answer.output.is_empty() {
                    self.run.log.say(name.as_str(), &answer.output);
                }
                Ok(Some(Made::of(answer.outputs)))
            }
            Outcome::Failed(failure) => Err(failure),
            Outcome::Cancelled => Ok(None),
        }
    }

    async fn start_service(
        &self,
        name: &StepName,
        step: &ServiceStep,
        attempt: u32,
        notes: &Notes,
        cancel: &CancellationToken,
    ) -> Result<Option<Made>, Failure> {
        if self.work.is_generated() {
            let built = step.build.as_ref().and_then(|build| notes.builds.get(build));
            if matches!(built, Some(Release::Site(_))) {
                // It has nothing to run: stored is healthy.
                return Ok(Some(Made::of(Map::new())));
            }
            super::app::network(self).await?;
        }
        // When nobody holds them any more, the run has ended.
        let _ = self.names_held.clone().wait_for(|held| *held).await;
        let replicas = self.describe_service(name, step, attempt, notes).await?;
        let started = replicas.iter().map(|service| self.start_replica(service, cancel));
        let (mut addresses, mut running) = (Vec::new(), BTreeMap::new());
        for (service, started) in replicas.iter().zip(join_all(started).await) {
            match started {
                Started::Healthy(found) => {
                    let address = service.port.map(|port| (found.address, port).into());
                    addresses.extend(address.map(|address| (service.replica, address)));
                    running.insert(service.replica, found);
                }
                Started::Failed(failure) => return Err(failure),
                Started::Cancelled => return Ok(None),
            }
        }
        let mut outputs = Map::new();
        outputs.insert("host".to_owned(), json!(name.as_str()));
        if let Some(public) = self.work.public.get(name) {
            outputs.insert("url".to_owned(), json!(public.url));
        }
        Ok(Some(Made { addresses, running, ..Made::of(outputs) }))
    }

    pub(super) async fn start_replica(&self, service: &Service, cancel: &CancellationToken) -> Started {
        patiently(|| steps::service::start(&self.context, service, cancel)).await
    }

    /// Every replica of a service, with its image on this node.
    pub(super) async fn describe_service(
        &self,
        name: &StepName,
        step: &ServiceStep,
        attempt: u32,
        notes: &Notes,
    ) -> Result<Vec<Service>, Failure> {
        let mut replicas = Vec::new();
        for replica in self.work.replicas(name, step) {
            let base = self.base_of(name, step, replica, notes).await?;
            replicas.push(describe::service(
                self.values(notes),
                &self.place,
                (name, step),
                base,
                (attempt, replica),
            )?);
        }
        Ok(replicas)
    }

    pub(super) async fn base_of(
        &self,
        name: &StepName,
        step: &ServiceStep,
        replica: u32,
        notes: &Notes,
    ) -> Result<Base, Failure> {
        if let Some(image) = &step.image {
            return Ok(Base::of_image(pull::ensure(self.run, image).await?));
        }
        let built = step.build.as_ref().and_then(|build| notes.builds.get(build));
        let internal = |why: &str| Failure::new(Reason::Internal, format!("the service `{name}` {why}"));
        match built {
            Some(release) => super::build::base(self, name, replica, release).await,
            None => Err(internal("has neither an image nor a build")),
        }
    }

    fn site(&self, step: &StepName, build: &StepName, notes: &Notes) -> Map<String, Value> {
        let mut outputs = Map::new();
        if let Some(public) = self.work.public.get(step) {
            outputs.insert("url".to_owned(), json!(public.url));
        }
        if let Some(Release::Site(site)) = notes.builds.get(build) {
            outputs.insert("site".to_owned(), json!(site.manifest.to_hex()));
        }
        outputs
    }

    async fn try_undo(
        &self,
        name: &StepName,
        attempt: u32,
        key: &IdempotencyKey,
        destroy: bool,
        notes: &Notes,
    ) -> Result<(), String> {
        let step = self.work.pipeline.steps.get(name);
        let grace = match step {
            Some(Step::Service(service)) => grace_of(service),
            _ => Duration::ZERO,
        };
        let described = match step {
            Some(Step::Plugin(plugin)) if destroy => {
                let how = (Action::Destroy, attempt, key);
                let values = self.values(notes);
                Some(
                    describe::plugin(values, &self.place, (name, plugin), how)
                        .map_err(|failure| failure.detail)?,
                )
            }
            _ => None,
        };
        let current = described.as_ref().map(crate::steps::plugin::Attempt::container);
        let there = patiently(|| async {
            let found = self.all_containers_of(name).await;
            found.map_err(|error| StepError::Engine { doing: "looking for what is left of a step", error })
        });
        for container in there.await {
            if Some(&container) != current.as_ref() {
                patiently(|| steps::end::stop(&self.context, &container, grace)).await;
                pierhead_model::crash_point!("agent.stopped_process");
                if matches!(step, Some(Step::Service(_))) && !self.run.held.secrets_missing {
                    let secrets = self.values(notes).secrets();
                    let said = steps::service::last_words(&self.context, name.as_str(), &container, &secrets);
                    if let Err(error) = said.await {
                        tracing::warn!(step = %name, %error, "the last words of a service cannot be read");
                    }
                }
                patiently(|| steps::end::remove(&self.context, &container)).await;
            }
        }
        let Some(described) = described else { return Ok(()) };
        if let Some(Step::Plugin(plugin)) = step {
            pull::ensure(self.run, &plugin.image).await.map_err(|failure| failure.detail)?;
        }
        let never = CancellationToken::new();
        let outcome = patiently(|| steps::plugin::run(&self.context, &described, &never)).await;
        let container = described.container();
        patiently(|| steps::end::remove(&self.context, &container)).await;
        match outcome {
            Outcome::Succeeded(_) => Ok(()),
            Outcome::Failed(failure) => Err(failure.detail),
            Outcome::Cancelled => Err("it was stopped".to_owned()),
        }
    }

    /// By name: what an attempt that nobody remembers would have made.
    fn containers_of(&self, step: &StepName, attempt: u32) -> Vec<String> {
        match self.work.pipeline.steps.get(step) {
            Some(Step::Plugin(_)) => {
                vec![self.place.plugin_container(step.as_str(), Action::Create, attempt)]
            }
            Some(Step::Service(service)) => (self.work.replicas(step, service).into_iter())
                .map(|replica| self.place.service_container(step.as_str(), attempt, replica))
                .collect(),
            Some(Step::Build(_) | Step::Site(_)) | None => Vec::new(),
        }
    }

    /// By label: those of every attempt.
    async fn all_containers_of(&self, step: &StepName) -> pierhead_engine::Result<Vec<String>> {
        let mut wanted: Labels = labels::of_deployment(&self.run.identity, &self.run.id);
        wanted.insert(labels::STEP.to_owned(), step.to_string());
        let found = self.run.node.engine.list(&wanted).await?;
        Ok(found.into_iter().map(|container| container.name).collect())
    }
}

/// What a service gets to end politely.
pub(super) fn grace_of(service: &ServiceStep) -> Duration {
    service.stop_grace_s.map_or(GRACE, |seconds| Duration::from_secs(seconds.into()))
}

/// What a step made.
#[derive(Debug)]
pub(super) struct Made {
    /// For later steps.
    pub(super) outputs: Map<String, Value>,
    /// What a build made.
    pub(super) release: Option<Release>,
    /// Where the replicas of a service are reached.
    pub(super) addresses: Vec<(u32, SocketAddr)>,
    /// What was found healthy of them.
    pub(super) running: BTreeMap<u32, Running>,
}

impl Made {
    pub(super) const fn of(outputs: Map<String, Value>) -> Self {
        Self { outputs, release: None, addresses: Vec::new(), running: BTreeMap::new() }
    }
}

/// Until the engine answers: nothing can be said about a step before.
pub(super) async fn patiently<T, F: Future<Output = Result<T, StepError>>>(
    mut attempt: impl FnMut() -> F,
) -> T {
    loop {
        match attempt().await {
            Ok(done) => return done,
            Err(error) => {
                tracing::warn!(%error, retryable = error.retryable(), "a step could not be worked on; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
