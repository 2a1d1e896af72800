//! How two sides that have a channel become sure of each other: greetings, proofs, verdicts, in this order.
//!
//! Each is one frame of JSON that begins with its length. Both sides send without waiting for the other, so that nobody has
//! to speak first, and both say in the end whether and why they refuse: a wrong token is then seen on both sides for what it
//! is.

use std::io;
use std::time::Duration;

use aws_lc_rs::rand;
use pierhead_model::digest::Digest;
use pierhead_model::id::{IngressId, InstallId, NodeId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_rustls::TlsStream;

use super::proof::{Side, Transcript};
use super::tls::{Channel, Tls};
use super::token::TokenKey;
use crate::version::Version;

/// From the first byte of TLS to the last verdict.
pub const LIMIT: Duration = Duration::from_secs(10);
/// The largest frame of a handshake; a stranger can make us hold no more than this.
const FRAME_BYTES: usize = 4096;

/// What a channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The messages between a control plane and an agent or an ingress.
    Link,
    /// Blobs, and traffic to services.
    Streams,
}

/// What each side says of itself first. Nothing of it is believed before the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    pub version: Version,
    pub side: Side,
    /// Said by the one who dials.
    pub purpose: Option<Purpose>,
    /// Whose token is meant. A control plane that is called does not know yet.
    pub node: Option<NodeId>,
    /// The same of an ingress, which always calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressId>,
    /// Whose the node is. An agent that was never told does not know.
    pub install: Option<InstallId>,
}

/// As it travels.
#[derive(Serialize, Deserialize)]
struct Sent {
    #[serde(flatten)]
    greeting: Greeting,
    /// Makes every greeting another one, whatever TLS does.
    nonce: String,
}

/// Why one side does not want to talk to the other, as it is told to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    pub code: RefusalCode,
    /// A sentence for people.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// The proof does not hold.
    WrongToken,
    /// The proof holds and the certificate is not the one that is pinned.
    Untrusted,
    /// The agent is another node's.
    AnotherNode,
    /// The agent belongs to another install.
    AnotherInstall,
    /// One that this version does not know.
    #[serde(other)]
    Other,
}

