//! Every setting of a server: flag, then environment variable, then `pierhead.toml`, then default.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use ipnet::{IpNet, Ipv4Net};
use pierhead_model::hostname::Hostname;
use secrecy::SecretString;

/// A setting: its key in the file, its variable, its default, and what it is.
#[derive(Debug, Clone, Copy)]
struct Key {
    name: &'static str,
    variable: &'static str,
    default: Option<&'static str>,
}

const fn key(name: &'static str, variable: &'static str, default: Option<&'static str>) -> Key {
    Key { name, variable, default }
}

const DATA_DIR: Key = key("data_dir", "PIERHEAD_DATA_DIR", Some("/var/lib/pierhead"));
const LISTEN: Key = key("listen", "PIERHEAD_LISTEN", Some("127.0.0.1:8400"));
const INGRESS_LISTEN: Key = key("ingress_listen", "PIERHEAD_INGRESS_LISTEN", Some("127.0.0.1:8480"));
const BASE_DOMAIN: Key = key("base_domain", "PIERHEAD_BASE_DOMAIN", Some("localhost"));
const MASTER_KEY: Key = key("master_key", "PIERHEAD_MASTER_KEY", None);
const ADMIN_EMAIL: Key = key("admin_email", "PIERHEAD_ADMIN_EMAIL", None);
const ADMIN_PASSWORD: Key = key("admin_password", "PIERHEAD_ADMIN_PASSWORD", None);
const DATABASE_URL: Key = key("database_url", "PIERHEAD_DATABASE_URL", None);
const EVENTS_URL: Key = key("events_url", "PIERHEAD_EVENTS_URL", Some("embedded"));
const BLOBS_URL: Key = key("blobs_url", "PIERHEAD_BLOBS_URL", None);
const ALLOW_ADDRESSES: Key = key("allow_addresses", "PIERHEAD_ALLOW_ADDRESSES", Some(""));
const CA_BUNDLE: Key =
    key("build.ca_bundle", "PIERHEAD_BUILD_CA_BUNDLE", Some("/etc/ssl/certs/ca-certificates.crt"));
const BUILD_CONCURRENCY: Key = key("build.concurrency", "PIERHEAD_BUILD_CONCURRENCY", Some("2"));
const SUBNET_POOL: Key = key("agent.subnet_pool", "PIERHEAD_SUBNET_POOL", Some("10.211.0.0/16"));
const CRASH_AT: Key = key("crash_at", "PIERHEAD_CRASH_AT", None);

const KEYS: [Key; 15] = [
    DATA_DIR,
    LISTEN,
    INGRESS_LISTEN,
    BASE_DOMAIN,
    MASTER_KEY,
    ADMIN_EMAIL,
    ADMIN_PASSWORD,
    DATABASE_URL,
    EVENTS_URL,
    BLOBS_URL,
    ALLOW_ADDRESSES,
    CA_BUNDLE,
    BUILD_CONCURRENCY,
    SUBNET_POOL,
    CRASH_AT,
];

/// The settings of `pierhead up`, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) ingress_listen: SocketAddr,
    pub(crate) base_domain: Hostname,
    pub(crate) master_key: Option<SecretString>,
    pub(crate) admin: Option<(String, SecretString)>,
    pub(crate) database_url: String,
    pub(crate) allow_addresses: Vec<IpNet>,
    pub(crate) ca_bundle: Option<PathBuf>,
    pub(crate) build_concurrency: usize,
    pub(crate) subnet_pool: Ipv4Net,
    pub(crate) crash_at: Option<String>,
}

/// Where values come from, the first that has one wins.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// By the key's name.
    pub(crate) flags: HashMap<&'static str, String>,
    /// By the variable's name.
    pub(crate) variables: HashMap<String, String>,
    /// By the key's name, sections joined by dots.
    pub(crate) file: HashMap<String, String>,
}

impl Sources {
    /// Reads a `pierhead.toml`; a key that nobody knows is an error, so that typing errors do not hide.
    pub(crate) fn read_file(&mut self, text: &str) -> Result<()> {
        let table: toml::Table = text.parse().context("pierhead.toml cannot be read")?;
        flatten("", &table, &mut self.file);
        let known = |name: &String| KEYS.iter().any(|key| key.name == name);
        if let Some(unknown) = self.file.keys().find(|name| !known(name)) {
            bail!("pierhead.toml: there is no setting `{unknown}`");
        }
        Ok(())
    }

