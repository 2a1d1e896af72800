//! Which nodes run the replicas of a deployment's services.
//!
//! One node leads: it runs the pipeline, and a replica of every service. Further replicas go where the fewest of their service
//! are, and among those where most room is, so that a node that fails takes as few as it can with it. What cannot move between
//! machines stays with the leader: services with volumes, and those that use something of the machine itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::NodeId;
use crate::limit::Limits;
use crate::pipeline::dry_run::{Room, room_of, wanted};
use crate::pipeline::service::{Privileges, ServiceStep};
use crate::pipeline::{Pipeline, Step, StepName};
use crate::placement::{Candidate, NoRoom, place};

/// Replicas of services, by their numbers, which begin with 1.
pub type Replicas = BTreeMap<StepName, BTreeSet<u32>>;

/// What each node runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    pub leader: NodeId,
    /// What the other nodes run.
    pub shares: Vec<NodeShare>,
}

/// A part of a deployment's replicas.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeShare {
    pub node: NodeId,
    pub replicas: Replicas,
    pub room: Room,
}

impl Spread {
    /// Everything on one node.
    pub const fn on(leader: NodeId) -> Self {
        Self { leader, shares: Vec::new() }
    }
}

/// Decides where everything goes; `None` when there is no node to choose from.
pub fn spread(
    pipeline: &Pipeline,
    limits: &Limits,
    candidates: &[Candidate],
) -> Result<Option<Spread>, NoRoom> {
    let movable: Vec<_> = movable(pipeline).collect();
    let mut led = pipeline.clone();
    for (name, _) in &movable {
        if let Some(Step::Service(service)) = led.steps.get_mut(*name) {
            service.replicas = 1;
        }
    }
    let room = wanted(&led, limits).room;
    let Some(leader) = place(room.need(), candidates)?.map(|chosen| chosen.node.clone()) else {
        return Ok(None);
    };
    let mut nodes = candidates.to_vec();
    promise(&mut nodes, &leader, room);
    let mut shares: BTreeMap<NodeId, NodeShare> = BTreeMap::new();
    for (name, service) in movable {
        let each = room_of(service, limits);
        let mut counts = BTreeMap::from([(leader.clone(), 1_u32)]);
        for replica in 2..=service.replicas {
            let Some(chosen) = emptiest(&nodes, &counts, each)? else { return Ok(None) };
            *counts.entry(chosen.clone()).or_default() += 1;
            promise(&mut nodes, &chosen, each);
            if chosen == leader {
                continue;
            }
            let share = shares.entry(chosen.clone()).or_insert_with(|| NodeShare {
                node: chosen,
                replicas: Replicas::new(),
                room: Room::default(),
            });
            share.replicas.entry(name.clone()).or_default().insert(replica);
            share.room = share.room.with(each);
        }
    }
    Ok(Some(Spread { leader, shares: shares.into_values().collect() }))
}

/// The replicas that are left for the leader, of services of which it does not run all.
pub fn left_for_leader<'s>(pipeline: &Pipeline, shares: impl Iterator<Item = &'s Replicas>) -> Replicas {
    let mut left = Replicas::new();
    for (name, elsewhere) in shares.flatten() {
        let Some(Step::Service(service)) = pipeline.steps.get(name) else { continue };
        let here = left.entry(name.clone()).or_insert_with(|| (1..=service.replicas.max(1)).collect());
        here.retain(|replica| !elsewhere.contains(replica));
    }
    left
}

fn movable(pipeline: &Pipeline) -> impl Iterator<Item = (&StepName, &ServiceStep)> {
    pipeline.steps.iter().filter_map(|(name, step)| {
        let Step::Service(service) = step else { return None };
        let bound = !service.volumes.is_empty() || service.privileges != Privileges::default();
        (service.replicas > 1 && !bound).then_some((name, service.as_ref()))
    })
}

/// Of the nodes with room, one of those that have the fewest replicas of the service.
fn emptiest(
    nodes: &[Candidate],
    counts: &BTreeMap<NodeId, u32>,
    each: Room,
) -> Result<Option<NodeId>, NoRoom> {
    let of = |node: &Candidate| counts.get(&node.node).copied().unwrap_or_default();
    let anywhere = place(each.need(), nodes)?;
    let levels: BTreeSet<u32> = nodes.iter().map(of).collect();
    for level in levels {
        let group: Vec<_> = nodes.iter().filter(|node| of(node) == level).cloned().collect();
        if let Ok(Some(chosen)) = place(each.need(), &group) {
            return Ok(Some(chosen.node.clone()));
        }
    }
    Ok(anywhere.map(|chosen| chosen.node.clone()))
}

