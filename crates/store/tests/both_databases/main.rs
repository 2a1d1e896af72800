//! The store's promises, on SQLite and on a real PostgreSQL: one story, two databases.
//!
//! `PIERHEAD_TEST_POSTGRES_URL` names a server on which each test makes a database of its own; `make test` sets it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail this way")]

mod figures;

use std::sync::Arc;

use figures::{
    figures_are_read_as_they_were_written, figures_go_with_what_they_are_of,
    how_far_processes_were_heard_is_kept_with_their_figures,
    what_grows_old_becomes_coarser_and_nothing_of_it_is_lost, what_went_live_is_marked,
    when_a_service_slept_and_how_deeply,
};
use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::assignment::{Phase, Report};
use pierhead_model::certificate::{CertificateSource, Validity};
use pierhead_model::deployment::{Event, Failure, Reason, State};
use pierhead_model::digest::Digest;
use pierhead_model::domain::{DomainState, Standing};
use pierhead_model::git_access::HostKey;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::{
    DeploymentId, EnvironmentId, IdentityId, IngressId, InstallId, LetterId, NodeId, ProjectId, SlotId,
    UserId,
};
use pierhead_model::limit::Limits;
use pierhead_model::name::{EnvironmentName, ProjectName, SlotName};
use pierhead_model::pipeline::name::CatalogueName;
use pierhead_model::pipeline::{Format, Pipeline, read};
use pierhead_model::project::ProjectSettings;
use pierhead_model::variable::{Exposure, VariableKey, VariableScope};
use pierhead_model::visitors::{Access, RateLimit, VisitorRules};
use pierhead_store::{
    AuditFilter, Begun, CatalogueEntry, CatalogueKind, CertificateHead, DeploymentFilter, DeviceLogin,
    Domain, DomainLooked, Environment, FeedbackTried, Identity, Ingress, InstallationToken, InstanceRole,
    NewAudit, NewDeployment, NewPipelineVersion, Node, NodeLink, Options, Project, Slot, SourceLink, Store,
    StoreError, StoredAccess, StoredCertificate, StoredCredentials, StoredGitCredential, StoredLetter,
    StoredRegistry, StoredVariable, User, Visibility, VisitorPassword, WrappedKey,
};
use sea_orm::{ConnectionTrait as _, Database};

/// A store on a database of its own, and what is in it before a story begins.
struct World {
    store: Store,
    epoch: u64,
    project: ProjectId,
    slot: SlotId,
    node: NodeId,
    database: String,
    /// Removes the database at the end.
    admin: Option<(String, String)>,
    _folder: tempfile::TempDir,
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

impl World {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}/store.db", folder.path().display());
        Self::fill(folder, database, None).await
    }

    async fn postgres() -> Self {
        let server = std::env::var("PIERHEAD_TEST_POSTGRES_URL").expect(
            "PIERHEAD_TEST_POSTGRES_URL is not set: run the tests with `make test`, which starts PostgreSQL",
        );
        let folder = tempfile::tempdir().unwrap();
        let unique = folder.path().file_name().unwrap().to_string_lossy().to_lowercase();
        let name: String = format!("pierhead_{}_{unique}", std::process::id()).replace(['.', '-'], "_");
        let admin = Database::connect(&server).await.unwrap();
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        Self::fill(folder, format!("{base}/{name}"), Some((server.clone(), name))).await
    }

    async fn fill(folder: tempfile::TempDir, database: String, admin: Option<(String, String)>) -> Self {
        let options = Options { database_url: database.clone(), data_dir: folder.path().into() };
        let store = Store::open(&options).await.unwrap();
        let (_, epoch) = store.epoch_begin(InstallId::new(now(), 1)).await.unwrap();
        let environment = store
            .environment_ensure(&Environment {
                id: EnvironmentId::new(now(), 1),
                name: EnvironmentName::local(),
                base_domain: Hostname::parse("localhost").unwrap(),
                lifetime_s: Some(600),
                open: true,
                created_at: now(),
            })
            .await
            .unwrap();
        let node = Node {
            id: NodeId::new(now(), 1),
            environment: environment.id.clone(),
            name: "local".into(),
            schedulable: true,
            draining: false,
            created_at: now(),
            link: NodeLink::local(),
        };
        let node = store.node_ensure(&node).await.unwrap().id;
        let project = project(1, "shop");
        store.project_create(&project).await.unwrap();
        let slot = Slot {
            id: SlotId::new(now(), 1),
            project: project.id.clone(),
            environment: environment.id,
            name: SlotName::production(),
            lifetime_s: None,
            expires_at: None,
            created_at: now(),
            deleting_at: None,
        };
        let slot = store.slot_ensure(&slot).await.unwrap().id;
        Self { store, epoch, project: project.id, slot, node, database, admin, _folder: folder }
    }

    async fn create(&self, id: u64) -> DeploymentId {
        let new = NewDeployment {
            id: DeploymentId::from_random(id),
            project: self.project.clone(),
            slot: self.slot.clone(),
            limits: Limits::default(),
            trigger: "api".into(),
            created_by: "test".into(),
            work: "{}".into(),
            received_at: None,
            head: None,
            audit: None,
        };
        self.store.deployment_create(&new, now()).await.unwrap().id
    }

    async fn advance(&self, id: &DeploymentId, event: Event) -> Result<State, StoreError> {
        self.store.deployment_advance(self.epoch, id, event, now()).await.map(|advanced| advanced.after.state)
    }

    /// Up to the moment before it goes live.
    async fn provisioning(&self, id: u64) -> DeploymentId {
        let id = self.create(id).await;
        self.advance(&id, Event::Placed { node: self.node.clone() }).await.unwrap();
        self.advance(&id, Event::BuildStarted).await.unwrap();
        self.advance(&id, Event::Released { release: Digest::of(id.as_str().as_bytes()), runs: true })
            .await
            .unwrap();
        id
    }

    async fn states(&self) -> Vec<(u64, State)> {
        let summary = self.store.slot_summary(&self.slot).await.unwrap();
        summary.into_iter().map(|summary| (summary.number, summary.state)).collect()
    }

    async fn end(self) {
        drop(self.store);
        if let Some((server, name)) = self.admin {
            let admin = Database::connect(&server).await.unwrap();
            admin.execute_unprepared(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
        }
    }
}

