//! The control plane: services that people ask, reconcilers that make things so, links to agents and ingresses.
//!
//! Nobody is told to do something once. A service writes what should be; reconcilers compare it with what is and do what
//! follows, whenever they are woken and once in a while anyway. A lost message or a crash therefore costs time only.

mod access;
mod assignments;
mod blobs;
mod builds;
mod capacity;
mod core;
mod edge;
mod error;
mod figures;
mod fleet;
mod forge;
mod images;
mod ingresses;
mod lifecycle;
mod links;
mod mail;
mod outgoing;
mod outside;
mod reconcilers;
mod routing;
mod schemas;
mod sealing;
mod services;
mod shares;
mod sign_in;
mod sleepers;
mod sources;
#[cfg(test)]
mod testing;
mod work;

use std::num::NonZeroUsize;
use std::sync::Arc;

pub use blobs::StoredBlobs;
pub use edge::EdgeOptions;
pub use edge::authority::AcmeOptions;
pub use edge::caches::Caches;
pub use edge::names::{Answer, Names, NoResolver, Resolver};
pub use edge::records::{Cloudflare, CloudflareOptions, Records};
pub use error::{Error, FieldProblem};
pub use ingresses::HostTraffic;
use ipnet::IpNet;
pub use mail::{Letter, MailError, Mailer};
pub use outside::Outside;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{EnvironmentId, InstallId, NodeId};
use pierhead_model::name::EnvironmentName;
pub use pierhead_store::{Delivery, Dial, Environment as EnvironmentView, NoticeState, StoredNotice};
use pierhead_store::{Environment, Node, NodeLink, Store};
pub use pierhead_wire::exec;
pub use pierhead_wire::ingress_to_control::Counts as TrafficCounts;
use pierhead_wire::link::End;
use pierhead_wire::{
    AgentToControl, ControlToAgent, ControlToIngress, Executes, IngressToControl, Leaders, Tunnels,
};
pub use sealing::{MasterKey, MasterKeySource, SealError, Successor, VaultToken, VaultTransit};
pub use services::accounts::{AccountChange, AccountView};
pub use services::audit::{AuditQuery, AuditView};
pub use services::auth::{
    BrowserSession, Client, InstanceRole, NewToken, Principal, SESSION_LIFETIME_S, Scope, Scopes,
    SessionView, TokenView, Tokens, Via,
};
pub use services::catalogue::{Catalogue, Listed, TagQuery, TagView, TagsView};
pub use services::certificates::{CertificateView, NewCertificate};
pub use services::clones::NewClone;
pub use services::deployments::{
    Conditions, DeploymentFilter, DeploymentView, NewDeployment, QuickDeployment, ShareView,
};
pub use services::detection::Detector;
pub use services::devices::{DeviceAnswer, DeviceBegun, DeviceView};
pub use services::domains::{DomainCertificate, DomainView, NewDomain};
pub use services::environments::{
    EnvironmentChange, NewEnvironment, NewNode, NodeAdded, NodeProblem, NodeView,
};
pub use services::events::EventView;
pub use services::exec::{Running as ExecRunning, Terminal as ExecTerminal, Wanted as ExecWanted};
pub use services::figures::{
    FiguresQuery, FiguresView, MachineFiguresView, NapView, Span as FiguresSpan, WentLiveView,
};
pub use services::github::{
    ConnectionBegun, GithubAppView, GithubView, InstallationView, ManifestView, NewGithubApp, RepositoryView,
};
pub use services::grants::{GrantView, NewGrant};
pub use services::handed::UploadView;
pub use services::idempotency::Begun;
pub use services::identities::IdentityView;
pub use services::ingresses::{IngressAdded, IngressView};
pub use services::invitations::{InvitationView, Invited, NewAccount};
pub use services::keys::{DataKeyView, KeysView};
pub use services::logs::{LogItem, LogOf, LogPage, LogQuery};
pub use services::mailing::{LetterView, MailView};
pub use services::notices::{NewNoticeEndpoint, NoticeEndpointView};
pub use services::page::{Page, PageRequest};
pub use services::passwords::ResetLink;
pub use services::pipelines::{
    ComposeImport, DryRunQuestion, DryRunView, ImageView, NewTemplate, PipelineView, Saved, Validation,
};
pub use services::projects::{NewProject, OwnerView, ProjectView};
pub use services::pushes::PushView;
pub use services::queue::{WaitReason, Waiting};
pub use services::registries::{NewRegistry, RegistryProblem, RegistryTest, RegistryView};
pub use services::runs::inputs;
pub use services::sign_in::{Answered, Begun as SignInBegun, Finished, ProviderView, SignInOptions};
pub use services::sign_up::{SignUp, SignUpRequest};
pub use services::slots::SlotView;
pub use services::source_access::AccessView;
pub use services::source_check::{Reach, SourceCheck};
pub use services::source_links::{LinkView, NewLink};
pub use services::sources::{FollowedView, SourceView};
pub use services::teams::{MemberView, TeamView};
pub use services::variables::{NewVariable, VariableView, VariablesAt, VariablesShown, VariablesView};
pub use services::verification::Check;
pub use services::visitors::{VisitorPass, VisitorPasswordView, VisitorsView};
pub use services::{Health, Services};
pub use sign_in::{ProviderKind, ProviderOptions, Refusal};
pub use sources::hooks::{Incoming, Received};
pub use sources::{Pushes, Repositories, SourceOptions};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::builds::Builds;
pub use crate::core::{AccessOptions, CertifiedNames, PublicAddress, PublicTls};
use crate::core::{Core, Signals};
use crate::edge::Edge;
use crate::error::StoreResult as _;
use crate::figures::Recorder;
use crate::fleet::Fleet;
use crate::images::Images;
use crate::ingresses::Ingresses;
use crate::links::{Guests, Links};
use crate::outgoing::Outgoing;
use crate::outside::random_bits;
use crate::reconcilers::{Signal, drive};
use crate::sealing::Keyring;
use crate::services::auth::Auth;
use crate::sign_in::web::Web;
use crate::sleepers::Sleepers;

