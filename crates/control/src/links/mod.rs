//! Connections to agents and ingresses on other machines: made, judged, kept, and explained when they are not there.
//!
//! | module | idea |
//! | --- | --- |
//! | [`state`] | what is known of each node's connection, for people |
//! | `admission` | who is on the other end, and whether it may be |
//! | `keeper` | dials one node again and again |
//! | `receiver` | takes calls of agents that dial out, and of ingresses |
//! | [`guests`], `ingresses` | which ingresses are connected, and what they may ask for |
//!
//! Each node has two connections, one for messages and one for streams. They are made and lost apart.

mod admission;
mod guests;
mod ingresses;
mod keeper;
pub(crate) mod nodes;
mod receiver;
pub(crate) mod state;

use std::sync::Arc;

use pierhead_model::id::NodeId;
use pierhead_wire::link::handshake::{Opened, Purpose};
use pierhead_wire::link::socket::{self, LinkEnd};
use pierhead_wire::link::{self, Tls};
use pierhead_wire::streams::{Offer, Streams};
use pierhead_wire::traffic::NoTunnels;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use admission::{ingress_key_place, key_place};
pub(crate) use guests::Guests;
pub(crate) use receiver::receive;
pub(crate) use state::{LinkState, Links};

use crate::core::Core;
use crate::fleet;
use crate::reconcilers::driver::Chain;

const CERTIFICATE_SETTING: &str = "link_certificate";
const CERTIFICATE_PLACE: &str = "settings/link_certificate";

/// What this control plane shows to agents: made once, kept sealed.
pub(crate) async fn tls(core: &Core) -> Result<Tls, crate::Error> {
    use pierhead_wire::link::certificate::Certificate;
    use secrecy::ExposeSecret as _;

    use crate::error::{Error, StoreResult as _};

    let fresh = Certificate::generate().map_err(Error::internal)?.to_pem();
    let sealed = core.key.seal(CERTIFICATE_PLACE, &fresh, &*core.outside).map_err(Error::internal)?;
    let stored = core.store.setting_ensure(CERTIFICATE_SETTING, &sealed).await.stored()?;
    let opened = core.key.open(CERTIFICATE_PLACE, &stored).map_err(Error::internal)?;
    let certificate = Certificate::from_pem(opened.expose_secret()).map_err(Error::internal)?;
    Tls::new(&certificate).map_err(Error::internal)
}

/// Uses an admitted connection until it ends. `dialled` says whether this side did.
async fn occupy<Io>(core: &Arc<Core>, node: &NodeId, purpose: Purpose, opened: Opened<Io>, dialled: bool)
where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match purpose {
        Purpose::Link => {
            let (here, far) = link::memory();
            let session = fleet::attach(Arc::clone(core), node.clone(), here);
            let end = socket::carry(opened.into_stream(), dialled, far).await;
            tracing::info!(%node, reason = %Chain(&end), "the link to an agent ended");
            // The session's own end says more, when it was the first.
            if !matches!(end, LinkEnd::ClosedHere) {
                core.links.lost(node, &end);
            }
            if let Err(error) = session.await {
                tracing::error!(%node, %error, "an agent's session ended badly");
            }
        }
        Purpose::Streams => match Streams::begin(
            opened.into_stream(),
            Offer {
                blobs: Arc::clone(&core.blobs),
                takes_blobs: true,
                leaders: Arc::new(fleet::LeadersOf { core: Arc::clone(core), node: node.clone() }),
                services: Arc::new(NoTunnels),
            },
        )
        .await
        {
            Ok((streams, driven)) => {
                let number = core.fleet.streams_opened(node, streams);
                core.signals.routes.raise();
                let end = driven.await;
                tracing::info!(%node, reason = %Chain(&end), "the streams to an agent ended");
                core.fleet.streams_closed(node, number);
                core.signals.routes.raise();
            }
            Err(error) => tracing::info!(%node, reason = %Chain(&error), "no streams to an agent"),
        },
    }
}
