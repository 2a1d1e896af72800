//! Blobs and traffic over one connection, and over several when it is cut.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use pierhead_model::digest::Digest;
use pierhead_model::id::{DeploymentId, NodeId};
use pierhead_model::pipeline::StepName;
use pierhead_wire::exec::{Begin, Ended, FromProcess, ToProcess, directions};
use pierhead_wire::streams::{Offer, Reachable, RemoteBlobs, Streams, serve};
use pierhead_wire::traffic::{Leaders, NoTunnels, Tunnels};
use pierhead_wire::{BlobChannel, BlobError, Executes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::store::Memory;

#[derive(Debug)]
struct Only(SocketAddr);

impl Reachable for Only {
    fn is_service(&self, address: SocketAddr) -> bool {
        address == self.0
    }
}

struct Connection {
    streams: Streams,
    tasks: [JoinHandle<()>; 2],
}

impl Connection {
    async fn open(store: &Arc<Memory>, blobs: &Arc<RemoteBlobs>, service: SocketAddr) -> Self {
        Self::offering(offer(Arc::<Memory>::clone(store)), blobs, service).await
    }

    async fn offering(offer: Offer, blobs: &Arc<RemoteBlobs>, service: SocketAddr) -> Self {
        let (near, far) = tokio::io::duplex(1 << 16);
        let blobs = Arc::clone(blobs);
        let serving = tokio::spawn(async move {
            let _ = serve(far, blobs, Arc::new(Only(service)), Arc::new(Repeats)).await;
        });
        let (streams, driven) = Streams::begin(near, offer).await.unwrap();
        let driving = tokio::spawn(async move {
            driven.await;
        });
        Self { streams, tasks: [serving, driving] }
    }

    async fn cut(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

fn offer(blobs: Arc<dyn BlobChannel>) -> Offer {
    Offer { blobs, takes_blobs: true, leaders: Arc::new(Echo), services: Arc::new(Echo) }
}

/// Says again what is typed, and ends with the number of its words.
#[derive(Debug)]
struct Repeats;

#[async_trait::async_trait]
impl Executes for Repeats {
    async fn execute(&self, connection: Box<dyn pierhead_wire::traffic::Connection>) {
        let (mut sending, mut receiving) = directions(connection);
        let begin: Begin = receiving.next().await.unwrap().unwrap();
        while let Some(Ok(ToProcess::Input(bytes))) = receiving.next().await {
            sending.send(&FromProcess::Output(bytes)).await.unwrap();
        }
        let code = i64::try_from(begin.command.len()).unwrap();
        sending.send(&FromProcess::Ended(Ended::Exited { code })).await.unwrap();
    }
}

/// Leads to something that says again what it hears, at one port.
#[derive(Debug)]
struct Echo;

#[async_trait::async_trait]
impl Leaders for Echo {
    async fn reach(
        &self,
        _: &DeploymentId,
        service: &StepName,
        port: u16,
    ) -> std::io::Result<Box<dyn pierhead_wire::traffic::Connection>> {
        if port != 7 {
            return Err(std::io::Error::other(format!("{service} does not listen on {port}")));
        }
        let (near, far) = tokio::io::duplex(64);
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(far);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
        Ok(Box::new(near))
    }
}

#[tokio::test]
async fn a_service_on_another_node_is_reached_through_the_control_plane() {
    let (store, blobs) = (Arc::new(Memory::default()), Arc::new(RemoteBlobs::default()));
    let (share, service) = (DeploymentId::from_random(1), StepName::parse("db").unwrap());
    // Asked for before there is a connection: it waits for one.
    let asking = {
        let (blobs, share, service) = (Arc::clone(&blobs), share.clone(), service.clone());
        tokio::spawn(async move { blobs.reach(&share, &service, 7).await })
    };
    let connection = Connection::open(&store, &blobs, nowhere()).await;
    let mut reached = asking.await.unwrap().unwrap();
    reached.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    reached.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    let refused = blobs.reach(&share, &service, 8).await.unwrap_err();
    assert!(refused.to_string().contains("db does not listen on 8"), "{refused}");
    connection.cut().await;
    assert_eq!(reached.read(&mut heard).await.unwrap_or(0), 0, "it ends with the connection that carries it");
}

fn nowhere() -> SocketAddr {
    ([127, 0, 0, 1], 1).into()
}

#[tokio::test]
async fn blobs_go_both_ways_and_every_refusal_arrives_as_what_it_is() {
    let (store, blobs) = (Arc::new(Memory::default()), Arc::new(RemoteBlobs::default()));
    let _connection = Connection::open(&store, &blobs, nowhere()).await;
    let small = Bytes::from_static(b"small");
    let large: Bytes = (0..5_000_000_u32).map(|byte| byte.to_le_bytes()[1]).collect();
    let (one, other) = (Digest::of(&small), Digest::of(&large));
    assert_eq!(blobs.missing(&[one, other]).await.unwrap(), [one, other]);
    blobs.put(one, small.clone()).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &large).unwrap();
    blobs.put_file(other, file.path().to_owned()).await.unwrap();
    assert_eq!(blobs.missing(&[one, other]).await.unwrap(), []);
    assert_eq!(blobs.get(one).await.unwrap(), small);
    assert_eq!(blobs.get(other).await.unwrap(), large);
    let mut part = blobs.stream(other, Some(1_000_000..1_000_010)).await.unwrap();
    assert_eq!(part.next().await.unwrap().unwrap(), large.slice(1_000_000..1_000_010));
    assert!(part.next().await.is_none());

    let absent = Digest::of(b"absent");
    assert!(matches!(blobs.get(absent).await, Err(BlobError::NotFound(digest)) if digest == absent));
    assert!(
        matches!(blobs.put(absent, small).await, Err(BlobError::Corrupt { expected, .. }) if expected == absent)
    );
}

#[tokio::test]
async fn what_is_asked_while_nobody_is_there_is_answered_later() {
    let (store, blobs) = (Arc::new(Memory::default()), Arc::new(RemoteBlobs::default()));
    let content = Bytes::from_static(b"later");
    let digest = Digest::of(&content);
    let putting = tokio::spawn({
        let (blobs, content) = (Arc::clone(&blobs), content.clone());
        async move { blobs.put(digest, content).await }
    });
    // One that is cut before it answers anything.
    Connection::open(&store, &blobs, nowhere()).await.cut().await;
    let _connection = Connection::open(&store, &blobs, nowhere()).await;
    putting.await.unwrap().unwrap();
    assert_eq!(store.get(digest).await.unwrap(), content);
}

#[tokio::test]
async fn content_goes_on_where_it_broke_off() {
    let (store, blobs) = (Arc::new(Memory::default()), Arc::new(RemoteBlobs::default()));
    let content: Bytes = (0..4_000_000_u32).map(|byte| byte.to_le_bytes()[1]).collect();
    let digest = Digest::of(&content);
    store.put(digest, content.clone()).await.unwrap();
    let connection = Connection::open(&store, &blobs, nowhere()).await;
    let mut pieces = blobs.stream(digest, None).await.unwrap();
    let mut received = pieces.next().await.unwrap().unwrap().to_vec();
    connection.cut().await;
    let again = Connection::open(&store, &blobs, nowhere()).await;
    while received.len() < 2_000_000 {
        received.extend(pieces.next().await.unwrap().unwrap());
    }
    again.cut().await;
    let _last = Connection::open(&store, &blobs, nowhere()).await;
    while let Some(piece) = pieces.next().await {
        received.extend(piece.unwrap());
    }
    assert!(received == content, "{} of {} bytes", received.len(), content.len());
}

#[tokio::test]
async fn a_tunnel_leads_to_a_service_of_the_node_and_nowhere_else() {
    let (store, blobs) = (Arc::new(Memory::default()), Arc::new(RemoteBlobs::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut visitor, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = visitor.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    let connection = Connection::open(&store, &blobs, service).await;
    let echoes = (0..50_u32).map(|number| {
        let streams = connection.streams.clone();
        async move {
            let mut tunnel = streams.tunnel(service).await.unwrap();
            let said: Vec<u8> = (0..100_000_u32).map(|byte| (byte + number).to_le_bytes()[0]).collect();
            let (mut read, mut write) = tokio::io::split(&mut tunnel);
            let saying = async {
                write.write_all(&said).await.unwrap();
                write.shutdown().await.unwrap();
            };
            let mut heard = Vec::new();
            let hearing = read.read_to_end(&mut heard);
            let ((), heard_bytes) = tokio::join!(saying, hearing);
            assert_eq!(heard_bytes.unwrap(), said.len());
            assert!(heard == said);
        }
    });
    futures::future::join_all(echoes).await;

    let elsewhere = connection.streams.tunnel("127.0.0.1:22".parse().unwrap()).await.unwrap_err();
    assert_eq!(elsewhere.kind(), std::io::ErrorKind::ConnectionRefused, "{elsewhere}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_ends() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let (streams, driven) = Streams::begin(near, offer(Arc::new(Memory::default()))).await.unwrap();
    let began = tokio::time::Instant::now();
    tokio::time::timeout(Duration::from_secs(60), driven).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(streams.is_closed());
    drop(far);
}

/// At the port that leaders have too. Another port refuses, another node is away.
#[async_trait::async_trait]
impl Tunnels for Echo {
    async fn open(
        &self,
        node: &NodeId,
        address: SocketAddr,
    ) -> io::Result<Box<dyn pierhead_wire::traffic::Connection>> {
        if *node != NodeId::new(pierhead_model::Timestamp::UNIX_EPOCH, 1) {
            return NoTunnels.open(node, address).await;
        }
        if address.port() != 5000 {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (near, mut far) = tokio::io::duplex(1 << 10);
        tokio::spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(&mut far);
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
        });
        Ok(Box::new(near))
    }
}

#[tokio::test]
async fn who_asks_for_a_service_gets_a_connection_or_hears_why_not_and_never_waits_for_somebody_who_is_away()
{
    let blobs = Arc::new(RemoteBlobs::default());
    let node = |number| NodeId::new(pierhead_model::Timestamp::UNIX_EPOCH, number);
    let at = |port| SocketAddr::from(([10, 211, 0, 2], port));
    let kind = |outcome: io::Result<Box<dyn pierhead_wire::traffic::Connection>>| outcome.unwrap_err().kind();
    assert_eq!(kind(blobs.open(&node(1), at(5000)).await), io::ErrorKind::NotConnected, "nobody is there");

    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let connection = Connection::open(&Arc::default(), &blobs, nowhere).await;
    while !blobs.is_connected() {
        tokio::task::yield_now().await;
    }
    let mut service = blobs.open(&node(1), at(5000)).await.unwrap();
    service.write_all(b"hello").await.unwrap();
    let mut heard = [0; 5];
    service.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    assert_eq!(kind(blobs.open(&node(1), at(5001)).await), io::ErrorKind::ConnectionRefused);
    assert_eq!(kind(blobs.open(&node(2), at(5000)).await), io::ErrorKind::NotConnected);

    connection.cut().await;
    while blobs.is_connected() {
        tokio::task::yield_now().await;
    }
    assert_eq!(kind(blobs.open(&node(1), at(5000)).await), io::ErrorKind::NotConnected);
}

#[tokio::test]
async fn who_may_only_read_stores_nothing() {
    let (store, blobs) = (Arc::new(Memory::default()), Arc::new(RemoteBlobs::default()));
    let kept = Digest::of(b"kept");
    store.put(kept, Bytes::from_static(b"kept")).await.unwrap();
    let offer = Offer { takes_blobs: false, ..offer(Arc::<Memory>::clone(&store)) };
    let _connection = Connection::offering(offer, &blobs, SocketAddr::from(([127, 0, 0, 1], 1))).await;
    assert_eq!(blobs.get(kept).await.unwrap(), "kept");
    let new = Digest::of(b"new");
    assert!(matches!(blobs.put(new, Bytes::from_static(b"new")).await, Err(BlobError::Unavailable { .. })));
    assert!(matches!(blobs.missing(&[kept]).await, Err(BlobError::Unavailable { .. })));
    assert_eq!(store.missing(&[new]).await.unwrap(), [new], "it is not there");
}

#[tokio::test]
async fn a_command_is_run_over_a_stream_and_what_is_typed_reaches_it() {
    let (store, blobs) = (Arc::new(Memory::default()), Arc::new(RemoteBlobs::default()));
    let connection = Connection::open(&store, &blobs, "127.0.0.1:1".parse().unwrap()).await;
    let (mut sending, mut receiving) = directions(Box::new(connection.streams.execute().await.unwrap()));
    let begin = Begin {
        deployment: "3x9mq2p7ab".parse().unwrap(),
        service: StepName::parse("web").unwrap(),
        replica: None,
        command: ["a", "b", "c"].map(ToOwned::to_owned).to_vec(),
        environment: Vec::new(),
        terminal: None,
    };
    sending.send(&begin).await.unwrap();
    let typed = Bytes::from(vec![7; 300_000]);
    sending.send(&ToProcess::Input(typed.clone())).await.unwrap();
    assert_eq!(receiving.next::<FromProcess>().await.unwrap().unwrap(), FromProcess::Output(typed));
    sending.send(&ToProcess::InputEnd).await.unwrap();
    let ended = receiving.next::<FromProcess>().await.unwrap().unwrap();
    assert_eq!(ended, FromProcess::Ended(Ended::Exited { code: 3 }));
    connection.cut().await;
    assert!(receiving.next::<FromProcess>().await.is_none_or(|message| message.is_err()));
}
