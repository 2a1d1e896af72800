//! What the control plane says to an ingress.

use std::collections::HashMap;

use pierhead_model::hostname::Hostname;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::route::Route;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ControlToIngress {
    /// The whole table. Replaces everything, unless it is older than what is there.
    Table { epoch: u64, generation: u64, routes: Vec<Route> },
    /// What changed since `from`. An ingress that is not at `from` asks for the whole table.
    Change { epoch: u64, from: u64, generation: u64, upserts: Vec<Route>, removals: Vec<Hostname> },
    /// All certificates there are (`whole`), or those that changed and the names of those that are gone.
    Certificates { whole: bool, certificates: Vec<Certificate>, removals: Vec<String> },
    /// The answers to all challenges of certificate authorities that are open now, by token. `version` counts the changes.
    Challenges { version: u64, answers: HashMap<String, String> },
    /// Figures of this process are stored up to this message.
    Counted { run: u64, sequence: u64 },
}