fn project(number: u128, name: &str) -> Project {
    Project {
        id: ProjectId::new(now(), number),
        name: ProjectName::parse(name).unwrap(),
        settings: ProjectSettings::default(),
        version: 1,
        variables_version: 1,
        owner: None,
        created_by: "test".into(),
        created_at: now(),
        deleting_at: None,
    }
}

macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod sqlite { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() { let world = super::World::sqlite().await; super::$story(&world).await; world.end().await; }
        )* }
        mod postgres { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $story() { let world = super::World::postgres().await; super::$story(&world).await; world.end().await; }
        )* }
    };
}

on_both!(
    figures_are_read_as_they_were_written,
    how_far_processes_were_heard_is_kept_with_their_figures,
    what_grows_old_becomes_coarser_and_nothing_of_it_is_lost,
    figures_go_with_what_they_are_of,
    when_a_service_slept_and_how_deeply,
    what_went_live_is_marked,
    variables_of_one_place_are_replaced_and_go_with_their_slot,
    a_unit_happens_as_a_whole_and_is_told,
    a_life_is_written_with_its_events_in_order,
    fifty_promotions_at_once_leave_one_live,
    an_older_control_plane_is_fenced,
    a_report_is_replaced_only_by_a_newer_one,
    a_name_is_taken_once,
    the_same_request_is_carried_out_once,
    lists_go_page_by_page,
    only_what_has_ended_and_left_its_node_is_deleted,
    settings_are_not_overwritten_unseen,
    two_stores_open_one_database,
    a_pipeline_version_is_written_once_and_numbered_in_order,
    the_catalogue_is_changed_by_who_has_seen_it,
    a_host_has_one_registry,
    a_credential_and_host_keys_do_not_disturb_each_other,
    a_slot_expires_unless_it_is_extended_first,
    an_account_elsewhere_is_linked_once_and_a_link_is_taken_once,
    data_keys_are_kept_by_master_key,
    a_sign_in_by_browser_is_answered_once_and_fetched_once,
    a_letter_is_sent_by_one_and_forgotten_when_it_was_given_up,
    a_hostname_is_held_by_one_project_and_yields_to_a_proof,
    an_order_is_made_by_one_and_given_back,
    what_a_deployment_came_to_is_told_where_its_project_is_connected,
    who_may_visit_goes_with_its_project,
    an_ingress_is_known_by_its_first_certificate_until_another_is_approved,
);

async fn an_ingress_is_known_by_its_first_certificate_until_another_is_approved(world: &World) {
    let store = &world.store;
    let ingress = |number: u8, name: &str| Ingress {
        id: IngressId::new(now(), number.into()),
        name: name.to_owned(),
        token_key: Some("sealed".to_owned()),
        thumbprint: None,
        first_online_at: None,
        created_at: now(),
    };
    let (tokyo, berlin) = (ingress(1, "tokyo"), ingress(2, "berlin"));
    store.ingress_create(&tokyo).await.unwrap();
    store.ingress_create(&berlin).await.unwrap();
    let taken = store.ingress_create(&ingress(3, "tokyo")).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    assert_eq!(store.ingress_list().await.unwrap(), [berlin.clone(), tokyo.clone()]);
    let (first, other) = (Digest::of(b"first"), Digest::of(b"other"));
    assert!(store.ingress_trust(&tokyo.id, first, true).await.unwrap());
    assert!(store.ingress_trust(&tokyo.id, first, true).await.unwrap());
    assert!(!store.ingress_trust(&tokyo.id, other, true).await.unwrap(), "one is trusted already");
    assert!(store.ingress_trust(&tokyo.id, other, false).await.unwrap());
    store.ingress_seen(&tokyo.id, now()).await.unwrap();
    store.ingress_seen(&tokyo.id, now() + SignedDuration::from_hours(1)).await.unwrap();
    store.ingress_token(&tokyo.id, None).await.unwrap();
    let known =
        Ingress { token_key: None, thumbprint: Some(other), first_online_at: Some(now()), ..tokyo.clone() };
    for named in [tokyo.id.as_ref(), "tokyo"] {
        assert_eq!(store.ingress_find(named).await.unwrap(), Some(known.clone()));
    }
    store.ingress_remove(&tokyo.id).await.unwrap();
    assert_eq!(store.ingress_find("tokyo").await.unwrap(), None);
    for gone in [store.ingress_remove(&tokyo.id).await, store.ingress_token(&tokyo.id, None).await] {
        assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    }
    assert_eq!(store.ingress_list().await.unwrap(), [berlin]);
}

async fn who_may_visit_goes_with_its_project(world: &World) {
    let (store, project) = (&world.store, &world.project);
    assert_eq!(store.visitor_rules(project).await.unwrap(), VisitorRules::default());
    let mut rules = VisitorRules { previews: Access::Team, ..VisitorRules::default() };
    store.visitor_rules_put(project, &rules).await.unwrap();
    rules.rate_limit = Some(RateLimit { per_minute: 60, burst: None });
    store.visitor_rules_put(project, &rules).await.unwrap();
    assert_eq!(store.visitor_rules(project).await.unwrap(), rules);
    assert_eq!(store.visitor_rules_all().await.unwrap(), [(project.clone(), rules)].into());
    let password = |name: &str, hash: &str| VisitorPassword {
        project: project.clone(),
        name: name.to_owned(),
        hash: hash.to_owned(),
        created_by: "admin@example.com".to_owned(),
        created_at: now(),
    };
    for (name, hash) in [("b", "1"), ("a", "2"), ("b", "3")] {
        store.visitor_password_put(&password(name, hash)).await.unwrap();
    }
    let both = [password("a", "2"), password("b", "3")];
    assert_eq!(store.visitor_passwords(project).await.unwrap(), both);
    assert_eq!(store.visitor_passwords_all().await.unwrap().len(), 2);
    assert!(store.visitor_password_delete(project, "a").await.unwrap());
    assert!(!store.visitor_password_delete(project, "a").await.unwrap());
}

