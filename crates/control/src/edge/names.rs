//! Asking DNS. Nothing is remembered: whoever has just changed a record waits for nothing but the record.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
pub use pierhead_model::domain::Answer;

/// Of one question to one server.
const PATIENCE: Duration = Duration::from_secs(3);
const ATTEMPTS: usize = 2;

/// What can be asked of DNS. Names are complete, without the dot at the end.
#[async_trait]
pub trait Names: Send + Sync + std::fmt::Debug {
    /// The texts of TXT records, each put together.
    async fn txt(&self, name: &str) -> Answer;

    /// What a name is an alias of.
    async fn cname(&self, name: &str) -> Answer;

    /// Addresses, as text.
    async fn addresses(&self, name: &str) -> Answer;
}

/// Asks nobody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoNames;

fn nobody() -> Answer {
    Answer::Silence("no resolver is configured".to_owned())
}

#[async_trait]
impl Names for NoNames {
    async fn txt(&self, _: &str) -> Answer {
        nobody()
    }

    async fn cname(&self, _: &str) -> Answer {
        nobody()
    }

    async fn addresses(&self, _: &str) -> Answer {
        nobody()
    }
}

/// The resolvers of this machine, or others.
#[derive(Clone)]
pub struct Resolver(Arc<TokioResolver>);

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolver")
    }
}

/// There is no way to ask.
#[derive(Debug, thiserror::Error)]
#[error("the resolvers of this machine cannot be read: name some in `dns_resolvers`")]
pub struct NoResolver(#[source] NetError);

impl Resolver {
    /// Those of the machine (`/etc/resolv.conf`) when `servers` is empty.
    pub fn new(servers: &[SocketAddr]) -> Result<Self, NoResolver> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = if servers.is_empty() {
            TokioResolver::builder(provider).map_err(NoResolver)?
        } else {
            let servers = servers.iter().map(name_server).collect();
            TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers), provider)
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.cache_size = 0;
        options.timeout = PATIENCE;
        options.attempts = ATTEMPTS;
        options.use_hosts_file = ResolveHosts::Never;
        Ok(Self(Arc::new(builder.build().map_err(NoResolver)?)))
    }

    async fn ask(&self, name: &str, kind: RecordType, text: impl Fn(&RData) -> Option<String>) -> Answer {
        match self.0.lookup(format!("{name}."), kind).await {
            Ok(found) => {
                let texts: Vec<String> =
                    found.answers().iter().filter_map(|record| text(&record.data)).collect();
                if texts.is_empty() { Answer::Nothing } else { Answer::Records(texts) }
            }
            Err(error) if error.is_no_records_found() || error.is_nx_domain() => Answer::Nothing,
            Err(error) => Answer::Silence(error.to_string()),
        }
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.into_iter().map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.collect())
}

#[async_trait]
impl Names for Resolver {
    async fn txt(&self, name: &str) -> Answer {
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        };
        self.ask(name, RecordType::TXT, text).await
    }

    async fn cname(&self, name: &str) -> Answer {
        let text = |data: &RData| match data {
            RData::CNAME(alias) => Some(alias.0.to_ascii()),
            _ => None,
        };
        self.ask(name, RecordType::CNAME, text).await
    }

    async fn addresses(&self, name: &str) -> Answer {
        let text = |data: &RData| match data {
            RData::A(address) => Some(address.0.to_string()),
            RData::AAAA(address) => Some(address.0.to_string()),
            _ => None,
        };
        match self.ask(name, RecordType::A, text).await {
            found @ Answer::Records(_) => found,
            none => match self.ask(name, RecordType::AAAA, text).await {
                Answer::Nothing => none,
                found => found,
            },
        }
    }
}
