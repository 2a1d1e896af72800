//! A folder as a tree of files. What git ignores stays here, as do git's own folder and what package managers install.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use pierhead_model::digest::Digest;
use pierhead_model::tree::{FileTree, TreeEntry};

use crate::cli::error::Error;

/// Rules of one's own, in the notation of `.gitignore`.
const IGNORE_FILE: &str = ".pierheadignore";
/// Never part of a source.
const NEVER: [&str; 5] = [".git", ".hg", ".svn", ".pierhead", "node_modules"];

/// What a folder holds.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) tree: FileTree,
    /// Where each content is, and its size in bytes.
    pub(super) paths: HashMap<Digest, (PathBuf, u64)>,
}

pub(super) fn gather(folder: &Path) -> Result<Gathered, Error> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Error::local(
            format!("{} cannot be looked through", folder.display()),
            error,
            "Check that you may read all of it, or leave it out with .pierheadignore.",
        )
    };
    let mut walk = ignore::WalkBuilder::new(folder);
    walk.hidden(false).require_git(false).git_global(false).follow_links(false);
    walk.add_custom_ignore_filename(IGNORE_FILE);
    walk.filter_entry(|entry| !NEVER.iter().any(|name| entry.file_name() == *name));
    let mut files = BTreeMap::new();
    let mut paths = HashMap::new();
    for entry in walk.build() {
        let entry = entry.map_err(|error| unreadable(&error))?;
        let Some(kind) = entry.file_type().filter(|kind| kind.is_file() || kind.is_symlink()) else {
            continue;
        };
        let relative = entry.path().strip_prefix(folder).map_err(|error| unreadable(&error))?;
        let name = relative.to_str().ok_or_else(|| {
            Error::local(
                format!("the name of {} is not UTF-8", relative.display()),
                "names travel as text",
                "Rename it, or leave it out with .pierheadignore.",
            )
        })?;
        let entry = if kind.is_symlink() {
            let target = fs_err::read_link(entry.path()).map_err(|error| unreadable(&error))?;
            TreeEntry::Link { target: target.to_string_lossy().into_owned() }
        } else {
            let (digest, size, executable) = read(entry.path()).map_err(|error| unreadable(&error))?;
            paths.insert(digest, (entry.path().to_owned(), size));
            TreeEntry::File { digest, size, executable }
        };
        files.insert(name.to_owned(), entry);
    }
    let tree = FileTree { files }.checked().map_err(|error| {
        Error::usage(
            format!("{} cannot be deployed: {error}", folder.display()),
            "Name the folder that holds the project, and leave the rest out with .gitignore or .pierheadignore.",
        )
    })?;
    Ok(Gathered { tree, paths })
}

fn read(path: &Path) -> std::io::Result<(Digest, u64, bool)> {
    let mut file = fs_err::File::open(path)?;
    let executable = file.metadata()?.permissions().mode() & 0o111 != 0;
    let (mut context, mut size, mut buffer) = (Context::new(&SHA256), 0, vec![0; 128 << 10]);
    loop {
        let count = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        context.update(piece);
        size += count as u64;
    }
    let digest: [u8; 32] = context.finish().as_ref().try_into().map_err(std::io::Error::other)?;
    Ok((Digest::from_bytes(digest), size, executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_stays_here() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        for name in [
            "index.html",
            ".env.example",
            ".env",
            "dist/a.js",
            "node_modules/x/y.js",
            ".git/config",
            "sub/.git/config",
            "sub/kept.txt",
            "sub/big.bin",
            ".pierhead/link.json",
        ] {
            write(name, name);
        }
        write(".gitignore", "dist/\n.env\n");
        write("sub/.pierheadignore", "*.bin\n");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link")).unwrap();
        let Gathered { tree, paths } = gather(folder.path()).unwrap();
        let names: Vec<&str> = tree.files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [".env.example", ".gitignore", "index.html", "link", "sub/.pierheadignore", "sub/kept.txt"]
        );
        assert_eq!(
            tree.files["link"],
            TreeEntry::Link { target: "/etc/passwd".into() },
            "not what it leads to"
        );
        assert_eq!(paths.len(), 5);
        assert!(paths.contains_key(&Digest::of(b"index.html")));
        assert!(gather(&folder.path().join("dist/nothing")).is_err());
    }
}