async fn a_life_is_written_with_its_events_in_order(world: &World) {
    let first = world.provisioning(1).await;
    assert_eq!(world.advance(&first, Event::Promoted).await.unwrap(), State::Production);
    let second = world.provisioning(2).await;
    let advanced =
        world.store.deployment_advance(world.epoch, &second, Event::Promoted, now()).await.unwrap();
    assert_eq!(advanced.replaced.unwrap().after.id, first);
    assert_eq!(world.states().await, [(2, State::Production), (1, State::Inactive)]);
    let told: Vec<State> =
        world.store.events_of(&first).await.unwrap().into_iter().map(|event| event.to).collect();
    use State::{Building, Inactive, Production, Provisioning, Queued};
    assert_eq!(told, [Queued, Building, Provisioning, Production, Inactive]);
    let all = world.store.events_after(0, 100, &Visibility::All).await.unwrap();
    assert!(all.windows(2).all(|pair| pair[0].sequence < pair[1].sequence));
    assert_eq!(world.store.events_after(all[2].sequence, 100, &Visibility::All).await.unwrap(), all[3..]);
    let illegal = world.advance(&first, Event::Promoted).await;
    assert!(matches!(illegal, Err(StoreError::Illegal(_))), "{illegal:?}");
    assert_eq!(
        world.store.events_after(0, 100, &Visibility::All).await.unwrap(),
        all,
        "a refused event tells nothing"
    );
}

async fn fifty_promotions_at_once_leave_one_live(world: &World) {
    let mut ready = Vec::new();
    for id in 0..50 {
        ready.push(world.provisioning(id).await);
    }
    let store = Arc::new(world.store.clone());
    let (epoch, slot) = (world.epoch, world.slot.clone());
    let watching = Arc::clone(&store);
    let (done, mut stop) = tokio::sync::watch::channel(false);
    let sampler = tokio::spawn(async move {
        let mut samples = 0;
        while !*stop.borrow_and_update() {
            let live = watching.slot_summary(&slot).await.unwrap();
            assert!(live.iter().filter(|summary| summary.state == State::Production).count() <= 1);
            samples += 1;
        }
        samples
    });
    let promotions = ready.iter().map(|id| {
        let (store, id) = (Arc::clone(&store), id.clone());
        tokio::spawn(async move { store.deployment_advance(epoch, &id, Event::Promoted, now()).await })
    });
    for promotion in promotions.collect::<Vec<_>>() {
        promotion.await.unwrap().unwrap();
    }
    done.send_replace(true);
    assert!(sampler.await.unwrap() > 0);
    let states = world.states().await;
    assert_eq!(states.iter().filter(|(_, state)| *state == State::Production).count(), 1);
    assert_eq!(states.iter().filter(|(_, state)| *state == State::Inactive).count(), 49);
}

async fn an_older_control_plane_is_fenced(world: &World) {
    let id = world.create(1).await;
    let (_, newer) = world.store.epoch_begin(InstallId::new(now(), 2)).await.unwrap();
    assert_eq!(newer, world.epoch + 1);
    let refused = world.advance(&id, Event::CancelRequested).await;
    assert!(matches!(refused, Err(StoreError::Fenced { .. })), "{refused:?}");
    world.store.deployment_advance(newer, &id, Event::CancelRequested, now()).await.unwrap();
}

async fn a_report_is_replaced_only_by_a_newer_one(world: &World) {
    let id = world.create(1).await;
    world.advance(&id, Event::Placed { node: world.node.clone() }).await.unwrap();
    let report = |sequence, phase| Report { sequence, phase, ..Report::accepted(id.clone()) };
    for (sequence, phase) in [(1, Phase::Accepted), (3, Phase::Released), (2, Phase::Building)] {
        world.store.deployment_report_store(&id, &world.node, &report(sequence, phase)).await.unwrap();
    }
    let stranger = NodeId::new(now(), 99);
    world.store.deployment_report_store(&id, &stranger, &report(9, Phase::Failed)).await.unwrap();
    let stored = world.store.deployment_get(&id).await.unwrap().unwrap().report.unwrap();
    assert_eq!((stored.sequence, stored.phase), (3, Phase::Released));
}

async fn a_name_is_taken_once(world: &World) {
    let taken = world.store.project_create(&project(2, "shop")).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    assert!(world.store.project_by_name("other").await.unwrap().is_none());
}

async fn the_same_request_is_carried_out_once(world: &World) {
    let store = &world.store;
    let (body, other) = (Digest::of(b"a"), Digest::of(b"b"));
    assert_eq!(store.idempotency_begin("me", "k", &body, now()).await.unwrap(), Begun::Fresh);
    assert_eq!(store.idempotency_begin("me", "k", &body, now()).await.unwrap(), Begun::InProgress);
    assert_eq!(store.idempotency_begin("you", "k", &body, now()).await.unwrap(), Begun::Fresh);
    store.idempotency_finish("me", "k", 202, "{}").await.unwrap();
    let replay = Begun::Replay { status: 202, body: "{}".into() };
    assert_eq!(store.idempotency_begin("me", "k", &body, now()).await.unwrap(), replay);
    assert_eq!(store.idempotency_begin("me", "k", &other, now()).await.unwrap(), Begun::OtherRequest);
    store.idempotency_abandon("you", "k").await.unwrap();
    assert_eq!(store.idempotency_begin("you", "k", &body, now()).await.unwrap(), Begun::Fresh);
}

