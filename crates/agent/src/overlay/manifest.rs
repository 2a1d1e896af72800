//! A layer's folder written down: paths, kinds, digests.

use std::collections::HashMap;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use pierhead_model::digest::Digest;
use pierhead_model::release::{LayerEntry, LayerManifest};
use sha2::{Digest as _, Sha256};

use super::{Entry, inspect};

/// Entries of one layer; beyond it, it is not a layer but an attack or an accident.
const MAX_ENTRIES: usize = 1_000_000;
/// Folders in folders.
const MAX_DEPTH: usize = 256;

/// A manifest, and where the contents of its files lie.
#[derive(Debug)]
pub(crate) struct Hashed {
    pub(crate) manifest: LayerManifest,
    pub(crate) files: HashMap<Digest, PathBuf>,
    /// Sockets and pipes that something left lying: not part of a layer.
    pub(crate) skipped: Vec<String>,
}

/// Why a folder cannot become a layer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayerError {
    #[error("`{0}` is not a name that can be stored: names must be UTF-8")]
    Name(String),
    #[error("there are more than {MAX_ENTRIES} files, or folders nested deeper than {MAX_DEPTH}")]
    TooMany,
    #[error("`{path}` cannot be read")]
    Unreadable { path: String, source: std::io::Error },
}

/// Reads a whole layer. Runs long: call it where blocking is allowed.
pub(crate) fn manifest_of(root: &Path) -> Result<Hashed, LayerError> {
    let mut hashed =
        Hashed { manifest: LayerManifest::default(), files: HashMap::new(), skipped: Vec::new() };
    let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let unreadable = |source| LayerError::Unreadable { path: prefix.clone(), source };
        for entry in fs_err::read_dir(&folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let path = folder.join(&name);
            let name =
                name.into_string().map_err(|name| LayerError::Name(name.to_string_lossy().into_owned()))?;
            let key = format!("{prefix}{name}");
            let unreadable = |source| LayerError::Unreadable { path: key.clone(), source };
            let entry = match inspect(&path).map_err(unreadable)? {
                Some(Entry::Folder { opaque }) => {
                    folders.push((path, format!("{key}/"), depth + 1));
                    LayerEntry::Directory { opaque }
                }
                Some(Entry::File { size, executable }) => {
                    let digest = hash_file(&path).map_err(unreadable)?;
                    hashed.files.entry(digest).or_insert(path);
                    LayerEntry::File { digest, size, executable }
                }
                Some(Entry::Symlink { target }) => {
                    let target =
                        target.into_os_string().into_string().map_err(|_| LayerError::Name(key.clone()))?;
                    LayerEntry::Symlink { target }
                }
                Some(Entry::Whiteout) => LayerEntry::Whiteout,
                Some(Entry::Special(_)) => {
                    hashed.skipped.push(key);
                    continue;
                }
                None => continue,
            };
            hashed.manifest.entries.insert(key, entry);
            if hashed.manifest.entries.len() > MAX_ENTRIES || depth >= MAX_DEPTH {
                return Err(LayerError::TooMany);
            }
        }
    }
    Ok(hashed)
}

/// The digest of a file's content. The path is never followed, and a pipe that took the file's place is not waited for.
pub(crate) fn hash_file(path: &Path) -> std::io::Result<Digest> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(std::io::Error::other)?;
    let mut options = fs_err::OpenOptions::new();
    options.options_mut().custom_flags(flags);
    let mut file = options.read(true).open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{make_opaque, make_whiteout};
    use super::*;

    #[test]
    fn a_layer_holds_kinds_and_contents_and_nothing_of_the_disk_it_lies_on() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs_err::create_dir_all(root.join("bin")).unwrap();
        fs_err::write(root.join("bin/run"), "x").unwrap();
        fs_err::set_permissions(root.join("bin/run"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        fs_err::write(root.join("a"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("link")).unwrap();
        make_whiteout(&root.join("gone")).unwrap();
        fs_err::create_dir(root.join("o")).unwrap();
        make_opaque(&root.join("o")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

        let hashed = manifest_of(root).unwrap();
        let digest = Digest::of(b"x");
        let expected = [
            ("a", LayerEntry::File { digest, size: 1, executable: false }),
            ("bin", LayerEntry::Directory { opaque: false }),
            ("bin/run", LayerEntry::File { digest, size: 1, executable: true }),
            ("gone", LayerEntry::Whiteout),
            ("link", LayerEntry::Symlink { target: "/etc/passwd".into() }),
            ("o", LayerEntry::Directory { opaque: true }),
        ];
        let expected = expected.into_iter().map(|(path, entry)| (path.to_owned(), entry)).collect();
        assert_eq!(hashed.manifest.entries, expected);
        assert_eq!(hashed.files.len(), 1, "equal contents are one blob");
        assert_eq!(hashed.skipped, ["socket"]);
    }

    #[test]
    fn a_link_is_not_followed_when_its_target_is_hashed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("x")).unwrap();
        assert!(hash_file(&folder.path().join("x")).is_err());
    }
}
