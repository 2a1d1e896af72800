//! `exec`: a command in a service's container, with this terminal if there is one.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use bytes::Bytes;
use clap::Args;
use pierhead_wire::exec::{Ended, FromProcess, TerminalSize, ToProcess};
use rustix::termios::{self, OptionalActions, Termios};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::cli::client::exec::{ExecRequest, Printing, Terminal, Typing};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::target;

/// Docker's word for "this is not the program's fault".
const OWN_FAULT: u8 = 125;
/// What is typed or piped in goes in pieces of this size.
const PIECE: usize = 32 << 10;

#[derive(Debug, Args)]
#[command(
    after_help = "It gets the service's variables, and ends when this does. The exit code is the command's; 125 when it was not run.\n\nExamples:\n  pierhead exec\n  pierhead exec web.2 -- node --version\n  pierhead exec db -- pg_dump app > app.sql\n  pierhead exec --deployment qa-7 web -- sh"
)]
pub(crate) struct ExecArgs {
    /// A service, and perhaps which replica of it [default: the only one]
    #[arg(value_name = "SERVICE[.N]")]
    service: Option<String>,
    /// What to run [default: a shell]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// An id, v18, an address or a slot [default: what is live]
    #[arg(long, value_name = "DEPLOYMENT")]
    deployment: Option<String>,
    /// Of a deployment on several nodes: this one [default: the one that leads]
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// Without a terminal, also where there is one
    #[arg(long, short = 'T')]
    no_terminal: bool,
}

pub(crate) async fn run(context: &Context, args: &ExecArgs) -> Result<ExitCode, Error> {
    let client = context.client()?;
    let (service, replica) = named(args.service.as_deref())?;
    let deployment = target::deployment(context, &client, args.deployment.as_deref()).await?;
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !args.no_terminal;
    let terminal = is_terminal.then(terminal_here).flatten();
    let has_terminal = terminal.is_some();
    let wanted =
        ExecRequest { service, replica, node: args.node.clone(), command: args.command.clone(), terminal };
    let (typing, mut printing) = client.exec(&deployment.id, &wanted).await?;
    // Until it runs the terminal is as it was, so that a refusal can be read and waiting be interrupted.
    let typed = tokio::spawn(send(typing, has_terminal));
    let raw = if has_terminal { Raw::set() } else { None };
    let ended = tokio::select! {
        ended = show(&mut printing) => ended,
        _ = tokio::signal::ctrl_c() => Err(Error::Interrupted),
    };
    typed.abort();
    drop(raw);
    match ended? {
        Ended::Exited { code } => Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))),
        Ended::Failed { why } => {
            context.printer.complain(&format!("pierhead: the command was not run to its end: {why}"));
            Ok(ExitCode::from(OWN_FAULT))
        }
    }
}

/// `web.2` is the second replica of `web`. Names of services have no dots.
fn named(text: Option<&str>) -> Result<(Option<String>, Option<u32>), Error> {
    let Some(text) = text else { return Ok((None, None)) };
    let Some((name, number)) = text.split_once('.') else { return Ok((Some(text.to_owned()), None)) };
    match number.parse::<u32>() {
        Ok(number) if number > 0 && !name.is_empty() => Ok((Some(name.to_owned()), Some(number))),
        _ => Err(Error::usage(
            format!("`{text}` names no replica"),
            "Replicas are counted from 1: web.2. What runs: pierhead ps",
        )),
    }
}

fn terminal_here() -> Option<Terminal> {
    let size = size_here()?;
    let kind = std::env::var("TERM").ok().filter(|kind| !kind.is_empty());
    Some(Terminal { columns: size.columns, rows: size.rows, kind })
}

fn size_here() -> Option<TerminalSize> {
    let size = termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some(TerminalSize { columns: size.ws_col, rows: size.ws_row })
}

/// Sends what is typed, and new sizes of the terminal, for as long as somebody takes it.
async fn send(mut typing: Typing, has_terminal: bool) {
    let mut typed = typed();
    let Ok(mut resized) = signal(SignalKind::window_change()) else { return };
    let mut at_end = false;
    loop {
        let message = tokio::select! {
            piece = typed.recv(), if !at_end => {
                at_end = piece.is_none();
                piece.map_or(ToProcess::InputEnd, ToProcess::Input)
            }
            _ = resized.recv(), if has_terminal => match size_here() {
                Some(size) => ToProcess::Resize(size),
                None => continue,
            },
            // Held until the command has ended: to let go of the connection would end it.
            else => std::future::pending().await,
        };
        if typing.send(&message).await.is_err() {
            return;
        }
    }
}

/// Reads standard input on a thread of its own: a read cannot be interrupted, and nothing may wait for it at the end.
fn typed() -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        let mut input = std::io::stdin().lock();
        loop {
            match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    if sender.blocking_send(Bytes::copy_from_slice(&buffer[..read])).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    receiver
}

/// Bytes as they come: they are the command's, and for this terminal.
async fn show(printing: &mut Printing) -> Result<Ended, Error> {
    loop {
        let written = match printing.next().await? {
            FromProcess::Ended(ended) => return Ok(ended),
            FromProcess::Output(bytes) => {
                let mut output = std::io::stdout().lock();
                output.write_all(&bytes).and_then(|()| output.flush())
            }
            FromProcess::Errors(bytes) => std::io::stderr().lock().write_all(&bytes),
        };
        if written.is_err() {
            return Err(Error::OutputClosed);
        }
    }
}

/// A terminal that hands on every key as it is. It is as before when this is dropped.
struct Raw(Termios);

impl Raw {
    fn set() -> Option<Self> {
        let before = termios::tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_a_number_behind_a_dot() {
        assert_eq!(named(None).unwrap(), (None, None));
        assert_eq!(named(Some("web")).unwrap(), (Some("web".to_owned()), None));
        assert_eq!(named(Some("web.2")).unwrap(), (Some("web".to_owned()), Some(2)));
        for bad in ["web.", "web.0", "web.x", ".1", "web.1.2"] {
            assert!(named(Some(bad)).is_err(), "{bad}");
        }
    }
}