async fn lists_go_page_by_page(world: &World) {
    let mut made = Vec::new();
    for id in 0..25 {
        made.push(world.create(id).await);
    }
    let mut filter = DeploymentFilter { project: Some(world.project.clone()), ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = world.store.deployment_list(&filter, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some((last.created_at, last.deployment.id.clone()));
        seen.extend(page.into_iter().map(|record| record.deployment.id));
    }
    made.sort();
    seen.sort();
    assert_eq!(seen, made, "each once, none forgotten, though all were made at the same moment");
}

async fn only_what_has_ended_and_left_its_node_is_deleted(world: &World) {
    let id = world.provisioning(1).await;
    assert!(world.store.deployment_delete(&id).await.is_err());
    world.advance(&id, Event::Failed(Failure::new(Reason::Internal, "x"))).await.unwrap();
    assert!(world.store.deployment_delete(&id).await.is_err(), "its node may still have something of it");
    world.store.deployment_leave_node(&id).await.unwrap();
    world.store.deployment_delete(&id).await.unwrap();
    assert!(world.store.deployment_get(&id).await.unwrap().is_none());
    assert!(world.store.events_of(&id).await.unwrap().is_empty());
}

async fn settings_are_not_overwritten_unseen(world: &World) {
    let mut settings = ProjectSettings::default();
    settings.limits.memory_mb = 64;
    world.store.project_update(&world.project, &settings, 1).await.unwrap();
    let stale = world.store.project_update(&world.project, &ProjectSettings::default(), 1).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    let stored = world.store.project_get(&world.project).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.settings.limits.memory_mb), (2, 64));
    assert_eq!(world.store.setting_ensure("a", "1").await.unwrap(), "1");
    assert_eq!(world.store.setting_ensure("a", "2").await.unwrap(), "1", "the first one stays");
}

async fn two_stores_open_one_database(world: &World) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { database_url: world.database.clone(), data_dir: folder.path().into() };
    let (left, right) = tokio::join!(Store::open(&options), Store::open(&options));
    let (left, right) = (left.unwrap(), right.unwrap());
    let (a, b) =
        tokio::join!(left.epoch_begin(InstallId::new(now(), 7)), right.epoch_begin(InstallId::new(now(), 8)));
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a.0, b.0, "one installation");
    assert_ne!(a.1, b.1, "two epochs");
}

fn pipeline(tag: &str) -> Pipeline {
    let text = format!("version: 1\nsteps: {{web: {{kind: service, image: 'web:{tag}', public: 80}}}}");
    read(&text, Format::Yaml).unwrap().pipeline
}

fn version(world: &World, tag: &str) -> NewPipelineVersion {
    NewPipelineVersion {
        project: world.project.clone(),
        pipeline: pipeline(tag),
        elevated: false,
        message: None,
        created_by: "test".into(),
    }
}

