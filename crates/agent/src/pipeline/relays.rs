//! Services of a deployment that run on the node that leads it, reached by their names from a node that has a share of it.
//!
//! For each of them a container holds the name on the deployment's network here. Its program hands its listening sockets to the
//! agent, which accepts what comes and joins it with the service on the other node, by way of the control plane. When the agent
//! is started again, the sockets are handed to it again; connections that it carried have ended.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener as StdTcpListener;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pierhead_model::id::DeploymentId;
use pierhead_model::pipeline::definition::Step;
use pierhead_model::pipeline::service::ServiceStep;
use pierhead_model::pipeline::{Pipeline, StepName};
use pierhead_model::release::Release;
use pierhead_wire::Leaders;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::notes::Notes;
use super::orders::Orders;
use crate::programs;
use crate::steps::relay::{self, Relay, SOCKET};

/// Before something that could not be done is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a relay that was started may take to hand over its sockets, before it is looked after again.
const HANDING: Duration = Duration::from_secs(5);
/// How long a connection may take to reach the other node.
const REACHING: Duration = Duration::from_secs(10);
/// Connections of one relay at the same time; more wait to be accepted.
const CONNECTIONS: usize = 4096;
/// More than a service has ports.
const SOCKETS: usize = 64;
const COPY_BYTES: usize = 64 << 10;

/// A service that is elsewhere, and where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Elsewhere {
    service: StepName,
    ports: Vec<u16>,
}

