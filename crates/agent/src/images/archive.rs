//! The archive that an engine saves and loads images as: a tar of configurations, layers and `manifest.json`.
//!
//! Engines lay out the files in different ways over time, so what is looked for in an archive is found by its digest, not by
//! its name. What is written is the layout that every engine reads.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pierhead_model::digest::Digest;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Bytes that are copied at once.
const PIECE: usize = 256 << 10;

/// Puts every file of the archive whose digest is wanted into `folder`, named by the digest.
pub(super) fn take_apart(archive: impl Read, wanted: &HashSet<Digest>, folder: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let digest = copy(&mut entry, file.as_file_mut())?;
        if wanted.contains(&digest) {
            file.persist(folder.join(digest.to_hex())).map_err(|error| error.error)?;
        }
    }
    Ok(())
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = from.read(&mut piece)?;
        let Some(piece) = piece.get(..count).filter(|piece| !piece.is_empty()) else { break };
        hasher.update(piece);
        to.write_all(piece)?;
    }
    Ok(Digest::from_bytes(hasher.finalize().into()))
}

/// An image as it is put together.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) configuration: Vec<u8>,
    /// `name:tag` that it gets.
    pub(super) tag: String,
    /// Lowest first. `None` for a layer that the engine has: it looks there before it looks into the archive.
    pub(super) layers: Vec<(Digest, Option<PathBuf>)>,
}

pub(super) fn put_together(parts: &Parts, archive: impl Write) -> io::Result<()> {
    let configuration = format!("{}.json", Digest::of(&parts.configuration));
    let layer = |digest: &Digest| format!("{digest}/layer.tar");
    let manifest = json!([{
        "Config": configuration,
        "RepoTags": [parts.tag],
        "Layers": parts.layers.iter().map(|(digest, _)| layer(digest)).collect::<Vec<_>>(),
    }]);
    let mut archive = tar::Builder::new(archive);
    append(&mut archive, &configuration, &parts.configuration)?;
    append(&mut archive, "manifest.json", manifest.to_string().as_bytes())?;
    for (digest, file) in &parts.layers {
        if let Some(file) = file {
            archive.append_file(layer(digest), &mut File::open(file)?)?;
        }
    }
    archive.finish()
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, name, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_together_is_found_again_by_its_digests() {
        let folder = tempfile::tempdir().unwrap();
        let layers: Vec<_> = ["lower", "upper"]
            .iter()
            .map(|content| {
                let path = folder.path().join(content);
                fs_err::write(&path, content).unwrap();
                (Digest::of(content.as_bytes()), Some(path))
            })
            .collect();
        let configuration = br#"{"rootfs":{}}"#.to_vec();
        let own = Digest::of(&configuration);
        let parts = Parts { configuration, tag: "app:1".into(), layers: layers.clone() };
        let mut archive = Vec::new();
        put_together(&parts, &mut archive).unwrap();

        let found = tempfile::tempdir().unwrap();
        let (upper, _) = layers[1];
        take_apart(archive.as_slice(), &HashSet::from([own, upper]), found.path()).unwrap();
        let mut names: Vec<_> = fs_err::read_dir(found.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut expected = [own.to_hex(), upper.to_hex()];
        expected.sort();
        assert_eq!(names, expected, "and nothing else is left");
        assert_eq!(fs_err::read(found.path().join(upper.to_hex())).unwrap(), b"upper");
    }

    #[test]
    fn layers_that_the_engine_has_are_named_and_not_sent() {
        let parts = Parts {
            configuration: b"{}".to_vec(),
            tag: "app:1".into(),
            layers: vec![(Digest::of(b"there"), None)],
        };
        let mut archive = Vec::new();
        put_together(&parts, &mut archive).unwrap();
        let mut archive = tar::Archive::new(archive.as_slice());
        let names: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
        assert_eq!(names[1], "manifest.json");
    }
}
