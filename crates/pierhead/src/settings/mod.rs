//! Settings of the server's roles: flag, then environment variable, then `pierhead.toml`, then default.
//!
//! [`registry`] is the one list of keys; flags, help, the file's keys and the documentation all come from it. [`resolve`] finds
//! each value and remembers where it came from, as a function of maps. Secrets are a type that does not print, and their flags
//! name a file: a value in a flag is visible to everybody who can list processes.

pub(crate) mod arguments;
pub(crate) mod mail;
pub(crate) mod parse;
pub(crate) mod providers;
pub(crate) mod registry;
pub(crate) mod resolve;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};
use lettre::message::Mailbox;
use pierhead_control::ProviderOptions;
use pierhead_model::hostname::Hostname;
use secrecy::SecretString;

use self::mail::MailServer;
pub(crate) use arguments::{AgentFlags, Flags, IngressFlags};
pub(crate) use resolve::{Resolved, config_file, load};

/// Everything a role can be told. Durations and sizes carry their unit in the name.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: Resolved<PathBuf>,
    pub(crate) listen: Resolved<SocketAddr>,
    pub(crate) ingress_listen: Resolved<SocketAddr>,
    pub(crate) base_domain: Resolved<Hostname>,
    pub(crate) master_key: MasterKeySettings,
    /// The first admin's email and password.
    pub(crate) admin: Option<(String, SecretString)>,
    /// May hold a password.
    pub(crate) database_url: SecretString,
    /// Where browsers find this server, without a slash at the end.
    pub(crate) public_url: Option<String>,
    /// How letters are sent, and where they come from.
    pub(crate) mail: Option<(MailServer, Mailbox)>,
    pub(crate) mail_password: Option<SecretString>,
    /// Accounts elsewhere that people may sign in with.
    pub(crate) providers: Vec<ProviderOptions>,
    pub(crate) allow_addresses: Vec<IpNet>,
    /// What webhooks for the whole installation are signed with.
    pub(crate) webhook_secret: Option<SecretString>,
    /// Given to builds, when it is there.
    pub(crate) build_ca_bundle: PathBuf,
    pub(crate) build_concurrency: NonZeroU32,
    pub(crate) build_limit: Option<NonZeroU32>,
    pub(crate) firewall: bool,
    pub(crate) engine_socket: PathBuf,
    pub(crate) disk_reserve_mb: u64,
    pub(crate) subnet_pool: Ipv4Net,
    /// What `pierhead agent` proves.
    pub(crate) agent_token: Option<SecretString>,
    /// What `pierhead ingress` on another machine proves.
    pub(crate) ingress_token: Option<SecretString>,
    pub(crate) ingress_cache_mb: u64,
    /// Whether `pierhead up` is an ingress too.
    pub(crate) ingress: bool,
    /// Where visitors come by TLS.
    pub(crate) ingress_tls_listen: Option<SocketAddr>,
    /// Where requests are written down.
    pub(crate) access_log: Option<PathBuf>,
    /// Proxies before the ingress that are believed.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// A folder of certificates and their keys.
    pub(crate) certificates: Option<PathBuf>,
    /// Where certificates are ordered.
    pub(crate) acme: Option<Acme>,
    pub(crate) cloudflare: Option<CloudflareSettings>,
    /// Resolvers to ask about custom domains; none: those of the machine.
    pub(crate) dns_resolvers: Vec<SocketAddr>,
    /// Where ingresses on other machines and agents that dial out call.
    pub(crate) agent_listen: Option<SocketAddr>,
    /// Where an agent that dials out and an ingress on another machine call, `host:port`.
    pub(crate) control_address: Option<String>,
    /// `HTTP_PROXY` and its kin, as they are in the environment.
    pub(crate) proxy_variables: BTreeMap<String, String>,
    pub(crate) log_format: LogFormat,
    /// A level, or directives such as `info,pierhead_control=debug`.
    pub(crate) log_level: Resolved<String>,
    /// `name` or `name:nth`; debug builds only.
    pub(crate) crash_at: Option<String>,
}

/// Where the master key is.
#[derive(Debug, Default)]
pub(crate) struct MasterKeySettings {
    /// 32 bytes in base64; `None` means: the one in the data directory, made when it is missing.
    pub(crate) key: Option<SecretString>,
    /// The file that it was read from, if it was.
    pub(crate) file: Option<PathBuf>,
    /// The one before, while it is exchanged.
    pub(crate) previous: Option<SecretString>,
    pub(crate) vault: Option<Vault>,
}

/// A key in Vault's transit engine.
#[derive(Debug)]
pub(crate) struct Vault {
    pub(crate) address: url::Url,
    pub(crate) mount: String,
    pub(crate) key: String,
    pub(crate) token: SecretString,
    /// The file that the token was read from, if it was.
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Whether it is the master key; otherwise it is the one before.
    pub(crate) keeps_the_key: bool,
}

/// How Cloudflare is asked.
#[derive(Debug, Clone)]
pub(crate) struct CloudflareSettings {
    pub(crate) token: SecretString,
    pub(crate) api_url: String,
    /// Whether its caches keep sites, and are told.
    pub(crate) purge: bool,
}

/// A certificate authority.
#[derive(Debug)]
pub(crate) struct Acme {
    pub(crate) directory: String,
    pub(crate) email: Option<String>,
    pub(crate) ca_bundle: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum LogFormat {
    Human,
    Json,
}
