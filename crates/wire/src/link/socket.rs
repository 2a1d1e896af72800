//! A link over a network: WebSocket messages on an opened channel, one JSON document each.
//!
//! Whoever holds the other end of the in-memory link cannot tell the difference. A receiver that is slow holds the sender
//! back through TCP. Silence and a peer that takes nothing both end the link: a connection whose other end has vanished
//! looks alive to the kernel for many minutes.

use std::collections::HashSet;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::End;

/// Without a message for this long the other side is gone: the control plane asks for a sign of life more often than that.
pub const SILENCE: Duration = Duration::from_secs(8);
/// The largest message. A node's whole list of assignments is the largest there is.
const MESSAGE_BYTES: usize = 64 << 20;

/// Why a link over the network ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkEnd {
    #[error("this side closed it")]
    ClosedHere,
    #[error("the other side closed it")]
    ClosedThere,
    #[error("nothing came for {} s", SILENCE.as_secs())]
    Silent,
    #[error("the other side took nothing for {} s", SILENCE.as_secs())]
    Stuck,
    #[error("the connection broke: {0}")]
    Broken(#[source] Box<tungstenite::Error>),
    #[error("what came is no message: {0}")]
    Garbled(String),
}

/// Moves messages between a channel and one end of a link in memory until either is closed. `dialled` says who masks.
pub async fn carry<Io, R, S>(io: Io, dialled: bool, mut end: End<R, S>) -> LinkEnd
where
    Io: AsyncRead + AsyncWrite + Unpin,
    R: DeserializeOwned,
    S: Serialize,
{
    carry_for(io, dialled, &mut end, Duration::MAX).await
}

/// The same for sides that may have nothing to say for long: each gives signs of life. The end can be used for another channel.
pub async fn carry_awake<Io, R, S>(io: Io, dialled: bool, end: &mut End<R, S>) -> LinkEnd
where
    Io: AsyncRead + AsyncWrite + Unpin,
    R: DeserializeOwned,
    S: Serialize,
{
    carry_for(io, dialled, end, SILENCE / 4).await
}

/// After `quiet` without a message a sign of life is sent.
async fn carry_for<Io, R, S>(io: Io, dialled: bool, end: &mut End<R, S>, quiet: Duration) -> LinkEnd
where
    Io: AsyncRead + AsyncWrite + Unpin,
    R: DeserializeOwned,
    S: Serialize,
{
    let role = if dialled { Role::Client } else { Role::Server };
    let limits =
        WebSocketConfig::default().max_message_size(Some(MESSAGE_BYTES)).max_frame_size(Some(MESSAGE_BYTES));
    let (mut sink, mut stream) = WebSocketStream::from_raw_socket(io, role, Some(limits)).await.split();
    let (to_here, from_here) = end.split_mut();
    let outgoing = async {
        loop {
            let message = match tokio::time::timeout(quiet, from_here.recv()).await {
                Ok(Some(message)) => match serde_json::to_string(&message) {
                    Ok(text) => Message::text(text),
                    Err(error) => return LinkEnd::Garbled(error.to_string()),
                },
                Ok(None) => break,
                Err(_) => Message::Ping(Default::default()),
            };
            match tokio::time::timeout(SILENCE, sink.send(message)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return broken(error),
                Err(_) => return LinkEnd::Stuck,
            }
        }
        // Nobody waits for the answer.
        let _ = tokio::time::timeout(Duration::from_secs(1), sink.close()).await;
        LinkEnd::ClosedHere
    };
    let incoming = async {
        let mut unknown = Unknown::default();
        loop {
            let message = match tokio::time::timeout(SILENCE, stream.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => return broken(error),
                Ok(None) => return LinkEnd::ClosedThere,
                Err(_) => return LinkEnd::Silent,
            };
            let text = match message {
                Message::Text(text) => text,
                Message::Close(_) => return LinkEnd::ClosedThere,
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
            match serde_json::from_str::<R>(&text) {
                Ok(message) => {
                    if to_here.send(message).await.is_err() {
                        return LinkEnd::ClosedHere;
                    }
                }
                Err(error) => {
                    if let Err(end) = unknown.heard(&text, &error) {
                        return end;
                    }
                }
            }
        }
    };
    tokio::select! {
        end = outgoing => end,
        end = incoming => end,
    }
}

fn broken(error: tungstenite::Error) -> LinkEnd {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => LinkEnd::ClosedThere,
        error => LinkEnd::Broken(Box::new(error)),
    }
}

/// Messages that this version does not understand: a newer side may send them, so they are passed over, once with a word.
#[derive(Debug, Default)]
struct Unknown(HashSet<String>);

impl Unknown {
    /// Kinds that are remembered; whoever sends more is making them up.
    const KINDS: usize = 32;

