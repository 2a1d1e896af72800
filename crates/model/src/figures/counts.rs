//! What is counted and measured, and how it adds up: over processes, over time, over services.
//!
//! Everything here is put together by addition, or by taking the highest: in any order, in any groups, with the same result.
//! That is what lets windows of many ingresses become one, and seconds become hours, without losing a request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Latencies;

/// What visitors were answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Traffic {
    /// By the first digit of their status: `answers[2]` is 2xx, `answers[0]` what has none of 1 to 5.
    #[serde(rename = "a", skip_serializing_if = "is_zero")]
    pub answers: [u64; 6],
    /// Of the answers' bodies.
    #[serde(rename = "b", skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// Answers that the platform gave because a service did not.
    #[serde(rename = "u", skip_serializing_if = "is_zero")]
    pub upstream_errors: u64,
    /// Until the answer began.
    #[serde(rename = "t", skip_serializing_if = "Latencies::is_empty")]
    pub took: Latencies,
}

/// What the processes of a service used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// How often it was measured. Without any, nothing of processor and memory is known.
    #[serde(rename = "n", skip_serializing_if = "is_zero")]
    pub samples: u64,
    /// Milliseconds of one core, all replicas together.
    #[serde(rename = "c", skip_serializing_if = "is_zero")]
    pub cpu_ms: u64,
    /// The highest working set of one replica, in bytes.
    #[serde(rename = "m", skip_serializing_if = "is_zero")]
    pub memory: u64,
    /// What one replica may use at the most, in bytes; 0 for no limit.
    #[serde(rename = "l", skip_serializing_if = "is_zero")]
    pub memory_limit: u64,
    /// Times that one ended by itself and was started again.
    #[serde(rename = "r", skip_serializing_if = "is_zero")]
    pub restarts: u64,
    /// Those of them whose memory had run out.
    #[serde(rename = "o", skip_serializing_if = "is_zero")]
    pub oom_kills: u64,
}

/// How often, and how long, a service that slept was waited for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wakes {
    #[serde(rename = "n")]
    pub count: u64,
    /// All of them together.
    #[serde(rename = "s")]
    pub sum_ms: u64,
    #[serde(rename = "m")]
    pub longest_ms: u64,
}

/// What a machine used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineFigures {
    #[serde(rename = "n")]
    pub samples: u64,
    /// Milliseconds of one core, all cores together.
    #[serde(rename = "c")]
    pub cpu_ms: u64,
    #[serde(rename = "m")]
    pub memory: u64,
    #[serde(rename = "d")]
    pub disk: u64,
    /// Containers that run.
    #[serde(rename = "k")]
    pub containers: u64,
    /// What it has.
    #[serde(rename = "C")]
    pub cpu_cores: u64,
    #[serde(rename = "M")]
    pub memory_limit: u64,
    #[serde(rename = "D")]
    pub disk_limit: u64,
}

/// All figures of a slot, or of a node, in one stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// By service; what has none, such as a static site, is under the empty name.
    #[serde(rename = "t", skip_serializing_if = "BTreeMap::is_empty")]
    pub traffic: BTreeMap<String, Traffic>,
    #[serde(rename = "u", skip_serializing_if = "BTreeMap::is_empty")]
    pub usage: BTreeMap<String, Usage>,
    #[serde(rename = "w", skip_serializing_if = "is_zero")]
    pub wakes: Wakes,
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    pub machine: Option<Box<MachineFigures>>,
}

impl Traffic {
    pub fn add(&mut self, other: &Self) {
        for (sum, more) in self.answers.iter_mut().zip(other.answers) {
            *sum = sum.saturating_add(more);
        }
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.upstream_errors = self.upstream_errors.saturating_add(other.upstream_errors);
        self.took.add(&other.took);
    }

    /// All classes together.
    pub fn requests(&self) -> u64 {
        self.answers.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

impl Usage {
    pub fn add(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.cpu_ms = self.cpu_ms.saturating_add(other.cpu_ms);
        self.memory = self.memory.max(other.memory);
        self.memory_limit = self.memory_limit.max(other.memory_limit);
        self.restarts = self.restarts.saturating_add(other.restarts);
        self.oom_kills = self.oom_kills.saturating_add(other.oom_kills);
    }
}

impl Wakes {
    /// One that took so long.
    pub const fn one(ms: u64) -> Self {
        Self { count: 1, sum_ms: ms, longest_ms: ms }
    }

    pub fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.longest_ms = self.longest_ms.max(other.longest_ms);
    }
}

impl MachineFigures {
    pub fn add(&mut self, other: &Self) {
        self.samples = self.samples.saturating_add(other.samples);
        self.cpu_ms = self.cpu_ms.saturating_add(other.cpu_ms);
        self.memory = self.memory.max(other.memory);
        self.disk = self.disk.max(other.disk);
        self.containers = self.containers.max(other.containers);
        self.cpu_cores = self.cpu_cores.max(other.cpu_cores);
        self.memory_limit = self.memory_limit.max(other.memory_limit);
        self.disk_limit = self.disk_limit.max(other.disk_limit);
    }
}

impl Figures {
    pub fn add(&mut self, other: &Self) {
        for (service, more) in &other.traffic {
            match self.traffic.get_mut(service) {
                Some(sum) => sum.add(more),
                None => drop(self.traffic.insert(service.clone(), more.clone())),
            }
        }
        for (service, more) in &other.usage {
            match self.usage.get_mut(service) {
                Some(sum) => sum.add(more),
                None => drop(self.usage.insert(service.clone(), more.clone())),
            }
        }
        self.wakes.add(&other.wakes);
        if let Some(more) = &other.machine {
            self.machine.get_or_insert_default().add(more);
        }
    }

