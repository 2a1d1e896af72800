//! Who is connected: caps, and the way to tell everybody to finish.
//!
//! Connections are told to finish by a flag they look at whenever they run, and by being woken once. A future that waits for
//! the end would have to be polled (and would take a shared lock) every time a connection runs.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::options::Limits;

#[derive(Debug)]
pub(crate) struct Connections {
    at_most: usize,
    at_most_per_client: usize,
    stopping: AtomicBool,
    open: Mutex<Open>,
    tasks: TaskTracker,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    entries: HashMap<u64, Entry>,
    clients: HashMap<IpAddr, usize>,
}

#[derive(Debug, Default)]
struct Entry {
    waker: Option<Waker>,
    task: Option<AbortHandle>,
}

/// The place of one connection; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Permit {
    connections: Arc<Connections>,
    number: u64,
    client: IpAddr,
}

impl Connections {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            at_most: limits.connections,
            at_most_per_client: limits.connections_per_client,
            stopping: AtomicBool::new(false),
            open: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.open.lock().entries.len()
    }

    /// A place for a connection from `address`, unless there are too many or it is time to stop. A proxy comes for many visitors.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, is_proxy: bool) -> Option<Permit> {
        if self.stopping() {
            return None;
        }
        let client = network_of(address);
        let mut open = self.open.lock();
        if open.entries.len() >= self.at_most {
            return None;
        }
        let of_client = open.clients.entry(client).or_insert(0);
        if !is_proxy && *of_client >= self.at_most_per_client {
            return None;
        }
        *of_client += 1;
        let number = open.next;
        open.next += 1;
        open.entries.insert(number, Entry::default());
        Some(Permit { connections: Arc::clone(self), number, client })
    }

    /// Runs the task of a connection.
    pub(crate) fn spawn(&self, number: u64, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(task).abort_handle();
        if let Some(entry) = self.open.lock().entries.get_mut(&number) {
            entry.task = Some(handle);
        }
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Every connection finishes the request it is at; after `grace` the rest is ended.
    pub(crate) async fn shut_down(&self, grace: Duration) {
        self.stopping.store(true, Ordering::Release);
        let wakers: Vec<Waker> =
            self.open.lock().entries.values().filter_map(|entry| entry.waker.clone()).collect();
        for waker in wakers {
            waker.wake();
        }
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            self.abort();
            self.tasks.wait().await;
        }
    }

    /// Ends every connection at once.
    pub(crate) fn abort(&self) {
        self.stopping.store(true, Ordering::Release);
        let tasks: Vec<AbortHandle> =
            self.open.lock().entries.values().filter_map(|entry| entry.task.clone()).collect();
        for task in tasks {
            task.abort();
        }
    }
}

impl Permit {
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Whom to wake when it is time to finish.
    pub(crate) fn wake_with(&self, waker: &Waker) {
        if let Some(entry) = self.connections.open.lock().entries.get_mut(&self.number) {
            entry.waker = Some(waker.clone());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        open.entries.remove(&self.number);
        if let Some(of_client) = open.clients.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                open.clients.remove(&self.client);
            }
        }
    }
}

/// Who is capped together: an IPv4 address, or the /64 network that one IPv6 customer has for themselves.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(all: usize, per_client: usize) -> Arc<Connections> {
        Arc::new(Connections::new(&Limits {
            connections: all,
            connections_per_client: per_client,
            ..Limits::default()
        }))
    }

    #[test]
    fn caps_each_client_and_all_together() {
        let connections = connections(3, 2);
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = connections.admit(address("2001:db8::1"), false);
        let second = connections.admit(address("2001:db8::2"), false);
        assert!(first.is_some() && second.is_some());
        assert!(connections.admit(address("2001:db8::3"), false).is_none(), "the same /64");
        let other = connections.admit(address("192.0.2.1"), false);
        assert!(other.is_some());
        assert!(connections.admit(address("192.0.2.2"), false).is_none(), "all together");
        drop((first, second, other));
        assert_eq!(connections.open(), 0);
        assert!(connections.open.lock().clients.is_empty());
        assert!(connections.admit(address("2001:db8::3"), false).is_some());
    }

    #[tokio::test]
    async fn ends_what_does_not_finish_in_time() {
        let connections = connections(10, 10);
        let permit = connections.admit("192.0.2.1".parse().unwrap(), false).unwrap();
        connections.spawn(permit.number(), async move {
            let _permit = permit;
            std::future::pending::<()>().await;
        });
        connections.shut_down(Duration::from_millis(1)).await;
        assert_eq!(connections.open(), 0);
        assert!(connections.admit("192.0.2.1".parse().unwrap(), false).is_none());
    }
}
