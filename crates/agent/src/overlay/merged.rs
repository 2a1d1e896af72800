//! Several layers seen as one tree.

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use super::{Entry, inspect};

/// Symbolic links that are followed for one path, as in the kernel.
const MAX_LINKS: usize = 40;

/// A folder of the merged tree: the real folders it is made of, highest first.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    branches: Vec<PathBuf>,
}

/// What a path of the merged tree is.
#[derive(Debug)]
pub(crate) enum Node {
    Folder(Folder),
    File { path: PathBuf, size: u64 },
    Symlink { target: PathBuf },
    Special(&'static str),
}

/// Layers, highest first.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    root: Folder,
}

/// Why a path with links in it leads nowhere that may be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("it leads out of the folder")]
    Escapes,
    #[error("it leads to nothing")]
    Missing,
    #[error("it leads in circles")]
    Circular,
    #[error("it cannot be read")]
    Unreadable(#[source] std::io::Error),
}

impl Merged {
    pub(crate) fn new(layers: Vec<PathBuf>) -> Self {
        Self { root: Folder { branches: layers } }
    }

    /// What is at a path, following links as long as they stay inside. `within` is the folder, as components from the
    /// root, that must not be left; the answer's components tell where the path really leads.
    pub(crate) fn resolve(
        &self,
        within: &[OsString],
        path: &Path,
    ) -> Result<(Vec<OsString>, Node), ResolveError> {
        let mut rest: Vec<OsString> = components(path).ok_or(ResolveError::Escapes)?;
        rest.reverse();
        let mut at: Vec<OsString> = Vec::new();
        let mut links = 0;
        let mut node = Node::Folder(self.root.clone());
        while let Some(name) = rest.pop() {
            if name == ".." {
                at.pop().ok_or(ResolveError::Escapes)?;
                node = self.plain(&at)?;
                continue;
            }
            let Node::Folder(folder) = &node else { return Err(ResolveError::Missing) };
            let found =
                folder.child(&name).map_err(ResolveError::Unreadable)?.ok_or(ResolveError::Missing)?;
            if let Node::Symlink { target } = &found {
                links += 1;
                if links > MAX_LINKS {
                    return Err(ResolveError::Circular);
                }
                if target.is_absolute() {
                    return Err(ResolveError::Escapes);
                }
                let mut target = components(target).ok_or(ResolveError::Escapes)?;
                target.reverse();
                rest.extend(target);
                continue;
            }
            at.push(name);
            node = found;
        }
        if at.starts_with(within) { Ok((at, node)) } else { Err(ResolveError::Escapes) }
    }

    /// What is at a path that is known to hold no links.
    fn plain(&self, path: &[OsString]) -> Result<Node, ResolveError> {
        let mut node = Node::Folder(self.root.clone());
        for name in path {
            let Node::Folder(folder) = &node else { return Err(ResolveError::Missing) };
            node = folder.child(name).map_err(ResolveError::Unreadable)?.ok_or(ResolveError::Missing)?;
        }
        Ok(node)
    }
}

/// The components of a relative path; `None` when it is absolute.
fn components(path: &Path) -> Option<Vec<OsString>> {
    path.components()
        .filter(|component| !matches!(component, Component::CurDir))
        .map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::Prefix(_) | Component::CurDir => None,
        })
        .collect()
}

impl Folder {
    /// One entry by name.
    pub(crate) fn child(&self, name: &OsStr) -> std::io::Result<Option<Node>> {
        let mut branches = Vec::new();
        for branch in &self.branches {
            let path = branch.join(name);
            let Some(entry) = inspect(&path)? else { continue };
            match settle(path, entry, &mut branches) {
                Settled::Below => {}
                Settled::Is(node) => return Ok(node),
            }
        }
        Ok((!branches.is_empty()).then_some(Node::Folder(Self { branches })))
    }

    /// All entries, in the order of their names.
    pub(crate) fn children(&self) -> std::io::Result<BTreeMap<OsString, Node>> {
        let mut folders: BTreeMap<OsString, Vec<PathBuf>> = BTreeMap::new();
        let mut settled: BTreeMap<OsString, Node> = BTreeMap::new();
        let mut closed: HashSet<OsString> = HashSet::new();
        for branch in &self.branches {
            for entry in fs_err::read_dir(branch)? {
                let name = entry?.file_name();
                if closed.contains(&name) {
                    continue;
                }
                let path = branch.join(&name);
                let Some(entry) = inspect(&path)? else { continue };
                let branches = folders.entry(name.clone()).or_default();
                if let Settled::Is(node) = settle(path, entry, branches) {
                    closed.insert(name.clone());
                    folders.remove(&name);
                    settled.extend(node.map(|node| (name, node)));
                }
            }
        }
        let open = folders.into_iter().map(|(name, branches)| (name, Node::Folder(Self { branches })));
        settled.extend(open);
        Ok(settled)
    }
}

enum Settled {
    /// Lower layers may add to it.
    Below,
    /// Lower layers do not matter; `None` is hidden.
    Is(Option<Node>),
}

/// Adds what one layer has to what the layers above it have (only folders can be open).
fn settle(path: PathBuf, entry: Entry, branches: &mut Vec<PathBuf>) -> Settled {
    let above = !branches.is_empty();
    match entry {
        Entry::Folder { opaque } => {
            branches.push(path);
            if !opaque {
                return Settled::Below;
            }
        }
        // Anything else below a folder ends it: what is further down is hidden by this one.
        _ if above => {}
        Entry::File { size, .. } => return Settled::Is(Some(Node::File { path, size })),
        Entry::Symlink { target } => return Settled::Is(Some(Node::Symlink { target })),
        Entry::Special(what) => return Settled::Is(Some(Node::Special(what))),
        Entry::Whiteout => return Settled::Is(None),
    }
    Settled::Is(Some(Node::Folder(Folder { branches: std::mem::take(branches) })))
}

