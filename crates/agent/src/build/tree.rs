//! Folders of somebody else's files: read without following a link, and seen through an overlay as a container sees them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use pierhead_model::digest::Digest;
use pierhead_model::source::Folder;
use sha2::Digest as _;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Directory {
        opaque: bool,
    },
    File {
        path: PathBuf,
        size: u64,
        executable: bool,
    },
    Symlink {
        target: String,
    },
    /// An overlay's mark that a lower entry is deleted.
    Whiteout,
    /// Devices, sockets, pipes.
    Other,
}

/// Why a folder cannot be read as a tree.
#[derive(Debug, thiserror::Error)]
pub(super) enum TreeError {
    #[error("{0}")]
    Io(#[source] std::io::Error),
    #[error("a file name is not valid UTF-8: {0}")]
    Name(String),
    #[error("there are more than {0} files")]
    TooMany(usize),
}

/// Everything below a folder, by relative path. Links are entries, never followed.
pub(super) fn list(root: &Path, maximum: usize) -> Result<BTreeMap<String, Entry>, TreeError> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).follow_links(false) {
        let entry = entry.map_err(|error| TreeError::Io(error.into()))?;
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let name = relative.to_str().ok_or_else(|| TreeError::Name(relative.display().to_string()))?;
        let meta = entry.metadata().map_err(|error| TreeError::Io(error.into()))?;
        found.insert(name.to_owned(), classify(entry.path(), &meta).map_err(TreeError::Io)?);
        if found.len() > maximum {
            return Err(TreeError::TooMany(maximum));
        }
    }
    Ok(found)
}

fn classify(path: &Path, meta: &std::fs::Metadata) -> std::io::Result<Entry> {
    let kind = meta.file_type();
    Ok(if kind.is_dir() {
        Entry::Directory { opaque: is_opaque(path) }
    } else if kind.is_file() {
        Entry::File { path: path.to_owned(), size: meta.len(), executable: meta.mode() & 0o111 != 0 }
    } else if kind.is_symlink() {
        Entry::Symlink { target: fs_err::read_link(path)?.to_string_lossy().into_owned() }
    } else if kind.is_char_device() && meta.rdev() == 0 {
        Entry::Whiteout
    } else {
        Entry::Other
    })
}

/// Whether an overlay's folder hides what lower folders have in it.
fn is_opaque(path: &Path) -> bool {
    let mut value = [0; 1];
    rustix::fs::lgetxattr(path, "trusted.overlay.opaque", &mut value[..]).is_ok_and(|_| value[0] == b'y')
}

/// What a container sees of folders on top of each other, the topmost first.
pub(super) fn merge(stack: Vec<BTreeMap<String, Entry>>) -> BTreeMap<String, Entry> {
    let mut merged: BTreeMap<String, Entry> = BTreeMap::new();
    // Paths whose lower contents are hidden, and by whom.
    let mut hidden: Vec<String> = Vec::new();
    for layer in stack {
        let mut hides = Vec::new();
        for (path, entry) in layer {
            let is_hidden = hidden.iter().any(|hidden| is_below(&path, hidden));
            match entry {
                Entry::Whiteout => hides.push(path),
                _ if is_hidden || merged.contains_key(&path) => {}
                Entry::Directory { opaque: true } => {
                    merged.insert(path.clone(), Entry::Directory { opaque: false });
                    hides.push(path);
                }
                Entry::Directory { .. } => {
                    merged.insert(path, entry);
                }
                entry => {
                    // A file hides a folder of the same name below.
                    hides.push(path.clone());
                    merged.insert(path, entry);
                }
            }
        }
        hidden.extend(hides);
    }
    merged
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether every part of the way is a real folder.
pub(super) fn is_plain_folder(root: &Path, folder: &Folder) -> bool {
    let mut place = root.to_owned();
    folder.as_str().split('/').all(|part| {
        place.push(part);
        fs_err::symlink_metadata(&place).is_ok_and(|meta| meta.is_dir())
    })
}

/// The digest of a file that is reached through folders only; `None` when it is something else.
pub(super) fn digest_of_plain_file(root: &Path, relative: &str) -> std::io::Result<Option<Digest>> {
    let Ok(checked) = Folder::parse(relative) else { return Ok(None) };
    let path = root.join(checked.as_str());
    let parent = Path::new(checked.as_str()).parent().and_then(Path::to_str).unwrap_or_default();
    let parent_is_plain =
        parent.is_empty() || Folder::parse(parent).is_ok_and(|it| is_plain_folder(root, &it));
    let is_file = fs_err::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
    if !parent_is_plain || !is_file {
        return Ok(None);
    }
    digest_of(&path).map(Some)
}

/// The digest of a file, read piece by piece.
pub(super) fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut file = fs_err::File::open(path)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        hasher.update(piece);
    }
    Ok(Digest::from_bytes(hasher.finalize().into()))
}

