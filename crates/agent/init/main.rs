//! The first process of a container that is given secrets: it takes them from standard input, and becomes the program.
//!
//! What an engine is told about a container it writes down and shows to whoever may ask, so it is told nothing of secrets. They
//! come through a pipe, from one process's memory into another's. For commands that are run inside later (a health check) they
//! are kept in the container's memory (`/dev/shm`, which every container has of its own), readable for the same user only, who
//! could read them in `/proc` anyway.
//!
//! Linked statically, without a dependency: it runs in images that hold nothing else.
//!
//! ```text
//! pierhead-init start [PROGRAM [ARGUMENT …]]   input: entries that end with NUL, an empty one last
//! pierhead-init exec PROGRAM [ARGUMENT …]      with the variables that `start` was given
//! ```
//!
//! An entry is `e:KEY=VALUE`, or `a:ARGUMENT`: a program that is named by these, because a secret is among its arguments, is
//! run instead of the one on the command line.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

/// In a folder that every user may write to, also when the image's are read-only. A tmpfs of our own would not do: from a
/// container's second start on, some engines give it to root alone.
const KEPT: &str = "/dev/shm/.pierhead";
/// More cannot be given to a process anyway.
const MAX_INPUT: u64 = 64 << 20;

/// Who starts us has everything at hand. An engine that starts a container by itself has nothing, and would keep us waiting for
/// ever: we end, and whoever keeps the container starts it properly.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a shell says of these.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;
const NOT_ARRIVED: &str = "the variables did not arrive; the container is started again with them";

/// Docker's word for "this is not the program's fault".
const OWN_FAULT: i32 = 125;

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let program: Vec<OsString> = arguments.collect();
    let entries = match mode.to_str() {
        Some("start") => take(),
        Some("exec") => std::fs::read(KEPT).map_err(|error| format!("the variables cannot be read: {error}")),
        _ => Err("this is Pierhead's and nothing to run by hand".to_owned()),
    };
    let (code, why) = match entries {
        Ok(entries) => become_program(mode == *"start", program, &entries),
        Err(why) => (OWN_FAULT, why),
    };
    eprintln!("pierhead: {why}");
    std::process::exit(code);
}

/// Reads all that was handed over, and keeps it for `exec`.
fn take() -> Result<Vec<u8>, String> {
    let mut entries = Vec::new();
    // Gone with everything else of this program when it becomes another. Without it (no more processes are allowed here) we wait.
    let _unwatched = std::thread::Builder::new().spawn(|| {
        std::thread::sleep(PATIENCE);
        eprintln!("pierhead: {NOT_ARRIVED}");
        std::process::exit(OWN_FAULT);
    });
    let read = std::io::stdin().lock().take(MAX_INPUT).read_to_end(&mut entries);
    read.map_err(|error| format!("the variables could not be read: {error}"))?;
    // An empty entry: the one before it ended with NUL, too.
    if !(entries == b"\0" || entries.ends_with(b"\0\0")) {
        return Err(NOT_ARRIVED.to_owned());
    }
    // Of an earlier start, when the container's memory outlived it.
    let _absent = std::fs::remove_file(KEPT);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(KEPT);
    let kept = file.and_then(|mut file| file.write_all(&entries));
    kept.map_err(|error| format!("the variables cannot be kept for commands: {error}"))?;
    Ok(entries)
}

/// Returns only when that is not possible.
fn become_program(is_start: bool, mut program: Vec<OsString>, entries: &[u8]) -> (i32, String) {
    let (mut variables, mut named) = (Vec::new(), Vec::new());
    for entry in entries.split(|&byte| byte == 0) {
        if let Some(argument) = entry.strip_prefix(b"a:") {
            named.push(OsString::from_vec(argument.to_vec()));
        } else if let Some(variable) = entry.strip_prefix(b"e:")
            && let Some(equals) = variable.iter().position(|&byte| byte == b'=')
        {
            variables
                .push((OsStr::from_bytes(&variable[..equals]), OsStr::from_bytes(&variable[equals + 1..])));
        }
    }
    if is_start && !named.is_empty() {
        program = named;
    }
    let Some((name, arguments)) = program.split_first() else {
        return (NOT_FOUND, "neither the image nor the project says what to run".to_owned());
    };
    let mut command = Command::new(name);
    command.args(arguments).envs(variables);
    if is_start {
        command.stdin(Stdio::null());
    }
    let error = command.exec();
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    };
    (code, format!("{} cannot be run: {error}", name.to_string_lossy()))
}
