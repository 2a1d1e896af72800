//! What end-to-end tests need: a real server of their own, repositories to deploy, and waits that are bounded.
//!
//! Every test has its own ports, data directory and labels, and removes what it made in the engine even when it fails.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test helper fails its test")]

mod browser;
mod dns;
mod engine;
mod git;
mod github;
mod github_accounts;
mod hook;
mod machine;
mod namespace;
mod node;
mod pebble;
mod peer;
mod process;
mod relay;
mod remote_ingress;
mod server;
mod ssh;
mod vault;
mod wire;

use std::path::{Path, PathBuf};

pub use browser::Browser;
pub use dns::Dns;
pub use git::GitServer;
pub use github::{Exchange, GitHub};
pub use github_accounts::GitHubAccounts;
pub use hook::Hook;
pub use machine::Machine;
pub use node::NodeAgent;
pub use pebble::Pebble;
pub use peer::Peer;
pub use relay::Relay;
pub use remote_ingress::RemoteIngress;
pub use server::{Ended, Server, free_port};
pub use ssh::SshGit;
pub use vault::Vault;
pub use wire::Wire;

/// The folder of the workspace.
///
/// Asked when it runs: what was compiled for another clone may be in the folder that clones share.
pub fn repository_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let marked = |folder: &&Path| folder.join("Cargo.lock").exists();
    Path::new(&package).ancestors().find(marked).expect("a package lies in the workspace").to_path_buf()
}