async fn a_pipeline_version_is_written_once_and_numbered_in_order(world: &World) {
    let store = &world.store;
    assert_eq!(store.pipeline_latest(&world.project).await.unwrap(), None);
    let first = store.pipeline_save(&version(world, "1"), Some(0), now()).await.unwrap();
    assert_eq!((first.number, &first.pipeline), (1, &pipeline("1")));
    let again = store.pipeline_save(&version(world, "1"), None, now()).await.unwrap();
    assert_eq!(again, first, "the same is the same version");
    let stale = store.pipeline_save(&version(world, "2"), Some(0), now()).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    store.pipeline_save(&version(world, "2"), Some(1), now()).await.unwrap();

    // Twenty at once: each of those that were saved has a number of its own, in order, and none was written over.
    let mut saving = tokio::task::JoinSet::new();
    for tag in 0..20 {
        let (store, new) = (store.clone(), version(world, &format!("t{tag}")));
        saving.spawn(async move { store.pipeline_save(&new, None, now()).await });
    }
    let mut numbers = vec![1, 2];
    for saved in saving.join_all().await {
        match saved {
            Ok(saved) => numbers.push(saved.number),
            Err(error) => assert!(error.retryable(), "{error:?}"),
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(numbers.len() > 2);

    let newest = store.pipeline_list(&world.project, None, 2).await.unwrap();
    assert_eq!(newest.len(), 2);
    let older = store.pipeline_list(&world.project, Some(2), 100).await.unwrap();
    assert_eq!(older, std::slice::from_ref(&first));
    assert_eq!(store.pipeline_get(&world.project, 1).await.unwrap(), Some(first));
    assert_eq!(store.pipeline_get(&world.project, u64::MAX).await.unwrap(), None);
}

fn catalogue_name(text: &str) -> CatalogueName {
    CatalogueName::parse(text).unwrap()
}

async fn the_catalogue_is_changed_by_who_has_seen_it(world: &World) {
    let store = &world.store;
    let plugin = CatalogueEntry {
        kind: CatalogueKind::Plugin,
        name: catalogue_name("run-sql"),
        lookup: "ghcr.io/acme/run-sql".into(),
        body: "{}".into(),
        version: 1,
        created_by: "test".into(),
        created_at: now(),
        updated_at: now(),
    };
    store.catalogue_create(&plugin).await.unwrap();
    let same_image = CatalogueEntry { name: catalogue_name("other"), ..plugin.clone() };
    for taken in [&plugin, &same_image] {
        assert!(matches!(store.catalogue_create(taken).await, Err(StoreError::Taken { .. })));
    }
    let service = CatalogueEntry { kind: CatalogueKind::Service, ..plugin.clone() };
    store.catalogue_create(&service).await.unwrap();
    let changed = CatalogueEntry { body: "{\"a\":1}".into(), ..plugin.clone() };
    store.catalogue_update(&changed).await.unwrap();
    assert!(matches!(store.catalogue_update(&changed).await, Err(StoreError::Conflict { .. })));
    let found = store.catalogue_get(CatalogueKind::Plugin, &plugin.name).await.unwrap().unwrap();
    assert_eq!(found, CatalogueEntry { version: 2, ..changed });
    assert_eq!(store.catalogue_list(CatalogueKind::Service).await.unwrap(), [service]);
    store.catalogue_delete(CatalogueKind::Plugin, &plugin.name).await.unwrap();
    let gone = store.catalogue_delete(CatalogueKind::Plugin, &plugin.name).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
    assert_eq!(store.catalogue_list(CatalogueKind::Template).await.unwrap(), []);
}

async fn a_host_has_one_registry(world: &World) {
    let store = &world.store;
    let registry = StoredRegistry {
        name: catalogue_name("company"),
        host: "registry.example.com:5000".into(),
        plain_http: false,
        token_servers: vec!["auth.example.com".into()],
        credentials: None,
        version: 1,
        created_at: now(),
        updated_at: now(),
    };
    store.registry_create(&registry).await.unwrap();
    let same_host = StoredRegistry { name: catalogue_name("other"), ..registry.clone() };
    assert!(matches!(store.registry_create(&same_host).await, Err(StoreError::Taken { .. })));
    store.registry_ensure(&same_host).await.unwrap();
    assert_eq!(store.registry_list().await.unwrap(), std::slice::from_ref(&registry));
    let credentials = StoredCredentials { username: "u".into(), password: "sealed".into() };
    let changed = StoredRegistry { credentials: Some(credentials), ..registry.clone() };
    store.registry_update(&changed).await.unwrap();
    assert!(matches!(store.registry_update(&changed).await, Err(StoreError::Conflict { .. })));
    let found = store.registry_by_host(&registry.host).await.unwrap();
    assert_eq!(found, Some(StoredRegistry { version: 2, ..changed }));
    store.registry_delete(&registry.name).await.unwrap();
    assert_eq!(store.registry_get(&registry.name).await.unwrap(), None);
    assert!(matches!(store.registry_delete(&registry.name).await, Err(StoreError::NotFound { .. })));
}

async fn a_credential_and_host_keys_do_not_disturb_each_other(world: &World) {
    let (store, project) = (&world.store, &world.project);
    assert_eq!(store.source_access(project).await.unwrap(), StoredAccess::default());
    let blob = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let host_keys = vec![HostKey::new("git.example.com", "ssh-ed25519", blob).unwrap()];
    store.source_host_keys_put(project, &host_keys).await.unwrap();
    let credential = StoredGitCredential {
        kind: "key".into(),
        authority: "git.example.com".into(),
        username: None,
        sealed: "sealed".into(),
        public_key: Some("ssh-ed25519 AAAA".into()),
        created_by: "ada@example.com".into(),
        created_at: now(),
    };
    store.source_credential_put(project, Some(credential.clone())).await.unwrap();
    let both = StoredAccess { credential: Some(credential), host_keys: host_keys.clone() };
    assert_eq!(store.source_access(project).await.unwrap(), both);
    store.source_host_keys_put(project, &[]).await.unwrap();
    let without_keys = StoredAccess { host_keys: Vec::new(), ..both };
    assert_eq!(store.source_access(project).await.unwrap(), without_keys);
    store.source_host_keys_put(project, &host_keys).await.unwrap();
    store.source_credential_put(project, None).await.unwrap();
    let without_credential = StoredAccess { credential: None, host_keys };
    assert_eq!(store.source_access(project).await.unwrap(), without_credential);
}

async fn a_slot_expires_unless_it_is_extended_first(world: &World) {
    let store = &world.store;
    let after = |seconds: i64| now() + jiff::SignedDuration::from_secs(seconds);
    assert_eq!(store.slots_expiring(10).await.unwrap(), [], "it lives for ever");
    store.slot_extend(&world.slot, Some(60), Some(after(60))).await.unwrap();
    let slot = store.slots_expiring(10).await.unwrap().remove(0);
    assert_eq!((slot.lifetime_s, slot.expires_at), (Some(60), Some(after(60))));
    assert!(!store.slot_expire(&world.slot, after(59)).await.unwrap());
    // Extended in the moment before.
    store.slot_extend(&world.slot, None, Some(after(120))).await.unwrap();
    assert!(!store.slot_expire(&world.slot, after(60)).await.unwrap());
    assert!(store.slot_expire(&world.slot, after(120)).await.unwrap());
    assert!(!store.slot_expire(&world.slot, after(120)).await.unwrap(), "once");
    let late = store.slot_extend(&world.slot, None, None).await;
    assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    assert_eq!(store.slots_expiring(10).await.unwrap(), []);
    assert_eq!(store.slots_deleting().await.unwrap(), std::slice::from_ref(&world.slot));
}

async fn a_unit_happens_as_a_whole_and_is_told(world: &World) {
    let told = |action| NewAudit {
        at: now(),
        actor_id: "usr_1".into(),
        actor: "ada@example.com".into(),
        via: "tok_1".into(),
        ip: None,
        action,
        target_kind: "project",
        target_id: world.project.to_string(),
        target: "shop".into(),
        project: Some(world.project.clone()),
        before: None,
        after: Some(serde_json::json!({ "deleting": true })),
    };
    let log = async || world.store.audit_list(&AuditFilter::default(), 10).await.unwrap();
    let unit = world.store.begin().await.unwrap();
    unit.project_mark_deleting(&world.project, now()).await.unwrap();
    unit.variables_replace(&world.project, &VariableScope::Project, &[], 1).await.unwrap();
    unit.audit(&told("project.delete")).await.unwrap();
    drop(unit);
    let project = world.store.project_get(&world.project).await.unwrap().unwrap();
    assert_eq!((project.deleting_at, project.variables_version), (None, 1), "nothing of it happened");
    assert!(log().await.is_empty());

    let unit = world.store.begin().await.unwrap();
    unit.variables_replace(&world.project, &VariableScope::Project, &[], 1).await.unwrap();
    unit.project_mark_deleting(&world.project, now()).await.unwrap();
    unit.audit(&told("project.delete")).await.unwrap();
    unit.commit().await.unwrap();
    let project = world.store.project_get(&world.project).await.unwrap().unwrap();
    assert_eq!((project.deleting_at, project.variables_version), (Some(now()), 2));
    let entries = log().await;
    assert_eq!((entries.len(), &*entries[0].action), (1, "project.delete"));
    let of = |action: &str| AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    for (action, found) in [("project", 1), ("project.delete", 1), ("proj", 0), ("project.del", 0)] {
        assert_eq!(world.store.audit_list(&of(action), 10).await.unwrap().len(), found, "{action}");
    }
    assert_eq!(world.store.audit_forget(now()).await.unwrap(), 0);
    assert_eq!(world.store.audit_forget(now() + jiff::SignedDuration::from_secs(1)).await.unwrap(), 1);
}

fn user(number: u128) -> User {
    User {
        id: UserId::new(now(), number),
        email: format!("user-{number}@example.com"),
        name: "User".into(),
        password_hash: String::new(),
        role: InstanceRole::User,
        created_at: now(),
        disabled_at: None,
        verified_at: None,
    }
}

async fn an_account_elsewhere_is_linked_once_and_a_link_is_taken_once(world: &World) {
    let (ada, bob) = (user(1), user(2));
    for user in [&ada, &bob] {
        world.store.user_create(user).await.unwrap();
    }
    let identity = |number: u128, user: &User, issuer: &str, subject: &str| Identity {
        id: IdentityId::new(now(), number),
        user: user.id.clone(),
        provider: "company".into(),
        issuer: issuer.into(),
        subject: subject.into(),
        email: None,
        created_at: now(),
        last_used_at: now(),
    };
    // Two who link the same account at once: one of them has it.
    let (first, second) = (identity(1, &ada, "https://a", "1"), identity(2, &bob, "https://a", "1"));
    let (one, other) =
        tokio::join!(world.store.identity_create(&first), world.store.identity_create(&second));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert!(matches!(one.and(other), Err(StoreError::Taken { .. })));
    // The same subject of another issuer is somebody else.
    world.store.identity_create(&identity(3, &bob, "https://b", "1")).await.unwrap();
    let found = world.store.identity_by_subject("https://b", "1").await.unwrap().unwrap();
    assert_eq!(found.user, bob.id);
    assert_eq!(world.store.identity_by_subject("https://c", "1").await.unwrap(), None);
    assert!(!world.store.identity_delete(&ada.id, &found.id).await.unwrap(), "it is not theirs");
    assert!(world.store.identity_delete(&bob.id, &found.id).await.unwrap());

    let later = now() + SignedDuration::from_secs(60);
    let put = async |hash: &str| world.store.password_reset_put(&ada.id, hash, now(), later).await.unwrap();
    put("first").await;
    put("second").await;
    let take = async |hash: &str, at| world.store.password_reset_take(hash, at).await.unwrap();
    assert_eq!(take("first", now()).await, None, "a newer one has taken its place");
    assert_eq!(take("second", later).await, None, "its time is over");
    put("third").await;
    let (one, other) = tokio::join!(take("third", now()), take("third", now()));
    assert_eq!([one, other].iter().flatten().collect::<Vec<_>>(), [&ada.id]);
}

async fn data_keys_are_kept_by_master_key(world: &World) {
    let key = |id: u32, master: &str, wrapped: &str| WrappedKey {
        id,
        master: master.into(),
        wrapped: wrapped.into(),
        created_at: now(),
    };
    for key in [key(1, "old", "a"), key(2, "old", "b"), key(1, "new", "c"), key(1, "new", "d")] {
        world.store.data_key_put(&key).await.unwrap();
    }
    let kept = [key(1, "new", "d"), key(1, "old", "a"), key(2, "old", "b")];
    assert_eq!(world.store.data_keys().await.unwrap(), kept, "the second time in place of the first");
    // Together with what tells it.
    let unit = world.store.begin().await.unwrap();
    unit.data_keys_keep_only("new").await.unwrap();
    drop(unit);
    assert_eq!(world.store.data_keys().await.unwrap().len(), 3);
    world.store.data_keys_keep_only("new").await.unwrap();
    assert_eq!(world.store.data_keys().await.unwrap(), kept[..1]);
}

async fn a_sign_in_by_browser_is_answered_once_and_fetched_once(world: &World) {
    let (ada, later) = (user(1), now() + SignedDuration::from_secs(600));
    let login = |device: &str, code: &str, created_at| DeviceLogin {
        device_hash: device.into(),
        user_code: code.into(),
        name: "laptop".into(),
        ip: None,
        created_at,
        expires_at: created_at + SignedDuration::from_secs(600),
        polled_at: None,
        answer: None,
    };
    let first = login("a", "CODE", now());
    world.store.device_login_create(&first).await.unwrap();
    assert_eq!(world.store.device_login_by_code("CODE", now()).await.unwrap(), Some(first.clone()));
    assert_eq!(world.store.device_login_by_device("a", later).await.unwrap(), None, "its time is over");
    let taken = world.store.device_login_create(&login("b", "CODE", now())).await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })), "{taken:?}");
    world.store.device_login_polled("a", now()).await.unwrap();
    let answer = async |approved| world.store.device_login_answer("CODE", &ada.id, approved).await.unwrap();
    let (one, other) = tokio::join!(answer(true), answer(true));
    assert!(one != other && !answer(false).await, "the first answer stays");
    let found = world.store.device_login_by_device("a", now()).await.unwrap().unwrap();
    assert_eq!((found.answer, found.polled_at), (Some((ada.id.clone(), true)), Some(now())));
    let take = async || world.store.device_login_take("a").await.unwrap();
    let (one, other) = tokio::join!(take(), take());
    assert!(one != other, "one of two fetches it");
    // A code may be used again when its time is over.
    world.store.device_login_create(&first).await.unwrap();
    world.store.device_login_create(&login("c", "CODE", later)).await.unwrap();
    assert_eq!(world.store.device_login_by_device("a", now()).await.unwrap(), None);
}

