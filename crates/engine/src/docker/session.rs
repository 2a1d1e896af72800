//! Commands inside of a running container, with a connection to them.
//!
//! The connection is made here and not by the client library, which takes what a terminal shows for frames when it begins with a byte
//! below 3. On it, a terminal's output comes as it is; without one, each piece has a header that says which output it is.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use bollard::exec::{CreateExecOptions, ResizeExecOptions};
use bytes::{Buf as _, Bytes, BytesMut};
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::{io::AsyncRead, net::UnixStream};
use tokio_util::codec::{BytesCodec, Decoder, FramedRead};

use super::{
    DockerEngine,
    call::{Call, classify, path_part},
};
use crate::{
    error::{Error, Object, Result},
    session::{Printed, PrintedStream, Process, Session, SessionSpec, Sessions, TerminalSize},
    state::ContainerId,
};

const DOING: &str = "running a command in a container";
/// The engine keeps back what could be the beginning of these keys, by which it would let go of a terminal. They cannot be turned off,
/// so they are some that nobody types.
const DETACH_KEYS: &str = "ctrl-^,ctrl-_,ctrl-^,ctrl-_,ctrl-@";
/// Between being told that nobody is there any more, and the end.
const GRACE: Duration = Duration::from_secs(3);
const PERIOD: Duration = Duration::from_millis(50);
/// What the engine writes before each piece: which output, and how long.
const HEADER: usize = 8;
/// Of one piece. The engine reads 32 KiB at a time.
const PIECE: usize = 1 << 20;

#[async_trait]
impl Sessions for DockerEngine {
    async fn begin(&self, id: &ContainerId, spec: &SessionSpec) -> Result<Session> {
        let call = Call::on(DOING, Object::Container, id.as_str());
        let name = path_part(Object::Container, id.as_str())?;
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(spec.terminal.is_some()),
            detach_keys: Some(DETACH_KEYS.to_owned()),
            env: Some(spec.environment.iter().map(|(key, value)| format!("{key}={value}")).collect()),
            cmd: Some(spec.command.clone()),
            ..Default::default()
        };
        let created = self.quick(DOING, async {
            self.docker.create_exec(name, options).await.map_err(|error| classify(error, call))
        });
        let process = Exec {
            docker: self.docker.clone(),
            container: id.clone(),
            id: created.await?.id,
            within: self.timeouts.quick,
        };
        let connecting = self.quick(DOING, self.connected_to(&process.id, spec.terminal.is_some()));
        let (output, input) = tokio::io::split(connecting.await?);
        if let Some(size) = spec.terminal
            && let Err(error) = process.resize(size).await
        {
            // It may have ended already; otherwise it has the usual size.
            tracing::debug!(%error, "a terminal was not given its size");
        }
        Ok(Session {
            input: Box::pin(input),
            printed: printed(output, spec.terminal.is_some()),
            process: Arc::new(process),
        })
    }
}

impl DockerEngine {
    /// Starts a command that was created, and stays connected to it.
    async fn connected_to(&self, exec: &str, terminal: bool) -> Result<TokioIo<hyper::upgrade::Upgraded>> {
        let stream = UnixStream::connect(&self.socket).await.map_err(broken)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        tokio::spawn(connection.with_upgrades());
        let version = self.docker.client_version();
        let body = serde_json::json!({ "Detach": false, "Tty": terminal }).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/v{version}/exec/{exec}/start"))
            .header(header::HOST, "docker")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "tcp")
            .body(Full::new(Bytes::from(body)))
            .map_err(broken)?;
        let response = sender.send_request(request).await.map_err(broken)?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let status = response.status();
            let said = response.into_body().collect().await.map_err(broken)?.to_bytes();
            return Err(Error::refused(format!(
                "the engine did not run the command ({status}): {}",
                String::from_utf8_lossy(&said).trim()
            )));
        }
        Ok(TokioIo::new(hyper::upgrade::on(response).await.map_err(broken)?))
    }
}

fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unavailable { operation: DOING, cause: Some(Arc::new(error)) }
}

fn printed(output: impl AsyncRead + Send + 'static, terminal: bool) -> PrintedStream {
    if terminal {
        let pieces = FramedRead::new(output, BytesCodec::new());
        return Box::pin(
            pieces.map(|piece| piece.map(|piece| Printed::Output(piece.freeze())).map_err(broken)),
        );
    }
    Box::pin(FramedRead::new(output, Pieces).map(|piece| piece.map_err(broken)))
}

/// Takes two outputs apart that come through one connection.
struct Pieces;

impl Decoder for Pieces {
    type Item = Printed;
    type Error = io::Error;

    fn decode(&mut self, from: &mut BytesMut) -> io::Result<Option<Printed>> {
        let Some(header) = from.first_chunk::<HEADER>() else { return Ok(None) };
        let (which, [.., a, b, c, d]) = (header[0], *header);
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if length > PIECE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the engine sent something that is no output",
            ));
        }
        if from.len() < HEADER + length {
            from.reserve(HEADER + length - from.len());
            return Ok(None);
        }
        from.advance(HEADER);
        let piece = from.split_to(length).freeze();
        Ok(Some(if which == 2 { Printed::Errors(piece) } else { Printed::Output(piece) }))
    }
}

