//! An ingress with an in-memory control plane and blob store.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use pierhead_ingress::{Handle, Ingress, Options};
use pierhead_model::digest::Digest;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use pierhead_model::name::ProjectName;
use pierhead_model::release::{Encoding, SiteFile, SiteManifest, SiteRouting, Variant};
use pierhead_model::sleep::Rest;
use pierhead_wire::link::{End, memory};
use pierhead_wire::route::{Route, Target};
use pierhead_wire::{BlobChannel, BlobError, ControlToIngress, IngressToControl};

use crate::client::{Answer, PATIENCE, Visitor};

#[derive(Debug, Default)]
pub(crate) struct Blobs {
    blobs: Mutex<HashMap<Digest, Bytes>>,
    /// Where `local_path` finds blobs.
    folder: Mutex<Option<PathBuf>>,
    pub(crate) fetched: AtomicUsize,
    pub(crate) away: AtomicBool,
}

impl Blobs {
    pub(crate) fn add(&self, content: impl Into<Bytes>) -> Digest {
        let content = content.into();
        let digest = Digest::of(&content);
        self.blobs.lock().insert(digest, content);
        digest
    }

    pub(crate) fn keep_in(&self, folder: PathBuf) {
        for (digest, content) in self.blobs.lock().iter() {
            fs_err::write(folder.join(digest.to_string()), content).unwrap();
        }
        *self.folder.lock() = Some(folder);
    }

    fn read(&self, digest: Digest) -> Result<Bytes, BlobError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(BlobError::Unavailable { reason: "a test says so".to_owned() });
        }
        self.fetched.fetch_add(1, Ordering::SeqCst);
        self.blobs.lock().get(&digest).cloned().ok_or(BlobError::NotFound(digest))
    }
}

#[async_trait]
impl BlobChannel for Blobs {
    async fn missing(&self, digests: &[Digest]) -> Result<Vec<Digest>, BlobError> {
        let blobs = self.blobs.lock();
        Ok(digests.iter().filter(|digest| !blobs.contains_key(digest)).copied().collect())
    }

    async fn put(&self, _digest: Digest, content: Bytes) -> Result<(), BlobError> {
        self.add(content);
        Ok(())
    }

    async fn put_file(&self, _digest: Digest, file: PathBuf) -> Result<(), BlobError> {
        self.add(fs_err::read(file).unwrap());
        Ok(())
    }

    async fn get(&self, digest: Digest) -> Result<Bytes, BlobError> {
        self.read(digest)
    }

    async fn stream(
        &self,
        digest: Digest,
        range: Option<Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, BlobError>>, BlobError> {
        let bytes = self.read(digest)?;
        let part = match range {
            Some(range) => bytes.slice(range.start as usize..range.end as usize),
            None => bytes,
        };
        let pieces: Vec<_> = part.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok(futures::stream::iter(pieces).boxed())
    }

    fn local_path(&self, digest: Digest) -> Option<PathBuf> {
        self.folder.lock().as_ref().map(|folder| folder.join(digest.to_string()))
    }
}

#[derive(Debug)]
pub(crate) struct TestIngress {
    pub(crate) handle: Handle,
    pub(crate) blobs: Arc<Blobs>,
    pub(crate) control: End<ControlToIngress, IngressToControl>,
    pub(crate) generation: u64,
    /// What was said and not asked for yet.
    pub(crate) drained: Vec<DeploymentId>,
}

impl TestIngress {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::new(([127, 0, 0, 1], 0).into());
        adjust(&mut options);
        let blobs = Arc::new(Blobs::default());
        let (control, link) = memory();
        let handle = Ingress::start(options, blobs.clone(), link).await.unwrap();
        let mut ingress = Self { handle, blobs, control, generation: 0, drained: Vec::new() };
        assert_eq!(ingress.said().await, IngressToControl::WantTable);
        ingress
    }

    pub(crate) async fn with(routes: Vec<Route>) -> Self {
        let mut ingress = Self::start().await;
        ingress.table(routes).await;
        ingress
    }

    /// The next message but those that only say which services are needed.
    pub(crate) async fn said(&mut self) -> IngressToControl {
        loop {
            match self.said_of_all().await {
                IngressToControl::Active { .. }
                | IngressToControl::Answering { .. }
                | IngressToControl::Counted { .. } => {}
                said => return said,
            }
        }
    }

