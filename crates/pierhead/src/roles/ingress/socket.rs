//! The socket between a control plane and ingresses of their own on the same machine.
//!
//! Whoever connects says in one line what for: `link`, and then the messages follow; or `tunnel NODE ADDRESS`, and after the line
//! `ok` the bytes of a service on another machine. Only the user whose process listens may connect, and root.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use pierhead_control::Door;
use pierhead_model::id::NodeId;
use pierhead_wire::link::{self, End, socket};
use pierhead_wire::traffic::Connection;
use pierhead_wire::{ControlToIngress, IngressToControl, Tunnels};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

/// The longest first line.
const LINE_BYTES: usize = 256;
/// For the first line, and for its answer.
const PATIENCE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("ingress.sock")
}

/// Takes ingresses in until it is aborted. What an earlier process left at the path is replaced: the data directory is locked.
pub(crate) fn listen(path: &Path, door: Door) -> io::Result<JoinHandle<()>> {
    use std::os::unix::fs::PermissionsExt as _;
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            if is_ours(&stream) {
                let door = door.clone();
                connections.spawn(async move {
                    if let Err(error) = answer(stream, &door).await {
                        tracing::debug!(%error, "somebody at the socket for ingresses");
                    }
                });
            }
        }
    }))
}

fn is_ours(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

async fn answer(mut stream: UnixStream, door: &Door) -> io::Result<()> {
    let line = line(&mut stream).await?;
    let words: Vec<&str> = line.split(' ').collect();
    match *words {
        ["link"] => {
            let (to_ingress, mut from_control) = link::memory();
            door.attach_ingress(to_ingress);
            tracing::info!("an ingress has come");
            let end = socket::carry_awake(stream, false, &mut from_control).await;
            tracing::info!(reason = %end, "an ingress has gone");
            Ok(())
        }
        ["tunnel", node, address] => {
            let garbled = |_| io::Error::from(io::ErrorKind::InvalidData);
            let node: NodeId = node.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let address: SocketAddr = address.parse().map_err(garbled)?;
            match door.tunnels().open(&node, address).await {
                Ok(mut far) => {
                    stream.write_all(b"ok\n").await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut far).await.map(drop)
                }
                Err(error) => {
                    let kind = if error.kind() == io::ErrorKind::NotConnected { "away" } else { "refused" };
                    stream.write_all(format!("{kind}\n").as_bytes()).await
                }
            }
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// One line, and not a byte more: what follows belongs to somebody else.
async fn line(stream: &mut UnixStream) -> io::Result<String> {
    let reading = async {
        let mut line = Vec::new();
        loop {
            match stream.read_u8().await? {
                b'\n' => return String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into()),
                byte if line.len() < LINE_BYTES => line.push(byte),
                _ => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Keeps an ingress linked, whenever there is a control plane.
pub(crate) async fn follow(path: PathBuf, mut ingress: End<ControlToIngress, IngressToControl>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match connect(&path, "link").await {
            Ok(stream) => {
                tracing::info!("linked with the control plane");
                pause = FIRST_PAUSE;
                let end = socket::carry_awake(stream, true, &mut ingress).await;
                tracing::warn!(reason = %end, "the control plane is away; serving the last table");
            }
            Err(error) => tracing::debug!(%error, "no control plane yet"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn connect(path: &Path, purpose: &str) -> io::Result<UnixStream> {
    let mut stream = UnixStream::connect(path).await?;
    stream.write_all(format!("{purpose}\n").as_bytes()).await?;
    Ok(stream)
}

/// The way to services on other machines: through the control plane's connection to their agents.
#[derive(Debug)]
pub(crate) struct SocketTunnels(pub(crate) PathBuf);

#[async_trait]
impl Tunnels for SocketTunnels {
    async fn open(&self, node: &NodeId, address: SocketAddr) -> io::Result<Box<dyn Connection>> {
        let away = |why: String| io::Error::new(io::ErrorKind::NotConnected, why);
        let connected = connect(&self.0, &format!("tunnel {node} {address}")).await;
        let mut stream = connected.map_err(|error| away(format!("the control plane is away: {error}")))?;
        match line(&mut stream).await?.as_str() {
            "ok" => Ok(Box::new(stream)),
            "away" => Err(away(format!("the node {node} cannot be reached"))),
            _ => {
                Err(io::Error::new(io::ErrorKind::ConnectionRefused, format!("{address} on {node} refused")))
            }
        }
    }
}
