//! Compiles `init/main.rs`, the program that the agent puts into containers of others: static, so that it runs in any of them.

use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=init/main.rs");
    let output = PathBuf::from(std::env::var("OUT_DIR")?).join("pierhead-init");
    let mut compiler = Command::new(std::env::var("RUSTC")?);
    // Set for another architecture than this one.
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        compiler.args(["-C", &format!("linker={linker}")]);
    }
    let status = compiler
        .args(["init/main.rs", "--crate-name", "pierhead_init", "--crate-type", "bin", "--edition", "2024"])
        .args(["--target", &std::env::var("TARGET")?])
        .args(["-C", "target-feature=+crt-static", "-C", "opt-level=s", "-C", "panic=abort"])
        .args(["-C", "strip=symbols", "-C", "lto=fat", "-o"])
        .arg(&output)
        .status()?;
    if status.success() { Ok(()) } else { Err("init/main.rs could not be compiled".into()) }
}
