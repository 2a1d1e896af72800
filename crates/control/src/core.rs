//! What services and reconcilers share: the store, the links, the signals between them. No behaviour of its own.

use std::sync::Arc;

use pierhead_model::id::InstallId;
use pierhead_store::Store;
use pierhead_wire::BlobChannel;
use secrecy::SecretString;

use crate::edge::Edge;
use crate::error::{Error, StoreResult as _};
use crate::fleet::Fleet;
use crate::images::Images;
use crate::ingresses::Ingresses;
use crate::links::Links;
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
    /// What agents on other machines read and write.
    pub(crate) blobs: Arc<dyn BlobChannel>,
    /// Where images come from.
    pub(crate) images: Images,
    pub(crate) ingresses: Ingresses,
    /// The way to addresses that people of projects chose.
    pub(crate) outgoing: Outgoing,
    /// Which services should sleep.
    pub(crate) sleepers: Arc<Sleepers>,
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
    pub(crate) sleep: Signal,
    pub(crate) letters: Signal,
    pub(crate) domains: Signal,
    pub(crate) certificates: Signal,
}

/// How the ingress is reached from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicAddress {
    /// `http` or `https`.
    pub scheme: String,
    /// `None` for the scheme's own port.
    pub port: Option<u16>,
}

impl PublicAddress {
    /// The URL of a hostname.
    pub fn url(&self, host: &pierhead_model::hostname::Hostname) -> String {
        match self.port {
            Some(port) => format!("{}://{host}:{port}", self.scheme),
            None => format!("{}://{host}", self.scheme),
        }
    }
}
