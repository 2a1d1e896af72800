//! A directory that is not trusted: a clone or an upload.
//!
//! Every component of a path is opened relative to the one before with "do not follow links", so that nothing outside is
//! ever opened, not even while somebody swaps a folder for a link during the walk. Only regular files are read, and
//! opening never blocks (a named pipe would).

use std::collections::VecDeque;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::fs::{FileType, Mode, OFlags};

use super::{
    HEAD_BYTES, MAX_DEPTH, MAX_ENTRIES, MAX_FILE_BYTES, SKIPPED_FOLDERS, SourceTree, Unreadable, path,
    text_of,
};

/// A source tree on disk. The directory itself may be reached through links; nothing below it is.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    fn open(&self, relative: &str) -> Result<std::fs::File, Unreadable> {
        let relative = path::strict(relative).ok_or(Unreadable::Missing)?;
        let folder_flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut at: OwnedFd =
            rustix::fs::open(&self.root, folder_flags, Mode::empty()).map_err(unreadable)?;
        let mut parts = relative.split('/').peekable();
        while let Some(part) = parts.next() {
            let flags = if parts.peek().is_some() {
                folder_flags | OFlags::NOFOLLOW
            } else {
                OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC
            };
            at = rustix::fs::openat(&at, part, flags, Mode::empty()).map_err(unreadable)?;
        }
        let status = rustix::fs::fstat(&at).map_err(unreadable)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(Unreadable::NotRegular);
        }
        Ok(at.into())
    }
}

fn unreadable(errno: rustix::io::Errno) -> Unreadable {
    use rustix::io::Errno;
    match errno {
        Errno::NOENT => Unreadable::Missing,
        Errno::LOOP | Errno::NOTDIR | Errno::NXIO => Unreadable::NotRegular,
        _ => Unreadable::Refused,
    }
}

impl SourceTree for Directory {
    fn list(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = 0usize;
        let mut folders = VecDeque::from([(String::from("."), 1usize)]);
        // Breadth first: when a tree is too large, what is near the root is what counts.
        while let Some((folder, depth)) = folders.pop_front() {
            let Ok(entries) = fs::read_dir(self.root.join(&folder)) else { continue };
            for entry in entries.flatten() {
                seen += 1;
                if seen > MAX_ENTRIES {
                    found.sort();
                    return found;
                }
                let (Ok(kind), Ok(name)) = (entry.file_type(), entry.file_name().into_string()) else {
                    continue;
                };
                if name.contains(['\\', '\0']) || name.chars().any(char::is_control) {
                    continue;
                }
                if kind.is_file() {
                    found.push(path::join(&folder, &name));
                } else if kind.is_dir() && depth < MAX_DEPTH && !SKIPPED_FOLDERS.contains(&name.as_str()) {
                    folders.push_back((path::join(&folder, &name), depth + 1));
                }
            }
        }
        found.sort();
        found
    }

    fn read(&self, path: &str) -> Result<String, Unreadable> {
        let limit = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        self.open(path)?.take(limit).read_to_end(&mut bytes).map_err(|_| Unreadable::Refused)?;
        text_of(bytes)
    }

    fn head(&self, path: &str) -> Option<String> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(HEAD_BYTES).unwrap_or(u64::MAX);
        self.open(path).ok()?.take(limit).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_and_large_files_are_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        symlink("/etc/passwd", root.join("package.json")).unwrap();
        symlink("/etc", root.join("etc")).unwrap();
        fs::write(root.join("large.json"), vec![b' '; MAX_FILE_BYTES + 1]).unwrap();
        fs::write(root.join("binary"), b"\xff\xfe").unwrap();
        fs::write(root.join("marked.txt"), b"\xef\xbb\xbfhello").unwrap();
        fs::create_dir_all(root.join("node_modules/x")).unwrap();
        fs::write(root.join("node_modules/x/package.json"), "{}").unwrap();
        let tree = Directory::new(root);
        assert_eq!(tree.list(), ["binary", "large.json", "marked.txt"]);
        assert_eq!(tree.read("package.json"), Err(Unreadable::NotRegular));
        assert_eq!(tree.read("etc/passwd"), Err(Unreadable::NotRegular));
        assert_eq!(tree.read("../../etc/passwd"), Err(Unreadable::Missing));
        assert_eq!(tree.read("/etc/passwd"), Err(Unreadable::Missing));
        assert_eq!(tree.read("large.json"), Err(Unreadable::TooLarge));
        assert_eq!(tree.read("binary"), Err(Unreadable::NotText));
        assert_eq!(tree.read("."), Err(Unreadable::NotRegular));
        assert_eq!(tree.read("marked.txt").as_deref(), Ok("hello"));
        assert_eq!(tree.head("large.json").map(|head| head.len()), Some(HEAD_BYTES));
    }
}
