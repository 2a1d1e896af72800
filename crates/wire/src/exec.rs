//! Commands inside of a service's container: what is asked for, and what goes to and fro while one runs.
//!
//! Each message is a byte that says its kind, and what it holds. Between control plane and agent messages are framed by their length
//! ([`directions`]); to a person's program each is one binary message of a WebSocket. The first is always [`Begin`], and the last is
//! [`FromProcess::Ended`].

use std::fmt::Debug;
use std::io;

use async_trait::async_trait;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{SinkExt as _, StreamExt as _};
use pierhead_model::id::DeploymentId;
use pierhead_model::pipeline::StepName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use crate::traffic::Connection;

/// The largest message, in bytes.
pub const MESSAGE_BYTES: usize = 1 << 20;

/// Where a command runs, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// What the node knows it by: a deployment, or the share of one.
    pub deployment: DeploymentId,
    pub service: StepName,
    /// Counted from 1; any that runs when nothing is said.
    pub replica: Option<u32>,
    pub command: Vec<String>,
    /// Beside the variables that the service has.
    #[serde(default)]
    pub environment: Vec<(String, String)>,
    pub terminal: Option<TerminalSize>,
}

/// In characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    pub columns: u16,
    pub rows: u16,
}

/// To a command that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToProcess {
    Input(Bytes),
    /// No more of it follows.
    InputEnd,
    Resize(TerminalSize),
}

/// From a command that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromProcess {
    /// Everything, where there is a terminal.
    Output(Bytes),
    Errors(Bytes),
    Ended(Ended),
}

/// Nothing follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum Ended {
    /// 0 to 255; 128 + n when signal n ended it, 126 or 127 when it could not be executed.
    Exited { code: i64 },
    /// It was never run, or was lost; why, for people.
    Failed { why: String },
}

const INPUT: u8 = 0;
const INPUT_END: u8 = 1;
const RESIZE: u8 = 2;
const OUTPUT: u8 = 0;
const ERRORS: u8 = 1;
const ENDED: u8 = 2;

/// What can be written as one message, and read again.
pub trait Message: Sized {
    fn encode(&self) -> Bytes;
    /// An error for what is none of these messages.
    fn decode(message: Bytes) -> io::Result<Self>;
}

impl Message for ToProcess {
    fn encode(&self) -> Bytes {
        match self {
            Self::Input(bytes) => tagged(INPUT, bytes),
            Self::InputEnd => tagged(INPUT_END, b""),
            Self::Resize(size) => tagged(RESIZE, &json(size)),
        }
    }

    fn decode(message: Bytes) -> io::Result<Self> {
        match split(message)? {
            (INPUT, bytes) => Ok(Self::Input(bytes)),
            (INPUT_END, _) => Ok(Self::InputEnd),
            (RESIZE, size) => Ok(Self::Resize(parsed(&size)?)),
            (kind, _) => Err(unknown(kind)),
        }
    }
}

impl Message for FromProcess {
    fn encode(&self) -> Bytes {
        match self {
            Self::Output(bytes) => tagged(OUTPUT, bytes),
            Self::Errors(bytes) => tagged(ERRORS, bytes),
            Self::Ended(ended) => tagged(ENDED, &json(ended)),
        }
    }

    fn decode(message: Bytes) -> io::Result<Self> {
        match split(message)? {
            (OUTPUT, bytes) => Ok(Self::Output(bytes)),
            (ERRORS, bytes) => Ok(Self::Errors(bytes)),
            (ENDED, ended) => Ok(Self::Ended(parsed(&ended)?)),
            (kind, _) => Err(unknown(kind)),
        }
    }
}

impl Message for Begin {
    fn encode(&self) -> Bytes {
        json(self).into()
    }

    fn decode(message: Bytes) -> io::Result<Self> {
        parsed(&message)
    }
}

fn tagged(kind: u8, bytes: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(1 + bytes.len());
    message.put_u8(kind);
    message.put_slice(bytes);
    message.freeze()
}

fn split(mut message: Bytes) -> io::Result<(u8, Bytes)> {
    if message.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "an empty message"));
    }
    let content = message.split_off(1);
    Ok((message[0], content))
}

fn unknown(kind: u8) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no message is of the kind {kind}"))
}

/// Of types that are always written.
fn json(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

fn parsed<T: DeserializeOwned>(message: &[u8]) -> io::Result<T> {
    serde_json::from_slice(message).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Both directions of a connection to a command, for what happens at the same time.
#[must_use]
pub fn directions(connection: Box<dyn Connection>) -> (Sending, Receiving) {
    let frames = LengthDelimitedCodec::builder().max_frame_length(MESSAGE_BYTES).new_framed(connection);
    let (sending, receiving) = frames.split();
    (Sending(sending), Receiving(receiving))
}

type Frames = Framed<Box<dyn Connection>, LengthDelimitedCodec>;

#[derive(Debug)]
pub struct Sending(futures::stream::SplitSink<Frames, Bytes>);

impl Sending {
    pub async fn send(&mut self, message: &impl Message) -> io::Result<()> {
        self.0.send(message.encode()).await
    }
}

#[derive(Debug)]
pub struct Receiving(futures::stream::SplitStream<Frames>);

impl Receiving {
    /// The next message; `None` when the other end is gone.
    pub async fn next<M: Message>(&mut self) -> Option<io::Result<M>> {
        let message = self.0.next().await?;
        Some(message.and_then(|message| M::decode(message.freeze())))
    }
}

/// A node, as who runs commands in its containers.
#[async_trait]
pub trait Executes: Send + Sync + Debug {
    /// Reads [`Begin`], runs it, and serves the connection until the command or the connection ends.
    async fn execute(&self, connection: Box<dyn Connection>);
}

/// For what has no services.
#[derive(Debug, Clone, Copy)]
pub struct NoCommands;

#[async_trait]
impl Executes for NoCommands {
    async fn execute(&self, connection: Box<dyn Connection>) {
        let (mut sending, _receiving) = directions(connection);
        let why = "no services run here".to_owned();
        // Whoever asked may be gone.
        let _ = sending.send(&FromProcess::Ended(Ended::Failed { why })).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_written() {
        let size = TerminalSize { columns: 80, rows: 24 };
        for message in [
            ToProcess::Input(Bytes::from_static(b"\0\x01ls\n")),
            ToProcess::Input(Bytes::new()),
            ToProcess::InputEnd,
            ToProcess::Resize(size),
        ] {
            assert_eq!(ToProcess::decode(message.encode()).unwrap(), message);
        }
        for message in [
            FromProcess::Output(Bytes::from_static(b"\xff")),
            FromProcess::Errors(Bytes::from_static(b"no")),
            FromProcess::Ended(Ended::Exited { code: 137 }),
            FromProcess::Ended(Ended::Failed { why: "it does not run".into() }),
        ] {
            assert_eq!(FromProcess::decode(message.encode()).unwrap(), message);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bad in [
            &b""[..],
            b"\x09",
            b"\x02{",
            b"\x02{\"columns\":-1,\"rows\":1}",
            b"\x02{\"columns\":70000,\"rows\":1}",
        ] {
            assert!(ToProcess::decode(Bytes::from_static(bad)).is_err(), "{bad:?}");
        }
    }
}
