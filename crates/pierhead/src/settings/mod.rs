//! Settings of the server's roles: flag, then environment variable, then `pierhead.toml`, then default.
//!
//! [`registry`] is the one list of keys; flags, help, the file's keys and the documentation all come from it. [`resolve`] finds
//! each value and remembers where it came from, as a function of maps. Secrets are a type that does not print, and their flags
//! name a file: a value in a flag is visible to everybody who can list processes.

pub(crate) mod arguments;
pub(crate) mod parse;
pub(crate) mod registry;
pub(crate) mod resolve;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::SecretString;

pub(crate) use arguments::Flags;
pub(crate) use resolve::{Resolved, config_file, load};

/// Everything a role can be told. Durations and sizes carry their unit in the name.
#[derive(Debug)]
#[expect(dead_code, reason = "read by the composition of the roles")]
pub(crate) struct Settings {
    pub(crate) data_dir: Resolved<PathBuf>,
    pub(crate) listen: Resolved<SocketAddr>,
    pub(crate) ingress_listen: Resolved<SocketAddr>,
    pub(crate) base_domain: Resolved<String>,
    /// 32 bytes in base64; `None` means: the one in the data directory, made when it is missing.
    pub(crate) master_key: Option<Resolved<SecretString>>,
    pub(crate) admin_email: Option<Resolved<String>>,
    pub(crate) admin_password: Option<Resolved<SecretString>>,
    /// May hold a password.
    pub(crate) database_url: Resolved<SecretString>,
    pub(crate) events_url: Resolved<SecretString>,
    pub(crate) blobs_url: Resolved<SecretString>,
    pub(crate) allow_addresses: Resolved<Vec<IpNet>>,
    /// Given to builds; `None` means the host's own.
    pub(crate) build_ca_bundle: Option<Resolved<PathBuf>>,
    pub(crate) build_concurrency: Resolved<NonZeroU32>,
    pub(crate) log_format: Resolved<LogFormat>,
    /// A level, or directives such as `info,pierhead_control=debug`.
    pub(crate) log_level: Resolved<String>,
    /// `name` or `name:nth`; debug builds only.
    pub(crate) crash_at: Option<Resolved<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum LogFormat {
    Human,
    Json,
}
