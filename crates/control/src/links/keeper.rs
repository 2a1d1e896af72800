//! Dials one node for one purpose, again and again, until it is told to stop.
//!
//! The pauses double up to a few seconds, so a node that comes back is seen soon; one that has been away for long is asked
//! less often. They vary at random, so that nodes that were lost together are not dialled together.

use std::sync::Arc;
use std::time::Duration;

use pierhead_model::id::NodeId;
use pierhead_store::{Dial, Node};
use pierhead_wire::link::Tls;
use pierhead_wire::link::handshake::{self, HandshakeError, Met, Opened, Purpose};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::admission::{NotAdmitted, Party, admit, greeting, key_of};
use super::occupy;
use super::state::{LinkProblem, LinkState};
use crate::core::Core;
use crate::error::Error;
use crate::outside::random_half;
use crate::reconcilers::driver::Chain;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Of a node that has been away for longer than `LONG`.
const RARE_PAUSE: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(600);
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

pub(super) async fn keep(core: Arc<Core>, tls: Tls, id: NodeId, purpose: Purpose) {
    let wake = core.links.wake_signal(&id);
    let mut pause = FIRST_PAUSE;
    let mut lost = Instant::now();
    loop {
        match dial(&core, &tls, &id, purpose).await {
            Ok(Some(opened)) => {
                occupy(&core, &id, purpose, opened, true).await;
                (pause, lost) = (FIRST_PAUSE, Instant::now());
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(node = %id, error = %Chain(&error), "cannot be dialled now"),
        }
        tokio::select! {
            () = wake.raised(), if purpose == Purpose::Link => pause = FIRST_PAUSE,
            () = tokio::time::sleep(varied(&core, pause)) => {
                let longest = if lost.elapsed() > LONG { RARE_PAUSE } else { LONGEST_PAUSE };
                pause = (pause * 2).min(longest);
            }
        }
    }
}

/// Between half of it and all of it.
fn varied(core: &Core, pause: Duration) -> Duration {
    let half = pause / 2;
    let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_millis(random_half(&*core.outside) % millis)
}

/// `None` when there is no connection; why is remembered.
async fn dial(
    core: &Core,
    tls: &Tls,
    id: &NodeId,
    purpose: Purpose,
) -> Result<Option<Opened<TcpStream>>, Error> {
    let Some(node) = super::admission::find(core, id).await? else { return Ok(None) };
    let (Dial::Control, Some(address)) = (node.link.dial, &node.link.address) else { return Ok(None) };
    let party = Party::Node(Box::new(node.clone()));
    let Some(key) = key_of(core, &party)? else {
        let detail = "its token was revoked: rotate it to get a new one".to_owned();
        core.links.set(id, LinkState { problem: LinkProblem::Revoked, detail, shown: None });
        return Ok(None);
    };
    // Which certificate is trusted is settled on the link.
    if purpose == Purpose::Streams && node.link.thumbprint.is_none() {
        return Ok(None);
    }
    let opening = open(core, tls, (&node, &party), address, &key, purpose);
    let opened = match tokio::time::timeout(handshake::LIMIT, opening).await {
        Ok(opened) => opened,
        Err(_) => Err(HandshakeError::TimedOut.into()),
    };
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(NotAdmitted { error, shown }) => {
            tracing::debug!(node = %id, reason = %Chain(&error), "not connected");
            if purpose == Purpose::Link {
                core.links.failed(id, &error, shown);
            }
            Ok(None)
        }
    }
}

async fn open(
    core: &Core,
    tls: &Tls,
    (node, party): (&Node, &Party),
    address: &str,
    key: &pierhead_wire::link::token::TokenKey,
    purpose: Purpose,
) -> Result<Opened<TcpStream>, NotAdmitted> {
    let connecting = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
    let stream = connecting.map_err(|_| HandshakeError::TimedOut)?.map_err(HandshakeError::from)?;
    stream.set_nodelay(true).map_err(HandshakeError::from)?;
    let met = Met::by_dialling(tls, stream, &greeting(core, Some(node), Some(purpose))).await?;
    admit(core, party, key, met).await
}
