//! Plugins in Rust: compiled by the cargo of this machine, linked statically, so that their image holds one file.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::PluginError;
use super::sources::Source;
use crate::options::Say;

/// Compiles the package and hands back the binary's content. `folder` keeps what the next time is quicker with.
pub(super) async fn compile(source: &Source, folder: &Path, say: &Say<'_>) -> Result<Vec<u8>, PluginError> {
    let failed = |reason: String| PluginError::Failed { name: source.name.to_owned(), reason };
    let io = |error: std::io::Error| failed(error.to_string());
    let package = folder.join(source.name);
    write_package(source, &package).map_err(io)?;
    // An explicit target keeps the flags from what runs at build time.
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", target.to_uppercase().replace('-', "_"));
    say(&format!("compiling {}", source.name));
    let mut compiling = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet", "--target", &target])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .env(flags, "-C target-feature=+crt-static")
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            failed(format!("cargo cannot be run ({error}): install Rust, or build the other plugins by name"))
        })?;
    let mut last = String::new();
    if let Some(stderr) = compiling.stderr.take() {
        let mut lines = BufReader::new(stderr).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            say(&line);
            last = line;
        }
    }
    if !compiling.wait().await.map_err(io)?.success() {
        return Err(failed(format!("cargo refused: {last}")));
    }
    fs_err::read(binary(&package, &target, source.name)).map_err(io)
}

fn binary(package: &Path, target: &str, name: &str) -> PathBuf {
    package.join("target").join(target).join("release").join(name)
}

fn write_package(source: &Source, package: &Path) -> std::io::Result<()> {
    for (name, content) in source.package {
        let path = package.join(name);
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent)?;
        }
        // An unchanged file keeps its time, and is not compiled again.
        if fs_err::read_to_string(&path).ok().as_deref() != Some(content) {
            fs_err::write(path, content)?;
        }
    }
    Ok(())
}
