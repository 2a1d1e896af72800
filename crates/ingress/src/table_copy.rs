//! The copy of the table on disk: what an ingress serves by when it starts and the control plane is away.
//!
//! One file: a line that says what it is (format, epoch, generation, length and checksum of the rest), then the routes as JSON. A
//! copy is written beside the old one and takes its place in one step; the old one stays as `previous`. What is torn, changed or
//! not understood is not used; then the previous copy is, and in the end none.

use std::io;
use std::path::{Path, PathBuf};

use pierhead_model::digest::Digest;
use pierhead_wire::route::Route;

const FORMAT: &str = "pierhead-routes-1";

/// A table as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) epoch: u64,
    pub(crate) generation: u64,
    pub(crate) routes: Vec<Route>,
}

/// Why a copy is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    #[error("its first line is not that of a copy")]
    Heading,
    #[error("its checksum is wrong: it was torn or changed")]
    Checksum,
    #[error("its routes cannot be understood")]
    Routes(#[source] serde_json::Error),
}

/// Where copies are.
#[derive(Debug, Clone)]
pub(crate) struct TableCopy {
    path: PathBuf,
}

impl TableCopy {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    /// The newest copy that can be used. Blocks.
    pub(crate) fn read(&self) -> Option<Kept> {
        [self.path.clone(), self.beside("previous")].iter().find_map(|path| match read(path) {
            Ok(kept) => Some(kept),
            Err(Unusable::Read(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, path = %path.display(), "a copy of the route table is not used");
                None
            }
        })
    }

    /// Keeps a table; it is on the disk when this returns. Blocks.
    pub(crate) fn write(&self, kept: &Kept) -> io::Result<()> {
        let body = serde_json::to_vec(&kept.routes)?;
        let heading =
            format!("{FORMAT} {} {} {} {}\n", kept.epoch, kept.generation, body.len(), Digest::of(&body));
        let new = self.beside("new");
        // There are keys and hashes in it.
        let mut file = private_file(&new)?;
        io::Write::write_all(&mut file, heading.as_bytes())?;
        io::Write::write_all(&mut file, &body)?;
        file.sync_all()?;
        match fs_err::rename(&self.path, self.beside("previous")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs_err::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            fs_err::File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

fn private_file(path: &Path) -> io::Result<fs_err::File> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn read(path: &Path) -> Result<Kept, Unusable> {
    let bytes = fs_err::read(path).map_err(Unusable::Read)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Unusable::Heading)?;
    let (heading, body) = bytes.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let heading = std::str::from_utf8(heading).map_err(|_| Unusable::Heading)?;
    let words: Vec<&str> = heading.split(' ').collect();
    let [FORMAT, epoch, generation, length, digest] = *words else { return Err(Unusable::Heading) };
    let number = |text: &str| text.parse::<u64>().map_err(|_| Unusable::Heading);
    let (epoch, generation) = (number(epoch)?, number(generation)?);
    if number(length)? != body.len() as u64 || digest != Digest::of(body).to_string() {
        return Err(Unusable::Checksum);
    }
    let routes = serde_json::from_slice(body).map_err(Unusable::Routes)?;
    Ok(Kept { epoch, generation, routes })
}

#[cfg(test)]
mod tests {
    use pierhead_model::hostname::Hostname;
    use pierhead_model::name::ProjectName;
    use pierhead_wire::route::{Page, Target};
    use proptest::prelude::*;

    use super::*;

    fn kept(generation: u64, hosts: usize) -> Kept {
        let route = |number: usize| Route {
            host: Hostname::parse(&format!("h{number}.test")).unwrap(),
            project: ProjectName::parse("shop").unwrap(),
            target: Target::Page { page: Page::Stopped, deployment: None },
            rules: None,
        };
        Kept { epoch: 3, generation, routes: (0..hosts).map(route).collect() }
    }

    #[test]
    fn the_newest_that_is_whole_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let copy = TableCopy::new(folder.path().join("routes"));
        assert_eq!(copy.read(), None);
        copy.write(&kept(1, 3)).unwrap();
        copy.write(&kept(2, 4)).unwrap();
        assert_eq!(copy.read(), Some(kept(2, 4)));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs_err::metadata(folder.path().join("routes")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600, "there may be hashes of passwords in it");
        let whole = fs_err::read(folder.path().join("routes")).unwrap();
        fs_err::write(folder.path().join("routes"), &whole[..whole.len() - 1]).unwrap();
        assert_eq!(copy.read(), Some(kept(1, 3)), "torn: the one before");
        fs_err::write(folder.path().join("routes.previous"), "something else\n").unwrap();
        assert_eq!(copy.read(), None);
        copy.write(&kept(5, 1)).unwrap();
        assert_eq!(copy.read(), Some(kept(5, 1)));
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_noticed(at in 0_usize..400, flip in 1_u8..=255) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("routes");
            let copy = TableCopy::new(path.clone());
            copy.write(&kept(1, 3)).unwrap();
            let mut bytes = fs_err::read(&path).unwrap();
            // Epoch and generation only say how new it is.
            let body = bytes.iter().position(|byte| *byte == b'\n').unwrap();
            let at = body + at % (bytes.len() - body);
            bytes[at] ^= flip;
            fs_err::write(&path, bytes).unwrap();
            prop_assert_eq!(copy.read(), None);
        }
    }
}
