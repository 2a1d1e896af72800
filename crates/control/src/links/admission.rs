//! Who is on the other end of a channel, and whether it may be: the token's proof first, then the certificate.

use pierhead_model::digest::Digest;
use pierhead_model::id::{IngressId, NodeId};
use pierhead_store::{Ingress, Node};
use pierhead_wire::link::Side;
use pierhead_wire::link::handshake::{Greeting, HandshakeError, Met, Opened, Purpose, Refusal, RefusalCode};
use pierhead_wire::link::token::TokenKey;
use pierhead_wire::version::{Incompatible, Version};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Where a node's key is sealed.
pub(crate) fn key_place(node: &NodeId) -> String {
    format!("nodes/{node}/token_key")
}

/// Where an ingress's key is sealed.
pub(crate) fn ingress_key_place(ingress: &IngressId) -> String {
    format!("ingresses/{ingress}/token_key")
}

/// Whose token the other end has to prove.
#[derive(Debug)]
pub(super) enum Party {
    Node(Box<Node>),
    Ingress(Box<Ingress>),
}

impl Party {
    /// As people know it.
    fn named(&self) -> String {
        match self {
            Self::Node(node) => format!("the node `{}`", node.name),
            Self::Ingress(ingress) => format!("the ingress `{}`", ingress.name),
        }
    }

    const fn thumbprint(&self) -> Option<Digest> {
        match self {
            Self::Node(node) => node.link.thumbprint,
            Self::Ingress(ingress) => ingress.thumbprint,
        }
    }

    /// Trusts its first certificate. Says whether that is the one that is trusted now.
    async fn trust(&self, core: &Core, shown: Digest) -> Result<bool, NotAdmitted> {
        let trusted = match self {
            Self::Node(node) => core.store.node_trust(&node.id, shown, true).await,
            Self::Ingress(ingress) => core.store.ingress_trust(&ingress.id, shown, true).await,
        };
        trusted.map_err(not_stored)
    }

    /// Agents that are too old are still spoken with, because of what runs there. An ingress is not: it serves what it has.
    fn understood(&self, theirs: &Version) -> Result<(), Box<Incompatible>> {
        match self {
            Self::Node(_) => Ok(()),
            Self::Ingress(_) => Version::current().negotiate(theirs).map(drop).map_err(Box::new),
        }
    }
}

/// What this control plane says of itself.
pub(super) fn greeting(core: &Core, node: Option<&Node>, purpose: Option<Purpose>) -> Greeting {
    Greeting {
        version: Version::current(),
        side: Side::Control,
        purpose,
        node: node.map(|node| node.id.clone()),
        ingress: None,
        install: Some(core.install.clone()),
    }
}

/// What proves a token. One that was revoked is proved by nothing.
pub(super) fn key_of(core: &Core, party: &Party) -> Result<Option<TokenKey>, Error> {
    let (place, sealed) = match party {
        Party::Node(node) => (key_place(&node.id), &node.link.token_key),
        Party::Ingress(ingress) => (ingress_key_place(&ingress.id), &ingress.token_key),
    };
    let Some(sealed) = sealed else { return Ok(None) };
    let opened = core.key.open(&place, sealed).map_err(Error::internal)?;
    Ok(TokenKey::from_hex(opened.expose_secret()))
}

/// Why a channel was not admitted, and the certificate that was shown on it.
#[derive(Debug)]
pub(super) struct NotAdmitted {
    pub(super) error: HandshakeError,
    pub(super) shown: Option<Digest>,
}

impl From<HandshakeError> for NotAdmitted {
    fn from(error: HandshakeError) -> Self {
        Self { error, shown: None }
    }
}

/// Proves the token both ways and compares the certificate with the one that is trusted. The first one that comes with the
/// right token is.
pub(super) async fn admit<Io>(
    core: &Core,
    party: &Party,
    key: &TokenKey,
    met: Met<Io>,
) -> Result<Opened<Io>, NotAdmitted>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let proved = met.prove(key).await?;
    let shown = proved.thumbprint;
    let trusted = match (proved.holds, party.thumbprint()) {
        (true, None) => party.trust(core, shown).await?,
        (_, trusted) => trusted == Some(shown),
    };
    let refusal = (!trusted).then(|| Refusal {
        code: RefusalCode::Untrusted,
        detail: format!(
            "{} is known by another certificate than {shown}: an administrator has to approve this one",
            party.named()
        ),
    });
    let other = proved.theirs.install.as_ref().is_some_and(|install| *install != core.install);
    let refusal = refusal.or_else(|| {
        other.then(|| Refusal {
            code: RefusalCode::AnotherInstall,
            detail: "the agent's data directory belongs to another install".to_owned(),
        })
    });
    let refusal = refusal.or_else(|| {
        let incompatible = party.understood(&proved.theirs.version).err()?;
        Some(Refusal { code: RefusalCode::Other, detail: incompatible.to_string() })
    });
    proved.conclude(refusal).await.map_err(|error| NotAdmitted { error, shown: Some(shown) })
}

fn not_stored(error: pierhead_store::StoreError) -> NotAdmitted {
    HandshakeError::Broken(std::io::Error::other(error)).into()
}

/// The node that an agent says it is.
pub(super) async fn find(core: &Core, node: &NodeId) -> Result<Option<Node>, Error> {
    let found = core.store.node_find(node.as_ref()).await.stored()?;
    Ok(found.filter(|found| found.id == *node))
}

/// The ingress that somebody says it is.
pub(super) async fn find_ingress(core: &Core, ingress: &IngressId) -> Result<Option<Ingress>, Error> {
    let found = core.store.ingress_find(ingress.as_ref()).await.stored()?;
    Ok(found.filter(|found| found.id == *ingress))
}
