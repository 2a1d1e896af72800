//! What an ingress says to the control plane.

use pierhead_model::figures::Latencies;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::DeploymentId;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum IngressToControl {
    /// New requests are answered by this generation of the table.
    Applied { epoch: u64, generation: u64 },
    /// Authorities are answered by this version of the challenges.
    Answering { version: u64 },
    /// A change did not fit: send the whole table.
    WantTable,
    /// A deployment that left the table has no request in flight any more, or its drain time is over.
    Drained { deployment: DeploymentId },
    /// These were needed a moment ago: a request or a tunnel was, or is, in flight.
    Active { deployments: Vec<DeploymentId> },
    /// What was answered since this was said last, by hostname. With a `window` it is said again until that is acknowledged.
    Counted {
        routes: Vec<RouteCounts>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<Window>,
    },
    /// Somebody waits for this one, which sleeps.
    Wake { deployment: DeploymentId },
}

/// Tells a message of figures from every other one, so that it counts once however often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The process that counted: a random number.
    pub run: u64,
    /// Counts the messages of that process, from 1, without a gap.
    pub sequence: u64,
    /// When counting ended, in Unix seconds by the clock of that process.
    pub at: u64,
}

/// What was answered for one hostname.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCounts {
    pub host: Hostname,
    #[serde(flatten)]
    pub counts: Counts,
    /// Until each answer began.
    #[serde(default, skip_serializing_if = "Latencies::is_empty")]
    pub took: Latencies,
}

/// Figures that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By the first digit of their status: `answers[2]` is 2xx, `answers[0]` what has none of 1 to 5.
    pub answers: [u64; 6],
    /// Bytes of the answers' bodies.
    pub bytes: u64,
    /// Answers that the platform gave because a service did not.
    pub upstream_errors: u64,
}

impl Counts {
    /// Adds what was counted elsewhere, or later.
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.answers.iter_mut().zip(other.answers) {
            *sum = sum.saturating_add(more);
        }
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.upstream_errors = self.upstream_errors.saturating_add(other.upstream_errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_ingress_counts_is_understood_and_a_newer_one_by_an_older_side() {
        let older = r#"{"type":"counted","routes":[{"host":"a.b","answers":[0,0,2,0,0,0],"bytes":9,"upstream_errors":0}]}"#;
        let IngressToControl::Counted { routes, window } = serde_json::from_str(older).unwrap() else {
            panic!("counts")
        };
        assert_eq!((routes[0].counts.bytes, routes[0].took.is_empty(), window), (9, true, None));
        let mut newer = routes;
        newer[0].took.record(1000);
        let window = Some(Window { run: u64::MAX, sequence: 3, at: 1_772_366_400 });
        let message = IngressToControl::Counted { routes: newer, window };
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<IngressToControl>(&text).unwrap(), message, "{text}");
        assert!(
            text.contains(r#""host":"a.b","answers":[0,0,2,0,0,0],"bytes":9,"upstream_errors":0"#),
            "{text}"
        );
    }
}
