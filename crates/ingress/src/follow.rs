//! Following the control plane: its changes into the table, and back what was applied and what has drained.

use std::sync::Arc;

use pierhead_wire::link::End;
use pierhead_wire::{ControlToIngress, IngressToControl};
use tokio::sync::{mpsc, watch};

use crate::Shared;
use crate::table::Live;

/// Where the table is.
#[derive(Debug, Default)]
struct Place {
    epoch: u64,
    generation: u64,
}

/// Until the link closes; then the table stays as it is.
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut link: End<IngressToControl, ControlToIngress>,
    mut stop: watch::Receiver<bool>,
) {
    let mut place = Place::default();
    let (drained, mut has_drained) = mpsc::channel::<IngressToControl>(64);
    loop {
        let answer = tokio::select! {
            message = link.receive() => {
                let Some(message) = message else { break };
                apply(&shared, &mut place, message, &drained)
            }
            message = has_drained.recv() => message,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        if let Some(answer) = answer
            && link.send(answer).await.is_err()
        {
            break;
        }
    }
}

/// An older table is never put in place of a newer one.
fn apply(
    shared: &Arc<Shared>,
    place: &mut Place,
    message: ControlToIngress,
    drained: &mpsc::Sender<IngressToControl>,
) -> Option<IngressToControl> {
    let gone = match message {
        ControlToIngress::Table { epoch, generation, .. }
            if (epoch, generation) < (place.epoch, place.generation) =>
        {
            tracing::warn!(epoch, generation, "refused an older table");
            return None;
        }
        ControlToIngress::Table { epoch, generation, routes } => {
            *place = Place { epoch, generation };
            shared.table.replace(routes)
        }
        ControlToIngress::Change { epoch, from, generation, upserts, removals } => {
            if epoch != place.epoch || from != place.generation {
                return Some(IngressToControl::WantTable);
            }
            place.generation = generation;
            shared.table.change(upserts, &removals)
        }
    };
    for live in gone {
        tokio::spawn(drain(live, shared.options.drain_limit, drained.clone()));
    }
    Some(IngressToControl::Applied { epoch: place.epoch, generation: place.generation })
}

async fn drain(live: Arc<Live>, limit: std::time::Duration, drained: mpsc::Sender<IngressToControl>) {
    if tokio::time::timeout(limit, live.idle()).await.is_err() {
        tracing::info!(deployment = %live.deployment, "requests were still in flight at the end of the drain time");
    }
    // When nobody listens any more there is nobody to tell.
    let _ = drained.send(IngressToControl::Drained { deployment: live.deployment.clone() }).await;
}
