//! Takes calls of agents that dial out, and of ingresses.
//!
//! A stranger can open connections here, so each one that has not proved anything yet is limited in time and number, and
//! learns nothing: whoever is unknown and a wrong token look the same.

use std::sync::Arc;
use std::time::Duration;

use pierhead_store::Dial;
use pierhead_wire::link::handshake::{self, HandshakeError, Met, Purpose};
use pierhead_wire::link::token::TokenKey;
use pierhead_wire::link::{Side, Tls};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::admission::{NotAdmitted, Party, admit, find, find_ingress, greeting, key_of};
use super::{ingresses, occupy};
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
                    Ok((Party::Node(node), purpose, opened)) => {
                        occupy(&core, &node.id, purpose, opened, false).await;
                    }
                    Ok((Party::Ingress(ingress), purpose, opened)) => {
                        ingresses::occupy(&core, &ingress, purpose, opened).await;
                    }
                    Err(NotAdmitted { error, .. }) => {
                        tracing::info!(%caller, reason = %Chain(&error), "a caller was not let in");
                    }
                }
            });
        }
    })
}

type Admitted = (Party, Purpose, handshake::Opened<TcpStream>);

async fn answer(core: &Core, tls: &Tls, stream: TcpStream) -> Result<Admitted, NotAdmitted> {
    stream.set_nodelay(true).map_err(HandshakeError::from)?;
    let met = Met::by_accepting(tls, stream, &greeting(core, None, None)).await?;
    let not_read = |error: Error| HandshakeError::Broken(std::io::Error::other(error));
    let purpose = met.theirs().purpose.unwrap_or(Purpose::Link);
    let known = called_by(core, &met).await.map_err(not_read)?;
    let key = known.as_ref().map(|party| key_of(core, party)).transpose().map_err(not_read)?.flatten();
    let (Some(party), Some(key)) = (known, key) else {
        // Nobody has the token of nobody.
        let mut nothing = [0; 32];
        core.outside.fill(&mut nothing);
        let nobody = TokenKey::from_bytes(nothing);
        let refused = met.prove(&nobody).await?.conclude(None).await;
        let error =
            refused.err().unwrap_or_else(|| HandshakeError::Garbled("it proved a random key".to_owned()));
        return Err(error.into());
    };
    match admit(core, &party, &key, met).await {
        Ok(opened) => Ok((party, purpose, opened)),
        Err(refused) => {
            match &party {
                Party::Node(node) => core.links.failed(&node.id, &refused.error, refused.shown),
                Party::Ingress(ingress) => core.guests.failed(&ingress.id, &refused.error, refused.shown),
            }
            Err(refused)
        }
    }
}

/// Who it says it is, if that is somebody who calls.
async fn called_by(core: &Core, met: &Met<TcpStream>) -> Result<Option<Party>, Error> {
    let theirs = met.theirs();
    match (theirs.side, &theirs.node, &theirs.ingress) {
        (Side::Agent, Some(node), _) => {
            let known = find(core, node).await?.filter(|node| node.link.dial == Dial::Agent);
            Ok(known.map(Box::new).map(Party::Node))
        }
        (Side::Ingress, _, Some(ingress)) => {
            Ok(find_ingress(core, ingress).await?.map(Box::new).map(Party::Ingress))
        }
        (Side::Agent | Side::Ingress | Side::Control, _, _) => Ok(None),
    }
}
