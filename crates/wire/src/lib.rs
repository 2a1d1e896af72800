//! What the control plane, the agents and the ingress say to each other, and the link that carries it.
//!
//! The four message modules are the whole protocol; [`link`] moves messages and knows none of them. The
//! control plane dials an agent, or the agent the control plane; in `pierhead up` the same messages travel through memory.
//!
//! Rules that keep a mixed fleet working: fields are added, never renamed or removed; an unknown message is ignored and
//! counted; a version that is too far apart is refused by name (see [`version`]). The JSON of each message is pinned in
//! `golden/` and compared by a test.

pub mod agent_to_control;
pub mod blob;
pub mod certificate;
pub mod control_to_agent;
pub mod control_to_ingress;
pub mod exec;
pub mod ingress_to_control;
pub mod link;
pub mod pass;
pub mod route;
pub mod streams;
pub mod traffic;
pub mod version;

pub use agent_to_control::AgentToControl;
pub use blob::{BlobChannel, BlobError};
pub use control_to_agent::ControlToAgent;
pub use control_to_ingress::ControlToIngress;
pub use exec::Executes;
pub use ingress_to_control::IngressToControl;
pub use traffic::{Endpoint, Leaders, Tunnels};
