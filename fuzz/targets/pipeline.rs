//! A pipeline's document: reading ends, says where every mistake is, and what was read is written and read the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pierhead_model::pipeline::{Format, Graph, read};

fuzz_target!(|text: &str| {
    for format in [Format::Yaml, Format::Json] {
        match read(text, format) {
            Ok(found) => {
                let written = serde_json::to_string(&found.pipeline).expect("a pipeline is a document");
                let again = read(&written, Format::Json).expect("what was written is read");
                assert_eq!(again.pipeline, found.pipeline, "{written}");
                // Circles too: each step is in one round at most.
                let rounds: usize = Graph::of(&found.pipeline).rounds().iter().map(Vec::len).sum();
                assert!(rounds <= found.pipeline.steps.len());
            }
            Err(problems) => {
                assert!(!problems.is_empty(), "it is refused without a reason");
                assert!(problems.iter().all(|problem| !problem.message.is_empty()), "{problems:?}");
            }
        }
    }
});