async fn a_letter_is_sent_by_one_and_forgotten_when_it_was_given_up(world: &World) {
    let letter = |number: u128, wait_s: i64| StoredLetter {
        id: LetterId::new(now(), number),
        recipient: format!("{number}@example.com"),
        sealed: "sealed".into(),
        created_at: now(),
        next_at: now() + SignedDuration::from_secs(wait_s),
        tries: 0,
        last_error: None,
        given_up_at: None,
    };
    world.store.letter_create(&letter(1, 30)).await.unwrap();
    world.store.letter_create(&letter(2, 10)).await.unwrap();
    let next = world.store.letter_next().await.unwrap().unwrap();
    assert_eq!(next.recipient, "2@example.com", "the one whose time comes first");
    let later = now() + SignedDuration::from_secs(60);
    let (one, other) =
        tokio::join!(world.store.letter_claim(&next, later), world.store.letter_claim(&next, later));
    assert!(one.unwrap() != other.unwrap(), "one of two sends it");
    world.store.letter_failed(&next.id, "no such mailbox", later, Some(now())).await.unwrap();
    let trouble = world.store.letters_in_trouble(10).await.unwrap();
    assert_eq!((trouble.len(), &*trouble[0].sealed, trouble[0].tries), (1, "", 1), "what it said is gone");
    let counts = world.store.letter_counts().await.unwrap();
    assert_eq!((counts.waiting, counts.given_up), (1, 1));
    let next = world.store.letter_next().await.unwrap().unwrap();
    world.store.letter_delete(&next.id).await.unwrap();
    assert_eq!(world.store.letter_next().await.unwrap(), None);
    world.store.letters_forget(later).await.unwrap();
    assert_eq!(world.store.letter_counts().await.unwrap().given_up, 0);
}

