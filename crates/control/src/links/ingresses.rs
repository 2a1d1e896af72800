//! An ingress on another machine that was let in: what it is told, and what it may ask for.
//!
//! It may read blobs, and reach the services that visitors can reach, wherever they run: from here, or through the connection to
//! the agent of their node. It stores nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use pierhead_model::id::NodeId;
use pierhead_store::Ingress;
use pierhead_wire::link::handshake::{Opened, Purpose};
use pierhead_wire::link::{self, socket};
use pierhead_wire::streams::{Offer, Streams};
use pierhead_wire::traffic::{Connection, NoLeaders};
use pierhead_wire::{Endpoint, Tunnels};
use tokio::io::{AsyncRead, AsyncWrite};

use super::admission::find_ingress;
use super::guests::Guest;
use crate::core::Core;
use crate::fleet;
use crate::reconcilers::driver::Chain;

/// Uses an admitted connection until it ends, or until its ingress is not wanted any more.
pub(super) async fn occupy<Io>(core: &Arc<Core>, ingress: &Ingress, purpose: Purpose, opened: Opened<Io>)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guest = (purpose == Purpose::Link)
        .then(|| Guest { since: core.outside.now(), release: opened.theirs.version.release.clone() });
    let mut stay = core.guests.enter(&ingress.id, guest);
    // Its token may have been taken away after it was proved and before there was anything here to end.
    let known = find_ingress(core, &ingress.id).await;
    if !known.is_ok_and(|known| known.is_some_and(|known| known.token_key == ingress.token_key)) {
        return;
    }
    let (name, stream) = (&ingress.name, opened.into_stream());
    match purpose {
        Purpose::Link => {
            if let Err(error) = core.store.ingress_seen(&ingress.id, core.outside.now()).await {
                tracing::warn!(%error, ingress = name, "that an ingress was online is not stored");
            }
            let (to_ingress, mut from_control) = link::memory();
            let home = core.fleet.in_this_process();
            let session = core.ingresses.attach_remote(to_ingress, ingress.id.clone(), home);
            tracing::info!(ingress = name, "an ingress has come");
            tokio::select! {
                end = socket::carry_awake(stream, false, &mut from_control) => {
                    tracing::info!(ingress = name, reason = %Chain(&end), "an ingress has gone");
                }
                () = stay.ended() => tracing::info!(ingress = name, "an ingress was sent away"),
            }
            drop(from_control);
            if let Err(error) = session.await {
                tracing::error!(ingress = name, %error, "an ingress's session ended badly");
            }
        }
        Purpose::Streams => {
            let offer = Offer {
                blobs: Arc::clone(&core.blobs),
                takes_blobs: false,
                leaders: Arc::new(NoLeaders),
                services: Arc::new(Shown(Arc::clone(core))),
            };
            match Streams::begin(stream, offer).await {
                Ok((_, driven)) => tokio::select! {
                    end = driven => {
                        tracing::debug!(ingress = name, reason = %Chain(&end), "the streams to an ingress ended");
                    }
                    () = stay.ended() => {}
                },
                Err(error) => {
                    tracing::info!(ingress = name, reason = %Chain(&error), "no streams to an ingress")
                }
            }
        }
    }
}

/// The services that visitors can reach, and no others.
#[derive(Debug)]
struct Shown(Arc<Core>);

#[async_trait]
impl Tunnels for Shown {
    async fn open(&self, node: &NodeId, address: SocketAddr) -> io::Result<Box<dyn Connection>> {
        let core = &self.0;
        let is_here = core.fleet.in_this_process().as_ref() == Some(node);
        let endpoint = Endpoint { node: (!is_here).then(|| node.clone()), address };
        if !core.ingresses.is_shown(&endpoint) {
            let why = format!("{address} on {node} is nothing that visitors can reach");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        fleet::connect(core, node, address).await
    }
}