    fn get(&self, key: Key) -> Option<String> {
        let flag = self.flags.get(key.name);
        let variable = || self.variables.get(key.variable).filter(|value| !value.is_empty());
        let found = flag.or_else(variable).or_else(|| self.file.get(key.name)).cloned();
        found.or_else(|| key.default.map(ToOwned::to_owned))
    }

    fn parse<T>(&self, key: Key) -> Result<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.get(key).unwrap_or_default();
        text.parse().map_err(|error| anyhow::anyhow!("{} ({}) is `{text}`: {error}", key.name, key.variable))
    }

    pub(crate) fn resolve(&self) -> Result<Settings> {
        let data_dir = PathBuf::from(self.get(DATA_DIR).unwrap_or_default());
        let data_dir = std::path::absolute(data_dir).context("data_dir is not a path")?;
        let default_database = format!("sqlite://{}", data_dir.join("pierhead.db").display());
        let admin = match (self.get(ADMIN_EMAIL), self.get(ADMIN_PASSWORD)) {
            (Some(email), Some(password)) => Some((email, password.into())),
            (None, None) => None,
            _ => bail!("PIERHEAD_ADMIN_EMAIL and PIERHEAD_ADMIN_PASSWORD go together: set both or none"),
        };
        let base_domain = self.get(BASE_DOMAIN).unwrap_or_default();
        if self.get(EVENTS_URL).as_deref() != Some("embedded") {
            bail!("events_url: this version knows `embedded` only");
        }
        let own_blobs = format!("file://{}", data_dir.join("blobs").display());
        if self.get(BLOBS_URL).is_some_and(|url| url != own_blobs) {
            bail!("blobs_url: this version keeps blobs in its data directory only ({own_blobs})");
        }
        let ca_bundle = self.get(CA_BUNDLE).map(PathBuf::from).filter(|path| path.is_file());
        Ok(Settings {
            listen: self.parse(LISTEN)?,
            ingress_listen: self.parse(INGRESS_LISTEN)?,
            base_domain: Hostname::parse(&base_domain).context("base_domain")?,
            master_key: self.get(MASTER_KEY).map(Into::into),
            admin,
            database_url: self.get(DATABASE_URL).unwrap_or(default_database),
            allow_addresses: addresses(&self.get(ALLOW_ADDRESSES).unwrap_or_default())?,
            ca_bundle,
            build_concurrency: self.parse::<usize>(BUILD_CONCURRENCY)?.clamp(1, 64),
            subnet_pool: self.parse(SUBNET_POOL)?,
            crash_at: self.get(CRASH_AT),
            data_dir,
        })
    }
}

fn addresses(text: &str) -> Result<Vec<IpNet>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let net = part.parse().or_else(|_| part.parse().map(|address: std::net::IpAddr| address.into()));
            net.map_err(|_| {
                anyhow::anyhow!("allow_addresses: `{part}` is not an address range like 10.0.0.0/8")
            })
        })
        .collect()
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut HashMap<String, String>) {
    for (name, value) in table {
        let name = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            toml::Value::Table(table) => flatten(&name, table, into),
            toml::Value::String(text) => drop(into.insert(name, text.clone())),
            value => drop(into.insert(name, value.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
        let mut sources = Sources::default();
        assert_eq!(sources.resolve().unwrap().listen.port(), 8400);
        sources.read_file("listen = \"127.0.0.1:1\"\n[build]\nconcurrency = 3").unwrap();
        let settings = sources.resolve().unwrap();
        assert_eq!((settings.listen.port(), settings.build_concurrency), (1, 3));
        sources.variables.insert("PIERHEAD_LISTEN".into(), "127.0.0.1:2".into());
        assert_eq!(sources.resolve().unwrap().listen.port(), 2);
        sources.flags.insert("listen", "127.0.0.1:3".into());
        assert_eq!(sources.resolve().unwrap().listen.port(), 3);
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let with = |variable: &str, value: &str| {
            let mut sources = Sources::default();
            sources.variables.insert(variable.into(), value.into());
            sources.resolve().map(drop).map_err(|error| error.to_string())
        };
        assert!(with("PIERHEAD_LISTEN", "nowhere").unwrap_err().contains("PIERHEAD_LISTEN"));
        assert!(with("PIERHEAD_ALLOW_ADDRESSES", "10.0.0.0/8, x").unwrap_err().contains('x'));
        assert!(with("PIERHEAD_ALLOW_ADDRESSES", "127.0.0.0/8,::1").is_ok());
        assert!(with("PIERHEAD_ADMIN_EMAIL", "a@b").unwrap_err().contains("PASSWORD"));
        assert!(Sources::default().read_file("lisen = \"x\"").unwrap_err().to_string().contains("lisen"));
    }
}
