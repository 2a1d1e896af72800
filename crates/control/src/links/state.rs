//! What is known of each node's connection: why it is not there, and what would help.

use std::collections::HashMap;

use parking_lot::Mutex;
use pierhead_model::digest::Digest;
use pierhead_model::id::NodeId;
use pierhead_wire::link::handshake::{HandshakeError, RefusalCode};
use pierhead_wire::link::socket::LinkEnd;

use crate::reconcilers::Signal;
use crate::reconcilers::driver::Chain;

/// Why a node is not connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkState {
    pub(crate) problem: LinkProblem,
    /// A sentence for people.
    pub(crate) detail: String,
    /// The certificate that was shown, when it is not the one that is trusted.
    pub(crate) shown: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkProblem {
    /// Nobody answers at its address, or the connection broke.
    Unreachable,
    /// Something answers that is no agent.
    NotAnAgent,
    /// It does not have the token.
    WrongToken,
    /// It has the token and another certificate than before.
    Untrusted,
    /// It belongs to another install, or is another node.
    NotOurs,
    /// Its token was revoked.
    Revoked,
    /// It is connected, and too old or too new for new work.
    Incompatible,
}

impl LinkProblem {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::NotAnAgent => "not_an_agent",
            Self::WrongToken => "wrong_token",
            Self::Untrusted => "certificate_changed",
            Self::NotOurs => "not_ours",
            Self::Revoked => "token_revoked",
            Self::Incompatible => "incompatible",
        }
    }
}

/// The latest about each node.
#[derive(Debug, Default)]
pub(crate) struct Links {
    nodes: Mutex<HashMap<NodeId, Entry>>,
}

impl LinkState {
    /// Why a channel was not opened. `shown` is the certificate on it.
    pub(crate) fn of(error: &HandshakeError, shown: Option<Digest>) -> Self {
        let problem = match error {
            HandshakeError::Broken(_) | HandshakeError::TimedOut => LinkProblem::Unreachable,
            HandshakeError::Garbled(_) => LinkProblem::NotAnAgent,
            HandshakeError::TheyRefused(refusal) | HandshakeError::WeRefused(refusal) => match refusal.code {
                RefusalCode::WrongToken => LinkProblem::WrongToken,
                RefusalCode::Untrusted => LinkProblem::Untrusted,
                RefusalCode::AnotherNode | RefusalCode::AnotherInstall => LinkProblem::NotOurs,
                RefusalCode::Other => LinkProblem::NotAnAgent,
            },
        };
        let shown = shown.filter(|_| problem == LinkProblem::Untrusted);
        Self { problem, detail: Chain(error).to_string(), shown }
    }
}

#[derive(Debug, Default)]
struct Entry {
    state: Option<LinkState>,
    /// Whoever dials it should do so now.
    wake: Signal,
}

impl Links {
    pub(crate) fn state(&self, node: &NodeId) -> Option<LinkState> {
        self.nodes.lock().get(node)?.state.clone()
    }

    /// Nothing is wrong any more.
    pub(crate) fn well(&self, node: &NodeId) {
        self.nodes.lock().entry(node.clone()).or_default().state = None;
    }

    pub(crate) fn set(&self, node: &NodeId, state: LinkState) {
        self.nodes.lock().entry(node.clone()).or_default().state = Some(state);
    }

    pub(crate) fn lost(&self, node: &NodeId, end: &LinkEnd) {
        let detail = Chain(end).to_string();
        self.set(node, LinkState { problem: LinkProblem::Unreachable, detail, shown: None });
    }

    pub(crate) fn failed(&self, node: &NodeId, error: &HandshakeError, shown: Option<Digest>) {
        self.set(node, LinkState::of(error, shown));
    }

    /// Something about it was changed: look again at once.
    pub(crate) fn wake(&self, node: &NodeId) {
        self.nodes.lock().entry(node.clone()).or_default().wake.raise();
    }

    pub(crate) fn wake_signal(&self, node: &NodeId) -> Signal {
        self.nodes.lock().entry(node.clone()).or_default().wake.clone()
    }

    pub(crate) fn forget(&self, node: &NodeId) {
        self.nodes.lock().remove(node);
    }
}