/// What is placed on a node counts for whatever is placed next.
fn promise(nodes: &mut [Candidate], node: &NodeId, room: Room) {
    for candidate in nodes.iter_mut().filter(|candidate| candidate.node == *node) {
        let need = room.need();
        candidate.promised_memory_mb += need.memory_mb;
        candidate.used_memory_mb += need.memory_mb;
        candidate.promised_cores += need.cpu;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Timestamp;
    use crate::pipeline::document::Format;
    use crate::pipeline::read;

    fn node(number: u128, used_memory_mb: u64) -> Candidate {
        Candidate {
            node: NodeId::new(Timestamp::UNIX_EPOCH, number),
            name: format!("n{number}"),
            memory_mb: 4096,
            cores: 2.0,
            promised_memory_mb: 0,
            promised_cores: 0.0,
            used_memory_mb,
            used_cores: 0.0,
        }
    }

    fn pipeline(replicas: u32) -> Pipeline {
        let text = format!(
            "version: 1\nsteps:\n  db:\n    kind: service\n    image: postgres:17\n    replicas: 2\n    volumes: [{{name: data, path: /data}}]\n  web:\n    kind: service\n    image: web:1\n    needs: [db]\n    replicas: {replicas}\n    resources: {{memory_mb: 256}}\n"
        );
        read(&text, Format::Yaml).unwrap().pipeline
    }

    fn numbers(replicas: &Replicas, step: &str) -> Vec<u32> {
        replicas.get(&StepName::parse(step).unwrap()).into_iter().flatten().copied().collect()
    }

    #[test]
    fn replicas_are_shared_out_and_what_has_a_volume_stays() {
        let pipeline = pipeline(4);
        let nodes = [node(1, 0), node(2, 100), node(3, 200)];
        let spread = spread(&pipeline, &Limits::default(), &nodes).unwrap().unwrap();
        assert_eq!(spread.leader, nodes[0].node, "most room");
        let shares: Vec<_> = spread.shares.iter().map(|share| numbers(&share.replicas, "web")).collect();
        assert_eq!(shares, [vec![2, 4], vec![3]], "the second round goes to the one with most room left");
        assert!(spread.shares.iter().all(|share| numbers(&share.replicas, "db").is_empty()));
        let left = left_for_leader(&pipeline, spread.shares.iter().map(|share| &share.replicas));
        assert_eq!(numbers(&left, "web"), [1]);
        assert_eq!(numbers(&left, "db"), [0; 0], "all of them, which is not said");
    }

    #[test]
    fn one_node_runs_everything_and_none_decides_nothing() {
        let alone = spread(&pipeline(3), &Limits::default(), &[node(1, 0)]).unwrap().unwrap();
        assert_eq!(alone.shares, []);
        assert_eq!(spread(&pipeline(3), &Limits::default(), &[]).unwrap(), None);
    }

    #[test]
    fn what_no_node_has_room_for_on_its_own_fits_on_two() {
        let pipeline = pipeline(9);
        let limits = Limits::default();
        let refused = spread(&pipeline, &limits, &[node(1, 1000)]).unwrap_err().to_string();
        assert!(refused.contains("n1 has"), "{refused}");
        let two = spread(&pipeline, &limits, &[node(1, 1000), node(2, 1000)]).unwrap().unwrap();
        assert_eq!(two.shares.len(), 1);
    }

    proptest! {
        #[test]
        fn every_replica_has_one_place_and_they_are_even(replicas in 1_u32..12, nodes in 1_u128..6) {
            let pipeline = pipeline(replicas);
            let nodes: Vec<_> = (1..=nodes).map(|number| Candidate { memory_mb: 1 << 20, cores: 64.0, ..node(number, 0) }).collect();
            let spread = spread(&pipeline, &Limits::default(), &nodes).unwrap().unwrap();
            let left = left_for_leader(&pipeline, spread.shares.iter().map(|share| &share.replicas));
            let mut leader = numbers(&left, "web");
            if leader.is_empty() {
                leader = (1..=replicas).collect();
            }
            prop_assert!(leader.contains(&1));
            let mut counts = vec![leader.len()];
            let mut all = leader;
            for share in &spread.shares {
                prop_assert!(share.node != spread.leader);
                counts.push(share.replicas.values().map(BTreeSet::len).sum());
                all.extend(numbers(&share.replicas, "web"));
            }
            all.sort_unstable();
            prop_assert_eq!(all, (1..=replicas).collect::<Vec<_>>());
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            prop_assert!(most - least <= 1 || counts.len() < nodes.len() && *most <= 1, "{:?}", counts);
        }
    }
}
