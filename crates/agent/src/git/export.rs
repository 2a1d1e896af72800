//! A commit's files, written without checking out.
//!
//! The tree is listed and each blob written by this code, so nothing of the repository decides how: no attributes, filters,
//! hooks. A tree may name anything; accepted are plain relative names, regular files, links (never followed here) and
//! submodules (handed back). Sizes are counted before anything is written.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pierhead_model::deployment::CloneFailure;

use super::CloneError;
use super::command::Git;
use super::mirror::local;
use crate::durable;
use crate::overlay::{give_to_app, make_app_folder};

/// What a listing of a hundred thousand files may take.
const MAX_LISTING: u64 = 128 << 20;
const LISTING: Duration = Duration::from_secs(120);
/// The kernel's own bound on a link's target.
const MAX_TARGET: u64 = 4096;

/// What may still be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

/// A submodule's place in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) path: String,
    pub(super) commit: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Mode {
    File { executable: bool },
    Symlink,
}

#[derive(Debug)]
struct Item {
    mode: Mode,
    object: String,
    path: PathBuf,
}

/// Writes the files of `commit` into the folder `target` and hands back its submodules.
pub(super) async fn export(
    git: &Git,
    mirror: &Path,
    commit: &str,
    target: &Path,
    budget: &mut Budget,
    stop: Arc<AtomicBool>,
) -> Result<Vec<Link>, CloneError> {
    let arguments = git.arguments(Some(mirror), &["ls-tree", "-r", "-z", "-l", "--full-tree", commit]);
    let listing = local(git.run(arguments, LISTING, MAX_LISTING).await)?;
    let (items, links) = parse(&listing.stdout, budget)?;
    let mut command = Command::new("git");
    command.args(git.arguments(Some(mirror), &["cat-file", "--batch"]));
    command.env_clear().envs(git.environment());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let target = target.to_path_buf();
    let written = durable::blocking(move || write_all(command, &items, &target, &stop)).await;
    written.map_err(|error| CloneError::internal("writing the source", &error))?;
    Ok(links)
}

/// Records of `<mode> <type> <object> <size>\t<path>`, each ended by a NUL.
fn parse(listing: &[u8], budget: &mut Budget) -> Result<(Vec<Item>, Vec<Link>), CloneError> {
    let (mut items, mut links) = (Vec::new(), Vec::new());
    for record in listing.split(|&byte| byte == 0).filter(|record| !record.is_empty()) {
        let odd = || {
            let shown: String =
                String::from_utf8_lossy(record).chars().filter(|c| !c.is_control()).take(200).collect();
            CloneError::new(
                CloneFailure::Other,
                format!("the repository holds a file that is not accepted: `{shown}`"),
            )
        };
        let tab = record.iter().position(|&byte| byte == b'\t').ok_or_else(odd)?;
        let (fields, path) = (std::str::from_utf8(&record[..tab]).map_err(|_| odd())?, &record[tab + 1..]);
        let fields: Vec<_> = fields.split_ascii_whitespace().collect();
        let [mode, _, object, size] = fields[..] else { return Err(odd()) };
        if !is_plain(path) {
            return Err(odd());
        }
        let mode = match mode {
            "100644" | "100664" => Mode::File { executable: false },
            "100755" => Mode::File { executable: true },
            "120000" => Mode::Symlink,
            "160000" => {
                let path = String::from_utf8(path.to_vec()).map_err(|_| odd())?;
                links.push(Link { path, commit: object.to_owned() });
                continue;
            }
            _ => return Err(odd()),
        };
        let size: u64 = size.parse().map_err(|_| odd())?;
        if mode == Mode::Symlink && size > MAX_TARGET {
            return Err(odd());
        }
        budget.files = budget.files.checked_sub(1).ok_or_else(|| too_large("holds too many files"))?;
        budget.bytes = budget.bytes.checked_sub(size).ok_or_else(|| too_large("is too large"))?;
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(path));
        items.push(Item { mode, object: object.to_owned(), path });
    }
    Ok((items, links))
}

fn too_large(what: &str) -> CloneError {
    CloneError::new(
        CloneFailure::TooLarge,
        format!("the repository {what} to be deployed: keep generated files out of it"),
    )
}

/// Relative, without `.`, `..`, empty or `.git` components.
fn is_plain(path: &[u8]) -> bool {
    let bad = |part: &[u8]| matches!(part, b"" | b"." | b"..") || part.eq_ignore_ascii_case(b".git");
    !path.is_empty() && path.len() < 4096 && !path.split(|&byte| byte == b'/').any(bad)
}

