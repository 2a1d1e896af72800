//! A compose file: importing ends, and what it makes is a pipeline that can be read.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use pierhead_model::pipeline::{Format, compose, read};

fuzz_target!(|text: &str| {
    match compose::import(text, &BTreeMap::new()) {
        Ok(import) => {
            let written = serde_json::to_string(&import.pipeline).expect("a pipeline is a document");
            let again = read(&written, Format::Json).expect("what was imported is read");
            assert_eq!(again.pipeline, import.pipeline, "{written}");
        }
        Err(problems) => assert!(!problems.is_empty(), "it is refused without a reason"),
    }
});
