//! Which node gets a deployment: one that has room by what was promised and by what is used.
//!
//! Promised (allocated) is the sum of the limits of what was placed on a node; used is what the machine says. Applications use
//! far less than their limits most of the time, so more is promised than there is: memory up to [`MEMORY_PROMISE`] times, cores
//! up to [`CPU_PROMISE`] times. What is really used is never exceeded knowingly: the whole memory limit must fit beside it.
//! Busy cores only make a node the second choice: a build may keep them busy for a minute, and that is no reason to refuse.

use crate::id::NodeId;

/// Memory that may be promised, as a multiple of what the machine has.
pub const MEMORY_PROMISE: f64 = 2.0;
/// Cores that may be promised, as a multiple of what the machine has.
pub const CPU_PROMISE: f64 = 16.0;

/// What a deployment needs while it runs, and the most that its build needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    pub memory_mb: u64,
    /// In cores.
    pub cpu: f64,
    /// Of its largest container: more cores than a machine has cannot be given to one.
    pub widest_cpu: f64,
    pub build_memory_mb: u64,
}

/// A node as it is known now.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub node: NodeId,
    pub name: String,
    pub memory_mb: u64,
    pub cores: f64,
    /// Limits of what was placed on it.
    pub promised_memory_mb: u64,
    pub promised_cores: f64,
    /// What the machine says.
    pub used_memory_mb: u64,
    pub used_cores: f64,
}

/// No node has room. The text names each node and what is missing there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no node has room for {need}: {nodes}. Stop something, lower the limits, or add a node")]
pub struct NoRoom {
    pub need: String,
    pub nodes: String,
}

/// The node with most room. `candidates` are those that are connected and take new work; with none of them there is nothing
/// to decide, which is not the same as no room.
pub fn place(need: Need, candidates: &[Candidate]) -> Result<Option<&Candidate>, NoRoom> {
    let fitting = candidates.iter().filter(|candidate| shortage(need, candidate).is_none());
    let best =
        fitting.min_by(|a, b| rank(need, a).total_cmp(&rank(need, b)).then_with(|| a.name.cmp(&b.name)));
    match best {
        Some(best) => Ok(Some(best)),
        None if candidates.is_empty() => Ok(None),
        None => {
            let short = |candidate: &Candidate| {
                let why = shortage(need, candidate).unwrap_or_default();
                format!("{} has {why}", candidate.name)
            };
            Err(NoRoom {
                need: format!("{} MiB of memory and {} cores", need.memory_mb, need.cpu),
                nodes: candidates.iter().map(short).collect::<Vec<_>>().join("; "),
            })
        }
    }
}

/// What is missing on a node, in words with the numbers; `None` when it fits.
fn shortage(need: Need, on: &Candidate) -> Option<String> {
    let (memory, cores) = (on.memory_mb as f64, on.cores);
    if need.build_memory_mb.max(need.memory_mb) > on.memory_mb {
        return Some(format!("{} MiB of memory in all", on.memory_mb));
    }
    if need.widest_cpu > cores {
        return Some(format!("{cores} cores in all"));
    }
    if (on.promised_memory_mb + need.memory_mb) as f64 > memory * MEMORY_PROMISE {
        return Some(format!(
            "promised {} MiB of the {:.0} MiB it may promise",
            on.promised_memory_mb,
            memory * MEMORY_PROMISE
        ));
    }
    if on.promised_cores + need.cpu > cores * CPU_PROMISE {
        return Some(format!(
            "promised {} of the {:.0} cores it may promise",
            on.promised_cores,
            cores * CPU_PROMISE
        ));
    }
    let free = on.memory_mb.saturating_sub(on.used_memory_mb);
    (need.memory_mb > free).then(|| format!("{free} MiB of memory free of {} MiB", on.memory_mb))
}

