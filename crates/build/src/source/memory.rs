//! A tree in memory: what tests and the API's pasted files use.

use std::collections::BTreeMap;

use super::{HEAD_BYTES, MAX_ENTRIES, SourceTree, Unreadable, is_listed, text_of};

/// Files by path.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    files: BTreeMap<String, Vec<u8>>,
}

impl MemoryTree {
    /// From pairs of path and contents.
    pub fn new<P: Into<String>, C: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, C)>) -> Self {
        Self { files: files.into_iter().map(|(path, contents)| (path.into(), contents.into())).collect() }
    }

    /// From one text: a line `-- path` begins a file, the lines after it are its contents.
    pub fn from_literal(literal: &str) -> Self {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut current: Option<String> = None;
        for line in literal.lines() {
            if let Some(path) = line.trim_start().strip_prefix("-- ") {
                files.insert(path.trim().to_owned(), Vec::new());
                current = Some(path.trim().to_owned());
            } else if let Some(contents) = current.as_ref().and_then(|path| files.get_mut(path)) {
                contents.extend_from_slice(line.as_bytes());
                contents.push(b'\n');
            }
        }
        Self { files }
    }
}

impl SourceTree for MemoryTree {
    fn list(&self) -> Vec<String> {
        self.files.keys().filter(|path| is_listed(path)).take(MAX_ENTRIES).cloned().collect()
    }

    fn read(&self, path: &str) -> Result<String, Unreadable> {
        text_of(self.files.get(path).ok_or(Unreadable::Missing)?.clone())
    }

    fn head(&self, path: &str) -> Option<String> {
        let bytes = self.files.get(path)?;
        Some(String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]).into_owned())
    }
}
