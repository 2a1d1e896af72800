//! A whole layer as one compressed archive.
//!
//! Installed dependencies are tens of thousands of small files that change only together: storing each as a blob costs more
//! than the install. They are packed as a tar in a fixed order without times, so equal trees are equal archives. They are
//! always the lowest layer, so marks that hide lower layers mean nothing and are left out.
//!
//! Unpacking trusts nothing: plain relative names, folders, files and links only, never through a link, bounded.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use tar::{Archive, Builder, EntryType, Header};

use super::{APP_USER, Entry, give_to_app, inspect, make_app_folder};

/// Of zstd's 22: fast, and most of the gain.
const LEVEL: i32 = 3;
const MAX_ENTRIES: usize = 1_000_000;
const MAX_BYTES: u64 = 32 << 30;

/// Writes the tree into `target` and says whether there was anything in it.
pub(crate) fn pack(root: &Path, target: impl Write) -> std::io::Result<bool> {
    let mut archive = Builder::new(zstd::Encoder::new(target, LEVEL)?);
    let mut any = false;
    for entry in walkdir::WalkDir::new(root).min_depth(1).follow_links(false).sort_by_file_name() {
        let entry = entry.map_err(std::io::Error::other)?;
        let name = entry.path().strip_prefix(root).map_err(std::io::Error::other)?;
        let mut header = Header::new_gnu();
        header.set_uid(APP_USER.into());
        header.set_gid(APP_USER.into());
        header.set_mtime(0);
        header.set_size(0);
        match inspect(entry.path())? {
            Some(Entry::Folder { .. }) => {
                header.set_entry_type(EntryType::Directory);
                header.set_mode(0o755);
                archive.append_data(&mut header, name, std::io::empty())?;
            }
            Some(Entry::File { size, executable }) => {
                header.set_entry_type(EntryType::Regular);
                header.set_mode(if executable { 0o755 } else { 0o644 });
                header.set_size(size);
                archive.append_data(&mut header, name, fs_err::File::open(entry.path())?)?;
            }
            Some(Entry::Symlink { target }) => {
                header.set_entry_type(EntryType::Symlink);
                header.set_mode(0o777);
                archive.append_link(&mut header, name, target)?;
            }
            Some(Entry::Whiteout | Entry::Special(_)) | None => continue,
        }
        any = true;
    }
    archive.into_inner()?.finish()?.flush()?;
    Ok(any)
}

/// Makes the tree again in the folder `root`, which must not exist.
pub(crate) fn unpack(source: impl Read, root: &Path) -> std::io::Result<()> {
    make_app_folder(root)?;
    let mut archive = Archive::new(zstd::Decoder::new(source)?);
    let mut folders = HashSet::from([PathBuf::new()]);
    let (mut entries, mut bytes) = (0, 0);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        entries += 1;
        bytes += entry.size();
        let refused = |why: &str| std::io::Error::other(format!("`{}` in the archive {why}", name.display()));
        if entries > MAX_ENTRIES || bytes > MAX_BYTES {
            return Err(refused("is beyond what a layer may hold"));
        }
        let plain = name.components().all(|part| matches!(part, Component::Normal(_)));
        let parent = name.parent().unwrap_or(Path::new(""));
        if !plain || name.as_os_str().is_empty() || !folders.contains(parent) {
            return Err(refused("is not a path below a folder of it"));
        }
        let path = root.join(&name);
        match entry.header().entry_type() {
            EntryType::Directory => {
                fs_err::create_dir(&path)?;
                folders.insert(name);
            }
            EntryType::Regular => {
                let mut file = fs_err::File::create_new(&path)?;
                std::io::copy(&mut entry, &mut file)?;
                let executable = entry.header().mode()? & 0o111 != 0;
                file.set_permissions(PermissionsExt::from_mode(if executable { 0o755 } else { 0o644 }))?;
            }
            EntryType::Symlink => {
                let target = entry.link_name()?.ok_or_else(|| refused("is a link to nothing"))?;
                std::os::unix::fs::symlink(target, &path)?;
            }
            _ => return Err(refused("is neither a file, a folder nor a link")),
        }
        give_to_app(&path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_comes_back_and_equal_trees_are_equal_archives() {
        let folder = tempfile::tempdir().unwrap();
        let make = |root: &Path| {
            fs_err::create_dir_all(root.join("node_modules/.bin")).unwrap();
            fs_err::write(root.join("node_modules/a.js"), "a").unwrap();
            fs_err::write(root.join(format!("node_modules/{}", "long".repeat(40))), "b").unwrap();
            std::os::unix::fs::symlink("../a.js", root.join("node_modules/.bin/a")).unwrap();
            fs_err::set_permissions(root.join("node_modules/a.js"), PermissionsExt::from_mode(0o755))
                .unwrap();
        };
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        make(&one);
        assert!(pack(&one, &mut first).unwrap());
        let back = folder.path().join("back");
        unpack(first.as_slice(), &back).unwrap();
        assert_eq!(
            super::super::manifest_of(&back).unwrap().manifest,
            super::super::manifest_of(&one).unwrap().manifest
        );
        make(&two);
        pack(&two, &mut second).unwrap();
        assert_eq!(first, second);
        fs_err::create_dir(folder.path().join("empty")).unwrap();
        assert!(!pack(&folder.path().join("empty"), Vec::new()).unwrap());
    }

    #[test]
    fn hostile_archives_are_refused_and_nothing_outside_is_written() {
        let hostile = |entries: &[(&str, EntryType, &str)]| {
            let mut archive = Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
            for (name, kind, target) in entries {
                let mut header = Header::new_gnu();
                header.set_entry_type(*kind);
                header.set_size(0);
                header.set_mode(0o644);
                header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
                header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
                header.set_cksum();
                archive.append(&header, std::io::empty()).unwrap();
            }
            archive.into_inner().unwrap().finish().unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        for (index, entries) in [
            &[("../out", EntryType::Regular, "")][..],
            &[("/out", EntryType::Regular, "")],
            &[("link", EntryType::Symlink, ".."), ("link/out", EntryType::Regular, "")],
            &[("hard", EntryType::Link, "/etc/passwd")],
            &[("dev", EntryType::Char, "")],
            &[("fifo", EntryType::Fifo, "")],
            &[("a", EntryType::Regular, ""), ("a", EntryType::Regular, "")],
            &[("no/parent", EntryType::Regular, "")],
        ]
        .into_iter()
        .enumerate()
        {
            let root = folder.path().join(index.to_string()).join("root");
            fs_err::create_dir(root.parent().unwrap()).unwrap();
            assert!(unpack(hostile(entries).as_slice(), &root).is_err(), "{entries:?}");
            assert!(!root.parent().unwrap().join("out").exists() && !folder.path().join("out").exists());
        }
    }
}
