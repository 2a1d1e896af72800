//! Waits until something accepts TCP connections or answers HTTP well. A Pierhead plugin: one JSON object in, one out.

mod contract;
mod probe;
mod target;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::contract::{BAD_INPUT, Failure, Input, PLUGIN_MISTAKE, UNREACHABLE};
use crate::target::Target;

fn main() -> ExitCode {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    let result = match read {
        Ok(_) => Input::parse(&text).and_then(|input| wait(&input)),
        Err(error) => Err(Failure::new(BAD_INPUT, format!("the input cannot be read: {error}"))),
    };
    let (answer, code) = match result {
        Ok(answer) => (answer, 0),
        Err(failure) => {
            eprintln!("{}", failure.text);
            (json!({"success": false, "output": failure.text}), failure.code)
        }
    };
    match writeln!(std::io::stdout(), "{answer}") {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(PLUGIN_MISTAKE),
    }
}

/// Asks until the answer is good or the time is over.
fn wait(input: &Input) -> Result<Value, Failure> {
    let target = Target::of(input)?;
    let limit = Duration::from_secs_f64(input.number("wait_s", 60.0, 0.0..=3500.0)?);
    let pause = Duration::from_secs_f64(input.number("interval_s", 0.5, 0.05..=60.0)?);
    let each = Duration::from_secs_f64(input.number("timeout_s", 5.0, 0.1..=60.0)?);
    let begun = Instant::now();
    let mut attempts = 0_u64;
    let mut told = String::new();
    loop {
        attempts += 1;
        match probe::ask(&target, each) {
            Ok(words) => {
                let waited_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                return Ok(json!({
                    "success": true,
                    "output": format!("{target} {words} after {waited_ms} ms."),
                    "outputs": {"attempts": attempts, "waited_ms": waited_ms},
                }));
            }
            Err(why) => {
                // The same reason a hundred times is one line of a log.
                if why != told {
                    eprintln!("{target}: {why}");
                }
                told = why;
            }
        }
        if begun.elapsed() + pause > limit {
            let text = format!("{target} was not there within {} s: {told}", limit.as_secs_f64());
            return Err(Failure::new(UNREACHABLE, text));
        }
        thread::sleep(pause);
    }
}
