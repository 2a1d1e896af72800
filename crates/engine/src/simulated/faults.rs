//! Faults on demand: what the next calls of a kind do instead of succeeding.
//!
//! A call asks once on entry. Injected faults of a kind are used up in order; `Operation::Any` comes after those
//! of the call's own kind.

use std::{collections::VecDeque, time::Duration};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::{Error, Result};

/// The kinds of calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    Any,
    Info,
    Create,
    Start,
    Stop,
    Kill,
    Remove,
    Inspect,
    List,
    Wait,
    Logs,
    Stats,
    OpenStdin,
    Exec,
    CopyOut,
    ImageInspect,
    ImageList,
    ImageRemove,
    ImageTag,
    ImageImport,
    ImagePull,
    ImageBuild,
    ImageSave,
    ImageLoad,
    NetworkCreate,
    NetworkRemove,
    NetworkInspect,
    NetworkList,
    VolumeCreate,
    VolumeRemove,
    VolumeList,
    Sockets,
    Freeze,
}

#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing happens and the call fails.
    Fail(Error),
    /// It happens, and the call fails all the same: an answer that was lost.
    ApplyThenFail(Error),
    /// The call waits for [`Faults::release`], then goes on.
    Hang,
    /// The call takes this long, then goes on.
    Slow(Duration),
}

#[derive(Debug)]
pub struct Faults {
    queue: Mutex<VecDeque<(Operation, usize, Fault)>>,
    calls: Mutex<Vec<Operation>>,
    releases: watch::Sender<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { queue: Mutex::default(), calls: Mutex::default(), releases: watch::Sender::new(0) }
    }
}

/// The rest of a call's fault: applied to its result.
#[derive(Debug)]
#[must_use]
pub(super) struct After(Option<Error>);

impl After {
    pub(super) fn done<T>(self, result: Result<T>) -> Result<T> {
        match self.0 {
            Some(error) => result.and(Err(error)),
            None => result,
        }
    }
}

impl Faults {
    /// The next `times` calls of this kind meet this fault; `usize::MAX` is until [`Faults::clear`].
    pub fn inject(&self, operation: Operation, times: usize, fault: Fault) {
        self.queue.lock().push_back((operation, times, fault));
    }

    /// The engine is down: every call fails as unavailable until [`Faults::clear`].
    pub fn take_down(&self) {
        let error = Error::Unavailable { operation: "a simulated call", cause: None };
        self.inject(Operation::Any, usize::MAX, Fault::Fail(error));
    }

    /// Forgets the faults not yet met. Calls that hang go on hanging.
    pub fn clear(&self) {
        self.queue.lock().clear();
    }

    /// Lets every call that hangs now go on.
    pub fn release(&self) {
        self.releases.send_modify(|count| *count += 1);
    }

    /// Every call since the beginning, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Operation> {
        self.calls.lock().clone()
    }

    pub(super) async fn enter(&self, operation: Operation) -> Result<After> {
        self.calls.lock().push(operation);
        let mut releases = self.releases.subscribe();
        match self.take(operation) {
            None => Ok(After(None)),
            Some(Fault::Fail(error)) => Err(error),
            Some(Fault::ApplyThenFail(error)) => Ok(After(Some(error))),
            Some(Fault::Slow(time)) => {
                tokio::time::sleep(time).await;
                Ok(After(None))
            }
            Some(Fault::Hang) => {
                // An error means that the world is gone, and with it whoever could release this.
                let _released = releases.changed().await;
                Ok(After(None))
            }
        }
    }

    fn take(&self, operation: Operation) -> Option<Fault> {
        let mut queue = self.queue.lock();
        let of_kind = |kind: Operation| move |entry: &(Operation, usize, Fault)| entry.0 == kind;
        let at = queue
            .iter()
            .position(of_kind(operation))
            .or_else(|| queue.iter().position(of_kind(Operation::Any)))?;
        let (_, times, fault) = queue.get_mut(at)?;
        let fault = fault.clone();
        *times = times.saturating_sub(1);
        if *times == 0 {
            queue.remove(at);
        }
        Some(fault)
    }
}
