//! Streams between a control plane and an agent or an ingress, over one HTTP/2 connection: blobs, and traffic to services and
//! between them.
//!
//! The control plane is the HTTP client, whoever dialled: it can open a stream at any time, and an agent that needs a blob asks
//! for one.
//!
//! | request | |
//! | --- | --- |
//! | `GET /asks` | what the agent wants of the blob store, a line of JSON each, for as long as the connection lives |
//! | `GET /asks/7` | the content that the agent wants to store |
//! | `POST /asks/7` | the answer: a list, content, or why not |
//! | `CONNECT 10.211.0.2:3000` | a connection to a service on that node |
//! | `CONNECT exec` | a connection to a command that is run in a service's container ([`crate::exec`]) |
//! | `CONNECT ask-7` | the connection that the agent asked for, to a service on another node |
//!
//! An ingress has no services and stores nothing: it only asks, for content and for connections to services.
//!
//! An ask is asked again on the next connection until it is answered, so a link that is cut costs time and nothing else.

mod agent;
mod ask;
mod control;
mod remote_blobs;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

pub use agent::{Reachable, serve};
pub use control::{Offer, Streams, StreamsEnd};
pub use remote_blobs::RemoteBlobs;

/// How often a quiet connection is asked for a sign of life, and how long that may take.
const PING: Duration = Duration::from_secs(2);
const PING_LIMIT: Duration = Duration::from_secs(5);
/// What may be on its way in one stream, and in all of a connection, in bytes.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const FRAME_BYTES: u32 = 64 << 10;
/// Tunnels and transfers at the same time.
const STREAMS: u32 = 8192;

/// The authority by which a command is run: no address looks like that.
const EXEC: &str = "exec";

type Body = UnsyncBoxBody<Bytes, io::Error>;

fn empty() -> Body {
    full(Bytes::new())
}

fn full(content: impl Into<Bytes>) -> Body {
    http_body_util::Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}
