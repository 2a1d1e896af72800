//! `pierhead.yaml`: parsing ends, and a mistake has its line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pierhead_build::{DetectError, project_file};

fuzz_target!(|text: &str| {
    if let Err(error) = project_file::parse("pierhead.yaml", text) {
        let DetectError::InvalidProjectFile { line, column, message, .. } = error else {
            panic!("another kind of mistake: {error}");
        };
        assert!(line >= 1 && column >= 1 && !message.is_empty(), "{line}:{column} {message}");
    }
});