    fn heard(&mut self, text: &str, error: &serde_json::Error) -> Result<(), LinkEnd> {
        #[derive(serde::Deserialize)]
        struct Envelope {
            r#type: String,
        }
        let envelope: Envelope =
            serde_json::from_str(text).map_err(|_| LinkEnd::Garbled(error.to_string()))?;
        if self.0.insert(envelope.r#type.clone()) {
            tracing::warn!(kind = %envelope.r#type, %error, "messages of this kind are not understood and passed over");
        }
        if self.0.len() > Self::KINDS {
            return Err(LinkEnd::Garbled("too many kinds of messages that are not understood".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::memory;

    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Word {
        Number { value: u64 },
        Bye,
    }

    #[tokio::test(start_paused = true)]
    async fn carries_messages_in_order_and_says_why_it_ended() {
        let (left, right) = tokio::io::duplex(1 << 10);
        let (mut here, far_here) = memory::<Word, Word>();
        let (mut there, far_there) = memory::<Word, Word>();
        let one = tokio::spawn(carry(left, true, far_here));
        let other = tokio::spawn(carry(right, false, far_there));
        for value in 0..2000 {
            here.send(Word::Number { value }).await.unwrap();
            assert_eq!(there.receive().await, Some(Word::Number { value }));
        }
        there.send(Word::Bye).await.unwrap();
        assert_eq!(here.receive().await, Some(Word::Bye));
        drop(here);
        assert!(matches!(one.await.unwrap(), LinkEnd::ClosedHere));
        assert!(matches!(other.await.unwrap(), LinkEnd::ClosedThere));
        assert_eq!(there.receive().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it() {
        let (left, _right) = tokio::io::duplex(1 << 10);
        let (_here, far) = memory::<Word, Word>();
        let began = tokio::time::Instant::now();
        assert!(matches!(carry(left, true, far).await, LinkEnd::Silent));
        assert_eq!(began.elapsed().as_secs(), SILENCE.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn sides_that_give_signs_of_life_may_be_quiet_for_long() {
        let (left, right) = tokio::io::duplex(1 << 10);
        let (here, mut far) = memory::<Word, Word>();
        let (mut there, mut their_far) = memory::<Word, Word>();
        let ours = tokio::spawn(async move { carry_awake(left, true, &mut far).await });
        let theirs = tokio::spawn(async move { carry_awake(right, false, &mut their_far).await });
        tokio::time::sleep(SILENCE * 20).await;
        here.send(Word::Number { value: 7 }).await.unwrap();
        assert_eq!(there.receive().await, Some(Word::Number { value: 7 }));
        drop((here, there));
        assert!(matches!(ours.await.unwrap(), LinkEnd::ClosedHere | LinkEnd::ClosedThere));
        assert!(matches!(theirs.await.unwrap(), LinkEnd::ClosedHere | LinkEnd::ClosedThere));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_gone_too() {
        let (left, right) = tokio::io::duplex(64);
        let (here, far) = memory::<Word, Word>();
        let (_quiet, writes) = tokio::io::split(right);
        let carrying = tokio::spawn(carry(left, true, far));
        tokio::spawn(async move {
            // It says something now and then, and reads nothing.
            let mut socket = WebSocketStream::from_raw_socket(
                tokio::io::join(tokio::io::empty(), writes),
                Role::Server,
                None,
            )
            .await;
            while socket.send(Message::text(r#"{"type":"bye"}"#)).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        });
        for value in 0..300 {
            if here.send(Word::Number { value }).await.is_err() {
                break;
            }
        }
        drop(_quiet);
        assert!(matches!(carrying.await.unwrap(), LinkEnd::Stuck | LinkEnd::Broken(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_newer_side_says_is_passed_over_and_nonsense_is_not() {
        async fn hear(texts: &[&str]) -> (Option<Word>, LinkEnd) {
            let (left, right) = tokio::io::duplex(1 << 16);
            let (mut here, far) = memory::<Word, Word>();
            let carrying = tokio::spawn(carry(left, true, far));
            let mut socket = WebSocketStream::from_raw_socket(right, Role::Server, None).await;
            for text in texts {
                socket.send(Message::text(*text)).await.unwrap();
            }
            let heard = here.receive().await;
            drop(socket);
            (heard, carrying.await.unwrap())
        }
        let (heard, _) = hear(&[r#"{"type":"newer","x":1}"#, r#"{"type":"bye","more":true}"#]).await;
        assert_eq!(heard, Some(Word::Bye));
        for nonsense in ["{}", "", "[1,2]", "\"bye\""] {
            let (heard, end) = hear(&[nonsense]).await;
            assert_eq!(heard, None, "{nonsense}");
            assert!(matches!(end, LinkEnd::Garbled(_)), "{nonsense}: {end}");
        }
        let many: Vec<String> = (0..40).map(|kind| format!(r#"{{"type":"k{kind}"}}"#)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(hear(&many).await.1, LinkEnd::Garbled(_)));
    }
}