/// Makes a folder belong to the containers' user, when this process may do so.
pub(super) fn give_to(path: &Path, uid: u32) -> std::io::Result<()> {
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(path, Some(uid), Some(uid))?;
    } else {
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o777))?;
    }
    Ok(())
}

/// The same for everything below it. Links themselves, never what they lead to.
pub(super) fn give_all_to(root: &Path, uid: u32) -> std::io::Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    for entry in walkdir::WalkDir::new(root).follow_links(false) {
        std::os::unix::fs::lchown(entry?.path(), Some(uid), Some(uid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(entries: &[(&str, Entry)]) -> BTreeMap<String, Entry> {
        entries.iter().map(|(path, entry)| ((*path).to_owned(), entry.clone())).collect()
    }

    fn file(name: &str) -> Entry {
        Entry::File { path: name.into(), size: 1, executable: false }
    }

    const FOLDER: Entry = Entry::Directory { opaque: false };

    #[test]
    fn the_topmost_wins_and_what_was_deleted_is_gone() {
        let upper = layer(&[
            ("a", file("upper")),
            ("gone", Entry::Whiteout),
            ("new", Entry::Directory { opaque: true }),
            ("new/x", file("upper")),
        ]);
        let lower = layer(&[
            ("a", file("lower")),
            ("b", file("lower")),
            ("gone", FOLDER),
            ("gone/deep", file("lower")),
            ("gone-not", file("lower")),
            ("new", FOLDER),
            ("new/old", file("lower")),
        ]);
        let merged = merge(vec![upper, lower]);
        let expected = layer(&[
            ("a", file("upper")),
            ("b", file("lower")),
            ("gone-not", file("lower")),
            ("new", FOLDER),
            ("new/x", file("upper")),
        ]);
        assert_eq!(merged, expected);
    }

    #[test]
    fn a_file_in_place_of_a_folder_hides_it() {
        let merged =
            merge(vec![layer(&[("a", file("upper"))]), layer(&[("a", FOLDER), ("a/b", file("lower"))])]);
        assert_eq!(merged, layer(&[("a", file("upper"))]));
    }

    #[test]
    fn links_are_entries_and_never_a_way() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("real")).unwrap();
        std::fs::write(root.join("real/file"), "x").unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", root.join("link")).unwrap();
        std::os::unix::fs::symlink("real", root.join("folder")).unwrap();
        std::os::unix::fs::symlink(".", root.join("loop")).unwrap();
        let listed = list(&root, 100).unwrap();
        assert_eq!(listed["link"], Entry::Symlink { target: "../secret".into() });
        assert_eq!(listed.len(), 5);
        assert!(digest_of_plain_file(&root, "real/file").unwrap().is_some());
        for bad in ["link", "folder/file", "../secret", "/etc/passwd", "real", "missing"] {
            assert_eq!(digest_of_plain_file(&root, bad).unwrap(), None, "{bad}");
        }
        assert!(is_plain_folder(&root, &Folder::parse("real").unwrap()));
        assert!(!is_plain_folder(&root, &Folder::parse("folder").unwrap()));
        assert!(matches!(list(&root, 2), Err(TreeError::TooMany(2))));
    }
}
