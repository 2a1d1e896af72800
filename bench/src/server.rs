//! The ingress under test, as the product runs it, with headers, counters and an access log that somebody writes down.
//!
//! It may also change some of its routes all the time, and measure how long each change takes until a visitor sees it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use pierhead_ingress::{AccessRecord, Ingress, Options};
use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::name::ProjectName;
use pierhead_model::release::{SiteFile, SiteManifest, SiteRouting};
use pierhead_model::sleep::Rest;
use pierhead_wire::link::End;
use pierhead_wire::route::{Page, Route, Target};
use pierhead_wire::{BlobChannel, BlobError, ControlToIngress, IngressToControl, link};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::case::{FILES, HOSTS};

type Control = End<ControlToIngress, IngressToControl>;

/// Records that may wait for the writer.
const LOG_BACKLOG: usize = 8192;

/// What a file of so many bytes holds.
pub(crate) fn content(size: usize) -> Vec<u8> {
    b"All work and no play makes a dull file.\n".iter().copied().cycle().take(size).collect()
}

/// What the table holds, and what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// Hostnames that are proxied to the upstream.
    pub(crate) routes: usize,
    /// How often some of them change.
    pub(crate) changes_per_second: u32,
}

/// Serves on one core until it is ended.
pub(crate) fn run(port: u16, upstream: SocketAddr, folder: &Path, table: Table) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(serve(port, upstream, folder, table))
}

async fn serve(port: u16, upstream: SocketAddr, folder: &Path, table: Table) -> Result<()> {
    let own = folder.join(format!("ingress-{port}"));
    fs_err::create_dir(&own)?;
    let blobs = Blobs::create(own.join("blobs"))?;
    let mut files = BTreeMap::new();
    for (name, size) in FILES {
        let digest = blobs.add(&content(size))?;
        files.insert(name.to_owned(), SiteFile { digest, size: size as u64, variants: BTreeMap::new() });
    }
    let manifest = SiteManifest { files, routing: SiteRouting::default() };
    let manifest = blobs.add(&serde_json::to_vec(&manifest)?)?;
    let mut routes =
        vec![route("site.bench.test", Target::Site { deployment: DeploymentId::from_random(0), manifest })?];
    // One application under many names, as the peers have it; with `apart` each name has an application of its own.
    let apart = std::env::var_os("BENCH_APART").is_some();
    for number in 1..=table.routes {
        let is_visited = number <= HOSTS && !apart;
        routes.push(service(number, if is_visited { 1 } else { number as u64 }, upstream)?);
    }

    let (sender, records) = mpsc::channel(LOG_BACKLOG);
    let log = fs_err::tokio::File::create(own.join("access.log")).await?;
    let writer = tokio::spawn(write_log(records, log));
    let mut options = Options::new(([127, 0, 0, 1], port).into());
    options.access_log = Some(sender);
    let (mut control, ingress) = link::memory();
    let handle = Ingress::start(options, Arc::new(blobs), ingress).await?;
    control.send(ControlToIngress::Table { epoch: 1, generation: 1, routes }).await?;
    while let Some(said) = control.receive().await {
        if matches!(said, IngressToControl::Applied { .. }) {
            break;
        }
    }
    if table.changes_per_second > 0 {
        let changed = Changed { port, upstream, results: own.join(CHANGES), table };
        tokio::try_join!(changed.forever(&mut control), async { writer.await? })?;
    } else {
        writer.await??;
    }
    drop(handle);
    bail!("the access log ended")
}

/// Where a server that changes its routes writes how many milliseconds each change took, a line each.
pub(crate) const CHANGES: &str = "changes";
/// Routes that change at once, besides the one that is looked at.
const CHANGED_AT_ONCE: usize = 4;
const FLIPPED: &str = "flipped.bench.test";

/// Routes that change all the time.
struct Changed {
    port: u16,
    upstream: SocketAddr,
    results: PathBuf,
    table: Table,
}

