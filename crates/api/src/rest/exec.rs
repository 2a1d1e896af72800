//! A command in a service's container, over a WebSocket.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection};
use axum::http::HeaderMap;
use axum::response::Response;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use pierhead_control::exec::{
    Ended, FromProcess, MESSAGE_BYTES, Message as _, Receiving, Sending, TerminalSize, ToProcess,
};
use pierhead_control::{ExecRunning, ExecTerminal, ExecWanted};
use pierhead_model::code::Code;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Shared;
use crate::access::{Caller, is_own_page};
use crate::extract::Path;
use crate::problem::Problem;

/// Whoever opens the connection says at once what for.
const FIRST_MESSAGE_LIMIT: Duration = Duration::from_secs(10);
/// Shows whether anybody is there: to one that has vanished it cannot be sent for long. Who only reads slowly may take their time.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// As the events' stream has it.
const SIGN_IN_FIRST: u16 = 4401;
const REFUSED: u16 = 4422;

/// The first message: what is run, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecRequest {
    /// May be left out where there is one.
    service: Option<String>,
    /// Counted from 1; any that runs when nothing is said.
    replica: Option<u32>,
    /// Of a deployment on several nodes: the name or id of one; the one that leads when nothing is said.
    node: Option<String>,
    /// A shell when it is empty.
    #[serde(default)]
    command: Vec<String>,
    terminal: Option<ExecTerminalSize>,
}

/// A terminal, in characters.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecTerminalSize {
    columns: u16,
    rows: u16,
    /// What programs call it, such as `xterm-256color`.
    kind: Option<String>,
}

impl From<ExecRequest> for ExecWanted {
    fn from(request: ExecRequest) -> Self {
        let ExecRequest { service, replica, node, command, terminal } = request;
        let terminal = terminal.map(|terminal| ExecTerminal {
            size: TerminalSize { columns: terminal.columns, rows: terminal.rows },
            kind: terminal.kind,
        });
        Self { service, replica, node, command, terminal }
    }
}

/// Run a command in a service's container
///
/// A WebSocket. The first message is text: an `ExecRequest`. Then binary messages, whose first byte says what they are. To the
/// command: 0 input, 1 the end of the input, 2 a new size of the terminal (`{"columns":80,"rows":24}`). From it: 0 output, 1 errors,
/// 2 the end, `{"end":"exited","code":0}` or `{"end":"failed","why":"…"}`, after which nothing comes. A refusal is one text message
/// with a problem document. A service that sleeps is woken. The command ends when the connection does, and when whoever
/// runs it may not any more (4401). Pages of other origins are refused.
#[utoipa::path(get, path = "/deployments/{id}/exec", operation_id = "deployment_exec", tag = "deployments",
    responses((status = 101, description = "Then messages to and fro", body = ExecRequest)))]
pub(crate) async fn run(
    State(app): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    app.services.exec.may(&caller.principal, &id).await?;
    let upgrade = upgrade.map_err(|_| {
        Problem::new(Code::Malformed, "This call is a WebSocket: connect with `Upgrade: websocket`.")
    })?;
    if !is_own_page(&headers, app.options.public_url.as_deref()) {
        return Err(Problem::new(Code::Forbidden, "Commands are run by pages of this server only."));
    }
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES).max_frame_size(MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| Box::pin(serve(socket, app, caller, id))))
}

async fn serve(mut socket: WebSocket, app: Shared, caller: Caller, id: String) {
    let begun = match first(&mut socket).await {
        Ok(request) => {
            app.services.exec.begin(&caller.principal, &id, request.into()).await.map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    let mut running = match begun {
        Ok(running) => running,
        Err(problem) => {
            let instance = format!("/api/v1/deployments/{id}/exec");
            // A caller that is gone does not hear why.
            let _ = socket.send(Message::Text(problem.into_text(&instance).into())).await;
            close(&mut socket, REFUSED, "refused").await;
            return;
        }
    };
    let ExecRunning { sending, receiving, .. } = &mut running;
    let (mut sink, mut stream) = socket.split();
    let (code, reason) = tokio::select! {
        () = caller.barred(app, id) => (SIGN_IN_FIRST, "You may not run commands here any more."),
        () = take(&mut stream, sending) => return,
        () = tell(&mut sink, receiving) => (1000, "Goodbye."),
    };
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let _ = sink.send(Message::Close(Some(frame))).await;
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let _ = socket.send(Message::Close(Some(frame))).await;
}

async fn first(socket: &mut WebSocket) -> Result<ExecRequest, Problem> {
    let wrong = |detail: String| Problem::new(Code::Malformed, detail);
    match tokio::time::timeout(FIRST_MESSAGE_LIMIT, socket.recv()).await {
        Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text)
            .map_err(|error| wrong(format!("The first message is no request for a command: {error}."))),
        _ => Err(wrong("The first message must say in JSON what to run.".to_owned())),
    }
}

/// What is typed goes to the command, until whoever types is gone.
async fn take(stream: &mut SplitStream<WebSocket>, sending: &mut Sending) {
    while let Some(Ok(message)) = stream.next().await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Close(_) => return,
            // An answer to the heartbeat.
            Message::Ping(_) | Message::Pong(_) | Message::Text(_) => continue,
        };
        // What is no message ends it: nothing after it could be trusted to mean what was meant.
        let Ok(message) = ToProcess::decode(bytes) else { return };
        if sending.send(&message).await.is_err() {
            // The command has ended: its end is on its way.
            std::future::pending::<()>().await;
        }
    }
}

/// What is printed goes to whoever asked, until the command has ended.
async fn tell(sink: &mut SplitSink<WebSocket, Message>, receiving: &mut Receiving) {
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        let message = tokio::select! {
            _ = heartbeat.tick() => {
                if sink.send(Message::Ping(bytes::Bytes::new())).await.is_err() {
                    return;
                }
                continue;
            }
            message = receiving.next::<FromProcess>() => match message {
                Some(Ok(message)) => message,
                Some(Err(_)) | None => FromProcess::Ended(Ended::Failed {
                    why: "the connection to its node was lost; the command ends with it".to_owned(),
                }),
            },
        };
        let is_last = matches!(message, FromProcess::Ended(_));
        if sink.send(Message::Binary(message.encode())).await.is_err() || is_last {
            return;
        }
    }
}