/// Why a channel was not opened.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error("the connection broke while both sides introduced themselves")]
    Broken(#[from] io::Error),
    #[error("the other side did not introduce itself within {} s", LIMIT.as_secs())]
    TimedOut,
    #[error("the other side does not speak as a Pierhead does: {0}")]
    Garbled(String),
    #[error("the other side refused: {0}")]
    TheyRefused(#[source] Refusal),
    #[error("refused: {0}")]
    WeRefused(#[source] Refusal),
}

#[derive(Serialize, Deserialize)]
struct Proof {
    mac: String,
}

#[derive(Serialize, Deserialize)]
struct Verdict {
    refusal: Option<Refusal>,
}

/// Both have introduced themselves; nothing is proved yet.
#[derive(Debug)]
pub struct Met<Io> {
    stream: TlsStream<Io>,
    us: Side,
    theirs: Greeting,
    thumbprint: Digest,
    transcript: Transcript,
}

/// Both have sent their proofs.
#[derive(Debug)]
pub struct Proved<Io> {
    stream: TlsStream<Io>,
    /// What the other side said of itself.
    pub theirs: Greeting,
    /// Of the certificate that it showed.
    pub thumbprint: Digest,
    /// Whether it knows the token.
    pub holds: bool,
}

/// Both are content.
#[derive(Debug)]
pub struct Opened<Io> {
    pub(super) stream: TlsStream<Io>,
    pub theirs: Greeting,
    /// Of the certificate that the other side showed.
    pub thumbprint: Digest,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Met<Io> {
    /// As the one who dialled.
    pub async fn by_dialling(tls: &Tls, io: Io, greeting: &Greeting) -> Result<Self, HandshakeError> {
        let (stream, channel) = tls.connect(io).await?;
        Self::greet(tls, stream, channel, true, greeting).await
    }

    /// As the one who was called.
    pub async fn by_accepting(tls: &Tls, io: Io, greeting: &Greeting) -> Result<Self, HandshakeError> {
        let (stream, channel) = tls.accept(io).await?;
        Self::greet(tls, stream, channel, false, greeting).await
    }

    async fn greet(
        tls: &Tls,
        mut stream: TlsStream<Io>,
        channel: Channel,
        dialled: bool,
        greeting: &Greeting,
    ) -> Result<Self, HandshakeError> {
        let mut nonce = [0; 32];
        rand::fill(&mut nonce).map_err(io::Error::other)?;
        let ours = encode(&Sent { greeting: greeting.clone(), nonce: hex::encode(nonce) })?;
        write(&mut stream, &ours).await?;
        let raw = read(&mut stream).await?;
        let theirs = decode::<Sent>(&raw)?.greeting;
        if !greeting.side.speaks_with(theirs.side) {
            let what = "it is no program that this one has anything to say to".to_owned();
            return Err(HandshakeError::Garbled(what));
        }
        if theirs.purpose.is_none() && !dialled {
            return Err(HandshakeError::Garbled("it does not say what it dials for".to_owned()));
        }
        let dialler = if dialled { greeting.side } else { theirs.side };
        let transcript = Transcript::new(&channel, (greeting.side, tls.thumbprint()), dialler, &ours, &raw);
        Ok(Self { stream, us: greeting.side, theirs, thumbprint: channel.theirs, transcript })
    }

    pub const fn theirs(&self) -> &Greeting {
        &self.theirs
    }

    /// Proves the token to the other side, and looks at its proof.
    pub async fn prove(mut self, key: &TokenKey) -> Result<Proved<Io>, HandshakeError> {
        let mac = hex::encode(self.transcript.prove(key, self.us));
        write(&mut self.stream, &encode(&Proof { mac })?).await?;
        let theirs = decode::<Proof>(&read(&mut self.stream).await?)?;
        let mac = hex::decode(theirs.mac).unwrap_or_default();
        let holds = self.transcript.holds(key, self.theirs.side, &mac);
        Ok(Proved { stream: self.stream, theirs: self.theirs, thumbprint: self.thumbprint, holds })
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Proved<Io> {
    /// Tells the other side whether it is refused, and hears the same of it. A proof that does not hold is always refused.
    pub async fn conclude(mut self, refusal: Option<Refusal>) -> Result<Opened<Io>, HandshakeError> {
        let wrong = || Refusal {
            code: RefusalCode::WrongToken,
            detail: "the token is not the one that the other side has".to_owned(),
        };
        let refusal = if self.holds { refusal } else { Some(wrong()) };
        let verdict = Verdict { refusal };
        write(&mut self.stream, &encode(&verdict)?).await?;
        let heard = match read(&mut self.stream).await {
            Ok(raw) => decode::<Verdict>(&raw)?.refusal,
            // It may not have waited for our reasons.
            Err(_) if verdict.refusal.is_some() => None,
            Err(error) => return Err(error),
        };
        match (verdict.refusal, heard) {
            (Some(ours), _) => Err(HandshakeError::WeRefused(ours)),
            (None, Some(theirs)) => Err(HandshakeError::TheyRefused(theirs)),
            (None, None) => {
                Ok(Opened { stream: self.stream, theirs: self.theirs, thumbprint: self.thumbprint })
            }
        }
    }
}

impl<Io> Opened<Io> {
    /// What is spoken next.
    pub fn into_stream(self) -> TlsStream<Io> {
        self.stream
    }
}

fn encode(frame: &impl Serialize) -> Result<Vec<u8>, HandshakeError> {
    Ok(serde_json::to_vec(frame).map_err(io::Error::other)?)
}

fn decode<F: DeserializeOwned>(raw: &[u8]) -> Result<F, HandshakeError> {
    serde_json::from_slice(raw).map_err(|error| HandshakeError::Garbled(error.to_string()))
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Result<(), HandshakeError> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), frame].concat()).await?;
    Ok(stream.flush().await?)
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, HandshakeError> {
    let length = stream.read_u32().await? as usize;
    if length > FRAME_BYTES {
        return Err(HandshakeError::Garbled(format!("a frame of {length} bytes")));
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}