/// Holds the names for as long as it is polled. `held` is told once all of them have been.
pub(super) async fn hold(orders: Orders<'_>, notes: Notes, held: watch::Sender<bool>) {
    let Some(share) = &orders.work.share else { return };
    let names: Vec<_> = elsewhere(&orders.work.pipeline, &notes, |name, service| {
        orders.work.replicas(name, service).is_empty()
    })
    .collect();
    let left = watch::Sender::new(names.len());
    held.send_replace(names.is_empty());
    let image = loop {
        match image(&orders, &notes).await {
            Ok(image) => break image,
            Err(error) => {
                tracing::warn!(share = %orders.run.id, of = %share.of, error, "trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    };
    let holding = names.iter().map(|name| {
        let (orders, image, left, held) = (&orders, &image, &left, &held);
        let mut counted = false;
        let mut handed = move || {
            if !std::mem::replace(&mut counted, true) {
                left.send_modify(|left| *left -= 1);
                held.send_if_modified(|held| {
                    let all = *left.borrow() == 0 && !*held;
                    *held |= all;
                    all
                });
            }
        };
        async move {
            loop {
                let Err(error) = hold_one(orders, name, image, &mut handed).await;
                tracing::warn!(share = %orders.run.id, service = %name.service, %error, "a relay is made again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    });
    join_all(holding).await;
}

/// The services that have no process here, where they are known to listen.
fn elsewhere<'p>(
    pipeline: &'p Pipeline,
    notes: &'p Notes,
    is_elsewhere: impl Fn(&StepName, &ServiceStep) -> bool + 'p,
) -> impl Iterator<Item = Elsewhere> + 'p {
    pipeline.steps.iter().filter_map(move |(name, step)| {
        let Step::Service(service) = step else { return None };
        // On its machine's own network it has no name.
        if service.privileges.host_network || !is_elsewhere(name, service) {
            return None;
        }
        let built = || match notes.builds.get(service.build.as_ref()?)? {
            Release::Service(release) => Some(release.start.port),
            Release::Image(_) | Release::Site(_) | Release::Run(_) => None,
        };
        let mut ports: Vec<u16> = service.ports.iter().copied().chain(service.public).collect();
        if ports.is_empty() {
            ports.extend(built());
        }
        ports.sort_unstable();
        ports.dedup();
        ports.truncate(SOCKETS);
        (!ports.is_empty()).then(|| Elsewhere { service: name.clone(), ports })
    })
}

/// An image that the share needs anyway.
async fn image(orders: &Orders<'_>, notes: &Notes) -> Result<String, String> {
    for (name, step) in &orders.work.pipeline.steps {
        let Step::Service(service) = step else { continue };
        let Some(replica) = orders.work.replicas(name, service).first().copied() else { continue };
        let base = orders.base_of(name, service, replica, notes).await;
        return base.map(|base| base.image).map_err(|failure| failure.detail);
    }
    Err("this share has no replica".to_owned())
}

/// Never returns well.
async fn hold_one(
    orders: &Orders<'_>,
    name: &Elsewhere,
    image: &str,
    handed: &mut impl FnMut(),
) -> Result<std::convert::Infallible, Box<dyn std::error::Error + Send + Sync>> {
    let run = orders.run;
    let layout = &run.node.layout;
    let folder = layout.work(&run.id).join("relays").join(name.service.as_str());
    let program = programs::RELAY.install(&layout.programs())?;
    let sockets = listen(&folder)?;
    let relay = Relay {
        place: orders.place.clone(),
        service: name.service.to_string(),
        ports: name.ports.clone(),
        image: image.to_owned(),
        program,
        folder,
    };
    loop {
        relay::ensure(&orders.context, &relay).await?;
        let (handing, _) = tokio::time::timeout(HANDING, sockets.accept()).await??;
        let listeners = receive(&handing).await?;
        if listeners.len() != name.ports.len() {
            return Err(format!("{} sockets came instead of {}", listeners.len(), name.ports.len()).into());
        }
        handed();
        serve(&handing, &name.ports, listeners, &run.node.leaders, (&run.id, &name.service)).await;
    }
}

/// Where the relay finds this agent.
fn listen(folder: &Path) -> io::Result<UnixListener> {
    fs_err::create_dir_all(folder)?;
    let socket = folder.join(SOCKET);
    match fs_err::remove_file(&socket) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // A socket's path has a limit that a long data directory exceeds; that of an open folder does not.
    let opened = fs_err::File::open(folder)?;
    let listener = UnixListener::bind(format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd()))?;
    // Nobody but the container sees the folder; its user is none of this machine's.
    fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    fs_err::set_permissions(&socket, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// The sockets that the relay hands over.
async fn receive(relay: &UnixStream) -> io::Result<Vec<TcpListener>> {
    let files: Vec<OwnedFd> = relay
        .async_io(Interest::READABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            let (mut byte, flags) = ([0], RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT);
            rustix::net::recvmsg(relay, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
            let files = control.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(files) => Some(files),
                _ => None,
            });
            Ok(files.flatten().collect())
        })
        .await?;
    let listener = |file: OwnedFd| {
        let listener = StdTcpListener::from(file);
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    files.into_iter().map(listener).collect()
}

/// Accepts what comes until the relay is gone. What was accepted ends with it.
async fn serve(
    relay: &UnixStream,
    ports: &[u16],
    listeners: Vec<TcpListener>,
    leaders: &Arc<dyn Leaders>,
    (share, service): (&DeploymentId, &StepName),
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let accepting = ports.iter().zip(listeners).map(|(&port, listener)| {
        let room = Arc::clone(&room);
        async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok(seat) = Arc::clone(&room).acquire_owned().await else { return };
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    Some(_) = connections.join_next() => continue,
                };
                let Ok((visitor, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                };
                let (leaders, share, service) = (Arc::clone(leaders), share.clone(), service.clone());
                connections.spawn(async move {
                    join(visitor, &*leaders, (&share, &service, port)).await;
                    drop(seat);
                });
            }
        }
    });
    tokio::select! {
        _ = join_all(accepting) => {}
        _ = end_of(relay) => {}
    }
}

/// A relay says nothing more: what can be read is its end.
async fn end_of(relay: &UnixStream) -> io::Result<usize> {
    let read = || Ok(rustix::net::recv(relay, &mut [0; 1], RecvFlags::DONTWAIT)?.0);
    relay.async_io(Interest::READABLE, read).await
}

/// Joins a connection with the service that it is meant for. A visitor that cannot be served is hung up on, as by a service
/// that is down.
async fn join(
    mut visitor: TcpStream,
    leaders: &dyn Leaders,
    (share, service, port): (&DeploymentId, &StepName, u16),
) {
    // Small answers would wait for company.
    let _ = visitor.set_nodelay(true);
    let reached = tokio::time::timeout(REACHING, leaders.reach(share, service, port)).await;
    match reached {
        Ok(Ok(mut there)) => {
            // Either side may end it at any time.
            let _ =
                tokio::io::copy_bidirectional_with_sizes(&mut visitor, &mut there, COPY_BYTES, COPY_BYTES)
                    .await;
        }
        Ok(Err(error)) => {
            tracing::info!(%share, %service, %error, "a service on another node is not reached")
        }
        Err(_) => tracing::info!(%share, %service, "a service on another node is not reached in time"),
    }
}
