//! What both sides prove before anything else is said on a channel: that they know the token.
//!
//! Each side sends a MAC over everything that both have seen so far, under a key derived from the token: the exporter of the
//! TLS channel, both certificates, who dialled, and both greetings. Whoever sits in the middle has two channels with two
//! exporters and can pass neither proof on; a recorded proof fits no later channel; a proof of one side is not one of the
//! other, because each names its side.

use aws_lc_rs::hmac;
use pierhead_model::digest::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::tls::Channel;
use super::token::TokenKey;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Control,
    Agent,
    Ingress,
}

impl Side {
    /// Agents and ingresses speak with a control plane, and nobody else with each other.
    pub(super) const fn speaks_with(self, other: Self) -> bool {
        matches!(self, Self::Control) != matches!(other, Self::Control)
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Control => b"pierhead proof 1 control",
            Self::Agent => b"pierhead proof 1 agent",
            Self::Ingress => b"pierhead proof 1 ingress",
        }
    }
}

/// Everything that both sides have seen of a channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transcript([u8; 32]);

impl Transcript {
    /// `dialler` is the TLS client; `ours` and `theirs` are the greetings as they were sent.
    pub(super) fn new(
        channel: &Channel,
        (us, our_thumbprint): (Side, Digest),
        dialler: Side,
        ours: &[u8],
        theirs: &[u8],
    ) -> Self {
        let (ours, theirs) = ((our_thumbprint, ours), (channel.theirs, theirs));
        let (control, other) = match us {
            Side::Control => (ours, theirs),
            Side::Agent | Side::Ingress => (theirs, ours),
        };
        let mut hash = Sha256::new();
        hash.update(channel.exporter);
        hash.update(dialler.label());
        for (thumbprint, greeting) in [control, other] {
            hash.update(thumbprint.as_bytes());
            // With its length, so that no byte can move from one greeting to the other.
            hash.update((greeting.len() as u64).to_be_bytes());
            hash.update(greeting);
        }
        Self(hash.finalize().into())
    }

    pub(super) fn prove(&self, key: &TokenKey, side: Side) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&key.mac());
        context.update(side.label());
        context.update(&self.0);
        context.sign().as_ref().to_vec()
    }

    /// In constant time.
    pub(super) fn holds(&self, key: &TokenKey, side: Side, proof: &[u8]) -> bool {
        let message = [side.label(), &self.0].concat();
        hmac::verify(&key.mac(), &message, proof).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;
    use pierhead_model::id::NodeId;

    use super::*;
    use crate::link::token::AgentToken;

    const CONTROL: Digest = Digest::from_bytes([1; 32]);
    const AGENT: Digest = Digest::from_bytes([2; 32]);

    fn key(secret: u8) -> TokenKey {
        AgentToken::new(NodeId::new(Timestamp::UNIX_EPOCH, 1), [secret; 32]).key()
    }

    fn of(us: Side, exporter: u8, dialler: Side, control: &[u8], agent: &[u8]) -> Transcript {
        let (our, theirs, mine, other) = match us {
            Side::Control => (CONTROL, AGENT, control, agent),
            Side::Agent | Side::Ingress => (AGENT, CONTROL, agent, control),
        };
        Transcript::new(&Channel { exporter: [exporter; 32], theirs }, (us, our), dialler, mine, other)
    }

    #[test]
    fn both_sides_see_the_same_and_a_proof_is_for_one_side_only() {
        let control = of(Side::Control, 9, Side::Control, b"c", b"a");
        let agent = of(Side::Agent, 9, Side::Control, b"c", b"a");
        let proof = control.prove(&key(1), Side::Control);
        assert!(agent.holds(&key(1), Side::Control, &proof));
        assert!(!agent.holds(&key(1), Side::Agent, &proof), "sent back it proves nothing");
        assert!(!agent.holds(&key(1), Side::Ingress, &proof), "nor as another kind of program");
        assert!(!agent.holds(&key(2), Side::Control, &proof), "another token");
        assert!(!agent.holds(&key(1), Side::Control, &proof[..31]));
        assert!(!agent.holds(&key(1), Side::Control, b""));
    }

    #[test]
    fn whatever_differs_breaks_it() {
        let proof = of(Side::Control, 9, Side::Control, b"c", b"a").prove(&key(1), Side::Control);
        for (what, other) in [
            ("another channel", of(Side::Agent, 8, Side::Control, b"c", b"a")),
            ("dialled by the other", of(Side::Agent, 9, Side::Agent, b"c", b"a")),
            ("another greeting", of(Side::Agent, 9, Side::Control, b"x", b"a")),
            ("a byte moved over", of(Side::Agent, 9, Side::Control, b"ca", b"")),
        ] {
            assert!(!other.holds(&key(1), Side::Control, &proof), "{what}");
        }
        let stranger = Transcript::new(
            &Channel { exporter: [9; 32], theirs: Digest::from_bytes([3; 32]) },
            (Side::Agent, AGENT),
            Side::Control,
            b"a",
            b"c",
        );
        assert!(!stranger.holds(&key(1), Side::Control, &proof), "another certificate");
    }
}
