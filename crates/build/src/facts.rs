//! What is known about the folder to deploy: which files there are, and the text of those that a rule asks for.
//!
//! One listing, taken once; texts are read when asked for and kept. A path that is not listed (deeper than three, or in a
//! folder of results) can still be asked for by its exact name.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::error::DetectError;
use crate::source::{SourceTree, Unreadable, path};

/// How deep rules look below the root directory.
const DEPTH: usize = 3;

/// How much text one folder's detection reads in all.
const BUDGET_BYTES: usize = 16 << 20;

/// Extensions under which tools look for their configuration.
pub(crate) const CONFIG_EXTENSIONS: &[&str] = &["js", "mjs", "cjs", "ts", "mts", "cts"];

pub(crate) struct Facts<'t> {
    tree: &'t dyn SourceTree,
    root: String,
    files: BTreeSet<String>,
    /// What may still be read: a stranger's thousand large files must not fill the memory.
    budget: Cell<usize>,
    texts: RefCell<BTreeMap<String, Result<Rc<str>, Unreadable>>>,
}

impl<'t> Facts<'t> {
    /// `listing` is the whole tree's; `root` is normalised.
    pub(crate) fn new(tree: &'t dyn SourceTree, listing: &[String], root: &str) -> Self {
        let files = listing
            .iter()
            .filter_map(|path| path::below(root, path))
            .filter(|path| path.split('/').count() <= DEPTH)
            .map(str::to_owned)
            .collect();
        Self {
            tree,
            root: root.to_owned(),
            files,
            budget: Cell::new(BUDGET_BYTES),
            texts: RefCell::default(),
        }
    }

    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// Whether there is such a file; `path` is relative to the root directory.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Like [`Self::has`], also in folders that are not listed, such as `dist`.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.has(path) || self.tree.head(&path::join(&self.root, path)).is_some()
    }

    pub(crate) fn has_folder(&self, folder: &str) -> bool {
        let prefix = format!("{folder}/");
        self.files.range(prefix.clone()..).next().is_some_and(|path| path.starts_with(&prefix))
    }

    /// The first of these that exists.
    pub(crate) fn first<'p>(&self, paths: &[&'p str]) -> Option<&'p str> {
        paths.iter().copied().find(|path| self.has(path))
    }

    /// `next.config` finds `next.config.mjs`; a name that exists as it is wins.
    pub(crate) fn config(&self, stem: &str) -> Option<String> {
        if self.has(stem) {
            return Some(stem.to_owned());
        }
        CONFIG_EXTENSIONS.iter().map(|extension| format!("{stem}.{extension}")).find(|path| self.has(path))
    }

    /// Files directly in the root directory with one of these extensions.
    pub(crate) fn with_extension(&self, extensions: &[&str]) -> impl Iterator<Item = &str> {
        self.files().filter(move |path| {
            !path.contains('/')
                && path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
        })
    }

    /// A file's text; `None` when there is none or it cannot be read as text.
    pub(crate) fn text(&self, path: &str) -> Option<Rc<str>> {
        self.read(path).ok()
    }

    /// The text of a manifest that detection rests on: absence is `None`, being unreadable is an error.
    pub(crate) fn manifest(&self, path: &str) -> Result<Option<Rc<str>>, DetectError> {
        if !self.has(path) {
            return Ok(None);
        }
        match self.read(path) {
            Ok(text) => Ok(Some(text)),
            Err(Unreadable::Missing) => Ok(None),
            Err(why) => Err(DetectError::UnreadableManifest { file: path.to_owned(), why }),
        }
    }

    pub(crate) fn head(&self, path: &str) -> Option<String> {
        self.tree.head(&path::join(&self.root, path))
    }

    fn read(&self, path: &str) -> Result<Rc<str>, Unreadable> {
        if let Some(known) = self.texts.borrow().get(path) {
            return known.clone();
        }
        let text = match self.budget.get() {
            0 => Err(Unreadable::Refused),
            _ => self.tree.read(&path::join(&self.root, path)).map(Rc::from),
        };
        let size = text.as_ref().map_or(0, |text: &Rc<str>| text.len());
        self.budget.set(self.budget.get().saturating_sub(size));
        self.texts.borrow_mut().insert(path.to_owned(), text.clone());
        text
    }

    /// A file whose text matches; for content that decides between tools with the same file name.
    pub(crate) fn contains(&self, path: &str, needle: &str) -> bool {
        self.has(path) && self.text(path).is_some_and(|text| text.contains(needle))
    }
}

impl std::fmt::Debug for Facts<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Facts").field("root", &self.root).field("files", &self.files.len()).finish()
    }
}