    /// Nothing was counted or measured.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What visitors were answered, by one service or by all.
    pub fn traffic_of(&self, service: Option<&str>) -> Traffic {
        let mut sum = Traffic::default();
        for (name, traffic) in &self.traffic {
            if service.is_none_or(|service| service == name) {
                sum.add(traffic);
            }
        }
        sum
    }
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Figures of any kind, for the properties that hold for all of them.
#[cfg(test)]
pub(super) mod any {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn traffic() -> impl Strategy<Value = Traffic> {
        let answers = proptest::array::uniform6(0_u64..1000);
        (answers, 0_u64..1 << 40, 0_u64..9, vec(0_u64..1 << 28, 0..6)).prop_map(
            |(answers, bytes, upstream_errors, times)| {
                let mut took = Latencies::default();
                times.into_iter().for_each(|micros| took.record(micros));
                Traffic { answers, bytes, upstream_errors, took }
            },
        )
    }

    fn usage() -> impl Strategy<Value = Usage> {
        let numbers = (0_u64..9, 0_u64..10_000, 0_u64..1 << 34, 0_u64..1 << 34, 0_u64..3, 0_u64..3);
        numbers.prop_map(|(samples, cpu_ms, memory, memory_limit, restarts, oom_kills)| Usage {
            samples,
            cpu_ms,
            memory,
            memory_limit,
            restarts,
            oom_kills,
        })
    }

    fn machine() -> impl Strategy<Value = Option<Box<MachineFigures>>> {
        let numbers = (0_u64..9, 0_u64..10_000, 0_u64..1 << 34, 0_u64..99);
        proptest::option::of(numbers.prop_map(|(samples, cpu_ms, memory, containers)| {
            Box::new(MachineFigures { samples, cpu_ms, memory, containers, ..MachineFigures::default() })
        }))
    }

    pub(in super::super) fn figures() -> impl Strategy<Value = Figures> {
        let names = || "(|web|api)";
        let wakes = proptest::option::of(0_u64..5000);
        let maps = (btree_map(names(), traffic(), 0..3), btree_map(names(), usage(), 0..3));
        (maps, wakes, machine()).prop_map(|((traffic, usage), wakes, machine)| Figures {
            traffic,
            usage,
            wakes: wakes.map(Wakes::one).unwrap_or_default(),
            machine,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::any::figures;
    use super::*;

    fn sum(of: &[Figures]) -> Figures {
        let mut sum = Figures::default();
        of.iter().for_each(|figures| sum.add(figures));
        sum
    }

    #[test]
    fn what_is_zero_is_not_written() {
        assert_eq!(serde_json::to_string(&Figures::default()).unwrap(), "{}");
        let traffic = Traffic { answers: [0, 0, 3, 0, 0, 0], bytes: 7, ..Traffic::default() };
        let figures = Figures { traffic: [("web".to_owned(), traffic)].into(), ..Figures::default() };
        assert_eq!(serde_json::to_string(&figures).unwrap(), r#"{"t":{"web":{"a":[0,0,3,0,0,0],"b":7}}}"#);
        // A later version may write more.
        let later: Figures =
            serde_json::from_str(r#"{"t":{"web":{"a":[0,0,3,0,0,0],"b":7,"z":1}},"z":2}"#).unwrap();
        assert_eq!(later, figures);
    }

    #[test]
    fn the_traffic_of_one_service_or_of_all() {
        let of = |count| Traffic { answers: [0, 0, count, 0, 0, 1], ..Traffic::default() };
        let traffic = [("".to_owned(), of(1)), ("web".to_owned(), of(2)), ("api".to_owned(), of(4))];
        let figures = Figures { traffic: traffic.into(), ..Figures::default() };
        for (service, expected) in [(None, 10), (Some("web"), 3), (Some(""), 2), (Some("db"), 0)] {
            assert_eq!(figures.traffic_of(service).requests(), expected, "{service:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_and_the_groups_make_no_difference(
            all in proptest::collection::vec(figures(), 0..6), at in 0_usize..6,
        ) {
            let (one, other) = all.split_at(at.min(all.len()));
            let together = sum(&all);
            prop_assert_eq!(sum(&[sum(other), sum(one)]), together.clone());
            let text = serde_json::to_string(&together).unwrap();
            prop_assert_eq!(serde_json::from_str::<Figures>(&text).unwrap(), together);
        }
    }
}