/// The smaller, the better: how full the node would be, by the fuller of promise and use; busy cores count a little.
fn rank(need: Need, on: &Candidate) -> f64 {
    let memory = (on.memory_mb as f64).max(1.0);
    let promised = (on.promised_memory_mb + need.memory_mb) as f64 / (memory * MEMORY_PROMISE);
    let used = (on.used_memory_mb + need.memory_mb) as f64 / memory;
    let busy = (on.used_cores / on.cores.max(0.01)).clamp(0.0, 1.0);
    promised.max(used) + 0.1 * busy
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;

    fn node(number: u128, promised_memory_mb: u64, used_memory_mb: u64) -> Candidate {
        Candidate {
            node: NodeId::new(Timestamp::UNIX_EPOCH, number),
            name: format!("n{number}"),
            memory_mb: 4096,
            cores: 2.0,
            promised_memory_mb,
            promised_cores: 0.0,
            used_memory_mb,
            used_cores: 0.0,
        }
    }

    const NEED: Need = Need { memory_mb: 512, cpu: 1.0, widest_cpu: 1.0, build_memory_mb: 2048 };

    fn chosen(need: Need, nodes: &[Candidate]) -> Result<Option<String>, NoRoom> {
        place(need, nodes).map(|found| found.map(|node| node.name.clone()))
    }

    #[test]
    fn the_emptiest_that_has_room_by_promise_and_by_use() {
        assert_eq!(chosen(NEED, &[]), Ok(None), "nobody to decide about");
        assert_eq!(chosen(NEED, &[node(1, 1024, 0), node(2, 0, 0)]), Ok(Some("n2".into())));
        assert_eq!(chosen(NEED, &[node(1, 0, 3000), node(2, 2048, 100)]), Ok(Some("n2".into())));
        assert_eq!(chosen(NEED, &[node(2, 0, 0), node(1, 0, 0)]), Ok(Some("n1".into())), "ties by name");
        let busy = Candidate { used_cores: 2.0, ..node(1, 0, 0) };
        assert_eq!(chosen(NEED, &[busy.clone(), node(2, 0, 0)]), Ok(Some("n2".into())));
        assert_eq!(chosen(NEED, &[busy]), Ok(Some("n1".into())), "busy is not full");
    }

    #[test]
    fn what_is_missing_is_said_with_the_numbers() {
        for (need, node, told) in [
            (NEED, node(1, 8000, 0), "n1 has promised 8000 MiB of the 8192 MiB it may promise"),
            (NEED, node(1, 0, 3800), "n1 has 296 MiB of memory free of 4096 MiB"),
            (Need { cpu: 3.0, widest_cpu: 3.0, ..NEED }, node(1, 0, 0), "n1 has 2 cores in all"),
            (Need { cpu: 33.0, ..NEED }, node(1, 0, 0), "promised 0 of the 32 cores"),
            (Need { build_memory_mb: 5000, ..NEED }, node(1, 0, 0), "n1 has 4096 MiB of memory in all"),
            (NEED, Candidate { promised_cores: 31.5, ..node(1, 0, 0) }, "promised 31.5 of the 32 cores"),
        ] {
            let refused = place(need, &[node]).unwrap_err().to_string();
            assert!(refused.contains(told), "{refused}");
            assert!(refused.starts_with("no node has room for"), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn whoever_is_chosen_has_room_and_nobody_with_room_is_refused(
            nodes in proptest::collection::vec((0_u64..9000, 0_u64..5000), 0..6),
            memory_mb in 1_u64..5000,
        ) {
            let need = Need { memory_mb, ..NEED };
            let nodes: Vec<_> =
                nodes.into_iter().zip(1..).map(|((promised, used), number)| node(number, promised, used)).collect();
            let has_room = |node: &Candidate| {
                node.promised_memory_mb + memory_mb <= 8192 && node.used_memory_mb + memory_mb <= 4096
            };
            match place(need, &nodes) {
                Ok(Some(chosen)) => prop_assert!(has_room(chosen)),
                Ok(None) => prop_assert!(nodes.is_empty()),
                Err(_) => prop_assert!(!nodes.is_empty() && !nodes.iter().any(has_room)),
            }
        }
    }
}