impl Changed {
    /// One hostname is an application and a page of ours in turn; others, which nobody visits, change with it.
    async fn forever(self, control: &mut Control) -> Result<()> {
        let mut results = fs_err::File::create(&self.results)?;
        let mut visitor = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let mut tick = tokio::time::interval(Duration::from_secs(1) / self.table.changes_per_second);
        let last = self.table.routes;
        for generation in 2_u64.. {
            tick.tick().await;
            let is_service = generation % 2 == 0;
            let mut upserts = vec![if is_service {
                let deployment = DeploymentId::from_random(1);
                let target =
                    Target::Service { deployment, endpoints: vec![self.upstream.into()], rest: Rest::Awake };
                route(FLIPPED, target)?
            } else {
                route(FLIPPED, Target::Page { page: Page::Stopped, deployment: None })?
            }];
            for number in last.saturating_sub(CHANGED_AT_ONCE)..last {
                upserts.push(service(number + 1, generation, self.upstream)?);
            }
            let began = Instant::now();
            let from = generation - 1;
            control
                .send(ControlToIngress::Change { epoch: 1, from, generation, upserts, removals: Vec::new() })
                .await?;
            while (status(&mut visitor, FLIPPED).await? == 200) != is_service {}
            writeln!(results, "{:.3}", began.elapsed().as_secs_f64() * 1e3)?;
            while let Some(said) = control.receive().await {
                if matches!(said, IngressToControl::Applied { generation: now, .. } if now >= generation) {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The status of one answer over a kept connection. The bodies have a length, and are small.
async fn status(visitor: &mut TcpStream, host: &str) -> Result<u16> {
    visitor.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let count = visitor.read(&mut piece).await?;
        ensure!(count > 0, "the connection ended");
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length: usize = length.context("an answer without a length")?.1.parse()?;
        if body.len() >= length {
            let status = head.split(' ').nth(1).context("no status")?;
            return Ok(status.parse()?);
        }
    }
}

fn service(number: usize, deployment: u64, upstream: SocketAddr) -> Result<Route> {
    let target = Target::Service {
        deployment: DeploymentId::from_random(deployment),
        endpoints: vec![upstream.into()],
        rest: Rest::Awake,
    };
    route(&format!("app-{number}.bench.test"), target)
}

fn route(host: &str, target: Target) -> Result<Route> {
    Ok(Route { host: Hostname::parse(host)?, project: ProjectName::parse("bench")?, target, rules: None })
}

/// A line for each record, as nginx's `combined` has it; written when there is nothing more to take.
async fn write_log(mut records: mpsc::Receiver<Box<AccessRecord>>, log: fs_err::tokio::File) -> Result<()> {
    let mut log = BufWriter::with_capacity(64 << 10, log);
    let mut batch = Vec::with_capacity(LOG_BACKLOG);
    let mut text = Vec::new();
    while records.recv_many(&mut batch, LOG_BACKLOG).await > 0 {
        for record in batch.drain(..) {
            let AccessRecord { client, method, path, status, bytes, duration, request_id, .. } = &*record;
            let host = record.host().map_or("-", Hostname::as_str);
            let request_id = request_id.to_str().unwrap_or("-");
            let micros = duration.as_micros();
            let status = status.as_u16();
            writeln!(text, "{client} {host} \"{method} {path}\" {status} {bytes} {micros} {request_id}")?;
        }
        log.write_all(&text).await?;
        text.clear();
    }
    Ok(())
}

/// Blobs as files in one folder, as the product's own store keeps them.
#[derive(Debug)]
struct Blobs(PathBuf);

impl Blobs {
    fn create(folder: PathBuf) -> Result<Self> {
        fs_err::create_dir(&folder)?;
        Ok(Self(folder))
    }

    fn add(&self, content: &[u8]) -> Result<Digest> {
        let digest = Digest::of(content);
        fs_err::write(self.path(digest), content)?;
        Ok(digest)
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.to_string())
    }
}

fn read_only() -> BlobError {
    BlobError::Unavailable { reason: "a benchmark stores nothing".to_owned() }
}

#[async_trait]
impl BlobChannel for Blobs {
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError> {
        Ok(digests.iter().copied().filter(|digest| !self.path(*digest).exists()).collect())
    }

    async fn put(&self, _digest: Digest, _content: Bytes) -> Result<(), BlobError> {
        Err(read_only())
    }

    async fn put_file(&self, _digest: Digest, _file: PathBuf) -> Result<(), BlobError> {
        Err(read_only())
    }

    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
        let read = fs_err::tokio::read(self.path(digest)).await;
        read.map(Bytes::from).map_err(|error| BlobError::Unavailable { reason: error.to_string() })
    }

    async fn stream(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let whole = self.get(digest).await?;
        let bytes = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(whole.len());
        let part = range.map_or(whole.clone(), |range| whole.slice(bytes(range.start)..bytes(range.end)));
        Ok(Box::pin(futures::stream::iter([Ok(part)])))
    }

    fn local_path(&self, digest: Digest) -> Option<PathBuf> {
        Some(self.path(digest))
    }
}
