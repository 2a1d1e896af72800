//! How deeply each live service should sleep, as last told.
//!
//! Kept in memory: after a restart of the agent a service stays as it was reported until the control plane says otherwise.
//! Orders are numbered, and come on two ways (with the assignment, and in a hurry); an older one changes nothing.

use std::collections::HashMap;

use parking_lot::Mutex;
use pierhead_model::assignment::Report;
use pierhead_model::id::DeploymentId;
use pierhead_model::sleep::RestOrder;
use tokio::sync::watch;

#[derive(Debug, Default)]
pub(crate) struct Rests {
    orders: Mutex<HashMap<DeploymentId, watch::Sender<RestOrder>>>,
}

impl Rests {
    /// Takes an order, unless it is an older one.
    pub(crate) fn tell(&self, deployment: &DeploymentId, order: RestOrder) {
        let mut orders = self.orders.lock();
        let sender = orders.entry(deployment.clone()).or_default();
        sender.send_if_modified(|known| {
            let is_newer = order.number > known.number;
            if is_newer {
                *known = order;
            }
            is_newer
        });
    }

    /// Follows the orders for one service, which begin with what was reported.
    pub(crate) fn follow(
        &self,
        deployment: &DeploymentId,
        report: Option<&Report>,
    ) -> watch::Receiver<RestOrder> {
        if let Some(reported) =
            report.and_then(|report| report.instance.as_ref()).map(|instance| instance.rest)
        {
            self.tell(deployment, reported);
        }
        self.orders.lock().entry(deployment.clone()).or_default().subscribe()
    }

    pub(crate) fn forget(&self, deployment: &DeploymentId) {
        self.orders.lock().remove(deployment);
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::sleep::Rest;

    use super::*;

    #[test]
    fn the_newest_order_counts_whichever_way_it_came() {
        let id: DeploymentId = "3x9mq2p7ab".parse().unwrap();
        let rests = Rests::default();
        rests.tell(&id, RestOrder { rest: Rest::Stopped, number: 7 });
        let mut following = rests.follow(&id, None);
        rests.tell(&id, RestOrder { rest: Rest::Frozen, number: 6 });
        assert_eq!(following.borrow_and_update().rest, Rest::Stopped);
        rests.tell(&id, RestOrder { rest: Rest::Awake, number: 8 });
        assert!(following.has_changed().unwrap());
        assert_eq!(following.borrow_and_update().rest, Rest::Awake);
        rests.forget(&id);
        assert_eq!(rests.follow(&id, None).borrow().number, 0);
    }
}
