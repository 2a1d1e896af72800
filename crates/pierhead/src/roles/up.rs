//! `pierhead up`: control plane, agent and ingress in one process, speaking through memory what they otherwise say over the
//! network.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use pierhead_agent::{Agent, Inspector, PushHost, RuntimeBuilder, Tools};
use pierhead_control::{
    AcmeOptions, CertifiedNames, Cloudflare, CloudflareOptions, Control, EdgeOptions, Mailer, Outside as _,
    PublicAddress, PublicTls, Resolver, SourceOptions, StoredBlobs,
};
use pierhead_ingress::Ingress;
use pierhead_store::Store;
use pierhead_wire::{BlobChannel, link};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::detector::{LocalDetector, LocalPushes, RemoteRepositories};
use super::{certificates, engine, host, logging, mail, master_key, server};
use crate::output::Printer;
use crate::settings::{CloudflareSettings, Settings};

/// How long requests may take to finish when the process is told to stop.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Runs until it is told to stop.
pub(crate) async fn run(settings: Settings, printer: &Printer) -> Result<ExitCode> {
    logging::start(&settings, printer.colors_stderr())?;
    if let Some(point) = &settings.crash_at {
        pierhead_model::crash::arm(point);
    }
    let data_dir = &settings.data_dir.value;
    fs_err::create_dir_all(data_dir)?;
    let _lock = lock(&settings)?;
    let key = master_key::load(&settings.master_key, data_dir)?;
    let listener = TcpListener::bind(settings.listen.value).await.with_context(|| {
        format!("cannot listen on {}: is another Pierhead running?", settings.listen.value)
    })?;
    let agents = match settings.agent_listen {
        Some(address) => Some(
            TcpListener::bind(address)
                .await
                .with_context(|| format!("cannot listen on {address} for agents"))?,
        ),
        None => None,
    };
    let store = Store::open(&pierhead_store::Options {
        database_url: settings.database_url.expose_secret().to_owned(),
        data_dir: data_dir.clone(),
    })
    .await
    .context("the store cannot be opened")?;
    let blobs: Arc<dyn BlobChannel> = Arc::new(StoredBlobs(store.blobs().clone()));
    let agent_options = agent_options(&settings);
    let inspector = Inspector {
        scratch: data_dir.join("scratch"),
        allow_addresses: agent_options.allow_addresses.clone(),
        ca_bundle: agent_options.ca_bundle.clone(),
        limits: agent_options.clone,
    };
    let pushes = PushHost::open(data_dir.join("pushes"), agent_options.clone)
        .context("the folder for pushes cannot be made")?;
    let sources = SourceOptions {
        pushes: Some(Arc::new(LocalPushes { host: pushes, blobs: Arc::clone(&blobs) })),
        repositories: Arc::new(RemoteRepositories(inspector.clone())),
        webhook_secret: settings.webhook_secret.clone(),
    };
    let detector = LocalDetector(inspector);
    let ca_bundle = match &agent_options.ca_bundle {
        Some(bundle) => Some(fs_err::tokio::read(bundle).await.context("the CA bundle cannot be read")?),
        None => None,
    };
    let port = settings.ingress_listen.value.port();
    let certified = CertifiedNames::default();
    let tls = settings.ingress_tls_listen.map(|address| {
        let port = Some(address.port()).filter(|port| *port != 443);
        PublicTls { port, names: certified.clone() }
    });
    let control = Control::start(pierhead_control::Options {
        store,
        outside: Arc::new(host::Host),
        key,
        base_domain: settings.base_domain.value.clone(),
        public: PublicAddress { scheme: "http".to_owned(), port: (port != 80).then_some(port), tls },
        detector: Arc::new(detector),
        sources,
        build_limit: settings
            .build_limit
            .and_then(|limit| usize::try_from(limit.get()).ok())
            .and_then(NonZeroUsize::new),
        agents,
        allow_addresses: agent_options.allow_addresses.clone(),
        ca_bundle,
        plugins: super::plugins::declarations()?,
        access: pierhead_control::AccessOptions {
            console_url: settings
                .public_url
                .clone()
                .unwrap_or_else(|| format!("http://{}", settings.listen.value)),
            providers: settings.providers.clone(),
            mailer: mailer(&settings)?,
        },
        edge: edge(&settings).await?,
    })
    .await
    .context("the control plane cannot start")?;

    let apart = super::ingress::socket::listen(&super::ingress::socket::path(data_dir), control.door())
        .context("the socket for ingresses cannot be made")?;
    let ingress = match settings.ingress {
        true => Some(ingress(&settings, &control, Arc::clone(&blobs)).await?),
        false => None,
    };
    let certificates = match (&ingress, settings.certificates.clone()) {
        (Some(ingress), Some(folder)) => {
            Some(certificates::follow(folder, ingress.certificates(), certified))
        }
        (None, _) | (_, None) => None,
    };

    let (to_agent, from_control) = link::memory();
    control.attach_local_agent(to_agent);
    let engine = engine::connect(&settings.engine_socket).await?;
    let runtimes = RuntimeBuilder::new(Arc::clone(&engine), data_dir.join("runtimes"));
    let tools = Tools { engine, blobs, runtimes: Arc::new(runtimes), leaders: control.leaders() };
    let agent = Agent::start(agent_options, tools, from_control).await?;
    control.attach_local_commands(agent.commands());

    let services = control.services();
    let address = listener.local_addr()?;
    if let Some((email, password)) = settings.admin {
        services
            .auth
            .create_first(&email, password)
            .await
            .context("the first administrator cannot be created")?;
    }
    if let Some(token) = services.auth.setup_token().await? {
        // In the fragment, which browsers do not send: the token is in no log of a proxy.
        printer.say(&format!("Set up   http://{address}/console/setup#token={token}"));
    }
    printer.say(&format!("Console  http://{address}/console/"));
    printer.say(&format!("API      http://{address}/api/v1"));
    match &ingress {
        Some(ingress) => {
            printer.say(&format!(
                "Ingress  http://{}  (*.{})",
                ingress.local_addr(),
                settings.base_domain.value
            ));
            if let Some(address) = ingress.tls_addr() {
                printer.say(&format!("         https://{address}"));
            }
        }
        None => printer.say("Ingress  none in this process: pierhead ingress"),
    }
    let api_options = pierhead_api::Options { public_url: settings.public_url.clone(), ..Default::default() };
    let (stop, stopped) = watch::channel(false);
    let api = tokio::spawn(server::run(listener, pierhead_api::router_with(services, api_options), stopped));
    told_to_stop().await?;
    printer.say("Stopping; what is deployed keeps running.");
    stop.send_replace(true);
    let _ = api.await;
    apart.abort();
    control.stop().await;
    if let Some(certificates) = certificates {
        certificates.abort();
    }
    if let Some(ingress) = ingress {
        ingress.shutdown(STOP_GRACE).await;
    }
    agent.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Without a resolver, custom domains wait until there is one.
async fn edge(settings: &Settings) -> Result<EdgeOptions> {
    let mut edge = EdgeOptions::default();
    match Resolver::new(&settings.dns_resolvers) {
        Ok(resolver) => edge.names = Arc::new(resolver),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "custom domains cannot be verified");
        }
    }
    if let Some(acme) = &settings.acme {
        let ca_bundle = match &acme.ca_bundle {
            Some(bundle) => Some(fs_err::tokio::read(bundle).await?),
            None => None,
        };
        let (directory, email) = (acme.directory.clone(), acme.email.clone());
        edge.acme = Some(AcmeOptions { directory, email, ca_bundle });
    }
    if let Some(CloudflareSettings { token, api_url, purge }) = settings.cloudflare.clone() {
        let cloudflare = Arc::new(Cloudflare::new(CloudflareOptions { token, api_url })?);
        if purge {
            edge.caches = Some(Arc::<Cloudflare>::clone(&cloudflare));
        }
        edge.records = Some(cloudflare);
    }
    Ok(edge)
}

