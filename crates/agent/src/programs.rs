//! Programs of ours that run in containers of others: linked statically, and mounted from a folder of the agent's.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use sha2::{Digest as _, Sha256};

/// A program and its name.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    name: &'static str,
    bytes: &'static [u8],
}

/// The first process of a container that is given secrets.
pub const INIT: Program =
    Program { name: "pierhead-init", bytes: include_bytes!(concat!(env!("OUT_DIR"), "/pierhead-init")) };

/// Holds a name on a deployment's network for a service that runs on another node.
pub const RELAY: Program =
    Program { name: "pierhead-relay", bytes: include_bytes!(concat!(env!("OUT_DIR"), "/pierhead-relay")) };

impl Program {
    /// Puts the program into a folder, unless it is there. One per version: containers that run keep theirs.
    pub fn install(self, folder: &Path) -> std::io::Result<PathBuf> {
        let digest = hex::encode(Sha256::digest(self.bytes));
        let path = folder.join(format!("{}-{}", self.name, digest.get(..16).unwrap_or(&digest)));
        if fs_err::read(&path).is_ok_and(|there| there == self.bytes) {
            return Ok(path);
        }
        fs_err::create_dir_all(folder)?;
        // Made whole under a name of its own: several may do it at once, and a crash must not leave half a program.
        let beside = tempfile::Builder::new().prefix(".tmp").tempfile_in(folder)?.into_temp_path();
        let mut file = fs_err::OpenOptions::new().write(true).truncate(true).mode(0o755).open(&beside)?;
        file.write_all(self.bytes)?;
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        file.sync_all()?;
        drop(file);
        beside.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_put_there_once_and_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = RELAY.install(folder.path()).unwrap();
        assert_eq!(RELAY.install(folder.path()).unwrap(), path);
        fs_err::write(&path, "half").unwrap();
        RELAY.install(folder.path()).unwrap();
        let ran = std::process::Command::new(&path).output().unwrap();
        assert_eq!(ran.status.code(), Some(125), "{ran:?}");
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
