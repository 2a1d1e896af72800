//! A command in a container, over a WebSocket.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{SinkExt as _, StreamExt as _};
use pierhead_wire::exec::{FromProcess, MESSAGE_BYTES, Message as _, ToProcess};
use reqwest::{Method, Upgraded};
use serde::Serialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::{Client, Problem, header};
use crate::cli::error::Error;

/// What to run, and where. Nothing said is the server's choice.
#[derive(Debug, Default, Serialize)]
pub(crate) struct ExecRequest {
    pub(crate) service: Option<String>,
    pub(crate) replica: Option<u32>,
    pub(crate) node: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) terminal: Option<Terminal>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Terminal {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
    pub(crate) kind: Option<String>,
}

type Socket = WebSocketStream<Upgraded>;

/// To a command that runs.
#[derive(Debug)]
pub(crate) struct Typing(futures::stream::SplitSink<Socket, Message>);

/// From a command that runs.
#[derive(Debug)]
pub(crate) struct Printing {
    stream: futures::stream::SplitStream<Socket>,
    url: String,
}

impl Client<'_> {
    /// Runs a command. Whether it could be is the first that [`Printing`] says.
    pub(crate) async fn exec(
        &self,
        deployment: &str,
        wanted: &ExecRequest,
    ) -> Result<(Typing, Printing), Error> {
        let mut request = self.request(Method::GET, &["deployments", deployment, "exec"]);
        let key = BASE64.encode(rand::random::<[u8; 16]>());
        let expected = derive_accept_key(key.as_bytes());
        request.socket_key = Some(key);
        let url = request.url.to_string();
        let garbled = |why: String| Error::Garbled { url: url.clone(), why };
        let response = self.send(&request, None).await?;
        if header(&response, "sec-websocket-accept").as_deref() != Some(&expected) {
            return Err(garbled(
                "it is no WebSocket: is there a proxy that does not pass them on?".to_owned(),
            ));
        }
        let upgraded = response.upgrade().await.map_err(|error| garbled(error.to_string()))?;
        let limits = WebSocketConfig::default()
            .max_message_size(Some(2 * MESSAGE_BYTES))
            .max_frame_size(Some(2 * MESSAGE_BYTES));
        let socket = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(limits)).await;
        let (mut typing, stream) = socket.split();
        let text = serde_json::to_string(wanted).unwrap_or_default();
        typing.send(Message::text(text)).await.map_err(|error| garbled(error.to_string()))?;
        Ok((Typing(typing), Printing { stream, url }))
    }
}

impl Typing {
    pub(crate) async fn send(&mut self, message: &ToProcess) -> Result<(), tungstenite::Error> {
        self.0.send(Message::Binary(message.encode())).await
    }
}

impl Printing {
    pub(crate) async fn next(&mut self) -> Result<FromProcess, Error> {
        let garbled = |why: String| Error::Garbled { url: self.url.clone(), why };
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Binary(message))) => {
                    return FromProcess::decode(message).map_err(|error| garbled(error.to_string()));
                }
                Some(Ok(Message::Text(problem))) => {
                    let status = serde_json::from_str::<serde_json::Value>(&problem)
                        .ok()
                        .and_then(|it| u16::try_from(it.get("status")?.as_u64()?).ok());
                    let problem = Problem::read(status.unwrap_or(500), None, problem.as_bytes());
                    return Err(Error::Problem(Box::new(problem)));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(cut(&self.url, frame.map_or_else(String::new, |it| it.reason.to_string())));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(error)) => return Err(cut(&self.url, error.to_string())),
                None => return Err(cut(&self.url, String::new())),
            }
        }
    }
}

fn cut(url: &str, why: String) -> Error {
    let fix = "The command ended with the connection. Run it again.".to_owned();
    Error::Unreachable { url: url.to_owned(), why, fix }
}
