//! What visitors were answered, by hostname, summed up over all ingresses since this control plane started.
//!
//! Bounded: so many hostnames have a line of their own, those that are gone make room, and the rest is one line.

use std::collections::HashMap;

use pierhead_model::hostname::Hostname;
use pierhead_model::name::ProjectName;
use pierhead_wire::ingress_to_control::{Counts, RouteCounts};

/// Hostnames with a line of their own.
const MOST: usize = 2000;

/// What was answered for one hostname, or for all that have no line of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostTraffic {
    /// `None` for the rest.
    pub host: Option<Hostname>,
    /// Whose it is now.
    pub project: Option<ProjectName>,
    pub counts: Counts,
}

#[derive(Debug, Default)]
pub(super) struct Traffic {
    hosts: HashMap<Hostname, Counts>,
    rest: Counts,
}

impl Traffic {
    /// `is_shown` says whether a hostname is in the table.
    pub(super) fn add(&mut self, routes: Vec<RouteCounts>, is_shown: impl Fn(&Hostname) -> bool) {
        for RouteCounts { host, counts, .. } in routes {
            if let Some(known) = self.hosts.get_mut(&host) {
                known.add(&counts);
                continue;
            }
            if self.hosts.len() >= MOST {
                self.hosts.retain(|host, _| is_shown(host));
            }
            if self.hosts.len() < MOST {
                self.hosts.insert(host, counts);
            } else {
                self.rest.add(&counts);
            }
        }
    }

    /// By name, the rest last.
    pub(super) fn lines(&self, project: impl Fn(&Hostname) -> Option<ProjectName>) -> Vec<HostTraffic> {
        let line = |(host, counts): (&Hostname, &Counts)| HostTraffic {
            host: Some(host.clone()),
            project: project(host),
            counts: *counts,
        };
        let mut lines: Vec<HostTraffic> = self.hosts.iter().map(line).collect();
        lines.sort_unstable_by(|one, other| one.host.cmp(&other.host));
        if self.rest != Counts::default() {
            lines.push(HostTraffic { host: None, project: None, counts: self.rest });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(number: usize, bytes: u64) -> RouteCounts {
        let host = Hostname::parse(&format!("h{number}.test")).unwrap();
        let counts = Counts { answers: [0, 0, 1, 0, 0, 0], bytes, upstream_errors: 0 };
        RouteCounts { host, counts, took: pierhead_model::figures::Latencies::default() }
    }

    #[test]
    fn sums_up_and_has_no_more_lines_than_it_may() {
        let mut traffic = Traffic::default();
        for _ in 0..2 {
            traffic.add((0..MOST + 5).map(|number| counted(number, 1)).collect(), |_| true);
        }
        let lines = traffic.lines(|_| None);
        assert_eq!(lines.len(), MOST + 1);
        assert!(lines[..MOST].iter().all(|line| line.counts.answers[2] == 2 && line.host.is_some()));
        assert_eq!((lines[MOST].host.as_ref(), lines[MOST].counts.bytes), (None, 10));
        // What left the table makes room.
        traffic.add(vec![counted(9999, 7)], |host| host.as_str() != "h3.test");
        let lines = traffic.lines(|_| None);
        assert!(
            lines.iter().any(|line| line.host.as_ref().is_some_and(|host| host.as_str() == "h9999.test"))
        );
        assert_eq!(lines.len(), MOST + 1);
    }
}