#[cfg(test)]
mod tests {
    use super::super::{make_opaque, make_whiteout};
    use super::*;

    struct Layers {
        folder: tempfile::TempDir,
    }

    impl Layers {
        /// `name: content`, `name/` a folder, `-name` a whiteout, `name!/` an opaque folder, `name->target` a link.
        fn new(layers: &[&[&str]]) -> (Self, Merged) {
            let folder = tempfile::tempdir().unwrap();
            let mut paths = Vec::new();
            for (index, entries) in layers.iter().enumerate() {
                let root = folder.path().join(index.to_string());
                fs_err::create_dir(&root).unwrap();
                for entry in *entries {
                    make(&root, entry);
                }
                paths.push(root);
            }
            (Self { folder }, Merged::new(paths))
        }
    }

    fn make(root: &Path, entry: &str) {
        let parent = |path: &Path| fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        if let Some((name, content)) = entry.split_once(": ") {
            parent(&root.join(name));
            fs_err::write(root.join(name), content).unwrap();
        } else if let Some((name, target)) = entry.split_once("->") {
            parent(&root.join(name));
            std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        } else if let Some(name) = entry.strip_prefix('-') {
            parent(&root.join(name));
            make_whiteout(&root.join(name)).unwrap();
        } else if let Some(name) = entry.strip_suffix("!/") {
            fs_err::create_dir_all(root.join(name)).unwrap();
            make_opaque(&root.join(name)).unwrap();
        } else {
            fs_err::create_dir_all(root.join(entry)).unwrap();
        }
    }

    fn flat(folder: &Folder, prefix: &str, into: &mut Vec<String>) {
        for (name, node) in folder.children().unwrap() {
            let path = format!("{prefix}{}", name.to_str().unwrap());
            match node {
                Node::Folder(folder) => flat(&folder, &format!("{path}/"), into),
                Node::File { path: real, .. } => {
                    into.push(format!("{path}: {}", fs_err::read_to_string(real).unwrap()))
                }
                Node::Symlink { target } => into.push(format!("{path}->{}", target.display())),
                Node::Special(what) => into.push(format!("{path} is {what}")),
            }
        }
    }

    #[test]
    fn merges_as_the_kernel_does() {
        let (_layers, merged) = Layers::new(&[
            &["a: top", "-gone", "-d/x", "o!/", "o/new: 1", "f/in: dir over file", "was_dir: file"],
            &[
                "a: low",
                "b: low",
                "gone: low",
                "d/x: low",
                "d/y: low",
                "o/old: low",
                "f: file",
                "was_dir/z: low",
            ],
            &["c: deep", "gone: deep", "d/z: deep", "f/deep: hidden by the file between", "o/deep: deep"],
        ]);
        let mut found = Vec::new();
        flat(&merged.root, "", &mut found);
        assert_eq!(
            found,
            [
                "a: top",
                "b: low",
                "c: deep",
                "d/y: low",
                "d/z: deep",
                "f/in: dir over file",
                "o/new: 1",
                "was_dir: file"
            ]
        );
    }

    #[test]
    fn one_child_is_what_the_listing_says() {
        let (_layers, merged) =
            Layers::new(&[&["-gone", "d/a: 1", "o!/"], &["gone: x", "d/b: 2", "o/x: y"], &["d: file"]]);
        assert!(merged.root.child("gone".as_ref()).unwrap().is_none());
        for (name, node) in merged.root.children().unwrap() {
            let alone = merged.root.child(&name).unwrap().unwrap();
            assert_eq!(format!("{node:?}"), format!("{alone:?}"));
        }
    }

    #[test]
    fn links_are_followed_inside_and_nowhere_else() {
        let (layers, merged) = Layers::new(&[
            &[
                "out/in->../src/file",
                "out/out->../../secret",
                "out/abs->/etc/passwd",
                "out/loop->loop",
                "out/dots->a/../b",
                "out/a/x: 1",
                "out/b: b",
                "out/through->sub/b",
                "out/sub->.",
            ],
            &["src/file: from below"],
        ]);
        fs_err::write(layers.folder.path().join("secret"), "no").unwrap();
        let resolve = |within: &[&str], path: &str| {
            let within: Vec<OsString> = within.iter().map(Into::into).collect();
            merged
                .resolve(&within, Path::new(path))
                .map(|(at, _)| at.join(OsStr::new("/")).into_string().unwrap())
        };
        assert_eq!(resolve(&[], "out/in").unwrap(), "src/file");
        assert_eq!(resolve(&["out"], "out/dots").unwrap(), "out/b");
        assert_eq!(resolve(&["out"], "out/through").unwrap(), "out/b");
        assert!(matches!(resolve(&["out"], "out/in"), Err(ResolveError::Escapes)));
        assert!(matches!(resolve(&[], "out/out"), Err(ResolveError::Escapes)));
        assert!(matches!(resolve(&[], "out/abs"), Err(ResolveError::Escapes)));
        assert!(matches!(resolve(&[], "../x"), Err(ResolveError::Escapes)));
        assert!(matches!(resolve(&[], "/etc"), Err(ResolveError::Escapes)));
        assert!(matches!(resolve(&[], "out/loop"), Err(ResolveError::Circular)));
        assert!(matches!(resolve(&[], "out/none"), Err(ResolveError::Missing)));
    }
}