fn claim(world: &World, project: &ProjectId, proof: &str) -> Domain {
    Domain {
        host: Hostname::parse("www.example.org").unwrap(),
        project: project.clone(),
        slot: SlotName::production(),
        proof: proof.to_owned(),
        standing: Standing { state: DomainState::Pending, tries: 0, lost_since: None },
        explanation: "not looked at yet".to_owned(),
        checked_at: None,
        next_check_at: now(),
        verified_at: None,
        created_by: format!("{}", world.slot),
        created_at: now(),
    }
}

async fn a_hostname_is_held_by_one_project_and_yields_to_a_proof(world: &World) {
    let store = &world.store;
    let mut other = store.project_get(&world.project).await.unwrap().unwrap();
    other.id = ProjectId::new(now(), 77);
    other.name = ProjectName::parse("other").unwrap();
    store.project_create(&other).await.unwrap();
    let (ours, theirs) = (claim(world, &world.project, "ours"), claim(world, &other.id, "theirs"));
    for claim in [&ours, &theirs] {
        store.domain_put(claim).await.unwrap();
        store.domain_put(&Domain { proof: "another".into(), ..(*claim).clone() }).await.unwrap();
    }
    let due = store.domains_due(now(), 10).await.unwrap();
    assert_eq!(due.len(), 2, "one claim for each project, with the proof it began with");
    assert!(due.contains(&ours) && due.contains(&theirs), "{due:?}");
    let verified = |displaces| DomainLooked {
        standing: Standing { state: DomainState::Verified, tries: 0, lost_since: None },
        explanation: "the proof is there".to_owned(),
        at: now(),
        next_check_at: now() + jiff::SignedDuration::from_hours(6),
        displaces,
    };
    assert!(store.domain_looked(&ours, &verified(false)).await.unwrap());
    assert!(!store.domain_looked(&ours, &verified(false)).await.unwrap(), "somebody looked meanwhile");
    let refused = store.domain_looked(&theirs, &verified(false)).await;
    assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    assert_eq!(store.domain_holder(&ours.host).await.unwrap().unwrap().project, world.project);
    assert!(store.domain_looked(&theirs, &verified(true)).await.unwrap());
    let below = async |base: &str| {
        let found = store.domain_below(&Hostname::parse(base).unwrap()).await.unwrap();
        found.map(|claim| claim.host)
    };
    let (_, parent) = ours.host.as_str().split_once('.').unwrap();
    for (base, covers) in [(ours.host.as_str(), true), (parent, true), ("other.test", false)] {
        assert_eq!(below(base).await.is_some(), covers, "{base}");
    }
    assert_eq!(below(&parent[1..]).await, None, "only whole labels count");
    assert_eq!(store.domain_holder(&ours.host).await.unwrap().unwrap().project, other.id);
    let displaced = store.domain_get(&world.project, &ours.host).await.unwrap().unwrap();
    assert_eq!((displaced.standing.state, displaced.verified_at), (DomainState::Failed, None));
    assert_eq!(store.domains_verified().await.unwrap().len(), 1);
    assert!(store.domain_delete(&other.id, &ours.host).await.unwrap());
    assert!(!store.domain_delete(&other.id, &ours.host).await.unwrap());
}

async fn an_order_is_made_by_one_and_given_back(world: &World) {
    let store = &world.store;
    let after = |seconds: i64| now() + jiff::SignedDuration::from_secs(seconds);
    store.order_ensure("a.test", Some(&world.project), now()).await.unwrap();
    store.order_ensure("a.test", Some(&world.project), after(900)).await.unwrap();
    let order = store.orders_due(now(), 10).await.unwrap().remove(0);
    let taken = [1, 2, 3].map(|holder| {
        let (store, order) = (store.clone(), order.clone());
        tokio::spawn(async move {
            store.order_take(&order, &format!("epoch {holder}"), now(), after(300)).await.unwrap()
        })
    });
    let mut holders = Vec::new();
    for (holder, taken) in (1..).zip(taken) {
        if taken.await.unwrap() {
            holders.push(format!("epoch {holder}"));
        }
    }
    let [holder] = &*holders else { panic!("{holders:?}") };
    assert!(store.orders_due(after(299), 10).await.unwrap().is_empty(), "somebody is at it");
    store.order_ended("a.test", "epoch 9", (0, None), after(9)).await.unwrap();
    assert!(store.orders_due(after(299), 10).await.unwrap().is_empty(), "it is not theirs to give back");
    assert_eq!(store.orders_due(after(300), 10).await.unwrap().len(), 1, "whoever had it is gone");
    store.order_ended("a.test", holder, (1, Some("no")), after(60)).await.unwrap();
    let order = store.orders().await.unwrap().remove(0);
    assert_eq!((order.failures, order.problem.as_deref(), order.due_at), (1, Some("no"), after(60)));
    assert!(store.order_hasten("a.test", now()).await.unwrap());
    assert_eq!(store.orders_due(now(), 10).await.unwrap().len(), 1);
    let head = |id: &str| CertificateHead {
        id: id.to_owned(),
        project: Some(world.project.clone()),
        source: CertificateSource::Acme,
        names: vec!["a.test".to_owned()],
        validity: Validity { not_before: now(), not_after: after(90) },
        created_by: "pierhead".to_owned(),
        created_at: now(),
    };
    for id in ["1", "2"] {
        let (chain, key) = (format!("chain {id}"), format!("sealed {id}"));
        store.certificate_create(&StoredCertificate { head: head(id), chain, key }).await.unwrap();
    }
    assert_eq!(store.certificate_heads().await.unwrap(), [head("1"), head("2")]);
    let opened = store.certificates_open(&["2".to_owned(), "3".to_owned()]).await.unwrap();
    assert_eq!(opened, [("2".to_owned(), "chain 2".to_owned(), "sealed 2".to_owned())]);
    assert!(store.certificate_delete("1").await.unwrap() && !store.certificate_delete("1").await.unwrap());
    for credentials in ["first", "second"] {
        store.acme_account_ensure("https://acme.test/dir", credentials, now()).await.unwrap();
    }
    assert_eq!(store.acme_account("https://acme.test/dir").await.unwrap().as_deref(), Some("first"));
    assert_eq!(store.acme_account("https://other.test/dir").await.unwrap(), None);
}

