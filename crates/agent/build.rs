//! Compiles the programs that the agent puts into containers of others: static, so that they run in any of them.

use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    build("init")?;
    build("relay")
}

fn build(name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let source = format!("{name}/main.rs");
    println!("cargo::rerun-if-changed={source}");
    let program = format!("pierhead-{name}");
    let output = PathBuf::from(std::env::var("OUT_DIR")?).join(&program);
    let mut compiler = Command::new(std::env::var("RUSTC")?);
    // Set for another architecture than this one.
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        compiler.args(["-C", &format!("linker={linker}")]);
    }
    let status = compiler
        .args([
            &source,
            "--crate-name",
            &program.replace('-', "_"),
            "--crate-type",
            "bin",
            "--edition",
            "2024",
        ])
        .args(["--target", &std::env::var("TARGET")?])
        .args(["-C", "target-feature=+crt-static", "-C", "opt-level=s", "-C", "panic=abort"])
        .args(["-C", "strip=symbols", "-C", "lto=fat", "-o"])
        .arg(&output)
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("{source} could not be compiled").into()) }
}
