//! What services and reconcilers share: the store, the links, the signals between them. No behaviour of its own.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::RwLock;
use pierhead_model::id::InstallId;
use pierhead_store::Store;
use pierhead_wire::BlobChannel;
use secrecy::SecretString;

use crate::builds::Builds;
use crate::edge::Edge;
use crate::error::{Error, StoreResult as _};
use crate::figures::Recorder;
use crate::fleet::Fleet;
use crate::images::Images;
use crate::ingresses::Ingresses;
use crate::links::{Guests, Links};
use crate::mail::Mailer;
use crate::outgoing::Outgoing;
use crate::outside::Outside;
use crate::reconcilers::Signal;
use crate::sealing::Keyring;
use crate::sign_in::ProviderOptions;
use crate::sleepers::Sleepers;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) key: Keyring,
    pub(crate) install: InstallId,
    /// Grows with each start; every write of the lifecycle carries it.
    pub(crate) epoch: u64,
    pub(crate) fleet: Fleet,
    pub(crate) links: Links,
    /// Ingresses on other machines.
    pub(crate) guests: Guests,
    /// What agents on other machines read and write.
    pub(crate) blobs: Arc<dyn BlobChannel>,
    /// Where images come from.
    pub(crate) images: Images,
    pub(crate) ingresses: Ingresses,
    /// The way to addresses that people of projects chose.
    pub(crate) outgoing: Outgoing,
    /// Which services should sleep.
    pub(crate) sleepers: Arc<Sleepers>,
    /// What is counted and measured, on its way into the store.
    pub(crate) figures: Arc<Recorder>,
    /// Whose turn it is to build.
    pub(crate) builds: Builds,
    pub(crate) signals: Signals,
    /// How addresses that visitors use begin and end: scheme and port.
    pub(crate) public: PublicAddress,
    /// What webhooks for the whole installation are signed with.
    pub(crate) webhook_secret: Option<SecretString>,
    pub(crate) access: AccessOptions,
    pub(crate) edge: Edge,
}

/// Who may come in, and how letters are sent.
#[derive(Debug, Clone)]
pub struct AccessOptions {
    /// Without one, links are shown to who asks for them.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Where people find the console; no slash at the end.
    pub console_url: String,
    /// Accounts elsewhere that people may sign in with.
    pub providers: Vec<ProviderOptions>,
}

impl Default for AccessOptions {
    fn default() -> Self {
        Self { mailer: None, console_url: "http://127.0.0.1:8400".to_owned(), providers: Vec::new() }
    }
}

impl Core {
    /// What has drained may be stopped: the nodes that have something of it should look.
    pub(crate) async fn wake_nodes_with_ended(&self) -> Result<(), Error> {
        for node in self.store.nodes_with_ended().await.stored()? {
            self.fleet.wake(&node);
        }
        Ok(())
    }
}

/// Who should look again.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    pub(crate) deployments: Signal,
    pub(crate) routes: Signal,
    pub(crate) removals: Signal,
    pub(crate) expiry: Signal,
    pub(crate) drains: Signal,
    pub(crate) images: Signal,
    pub(crate) nodes: Signal,
    pub(crate) sources: Signal,
    pub(crate) tokens: Signal,
    pub(crate) pushed: Signal,
    pub(crate) notices: Signal,
    pub(crate) feedback: Signal,
    pub(crate) hooks: Signal,
    pub(crate) sleep: Signal,
    pub(crate) letters: Signal,
    pub(crate) domains: Signal,
    pub(crate) certificates: Signal,
    pub(crate) caches: Signal,
}

/// How the ingress is reached from outside.
#[derive(Debug, Clone)]
pub struct PublicAddress {
    /// `http` or `https`: how visitors come to a hostname that has no certificate here.
    pub scheme: String,
    /// `None` for the scheme's own port.
    pub port: Option<u16>,
    /// How they come to one that has.
    pub tls: Option<PublicTls>,
}

/// Where visitors come by TLS, and for which names.
#[derive(Debug, Clone, Default)]
pub struct PublicTls {
    /// `None` for that of `https`.
    pub port: Option<u16>,
    pub names: CertifiedNames,
}

/// The names of all certificates that the ingresses have. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct CertifiedNames(Arc<RwLock<Certified>>);

#[derive(Debug, Default)]
struct Certified {
    /// What this control plane vouches for.
    vouched: HashSet<String>,
    /// What an ingress found itself.
    found: HashSet<String>,
}

impl CertifiedNames {
    /// Takes names that an ingress has certificates for without being told.
    pub fn add(&self, names: impl IntoIterator<Item = String>) {
        self.0.write().found.extend(names);
    }

    pub(crate) fn vouch(&self, names: HashSet<String>) {
        self.0.write().vouched = names;
    }

    fn cover(&self, host: &str) -> bool {
        let certified = self.0.read();
        let known = |name: &str| certified.vouched.contains(name) || certified.found.contains(name);
        known(host) || host.split_once('.').is_some_and(|(_, parent)| known(&format!("*.{parent}")))
    }
}

impl PublicAddress {
    /// The URL of a hostname.
    pub fn url(&self, host: &pierhead_model::hostname::Hostname) -> String {
        let by_tls = self.tls.as_ref().filter(|tls| tls.names.cover(host.as_str()));
        let (scheme, port) = by_tls.map_or((self.scheme.as_str(), self.port), |tls| ("https", tls.port));
        match port {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::hostname::Hostname;

    use super::*;

    #[test]
    fn what_has_a_certificate_is_visited_by_tls() {
        let mut public = PublicAddress { scheme: "http".to_owned(), port: Some(8080), tls: None };
        let url = |public: &PublicAddress, host: &str| public.url(&Hostname::parse(host).unwrap());
        assert_eq!(url(&public, "shop.test"), "http://shop.test:8080");
        let names = CertifiedNames::default();
        public.tls = Some(PublicTls { port: None, names: names.clone() });
        names.vouch(["shop.test".to_owned(), "*.base.test".to_owned()].into());
        names.add(["found.test".to_owned()]);
        for (host, expected) in [
            ("shop.test", "https://shop.test"),
            ("found.test", "https://found.test"),
            ("a.base.test", "https://a.base.test"),
            ("b.a.base.test", "http://b.a.base.test:8080"),
            ("base.test", "http://base.test:8080"),
        ] {
            assert_eq!(url(&public, host), expected);
        }
        names.vouch(HashSet::new());
        assert_eq!(url(&public, "shop.test"), "http://shop.test:8080", "it is over");
        public.tls = Some(PublicTls { port: Some(8443), names });
        assert_eq!(url(&public, "found.test"), "https://found.test:8443");
    }
}
