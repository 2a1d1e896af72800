//! Parsers of foreign text: whatever comes in, they answer; what they accept, they accept again.

use std::collections::BTreeMap;

use pierhead_model::pipeline::catalogue::{read_plugin, read_service};
use pierhead_model::pipeline::compose::import;
use pierhead_model::pipeline::{Format, Graph, read};
use proptest::prelude::*;

const SEEDS: [&str; 2] = [include_str!("pipelines/shop.yaml"), include_str!("pipelines/compose.yaml")];

/// A good document with some of its bytes replaced, removed or doubled: what fuzzers find most with.
fn damaged() -> impl Strategy<Value = String> {
    let wound = (any::<prop::sample::Index>(), 0_usize..3, any::<u8>());
    (prop::sample::select(SEEDS.to_vec()), prop::collection::vec(wound, 1..6)).prop_map(|(seed, wounds)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (at, kind, byte) in wounds {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len() - 1).max(at))),
                _ => {
                    let again = bytes[at..(at + usize::from(byte)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, again);
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn arbitrary() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn none_panics_and_what_is_accepted_is_stable(text in prop_oneof![4 => damaged(), 1 => arbitrary()]) {
        for format in [Format::Yaml, Format::Json] {
            if let Ok(first) = read(&text, format) {
                let stored = serde_json::to_string(&first.pipeline).unwrap();
                prop_assert_eq!(&read(&stored, Format::Json).unwrap().pipeline, &first.pipeline);
                let graph = Graph::of(&first.pipeline);
                let stuck = graph.stuck();
                let done: usize = graph.rounds().iter().map(Vec::len).sum();
                let cycles: usize = stuck.cycles.iter().map(Vec::len).sum();
                prop_assert_eq!(done + cycles + stuck.behind.len(), first.pipeline.steps.len());
            }
            let _ = (read_service(&text, format), read_plugin(&text, format));
        }
        let _ = import(&text, &BTreeMap::new());
    }
}
