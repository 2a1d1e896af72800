//! Chores of the workspace: `cargo run -p xtask -- tidy`.

mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> Result<ExitCode> {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => {
            let problems = tidy::problems(&root())?;
            for problem in &problems {
                say(problem);
            }
            Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => bail!("there is one chore: tidy"),
    }
}

/// The folder of the workspace.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    Path::new(&package).parent().unwrap_or(Path::new(".")).to_path_buf()
}

#[expect(clippy::print_stderr, reason = "what a chore has to say")]
fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        let problems = crate::tidy::problems(&crate::root()).unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}
