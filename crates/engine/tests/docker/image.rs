//! The suite's image: the probe program and the libraries it needs, imported from this very machine.

use pierhead_engine::image::{ImageConfig, ImportOptions};

use crate::contract::{Lab, build::tar_of};

pub(crate) async fn import(lab: &Lab) {
    let probe = env!("CARGO_BIN_EXE_engine-probe");
    let mut files = vec![("probe".to_owned(), fs_err::read(probe).expect("the probe"))];
    let listed = std::process::Command::new("ldd").arg(probe).output().expect("ldd");
    // `name => /path (0x…)` or `/path (0x…)`; what is linked statically has no such lines.
    for word in
        String::from_utf8_lossy(&listed.stdout).split_whitespace().filter(|word| word.starts_with('/'))
    {
        files.push((word.trim_start_matches('/').to_owned(), fs_err::read(word).expect("a library")));
    }
    let files: Vec<_> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
    let options =
        ImportOptions { tag: lab.image.clone(), labels: lab.labels.clone(), config: ImageConfig::default() };
    lab.engine.image_import(tar_of(&files), &options).await.expect("imported");
}