    pub(crate) async fn said_of_all(&mut self) -> IngressToControl {
        tokio::time::timeout(PATIENCE, self.control.receive()).await.expect("nothing was said").unwrap()
    }

    pub(crate) async fn table(&mut self, routes: Vec<Route>) {
        self.generation += 1;
        let generation = self.generation;
        self.control.send(ControlToIngress::Table { epoch: 1, generation, routes }).await.unwrap();
        self.applied().await;
    }

    pub(crate) async fn change(&mut self, upserts: Vec<Route>, removals: Vec<Hostname>) {
        let from = self.generation;
        self.generation += 1;
        let generation = self.generation;
        let change = ControlToIngress::Change { epoch: 1, from, generation, upserts, removals };
        self.control.send(change).await.unwrap();
        self.applied().await;
    }

    pub(crate) async fn applied(&mut self) {
        loop {
            match self.said().await {
                IngressToControl::Applied { epoch: 1, generation } if generation == self.generation => return,
                IngressToControl::Drained { deployment } => self.drained.push(deployment),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) async fn drained(&mut self, id: &str) {
        let id: DeploymentId = id.parse().unwrap();
        while !self.drained.contains(&id) {
            match self.said().await {
                IngressToControl::Drained { deployment } => self.drained.push(deployment),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.handle.local_addr()
    }

    pub(crate) async fn visitor(&self) -> Visitor {
        Visitor::connect(self.address()).await
    }

    pub(crate) async fn get(&self, host: &str, path: &str) -> Answer {
        self.visitor().await.get(host, path, &[]).await
    }

    pub(crate) async fn get_with(&self, host: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.visitor().await.get(host, path, headers).await
    }

    /// Stores a site and makes a route to it.
    pub(crate) fn site(&self, host: &str, id: &str, files: &[(&str, &str)]) -> Route {
        self.site_with(host, id, files, SiteRouting::default())
    }

    pub(crate) fn site_with(
        &self,
        host: &str,
        id: &str,
        files: &[(&str, &str)],
        routing: SiteRouting,
    ) -> Route {
        let files = files
            .iter()
            .map(|(path, content)| {
                let digest = self.blobs.add((*content).to_owned());
                let file = SiteFile { digest, size: content.len() as u64, variants: BTreeMap::new() };
                ((*path).to_owned(), file)
            })
            .collect();
        let manifest = SiteManifest { files, routing };
        self.manifest(host, id, &manifest)
    }

    pub(crate) fn manifest(&self, host: &str, id: &str, manifest: &SiteManifest) -> Route {
        let manifest = self.blobs.add(serde_json::to_vec(manifest).unwrap());
        route(host, Target::Site { deployment: id.parse().unwrap(), manifest })
    }

    pub(crate) fn variant(&self, content: &str) -> Variant {
        Variant { digest: self.blobs.add(content.to_owned()), size: content.len() as u64 }
    }

    /// A file whose variants say which they are.
    pub(crate) fn file_with_variants(&self, content: &str, encodings: &[Encoding]) -> SiteFile {
        SiteFile {
            digest: self.blobs.add(content.to_owned()),
            size: content.len() as u64,
            variants: encodings.iter().map(|encoding| (*encoding, self.variant(encoding.token()))).collect(),
        }
    }
}

pub(crate) fn host(name: &str) -> Hostname {
    Hostname::parse(name).unwrap()
}

pub(crate) fn route(name: &str, target: Target) -> Route {
    Route { host: host(name), project: ProjectName::parse("shop").unwrap(), target, rules: None }
}

pub(crate) fn service(name: &str, id: &str, endpoints: &[SocketAddr]) -> Route {
    route(
        name,
        Target::Service {
            deployment: id.parse().unwrap(),
            endpoints: endpoints.iter().copied().map(Into::into).collect(),
            rest: Rest::Awake,
        },
    )
}

/// A service that sleeps.
pub(crate) fn asleep(name: &str, id: &str, endpoints: &[SocketAddr], depth: Rest) -> Route {
    let mut route = service(name, id, endpoints);
    if let Target::Service { rest, .. } = &mut route.target {
        *rest = depth;
    }
    route
}

/// Waits for a condition, and says what it was when it never comes.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