/// What a control plane is made of.
#[derive(Debug)]
pub struct Options {
    pub store: Store,
    pub outside: Arc<dyn Outside>,
    pub key: MasterKey,
    pub base_domain: Hostname,
    pub public: PublicAddress,
    pub detector: Arc<dyn Detector>,
    pub sources: SourceOptions,
    /// How many builds run at once over all nodes.
    pub build_limit: Option<NonZeroUsize>,
    /// Where agents that dial out call.
    pub agents: Option<TcpListener>,
    /// Ranges of addresses that are not public and may be reached all the same: registries on one's own network.
    pub allow_addresses: Vec<IpNet>,
    /// PEM certificates of authorities to trust beside the system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Those that come with this version.
    pub plugins: Vec<pierhead_model::pipeline::plugin::PluginDeclaration>,
    pub access: AccessOptions,
    pub edge: EdgeOptions,
}

/// A running control plane.
#[derive(Debug)]
pub struct Control {
    core: Arc<Core>,
    services: Arc<Services>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    local_node: NodeId,
}

impl Control {
    /// Begins a new epoch and starts the reconcilers.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let Options {
            store,
            outside,
            key,
            base_domain,
            public,
            detector,
            sources,
            build_limit,
            agents,
            allow_addresses,
            ca_bundle,
            plugins,
            access,
            edge,
        } = options;
        let fresh = InstallId::new(outside.now(), random_bits(&*outside));
        // Before anything is changed: with the wrong key nothing is, and whoever runs with the right one runs on.
        let sealed = store.setting_get(access::token_keys::SETTING).await.stored()?;
        let sample = sealed.as_deref().map(|sealed| (access::token_keys::PLACE, sealed));
        let key = Keyring::load(&store, key, sample, &*outside).await?;
        let (install, epoch) = store.epoch_begin(fresh).await.stored()?;
        let (drained, signals) = (Signal::default(), Signals::default());
        let sleepers = Arc::new(Sleepers::new(epoch, outside.now()));
        let figures = Arc::new(Recorder::load(&store, epoch).await.stored()?);
        let core = Arc::new(Core {
            ingresses: Ingresses::new(
                epoch,
                (drained.clone(), signals.sleep.clone()),
                (Arc::clone(&sleepers), Arc::clone(&figures)),
                Arc::clone(&outside),
            ),
            sleepers,
            figures,
            fleet: Fleet::default(),
            links: Links::default(),
            guests: Guests::default(),
            blobs: Arc::new(StoredBlobs(store.blobs().clone())),
            images: Images::new(allow_addresses.clone(), ca_bundle.as_deref())?,
            outgoing: Outgoing::new(allow_addresses.clone(), ca_bundle.as_deref())?,
            builds: Builds::new(build_limit),
            signals,
            store,
            outside,
            key,
            install,
            epoch,
            public,
            webhook_secret: sources.webhook_secret,
            access,
            edge: Edge::new(edge)?,
        });
        let local_node = ensure_local_places(&core, base_domain).await?;
        services::registries::seed(&core).await?;
        services::catalogue::provide(&core, plugins).await?;
        services::sources::follow_all(&core).await?;
        let auth = Auth::new(Arc::clone(&core), access::token_keys::load(&core).await?)?;
        let web = Web::new(allow_addresses, ca_bundle.as_deref())?;
        let services = Arc::new(Services::new(
            &core,
            auth,
            web,
            detector,
            (Arc::clone(&sources.repositories), sources.pushes.clone()),
        ));
        let stop = watch::Sender::new(false);
        let tls = links::tls(&core).await?;
        let mut tasks = vec![
            drive(
                Arc::new(reconcilers::deployments::Deployments(Arc::clone(&core))),
                core.signals.deployments.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::routes::Routes(Arc::clone(&core))),
                core.signals.routes.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::drains::Drains(Arc::clone(&core))),
                core.signals.drains.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::images::Images(Arc::clone(&core))),
                core.signals.images.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::expiry::Expiry(Arc::clone(&core))),
                core.signals.expiry.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::removals::Removals(Arc::clone(&core))),
                core.signals.removals.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::letters::Letters(Arc::clone(&core))),
                core.signals.letters.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::sleep::Sleep(Arc::clone(&core))),
                core.signals.sleep.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::domains::Domains(Arc::clone(&core))),
                core.signals.domains.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::certificates::Certificates::new(Arc::clone(&core))),
                core.signals.certificates.clone(),
                stop.subscribe(),
            ),
            wake_sleepers(Arc::clone(&core), stop.subscribe()),
            drive(
                Arc::new(reconcilers::notices::Notices::new(Arc::clone(&core))),
                core.signals.notices.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::feedback::Feedback::new(Arc::clone(&core))),
                core.signals.feedback.clone(),
                stop.subscribe(),
            ),
            drive(
                Arc::new(reconcilers::hooks::Hooks(Arc::clone(&core))),
                core.signals.hooks.clone(),
                stop.subscribe(),
            ),
            wake_when_something_happened(Arc::clone(&core), stop.subscribe()),
        ];
        tasks.push(drive(
            Arc::new(reconcilers::sources::Sources::new(Arc::clone(&core), sources.repositories)),
            core.signals.sources.clone(),
            stop.subscribe(),
        ));
        if let Some(host) = sources.pushes {
            tasks.push(drive(
                Arc::new(reconcilers::pushed::Pushed { core: Arc::clone(&core), host }),
                core.signals.pushed.clone(),
                stop.subscribe(),
            ));
        }
        tasks.push(drive(
            Arc::new(reconcilers::tokens::Tokens(Arc::clone(&core))),
            core.signals.tokens.clone(),
            stop.subscribe(),
        ));
        if let Some(port) = core.edge.caches.clone() {
            let caches = reconcilers::caches::Caches::new(Arc::clone(&core), port);
            tasks.push(drive(Arc::new(caches), core.signals.caches.clone(), stop.subscribe()));
        }
        tasks.push(drive(
            Arc::new(reconcilers::figures::Figures(Arc::clone(&core))),
            Signal::default(),
            stop.subscribe(),
        ));
        tasks.push(drive(
            Arc::new(reconcilers::ageing::Ageing::new(Arc::clone(&core))),
            Signal::default(),
            stop.subscribe(),
        ));
        tasks.push(drive(
            Arc::new(reconcilers::audit::Audit(Arc::clone(&core))),
            Signal::default(),
            stop.subscribe(),
        ));
        tasks.push(drive(
            Arc::new(links::nodes::Nodes::new(Arc::clone(&core), tls.clone())),
            core.signals.nodes.clone(),
            stop.subscribe(),
        ));
        if let Some(agents) = agents {
            tasks.push(links::receive(Arc::clone(&core), tls, agents, stop.subscribe()));
        }
        tasks.push(wake_when_drained(Arc::clone(&core), drained, stop.subscribe()));
        Ok(Self { core, services, stop, tasks, local_node })
    }

    pub fn services(&self) -> Arc<Services> {
        Arc::clone(&self.services)
    }

    pub fn epoch(&self) -> u64 {
        self.core.epoch
    }

    /// Speaks with the agent of this machine.
    pub fn attach_local_agent(&self, link: End<ControlToAgent, AgentToControl>) -> JoinHandle<()> {
        self.core.fleet.runs_here(&self.local_node);
        fleet::attach(Arc::clone(&self.core), self.local_node.clone(), link)
    }

    /// Runs commands in containers of this machine.
    pub fn attach_local_commands(&self, commands: Arc<dyn Executes>) {
        self.core.fleet.executes_here(commands);
    }

    /// Speaks with the agent of a node.
    pub fn attach_agent(&self, node: NodeId, link: End<ControlToAgent, AgentToControl>) -> JoinHandle<()> {
        fleet::attach(Arc::clone(&self.core), node, link)
    }

    /// The way to services on other machines, for an ingress in this process.
    pub fn tunnels(&self) -> Arc<dyn Tunnels> {
        Arc::new(fleet::NodeTunnels(Arc::clone(&self.core)))
    }

    /// The ways of the agent of this machine to the nodes that lead what it has a share of.
    pub fn leaders(&self) -> Arc<dyn Leaders> {
        Arc::new(fleet::LeadersOf { core: Arc::clone(&self.core), node: self.local_node.clone() })
    }

    /// Speaks with an ingress.
    pub fn attach_ingress(&self, link: End<ControlToIngress, IngressToControl>) -> JoinHandle<()> {
        self.core.ingresses.attach(link)
    }

    /// The way in for ingresses that come later.
    pub fn door(&self) -> Door {
        Door(Arc::clone(&self.core))
    }

    /// Stops deciding. What was decided is stored, and the next control plane goes on with it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            // A reconciler that panicked has stopped too.
            let _ = task.await;
        }
        let now = self.core.outside.now();
        if let Err(error) = self.core.figures.flush(&self.core.store, now, true).await {
            tracing::warn!(%error, "the last figures are not stored");
        }
    }
}

