//! Plays a script of [`Act`]s for real: the program inside the contract suite's containers.
//!
//! The simulated engine plays the same scripts, so the suite states each expectation once. The script is the only
//! argument, as JSON. Nothing else is needed in the image: no shell, no tools.

use std::{
    error::Error,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use pierhead_engine::{log::Output, simulated::Act};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let script = std::env::args().nth(1).ok_or("the script is missing")?;
    let mut kept = Kept::default();
    for act in serde_json::from_str::<Vec<Act>>(&script)? {
        if let Some(code) = perform(act, &mut kept)? {
            return Ok(ExitCode::from(code));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What must live as long as the program.
#[derive(Default)]
struct Kept {
    memory: Vec<Vec<u8>>,
    children: Vec<Child>,
}

fn perform(act: Act, kept: &mut Kept) -> Result<Option<u8>, Box<dyn Error>> {
    match act {
        Act::Print { output, text } => match output {
            Output::Stdout => writeln!(std::io::stdout(), "{text}")?,
            Output::Stderr => writeln!(std::io::stderr(), "{text}")?,
        },
        Act::Sleep { millis } => thread::sleep(Duration::from_millis(millis)),
        Act::HoldMemory { bytes } => {
            // Written, not only reserved: the kernel counts touched pages.
            kept.memory.push(vec![1; usize::try_from(bytes)?]);
        }
        Act::ChildMemory { bytes } => {
            myself(&[Act::HoldMemory { bytes }])?.wait()?;
        }
        Act::Fork { count } => {
            let children = (0..count).map_while(|_| myself(&[Act::Forever]).ok());
            let before = kept.children.len();
            kept.children.extend(children);
            writeln!(std::io::stdout(), "started {}", kept.children.len() - before)?;
        }
        Act::Listen { port } => {
            let listener = TcpListener::bind(("0.0.0.0", port))?;
            thread::spawn(move || listener.incoming().for_each(drop));
        }
        Act::Connect { host, port } => {
            let connected = (0..30).any(|_| {
                let ok = TcpStream::connect((host.as_str(), port)).is_ok();
                if !ok {
                    thread::sleep(Duration::from_millis(100));
                }
                ok
            });
            if !connected {
                return Ok(Some(1));
            }
        }
        Act::Echo => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text)?;
            std::io::stdout().write_all(&text)?;
        }
        Act::ReadObject => {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text)?;
            if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&text).is_err() {
                return Ok(Some(64));
            }
        }
        Act::Write { path, text } => {
            if fs_err::write(path, text).is_err() {
                return Ok(Some(1));
            }
        }
        Act::Read { path } => match fs_err::read_to_string(path) {
            Ok(text) => writeln!(std::io::stdout(), "{text}")?,
            Err(_) => return Ok(Some(1)),
        },
        Act::IgnoreStop => ignore_stop()?,
        Act::Exit { code } => return Ok(Some(code)),
        Act::Forever => loop {
            thread::park();
        },
    }
    Ok(None)
}

fn myself(acts: &[Act]) -> Result<Child, Box<dyn Error>> {
    let script = serde_json::to_string(acts)?;
    Ok(Command::new(std::env::current_exe()?).arg(script).stdin(Stdio::null()).spawn()?)
}

/// A handler that is never asked: the signal no longer ends the process.
fn ignore_stop() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map(drop)
    })?;
    Ok(())
}
