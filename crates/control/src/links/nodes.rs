//! Every node that is to be dialled has somebody who dials it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use pierhead_model::id::NodeId;
use pierhead_store::Dial;
use pierhead_wire::link::Tls;
use pierhead_wire::link::handshake::Purpose;
use tokio::task::JoinSet;

use super::keeper;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::reconcilers::Reconciler;

/// Owns the tasks that dial. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Nodes {
    core: Arc<Core>,
    tls: Tls,
    dialled: Mutex<HashMap<NodeId, JoinSet<()>>>,
}

impl Nodes {
    pub(crate) fn new(core: Arc<Core>, tls: Tls) -> Self {
        Self { core, tls, dialled: Mutex::default() }
    }
}

#[async_trait]
impl Reconciler for Nodes {
    fn name(&self) -> &'static str {
        "nodes"
    }

    fn period(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn activate(&self) -> Result<Option<Duration>, Error> {
        let nodes = self.core.store.nodes_elsewhere().await.stored()?;
        let wanted: HashSet<NodeId> =
            nodes.into_iter().filter(|node| node.link.dial == Dial::Control).map(|node| node.id).collect();
        let mut dialled = self.dialled.lock();
        dialled.retain(|node, _| wanted.contains(node));
        for node in wanted {
            dialled.entry(node).or_insert_with_key(|node| {
                let mut tasks = JoinSet::new();
                for purpose in [Purpose::Link, Purpose::Streams] {
                    tasks.spawn(keeper::keep(
                        Arc::clone(&self.core),
                        self.tls.clone(),
                        node.clone(),
                        purpose,
                    ));
                }
                tasks
            });
        }
        Ok(None)
    }
}