/// A command that the engine executes.
#[derive(Debug)]
struct Exec {
    docker: bollard::Docker,
    container: ContainerId,
    id: String,
    within: Duration,
}

impl Exec {
    async fn look(&self) -> Result<bollard::models::ExecInspectResponse> {
        let call = Call::on(DOING, Object::Container, &self.id);
        let asking =
            async { self.docker.inspect_exec(&self.id).await.map_err(|error| classify(error, call)) };
        super::bounded(DOING, self.within, asking).await
    }

    /// Its process on this machine, which leads a session of its own and may have ended by now. The engine says that it runs a moment
    /// before it knows which process it is.
    async fn leader(&self) -> Option<i32> {
        let deadline = tokio::time::Instant::now() + GRACE;
        loop {
            let found = self.look().await.ok()?;
            if let Some(pid) = found.pid.filter(|pid| *pid > 1) {
                return i32::try_from(pid).ok();
            }
            if found.running == Some(false) || tokio::time::Instant::now() > deadline {
                return None;
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    fn signal(&self, leader: i32, signal: rustix::process::Signal) {
        for pid in self.session(leader).into_iter().filter_map(rustix::process::Pid::from_raw) {
            if let Err(error) = rustix::process::kill_process(pid, signal) {
                tracing::debug!(%error, "a process of a session was not told that it is over");
            }
        }
    }

    /// The processes of its session: the engine begins one for each command that it executes. What is not in the container is not
    /// meant, whatever its number: numbers are given again.
    fn session(&self, leader: i32) -> Vec<i32> {
        let Ok(entries) = fs_err::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let read =
            |pid: i32, file: &str| fs_err::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        pids.filter(|pid| session_of(&read(*pid, "stat")) == Some(leader))
            .filter(|pid| read(*pid, "cgroup").contains(self.container.as_str()))
            .collect()
    }
}

#[async_trait]
impl Process for Exec {
    async fn resize(&self, size: TerminalSize) -> Result<()> {
        let call = Call::on(DOING, Object::Container, &self.id);
        let options = ResizeExecOptions { width: size.columns, height: size.rows };
        let resizing =
            async { self.docker.resize_exec(&self.id, options).await.map_err(|error| classify(error, call)) };
        super::bounded(DOING, self.within, resizing).await
    }

    async fn exit_code(&self) -> Result<Option<i64>> {
        let found = self.look().await?;
        Ok(found.exit_code.filter(|_| found.running == Some(false)))
    }

    async fn hang_up(&self) {
        use rustix::process::Signal;
        let Some(leader) = self.leader().await else { return };
        self.signal(leader, Signal::HUP);
        let deadline = tokio::time::Instant::now() + GRACE;
        while tokio::time::Instant::now() < deadline {
            if self.session(leader).is_empty() {
                return;
            }
            tokio::time::sleep(PERIOD).await;
        }
        self.signal(leader, Signal::KILL);
    }
}

/// The session's id, the sixth field; the second is a name in parentheses that may hold anything. One that is only waited for
/// (state Z) is gone.
fn session_of(stat: &str) -> Option<i32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?;
    (state != "Z").then(|| fields.nth(2)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_taken_apart_wherever_they_were_cut() {
        let mut whole = BytesMut::new();
        for (which, text) in [(1, "one"), (2, "two"), (1, ""), (1, "\u{0}\u{1}")] {
            whole.extend_from_slice(&[which, 0, 0, 0]);
            whole.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
            whole.extend_from_slice(text.as_bytes());
        }
        for cut in 0..whole.len() {
            let (mut source, mut rest) = (whole.clone(), Vec::new());
            let mut later = source.split_off(cut);
            let mut take = |from: &mut BytesMut| {
                while let Some(piece) = Pieces.decode(from).unwrap() {
                    rest.push(piece);
                }
            };
            take(&mut source);
            source.unsplit(later.split());
            take(&mut source);
            let expected = [
                Printed::Output(Bytes::from_static(b"one")),
                Printed::Errors(Bytes::from_static(b"two")),
                Printed::Output(Bytes::new()),
                Printed::Output(Bytes::from_static(b"\0\x01")),
            ];
            assert_eq!(rest, expected, "cut at {cut}");
        }
        assert!(Pieces.decode(&mut BytesMut::from(&[1, 0, 0, 0, 0xff, 0, 0, 0][..])).is_err());
    }

    #[test]
    fn the_session_is_the_sixth_field_whatever_the_name_is() {
        for (stat, expected) in [
            ("12 (sh) S 1 12 7 34816 12 0", Some(7)),
            ("12 (a) Z) R 1 12 9 0", Some(9)),
            ("12 (sh) Z 1 12 7 34816", None),
            ("", None),
        ] {
            assert_eq!(session_of(stat), expected, "{stat}");
        }
    }
}
