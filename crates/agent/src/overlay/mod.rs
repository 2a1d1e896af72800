//! File trees that lie in layers, read without mounting them.
//!
//! A build's files are three folders: what it wrote, over the checkout, over the installed dependencies. The kernel merges
//! them inside the container; out here the same merge is done by reading, because what is read was written by a stranger:
//! a mount would follow their links, and these functions follow none.
//!
//! Overlay's own marks: a character device 0/0 hides a path of the layers below (a whiteout); the attribute
//! `trusted.overlay.opaque` on a folder hides what the folders of that name below contain.

mod archive;
mod manifest;
mod materialise;
mod merged;

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

pub(crate) use archive::{pack, unpack};
pub(crate) use manifest::{Hashed, LayerError, hash_file, manifest_of};
pub(crate) use materialise::{MaterialiseError, materialise};
pub(crate) use merged::{Folder, Merged, Node, ResolveError};

/// User and group of every workload, in every runtime image.
pub(crate) const APP_USER: u32 = 10001;

/// What one path of one layer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Folder {
        opaque: bool,
    },
    File {
        size: u64,
        executable: bool,
    },
    Symlink {
        target: PathBuf,
    },
    Whiteout,
    /// A device, a socket, a pipe.
    Special(&'static str),
}

/// Looks at a path without following it. `None` when there is nothing.
pub(crate) fn inspect(path: &Path) -> std::io::Result<Option<Entry>> {
    let metadata = match fs_err::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let kind = metadata.file_type();
    Ok(Some(if kind.is_dir() {
        Entry::Folder { opaque: is_opaque(path) }
    } else if kind.is_file() {
        Entry::File { size: metadata.len(), executable: metadata.mode() & 0o111 != 0 }
    } else if kind.is_symlink() {
        Entry::Symlink { target: fs_err::read_link(path)? }
    } else if kind.is_char_device() && metadata.rdev() == 0 {
        Entry::Whiteout
    } else if kind.is_fifo() {
        Entry::Special("a named pipe")
    } else if kind.is_socket() {
        Entry::Special("a socket")
    } else {
        Entry::Special("a device")
    }))
}

fn is_opaque(path: &Path) -> bool {
    let mut value = [0_u8; 1];
    ["trusted.overlay.opaque", "user.overlay.opaque"].into_iter().any(|name| {
        rustix::fs::lgetxattr(path, name, &mut value[..]).is_ok_and(|length| length == 1 && value == *b"y")
    })
}

/// What a tree occupies on disk, in bytes and entries. Stops counting at `enough`.
pub(crate) fn usage(path: &Path, enough: u64) -> (u64, u64) {
    let (mut bytes, mut entries) = (0, 0);
    for entry in walkdir::WalkDir::new(path).follow_links(false).into_iter().flatten() {
        entries += 1;
        if let Ok(metadata) = entry.metadata() {
            bytes += metadata.blocks() * 512;
        }
        if bytes > enough {
            break;
        }
    }
    (bytes, entries)
}

/// A whiteout, as the kernel makes one.
pub(crate) fn make_whiteout(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    Ok(mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0)?)
}

/// Marks a folder opaque.
pub(crate) fn make_opaque(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::lsetxattr(path, "trusted.overlay.opaque", b"y", rustix::fs::XattrFlags::empty())?)
}

/// Gives a path to the workloads' user. An agent that is not root cannot, and does not need to.
pub(crate) fn give_to_app(path: &Path) -> std::io::Result<()> {
    match std::os::unix::fs::lchown(path, Some(APP_USER), Some(APP_USER)) {
        Err(error)
            if error.kind() == std::io::ErrorKind::PermissionDenied
                && !rustix::process::geteuid().is_root() =>
        {
            Ok(())
        }
        result => result,
    }
}

/// Makes a folder that workloads may write in.
pub(crate) fn make_app_folder(path: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(path)?;
    give_to_app(path)
}
