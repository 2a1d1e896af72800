//! The plans of the example repositories, as `pierhead detect` explains them.

use pierhead_build::explain::explain;
use pierhead_build::{Directory, detect};

#[test]
fn every_example_has_its_plan() {
    let mut folders: Vec<_> = fs_err::read_dir("../../examples")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        // A pipeline has several parts, each with a plan of its own.
        .filter(|path| path.is_dir() && !path.join("pipeline.yaml").exists())
        .collect();
    folders.sort();
    assert!(!folders.is_empty());
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let plan = detect(&Directory::new(&folder), &Default::default(), ".").unwrap();
        insta::assert_snapshot!(name, explain(&plan));
    }
}