fn write_all(mut command: Command, items: &[Item], target: &Path, stop: &AtomicBool) -> std::io::Result<()> {
    make_app_folder(target)?;
    let mut child = command.spawn()?;
    let (Some(mut asked), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::Error::other("git has no pipes"));
    };
    let result = std::thread::scope(|scope| {
        // Asked from a second thread: both pipes are bounded, and one thread could wait on itself.
        scope.spawn(move || {
            items.iter().try_for_each(|item| asked.write_all(format!("{}\n", item.object).as_bytes()))
        });
        let mut answers = BufReader::with_capacity(128 << 10, answers);
        let mut folders = HashSet::new();
        let result = items.iter().try_for_each(|item| {
            if stop.load(Ordering::Relaxed) {
                return Err(std::io::Error::other("the run was stopped"));
            }
            write_one(&mut answers, item, target, &mut folders)
        });
        if result.is_err() {
            // Ends the asking thread too: its pipe breaks.
            child.kill()?;
        }
        result
    });
    child.wait()?;
    result
}

fn write_one(
    answers: &mut impl BufRead,
    item: &Item,
    target: &Path,
    folders: &mut HashSet<PathBuf>,
) -> std::io::Result<()> {
    let size = read_header(answers, &item.object)?;
    make_parents(target, &item.path, folders)?;
    let path = target.join(&item.path);
    let mut content = answers.take(size);
    match item.mode {
        Mode::Symlink => {
            let mut link = Vec::new();
            content.read_to_end(&mut link)?;
            std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(&link), &path)?;
        }
        Mode::File { executable } => {
            // Never an existing path: a tree may name one twice, once as a link.
            let mut file = fs_err::File::create_new(&path)?;
            let copied = std::io::copy(&mut content, &mut file)?;
            if copied != size {
                return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "git ended early"));
            }
            if executable {
                file.set_permissions(PermissionsExt::from_mode(0o755))?;
            }
        }
    }
    give_to_app(&path)?;
    let mut newline = [0];
    answers.read_exact(&mut newline)
}

/// `<object> <type> <size>`.
fn read_header(answers: &mut impl BufRead, object: &str) -> std::io::Result<u64> {
    let mut header = String::new();
    answers.by_ref().take(256).read_line(&mut header)?;
    let fields: Vec<_> = header.split_ascii_whitespace().collect();
    match fields[..] {
        [named, "blob", size] if named == object => size.parse().map_err(std::io::Error::other),
        _ => Err(std::io::Error::other(format!("the mirror does not hold the object {object}"))),
    }
}

/// Makes the folders above a path, one by one, so that none of them is a link.
fn make_parents(target: &Path, path: &Path, folders: &mut HashSet<PathBuf>) -> std::io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    if folders.contains(parent) {
        return Ok(());
    }
    make_parents(target, parent, folders)?;
    let folder = target.join(parent);
    fs_err::create_dir(&folder)?;
    give_to_app(&folder)?;
    folders.insert(parent.to_path_buf());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(records: &[(&str, &str)]) -> Vec<u8> {
        let object = "a".repeat(40);
        let record = |(mode, path): &(&str, &str)| {
            let (kind, size) = if *mode == "160000" { ("commit", "-") } else { ("blob", "7") };
            format!("{mode} {kind} {object} {size:>7}\t{path}\0")
        };
        records.iter().map(record).collect::<String>().into_bytes()
    }

    const PLENTY: Budget = Budget { bytes: 1000, files: 10 };

    #[test]
    fn files_links_and_submodules_are_told_apart() {
        let listing =
            listing(&[("100644", "a b"), ("100755", "d/x"), ("120000", "l"), ("160000", "vendor/lib")]);
        let mut budget = PLENTY;
        let (items, links) = parse(&listing, &mut budget).unwrap();
        let modes: Vec<_> = items.iter().map(|item| &item.mode).collect();
        assert_eq!(
            modes,
            [&Mode::File { executable: false }, &Mode::File { executable: true }, &Mode::Symlink]
        );
        assert_eq!(links, [Link { path: "vendor/lib".into(), commit: "a".repeat(40) }]);
        assert_eq!((budget.bytes, budget.files), (1000 - 21, 7));
    }

    #[test]
    fn hostile_names_and_modes_are_refused() {
        for path in
            ["../x", "/etc/passwd", "a/../../x", ".git/hooks/post-checkout", "a/.GIT/config", "a//b", "./a"]
        {
            assert!(parse(&listing(&[("100644", path)]), &mut PLENTY.clone()).is_err(), "{path}");
        }
        for mode in ["040000", "000000", "160001", "107777"] {
            assert!(parse(&listing(&[(mode, "x")]), &mut PLENTY.clone()).is_err(), "{mode}");
        }
        assert!(parse(b"garbage\0", &mut PLENTY.clone()).is_err());
    }

    #[test]
    fn what_is_too_much_is_told_before_anything_is_written() {
        for budget in [Budget { bytes: 6, files: 10 }, Budget { bytes: 100, files: 0 }] {
            let error = parse(&listing(&[("100644", "a")]), &mut budget.clone()).unwrap_err();
            assert_eq!(error.kind, CloneFailure::TooLarge);
        }
    }
}