/// The ingress inside of this process.
async fn ingress(
    settings: &Settings,
    control: &Control,
    blobs: Arc<dyn BlobChannel>,
) -> Result<pierhead_ingress::Handle> {
    let (to_ingress, from_control) = link::memory();
    control.attach_ingress(to_ingress);
    let mut options = pierhead_ingress::Options::new(settings.ingress_listen.value);
    options.tunnels = control.tunnels();
    options.listen_tls = settings.ingress_tls_listen;
    options.trusted_proxies.clone_from(&settings.trusted_proxies);
    options.access_log = access_log(settings)?;
    options.table_copy = Some(settings.data_dir.value.join("routes"));
    // Both are parts of one process on one data directory: there is no other control plane whose table this could be.
    options.accept_smaller_table = true;
    Ok(Ingress::start(options, blobs, from_control).await?)
}

/// Where the ingress's requests are written down, if anywhere.
pub(super) fn access_log(
    settings: &Settings,
) -> Result<Option<tokio::sync::mpsc::Sender<Box<pierhead_ingress::AccessRecord>>>> {
    let Some(path) = settings.access_log.clone() else { return Ok(None) };
    Ok(Some(super::access_log::start(path).context("the access log cannot be opened")?))
}

pub(super) fn agent_options(settings: &Settings) -> pierhead_agent::Options {
    let mut options = pierhead_agent::Options::new(&settings.data_dir.value);
    options.build_concurrency = usize::try_from(settings.build_concurrency.get()).unwrap_or(1);
    options.allow_addresses.clone_from(&settings.allow_addresses);
    options.ca_bundle = Some(settings.build_ca_bundle.clone()).filter(|bundle| bundle.is_file());
    options.subnet_pool = settings.subnet_pool;
    options.firewall = settings.firewall;
    options.disk_reserve_bytes = settings.disk_reserve_mb << 20;
    options.proxy_variables = settings.proxy_variables.clone();
    options
}

/// The way of letters, when there is one.
fn mailer(settings: &Settings) -> Result<Option<Arc<dyn Mailer>>> {
    let Some((server, from)) = settings.mail.clone() else { return Ok(None) };
    let smtp = mail::Smtp::new(server, settings.mail_password.as_ref(), from)
        .context("the mail server cannot be used")?;
    Ok(Some(Arc::new(smtp)))
}

/// Two servers on one data directory would undo each other's work.
pub(super) fn lock(settings: &Settings) -> Result<std::fs::File> {
    let path = settings.data_dir.value.join("lock");
    let file = fs_err::File::create(&path)?.into_file();
    if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!(
            "another Pierhead uses {}: stop it first, or choose another --data-dir",
            settings.data_dir.value.display()
        );
    }
    tracing::debug!(at = %host::Host.now(), "locked the data directory");
    Ok(file)
}

pub(super) async fn told_to_stop() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
