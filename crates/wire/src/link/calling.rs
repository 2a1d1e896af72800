//! Calling a control plane until it is met: for agents that dial out, and for ingresses.

use std::time::Duration;

use tokio::net::TcpStream;

use super::handshake::{Greeting, HandshakeError, Met};
use super::tls::Tls;

const CONNECT_LIMIT: Duration = Duration::from_secs(4);
/// Between two calls: the first pause, and the last of doubling.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));

/// One call of `host:port`, until both have introduced themselves.
pub async fn call(tls: &Tls, address: &str, greeting: &Greeting) -> Result<Met<TcpStream>, HandshakeError> {
    let connecting = tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(address)).await;
    let stream = connecting.map_err(|_| HandshakeError::TimedOut)??;
    stream.set_nodelay(true)?;
    Met::by_dialling(tls, stream, greeting).await
}

/// How long to wait before the next call, and which failures are worth a word.
#[derive(Debug)]
pub struct Calls {
    pause: Duration,
    said: String,
}

impl Default for Calls {
    fn default() -> Self {
        Self { pause: PAUSES.0, said: String::new() }
    }
}

impl Calls {
    /// The last one was answered: the next one may come soon.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// What to say of a failure; `None` when it is the one before once more.
    pub fn failed(&mut self, error: &HandshakeError) -> Option<String> {
        let reason = error.to_string();
        (reason != self.said).then(|| {
            self.said.clone_from(&reason);
            reason
        })
    }

    /// Waits before the next call. The pauses vary at random, so that those who were cut off together do not call together.
    pub async fn pause(&mut self) {
        tokio::time::sleep(self.pause.mul_f64(rand::random_range(0.5..1.0))).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_limit_and_the_same_failure_is_told_once() {
        let mut calls = Calls::default();
        assert!(calls.failed(&HandshakeError::TimedOut).is_some());
        assert_eq!(calls.failed(&HandshakeError::TimedOut), None);
        assert!(calls.failed(&HandshakeError::Garbled("x".to_owned())).is_some());
        for most in [250, 500, 1000, 2000, 4000, 4000] {
            let begun = tokio::time::Instant::now();
            calls.pause().await;
            let paused = begun.elapsed().as_millis();
            assert!(paused >= most / 2 && paused <= most + 1, "{paused} of {most}");
        }
        calls.answered();
        assert_eq!(calls.pause, PAUSES.0);
        assert!(calls.failed(&HandshakeError::TimedOut).is_some(), "what is lost again is news");
    }
}
