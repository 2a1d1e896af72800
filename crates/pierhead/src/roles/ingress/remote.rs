//! An ingress whose control plane is on another machine: it calls it, proves its token, and follows.
//!
//! Two connections, as an agent has them: one for the table and what is said back, one for files and for traffic to services.
//! Each is made again whenever it is lost.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use pierhead_wire::exec::NoCommands;
use pierhead_wire::link::calling::{Calls, call};
use pierhead_wire::link::handshake::{self, Greeting, HandshakeError, Opened, Purpose};
use pierhead_wire::link::token::IngressToken;
use pierhead_wire::link::{End, Side, Tls, socket};
use pierhead_wire::streams::{self, Reachable, RemoteBlobs};
use pierhead_wire::version::Version;
use pierhead_wire::{ControlToIngress, IngressToControl};
use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::output::Printer;
use crate::settings::Settings;

/// The way to a control plane on another machine.
#[derive(Debug)]
pub(super) struct Remote {
    tls: Tls,
    token: IngressToken,
    /// `host:port`.
    address: String,
    pub(super) blobs: Arc<RemoteBlobs>,
    /// Two processes with one token would each keep another table here.
    _lock: std::fs::File,
}

/// Nothing runs here that somebody could be led to.
#[derive(Debug)]
struct Nothing;

impl Reachable for Nothing {
    fn is_service(&self, _: SocketAddr) -> bool {
        false
    }
}

/// What it proves; `None` when its control plane is on this machine.
pub(super) fn token(settings: &Settings) -> Result<Option<IngressToken>> {
    match (&settings.control_address, &settings.ingress_token) {
        (None, None) => Ok(None),
        (Some(_), Some(token)) => Ok(Some(token.expose_secret().parse()?)),
        (Some(_), None) => bail!(
            "an ingress needs its token: set PIERHEAD_INGRESS_TOKEN to what `pierhead ingresses add` showed, or name its file \
             with --ingress-token-file"
        ),
        (None, Some(_)) => bail!(
            "an ingress with a token needs the address of its control plane: set --control-address to HOST:PORT of its \
             `agent_listen`"
        ),
    }
}

/// Where an ingress keeps what it was told: by its name there, so that one that is given to another control plane begins anew.
pub(super) fn folder(data_dir: &Path, token: &IngressToken) -> PathBuf {
    data_dir.join("ingress").join(token.bearer().to_string())
}

impl Remote {
    pub(super) fn new(
        settings: &Settings,
        token: IngressToken,
        folder: &Path,
        printer: &Printer,
    ) -> Result<Self> {
        let lock = fs_err::File::create(folder.join("lock"))?.into_file();
        if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("another ingress uses {}: each needs a token of its own", folder.display());
        }
        let certificate = pierhead_agent::certificate(&folder.join("link.pem"))?;
        printer.say(&format!("Ingress     {}", token.bearer()));
        printer.say(&format!("Thumbprint  {}", certificate.thumbprint()));
        let address = settings.control_address.clone().context("there is no control plane to call")?;
        Ok(Self { tls: Tls::new(&certificate)?, token, address, blobs: Arc::default(), _lock: lock })
    }

    /// Keeps the ingress linked, whenever there is a control plane. Dropping the tasks ends it.
    pub(super) fn follow(self, mut ingress: End<ControlToIngress, IngressToControl>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let link = Arc::new(self);
        let other = Arc::clone(&link);
        tasks.spawn(async move {
            let mut calls = Calls::default();
            loop {
                match link.call(Purpose::Link).await {
                    Ok(opened) => {
                        tracing::info!("linked with the control plane");
                        calls.answered();
                        let end = socket::carry_awake(opened.into_stream(), true, &mut ingress).await;
                        tracing::warn!(reason = %end, "the control plane is away; serving the last table");
                    }
                    Err(error) => {
                        if let Some(reason) = calls.failed(&error) {
                            let address = &link.address;
                            tracing::warn!(address, reason, "the control plane is not reached; tried again");
                        }
                    }
                }
                calls.pause().await;
            }
        });
        tasks.spawn(async move {
            let mut calls = Calls::default();
            loop {
                if let Ok(opened) = other.call(Purpose::Streams).await {
                    calls.answered();
                    let serving = streams::serve(
                        opened.into_stream(),
                        Arc::clone(&other.blobs),
                        Arc::new(Nothing),
                        Arc::new(NoCommands),
                    );
                    if let Err(error) = serving.await {
                        tracing::debug!(%error, "the streams to the control plane ended");
                    }
                }
                calls.pause().await;
            }
        });
        tasks
    }

    async fn call(&self, purpose: Purpose) -> Result<Opened<TcpStream>, HandshakeError> {
        let greeting = Greeting {
            version: Version::current(),
            side: Side::Ingress,
            purpose: Some(purpose),
            node: None,
            ingress: Some(self.token.bearer().clone()),
            install: None,
        };
        let handshaking = async {
            let met = call(&self.tls, &self.address, &greeting).await?;
            met.prove(&self.token.key()).await?.conclude(None).await
        };
        tokio::time::timeout(handshake::LIMIT, handshaking).await.unwrap_or(Err(HandshakeError::TimedOut))
    }
}
