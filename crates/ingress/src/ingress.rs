//! Starting and stopping: [`Options`] go in, a [`Handle`] comes out, every task belongs to the handle.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pierhead_model::hostname::Hostname;
use pierhead_wire::BlobChannel;
use pierhead_wire::certificate::Certificate;
use pierhead_wire::control_to_ingress::ControlToIngress;
use pierhead_wire::ingress_to_control::IngressToControl;
use pierhead_wire::link::End;
use tokio::task::JoinSet;

use crate::context::Context;
use crate::control_link::ControlLink;
use crate::counters::Counts;
use crate::error::IngressError;
use crate::listener::{self, Speech};
use crate::options::Options;
use crate::tls::Tls;

/// The data plane of one machine.
#[derive(Debug)]
pub struct Ingress;

impl Ingress {
    /// Listens, and serves on the runtime it is called from until the handle is shut down or dropped.
    ///
    /// Until the first table has come, visitors are asked to try again. When the link ends, the last table is served on.
    pub async fn start(
        options: Options,
        blobs: Arc<dyn BlobChannel>,
        link: End<IngressToControl, ControlToIngress>,
    ) -> Result<Handle, IngressError> {
        let address = options.listen;
        let listener = listener::bind(address).map_err(|source| IngressError::Listen { address, source })?;
        let local_addr = listener.local_addr().map_err(|source| IngressError::Listen { address, source })?;
        let by_tls = match options.listen_tls {
            Some(address) => {
                let listener =
                    listener::bind(address).map_err(|source| IngressError::Listen { address, source })?;
                let local =
                    listener.local_addr().map_err(|source| IngressError::Listen { address, source })?;
                Some((listener, Tls::new(local.port())?))
            }
            None => None,
        };
        let (tls_listener, tls) = by_tls.unzip();
        let tls_addr = tls_listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let mut context = Context::new(options, blobs);
        context.tls = tls;
        let context = Arc::new(context);
        let mut tasks = JoinSet::new();
        let (sender, receiver) = link.split();
        tasks.spawn(Arc::clone(&context.outbox).deliver(sender));
        let mut control = ControlLink::new(Arc::clone(&context));
        control.recall().await;
        tasks.spawn(control.run(receiver));
        listener::spawn_accept_loops(listener, Speech::Plain, &context, &mut tasks);
        if let (Some(listener), Some(tls)) = (tls_listener, &context.tls) {
            listener::spawn_accept_loops(listener, Speech::Tls(tls.acceptor()), &context, &mut tasks);
        }
        Ok(Handle { local_addr, tls_addr, context, tasks })
    }
}

/// A running ingress. Dropping it ends everything at once; [`Handle::shutdown`] lets requests finish.
#[derive(Debug)]
pub struct Handle {
    local_addr: SocketAddr,
    tls_addr: Option<SocketAddr>,
    context: Arc<Context>,
    tasks: JoinSet<()>,
}

impl Handle {
    /// Where visitors connect to.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where they connect to by TLS.
    pub const fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_addr
    }

    /// The way to hand certificates over that do not come from the control plane.
    pub fn certificates(&self) -> Certificates {
        Certificates { context: Arc::clone(&self.context) }
    }

    /// What was counted since the start.
    pub fn counts(&self) -> Counts {
        self.context.counts()
    }

    /// What was counted for one hostname since it came into the table.
    pub fn counts_of(&self, host: &Hostname) -> Option<Counts> {
        self.context.counts_of(host)
    }

    /// Takes no new connection, lets what is in flight finish for at most `grace`, then ends the rest.
    pub async fn shutdown(mut self, grace: Duration) {
        self.tasks.shutdown().await;
        self.context.connections.shut_down(grace).await;
    }
}

/// Takes certificates for a running ingress. Does nothing when visitors cannot come by TLS.
#[derive(Debug, Clone)]
pub struct Certificates {
    context: Arc<Context>,
}

impl Certificates {
    /// New ones, and others for names that had one.
    pub fn add(&self, certificates: Vec<Certificate>) {
        if let Some(tls) = &self.context.tls {
            tls.take(false, certificates, &[]);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.context.connections.abort();
    }
}