async fn variables_of_one_place_are_replaced_and_go_with_their_slot(world: &World) {
    let (store, project) = (&world.store, &world.project);
    let slot = store.slots_of_project(project).await.unwrap().remove(0);
    let scopes = [
        VariableScope::Project,
        VariableScope::Environment(slot.environment.clone()),
        VariableScope::Slot(slot.environment.clone(), (&slot.name).into()),
    ];
    let variable = |scope: &VariableScope, value: &str| StoredVariable {
        scope: scope.clone(),
        key: VariableKey::parse("KEY").unwrap(),
        value: value.to_owned(),
        secret: false,
        exposure: Exposure::All,
        updated_at: now(),
    };
    for (version, scope) in scopes.iter().enumerate() {
        let version = version as u64 + 1;
        let stored = store.variables_replace(project, scope, &[variable(scope, "1")], version).await.unwrap();
        assert_eq!(stored, version + 1);
    }
    let stale = store.variables_replace(project, &scopes[0], &[], 2).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "another place was changed since");
    store.variables_replace(project, &scopes[1], &[variable(&scopes[1], "2")], 4).await.unwrap();
    let values = async || {
        let found = store.variables_get(project).await.unwrap();
        found.into_iter().map(|it| (it.scope, it.value)).collect::<Vec<_>>()
    };
    let [everywhere, environment, of_slot] = scopes;
    let one = |scope: &VariableScope, value: &str| (scope.clone(), value.to_owned());
    assert_eq!(values().await, [one(&everywhere, "1"), one(&environment, "2"), one(&of_slot, "1")]);
    store.slot_delete(&slot.id).await.unwrap();
    assert_eq!(values().await, [one(&everywhere, "1"), one(&environment, "2")]);
}

async fn what_a_deployment_came_to_is_told_where_its_project_is_connected(world: &World) {
    let (store, project) = (&world.store, &world.project);
    world.provisioning(1).await;
    assert_eq!(store.feedback_due(now(), 10).await.unwrap(), [], "nobody is connected");
    let link = SourceLink {
        project: project.clone(),
        provider: "github_app".into(),
        api_url: "https://api.github.com/".into(),
        place: "github.com/acme/shop".into(),
        repository: "Acme/Shop".into(),
        repository_id: 7,
        installation: Some(9),
        owner: "nobody".into(),
        token: None,
        hook: None,
        trouble: None,
        created_by: "ada@example.com".into(),
        created_at: now(),
    };
    store.source_link_put(&link).await.unwrap();
    assert_eq!(store.source_links_of(9).await.unwrap(), [link]);
    let token = InstallationToken { sealed: "sealed".into(), expires_at: now() };
    store.installation_token_put(project, "read", &token).await.unwrap();
    store.installation_token_put(project, "read", &token).await.unwrap();
    assert_eq!(store.installation_token(project, "read").await.unwrap(), Some(token));

    let second = world.create(2).await;
    let due = store.feedback_due(now(), 10).await.unwrap();
    assert_eq!((due.len(), due[0].state, due[0].told), (1, State::Queued, None));
    // It moves on while that is being told: the rest stays due.
    world.advance(&second, Event::Placed { node: world.node.clone() }).await.unwrap();
    world.advance(&second, Event::BuildStarted).await.unwrap();
    let done = |told| FeedbackTried { told: Some(told), attempts: 0, next_at: None, answer: None };
    store.feedback_tried(&due[0], &done(State::Queued)).await.unwrap();
    let due = store.feedback_due(now(), 10).await.unwrap();
    assert_eq!((due.len(), due[0].state, due[0].told), (1, State::Building, Some(State::Queued)));
    store.feedback_tried(&due[0], &done(State::Building)).await.unwrap();
    assert_eq!(
        (store.feedback_due(now(), 10).await.unwrap(), store.feedback_next().await.unwrap()),
        (vec![], None)
    );
    for comment in ["1", "2"] {
        store.feedback_comment_put(project, 7, comment).await.unwrap();
    }
    assert_eq!(store.feedback_comment(project, 7).await.unwrap().as_deref(), Some("2"));
    assert_eq!(store.feedback_prune(now() + SignedDuration::from_secs(1)).await.unwrap(), 1);

    store.source_link_trouble(project, Some("uninstalled")).await.unwrap();
    assert_eq!(store.installation_token(project, "read").await.unwrap(), None, "its tokens are forgotten");
    assert_eq!(store.source_link(project).await.unwrap().unwrap().trouble.as_deref(), Some("uninstalled"));
}
