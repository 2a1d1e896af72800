//! The connections over which a control plane on another machine is met.
//!
//! It dials this agent, or this agent dials it; what is proved and what is spoken is the same. Nothing here decides anything:
//! an admitted link is handed to the agent, admitted streams serve blobs and traffic.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pierhead_wire::link::calling::{Calls, call};
use pierhead_wire::link::certificate::{Certificate, CertificateError};
use pierhead_wire::link::handshake::{
    self, Greeting, HandshakeError, Met, Opened, Purpose, Refusal, RefusalCode,
};
use pierhead_wire::link::token::AgentToken;
use pierhead_wire::link::{self, Side, Tls, socket};
use pierhead_wire::streams::{self, Reachable, RemoteBlobs};
use pierhead_wire::version::Version;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Handle;
use crate::node::Node;

/// Connections that have not proved anything yet.
const STRANGERS: usize = 64;

/// The certificate of this agent, from its file, where it is made when it is missing. Only its owner may read it.
pub fn certificate(file: &Path) -> Result<Certificate, std::io::Error> {
    let damaged = |error: CertificateError| {
        std::io::Error::other(format!("{}: {error}; remove it to get a new one", file.display()))
    };
    match fs_err::read_to_string(file) {
        Ok(text) => Certificate::from_pem(&text).map_err(damaged),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let made = Certificate::generate().map_err(damaged)?;
            // Made whole under another name: a crash must not leave half a key.
            let beside = file.with_extension("new");
            let mut options = fs_err::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            options.options_mut().mode(0o600);
            let mut written = options.open(&beside)?;
            written.write_all(made.to_pem().as_bytes())?;
            written.sync_all()?;
            fs_err::rename(&beside, file)?;
            Ok(made)
        }
        Err(error) => Err(error),
    }
}

/// How the control plane is met.
#[derive(Debug)]
pub enum Meeting {
    /// It dials this address.
    Listen(TcpListener),
    /// It is dialled at `host:port`.
    Dial(String),
}

/// An agent that is reached over the network.
#[derive(Debug)]
pub struct Uplink {
    pub tls: Tls,
    pub token: AgentToken,
    pub agent: Arc<Handle>,
    pub blobs: Arc<RemoteBlobs>,
}

impl Uplink {
    /// Until `stop` is cancelled.
    pub async fn run(self, meeting: Meeting, stop: CancellationToken) {
        let this = Arc::new(self);
        let meet = async {
            match meeting {
                Meeting::Listen(listener) => this.listen(listener).await,
                Meeting::Dial(address) => {
                    tokio::join!(this.dial(&address, Purpose::Link), this.dial(&address, Purpose::Streams));
                }
            }
        };
        tokio::select! {
            () = meet => {}
            () = stop.cancelled() => {}
        }
    }

    async fn listen(self: &Arc<Self>, listener: TcpListener) {
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        let mut calls = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = calls.join_next() => continue,
            };
            let Ok((stream, caller)) = accepted else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let Ok(stranger) = Arc::clone(&strangers).try_acquire_owned() else { continue };
            let this = Arc::clone(self);
            calls.spawn(async move {
                let answered = Box::pin(within(this.accept(stream))).await;
                drop(stranger);
                match answered {
                    Ok((purpose, opened)) => this.occupy(purpose, opened, false).await,
                    Err(error) => tracing::info!(%caller, reason = %error, "a caller was not let in"),
                }
            });
        }
    }

    async fn dial(self: &Arc<Self>, address: &str, purpose: Purpose) {
        let mut calls = Calls::default();
        loop {
            match within(self.call(address, purpose)).await {
                Ok(opened) => {
                    calls.answered();
                    self.occupy(purpose, opened, true).await;
                }
                Err(error) => {
                    if let Some(reason) = calls.failed(&error).filter(|_| purpose == Purpose::Link) {
                        tracing::warn!(address, reason, "the control plane is not reached; tried again");
                    }
                }
            }
            calls.pause().await;
        }
    }

    async fn call(&self, address: &str, purpose: Purpose) -> Result<Opened<TcpStream>, HandshakeError> {
        let met = call(&self.tls, address, &self.greeting(Some(purpose))).await?;
        self.admit(met).await
    }

    async fn accept(&self, stream: TcpStream) -> Result<(Purpose, Opened<TcpStream>), HandshakeError> {
        stream.set_nodelay(true)?;
        let met = Met::by_accepting(&self.tls, stream, &self.greeting(None)).await?;
        let purpose = met.theirs().purpose.unwrap_or(Purpose::Link);
        Ok((purpose, self.admit(met).await?))
    }

    fn greeting(&self, purpose: Option<Purpose>) -> Greeting {
        Greeting {
            version: Version::current(),
            side: Side::Agent,
            purpose,
            node: Some(self.token.bearer().clone()),
            ingress: None,
            install: self.agent.install(),
        }
    }

    /// The control plane has to prove the token and mean this node. Which install and epoch it is, its session says.
    async fn admit<Io>(&self, met: Met<Io>) -> Result<Opened<Io>, HandshakeError>
    where
        Io: AsyncRead + AsyncWrite + Unpin,
    {
        let ours = self.token.bearer();
        let other = met.theirs().node.clone().filter(|theirs| theirs != ours);
        let refusal = other.map(|theirs| Refusal {
            code: RefusalCode::AnotherNode,
            detail: format!("the agent has the token of the node {ours}, not of {theirs}"),
        });
        met.prove(&self.token.key()).await?.conclude(refusal).await
    }

    async fn occupy(&self, purpose: Purpose, opened: Opened<TcpStream>, dialled: bool) {
        match purpose {
            Purpose::Link => {
                let (here, far) = link::memory();
                self.agent.attach(here).await;
                tracing::info!("the control plane is connected");
                let end = socket::carry(opened.into_stream(), dialled, far).await;
                tracing::info!(reason = %end, "the link to the control plane ended; what runs here runs on");
            }
            Purpose::Streams => {
                let (services, commands) = (self.agent.services(), self.agent.commands());
                let serving =
                    streams::serve(opened.into_stream(), Arc::clone(&self.blobs), services, commands);
                if let Err(error) = serving.await {
                    tracing::debug!(%error, "the streams to the control plane ended");
                }
            }
        }
    }
}

async fn within<T>(
    handshaking: impl Future<Output = Result<T, HandshakeError>>,
) -> Result<T, HandshakeError> {
    tokio::time::timeout(handshake::LIMIT, handshaking).await.unwrap_or(Err(HandshakeError::TimedOut))
}

/// The addresses that this node has reported.
#[derive(Debug)]
pub(crate) struct Services(pub(crate) Arc<Node>);

impl Reachable for Services {
    fn is_service(&self, address: SocketAddr) -> bool {
        self.0.book.has_instance_at(address)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("link.pem");
        let made = certificate(&file).unwrap();
        assert_eq!(certificate(&file).unwrap().thumbprint(), made.thumbprint());
        assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs_err::write(&file, "half").unwrap();
        assert!(certificate(&file).unwrap_err().to_string().contains("remove it"));
    }
}
