//! Where a plan's facts come from: a tree of files that belongs to a stranger.
//!
//! A tree lists and reads, nothing else. Every implementation is bounded (entries, depth, bytes per file), never follows a
//! symbolic link, and speaks relative paths with `/` only, so a detector cannot be led out of the source however it asks.

mod directory;
mod memory;
pub mod path;

use thiserror::Error;

pub use directory::Directory;
pub use memory::MemoryTree;

/// The largest file that is read as a whole.
pub const MAX_FILE_BYTES: usize = 1 << 20;
/// How much of a file [`SourceTree::head`] returns.
pub const HEAD_BYTES: usize = 4096;
/// The most entries that are listed; nearer ones first.
pub const MAX_ENTRIES: usize = 20_000;
/// How many folders deep a listing goes: three below an application that lies three deep in a monorepo.
pub const MAX_DEPTH: usize = 6;

/// Folders that hold dependencies, results or history, and therefore say nothing about the source.
pub const SKIPPED_FOLDERS: &[&str] = &[
    ".bun",
    ".cache",
    ".git",
    ".gradle",
    ".hg",
    ".idea",
    ".next",
    ".nuxt",
    ".output",
    ".svelte-kit",
    ".svn",
    ".terraform",
    ".tox",
    ".turbo",
    ".venv",
    "__pycache__",
    "bower_components",
    "build",
    "dist",
    "node_modules",
    "target",
    "vendor",
    "venv",
];

/// A tree of files, read with bounds.
pub trait SourceTree {
    /// Paths of the regular files, relative, sorted; bounded by [`MAX_ENTRIES`] and [`MAX_DEPTH`], without
    /// [`SKIPPED_FOLDERS`] and without symbolic links.
    fn list(&self) -> Vec<String>;

    /// A file as text, up to [`MAX_FILE_BYTES`], without a byte order mark.
    fn read(&self, path: &str) -> Result<String, Unreadable>;

    /// The first [`HEAD_BYTES`] of a file of any size, or `None` when there is no such regular file.
    fn head(&self, path: &str) -> Option<String>;
}

/// Why a file's text cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unreadable {
    #[error("there is no such file")]
    Missing,
    #[error("it is not a regular file (symbolic links are not followed)")]
    NotRegular,
    #[error("it is larger than 1 MiB")]
    TooLarge,
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("the system refused to read it")]
    Refused,
}

fn text_of(mut bytes: Vec<u8>) -> Result<String, Unreadable> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(Unreadable::TooLarge);
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let text = String::from_utf8(bytes).map_err(|_| Unreadable::NotText)?;
    if text.contains('\0') { Err(Unreadable::NotText) } else { Ok(text) }
}

fn is_listed(path: &str) -> bool {
    let depth = path.split('/').count();
    let skipped = path
        .rsplit_once('/')
        .is_some_and(|(folder, _)| folder.split('/').any(|part| SKIPPED_FOLDERS.contains(&part)));
    depth <= MAX_DEPTH && !skipped
}
