//! A link inside one process, for `pierhead up` and for tests.

use tokio::sync::mpsc;

/// Messages that may wait in one direction before the sender has to.
const CAPACITY: usize = 256;

/// The other end is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other end of the link is gone")]
pub struct LinkClosed;

/// One end of a link: sends `S`, receives `R`.
#[derive(Debug)]
pub struct End<S, R> {
    sender: mpsc::Sender<S>,
    receiver: mpsc::Receiver<R>,
}

/// A link and its two ends.
pub fn memory<A, B>() -> (End<A, B>, End<B, A>) {
    let (to_second, from_first) = mpsc::channel(CAPACITY);
    let (to_first, from_second) = mpsc::channel(CAPACITY);
    (End { sender: to_second, receiver: from_second }, End { sender: to_first, receiver: from_first })
}

impl<S, R> End<S, R> {
    /// Waits while the other end is slow.
    pub async fn send(&self, message: S) -> Result<(), LinkClosed> {
        self.sender.send(message).await.map_err(|_| LinkClosed)
    }

    /// The next message, or `None` when the other end is gone. Cancel-safe.
    pub async fn receive(&mut self) -> Option<R> {
        self.receiver.recv().await
    }

    /// Both halves, for futures of one task.
    pub(super) const fn split_mut(&mut self) -> (&mpsc::Sender<S>, &mut mpsc::Receiver<R>) {
        (&self.sender, &mut self.receiver)
    }

    /// Both halves, for tasks that send and receive apart.
    pub fn split(self) -> (mpsc::Sender<S>, mpsc::Receiver<R>) {
        (self.sender, self.receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn carries_both_ways_in_order_and_tells_when_the_other_end_is_gone() {
        let (mut left, mut right) = memory::<u32, &str>();
        left.send(1).await.unwrap();
        left.send(2).await.unwrap();
        right.send("one").await.unwrap();
        assert_eq!((right.receive().await, right.receive().await), (Some(1), Some(2)));
        assert_eq!(left.receive().await, Some("one"));
        drop(right);
        assert_eq!(left.send(3).await, Err(LinkClosed));
        assert_eq!(left.receive().await, None);
    }
}
