//! Who is on the other end of a channel, and whether it may be: the token's proof first, then the certificate.

use pierhead_model::digest::Digest;
use pierhead_model::id::NodeId;
use pierhead_store::Node;
use pierhead_wire::link::Side;
use pierhead_wire::link::handshake::{Greeting, HandshakeError, Met, Opened, Purpose, Refusal, RefusalCode};
use pierhead_wire::link::token::TokenKey;
use pierhead_wire::version::Version;
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::core::Core;
use crate::error::{Error, StoreResult as _};

/// Where a node's key is sealed.
pub(crate) fn key_place(node: &NodeId) -> String {
    format!("nodes/{node}/token_key")
}

/// What this control plane says of itself.
pub(super) fn greeting(core: &Core, node: Option<&Node>, purpose: Option<Purpose>) -> Greeting {
    Greeting {
        version: Version::current(),
        side: Side::Control,
        purpose,
        node: node.map(|node| node.id.clone()),
        install: Some(core.install.clone()),
    }
}

/// What proves a node's token. One that was revoked is proved by nothing.
pub(super) fn key_of(core: &Core, node: &Node) -> Result<Option<TokenKey>, Error> {
    let Some(sealed) = &node.link.token_key else { return Ok(None) };
    let opened = core.key.open(&key_place(&node.id), sealed).map_err(Error::internal)?;
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
    node: &Node,
    key: &TokenKey,
    met: Met<Io>,
) -> Result<Opened<Io>, NotAdmitted>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let proved = met.prove(key).await?;
    let shown = proved.thumbprint;
    let trusted = match (proved.holds, node.link.thumbprint) {
        (true, None) => core.store.node_trust(&node.id, shown, true).await.map_err(not_stored)?,
        (_, trusted) => trusted == Some(shown),
    };
    let refusal = (!trusted).then(|| Refusal {
        code: RefusalCode::Untrusted,
        detail: format!(
            "the node `{}` is known by another certificate than {shown}: an administrator has to approve this one",
            node.name
        ),
    });
    let other = proved.theirs.install.as_ref().is_some_and(|install| *install != core.install);
    let refusal = refusal.or_else(|| {
        other.then(|| Refusal {
            code: RefusalCode::AnotherInstall,
            detail: "the agent's data directory belongs to another install".to_owned(),
        })
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
