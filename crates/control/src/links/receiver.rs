//! Takes calls of agents that dial out.
//!
//! A stranger can open connections here, so each one that has not proved anything yet is limited in time and number, and
//! learns nothing: an unknown node and a wrong token look the same.

use std::sync::Arc;
use std::time::Duration;

use pierhead_store::Dial;
use pierhead_wire::link::Tls;
use pierhead_wire::link::handshake::{self, HandshakeError, Met, Purpose};
use pierhead_wire::link::token::TokenKey;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::admission::{NotAdmitted, admit, find, greeting, key_of};
use super::occupy;
use crate::core::Core;
use crate::error::Error;
use crate::reconcilers::driver::Chain;

/// Connections that have not proved anything yet.
const STRANGERS: usize = 128;

/// Until `stop` says so.
pub(crate) fn receive(
    core: Arc<Core>,
    tls: Tls,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        let mut calls = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = calls.join_next() => continue,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Ok((stream, caller)) = accepted else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let Ok(stranger) = Arc::clone(&strangers).try_acquire_owned() else { continue };
            let (core, tls) = (Arc::clone(&core), tls.clone());
            calls.spawn(async move {
                let answering = answer(&core, &tls, stream);
                let answered = match tokio::time::timeout(handshake::LIMIT, answering).await {
                    Ok(answered) => answered,
                    Err(_) => Err(HandshakeError::TimedOut.into()),
                };
                drop(stranger);
                match answered {
                    Ok((node, purpose, opened)) => occupy(&core, &node, purpose, opened, false).await,
                    Err(NotAdmitted { error, .. }) => {
                        tracing::info!(%caller, reason = %Chain(&error), "a caller was not let in");
                    }
                }
            });
        }
    })
}

type Admitted = (pierhead_model::id::NodeId, Purpose, handshake::Opened<TcpStream>);

async fn answer(core: &Core, tls: &Tls, stream: TcpStream) -> Result<Admitted, NotAdmitted> {
    stream.set_nodelay(true).map_err(HandshakeError::from)?;
    let met = Met::by_accepting(tls, stream, &greeting(core, None, None)).await?;
    let not_read = |error: Error| HandshakeError::Broken(std::io::Error::other(error));
    let purpose = met.theirs().purpose.unwrap_or(Purpose::Link);
    let known = match &met.theirs().node {
        Some(node) => find(core, node).await.map_err(not_read)?,
        None => None,
    };
    let known = known.filter(|node| node.link.dial == Dial::Agent);
    let key = known.as_ref().map(|node| key_of(core, node)).transpose().map_err(not_read)?.flatten();
    let (Some(node), Some(key)) = (known, key) else {
        // Nobody has the token of nobody.
        let mut nothing = [0; 32];
        core.outside.fill(&mut nothing);
        let nobody = TokenKey::from_bytes(nothing);
        let refused = met.prove(&nobody).await?.conclude(None).await;
        let error =
            refused.err().unwrap_or_else(|| HandshakeError::Garbled("it proved a random key".to_owned()));
        return Err(error.into());
    };
    match admit(core, &node, &key, met).await {
        Ok(opened) => Ok((node.id, purpose, opened)),
        Err(refused) => {
            core.links.failed(&node.id, &refused.error, refused.shown);
            Err(refused)
        }
    }
}