/// Where ingresses come in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Door(Arc<Core>);

impl Door {
    /// Speaks with an ingress.
    pub fn attach_ingress(&self, link: End<ControlToIngress, IngressToControl>) -> JoinHandle<()> {
        self.0.ingresses.attach(link)
    }

    /// The way to services on other machines.
    pub fn tunnels(&self) -> Arc<dyn Tunnels> {
        Arc::new(fleet::NodeTunnels(Arc::clone(&self.0)))
    }
}

/// A deployment that has drained may be stopped: its node should look.
fn wake_when_drained(core: Arc<Core>, drained: Signal, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let woken = tokio::select! {
                () = drained.raised() => true,
                _ = stop.wait_for(|stop| *stop) => false,
            };
            if !woken {
                return;
            }
            if let Err(error) = core.wake_nodes_with_ended().await {
                tracing::warn!(%error, "who may be stopped now is found out later");
            }
        }
    })
}

/// Every event may be one that somebody is to be told of.
fn wake_when_something_happened(core: Arc<Core>, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut events = core.store.events_written();
        loop {
            tokio::select! {
                changed = events.changed() => match changed {
                    Ok(()) => {
                        core.signals.notices.raise();
                        core.signals.feedback.raise();
                    }
                    Err(_) => return,
                },
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    })
}

/// Whoever waits for a service that sleeps waits for nothing else.
fn wake_sleepers(core: Arc<Core>, mut stop: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = core.sleepers.woken.raised() => reconcilers::sleep::wake(&core),
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    })
}

/// The environment `local` with this machine as its node.
async fn ensure_local_places(core: &Core, base_domain: Hostname) -> Result<NodeId, Error> {
    let now = core.outside.now();
    let environment = Environment {
        id: EnvironmentId::new(now, random_bits(&*core.outside)),
        name: EnvironmentName::local(),
        base_domain,
        lifetime_s: None,
        open: true,
        created_at: now,
    };
    let environment = core.store.environment_ensure(&environment).await.stored()?;
    let node = Node {
        id: NodeId::new(now, random_bits(&*core.outside)),
        environment: environment.id,
        name: "local".to_owned(),
        schedulable: true,
        draining: false,
        created_at: now,
        link: NodeLink::local(),
    };
    Ok(core.store.node_ensure(&node).await.stored()?.id)
}
