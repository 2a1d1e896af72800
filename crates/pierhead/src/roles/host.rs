//! The real time, real chance, and the master key's file.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_control::{MasterKey, Outside};
use pierhead_model::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

/// This machine's clock and random numbers.
#[derive(Debug)]
pub(crate) struct Host;

impl Outside for Host {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn fill(&self, bytes: &mut [u8]) {
        // The generator reads the kernel's; when that fails nothing that needs a secret may go on.
        if aws_lc_rs::rand::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

/// The key from the setting, or from the data directory, where it is made when it is missing; and the one before, when it is
/// being exchanged.
pub(crate) fn master_key(
    setting: Option<&SecretString>,
    previous: Option<&SecretString>,
    data_dir: &Path,
) -> Result<MasterKey> {
    let key = match setting {
        Some(setting) => MasterKey::from_base64(setting.expose_secret()).context("PIERHEAD_MASTER_KEY")?,
        None => of_file(&data_dir.join("master.key"), true)?.context("there is no master key")?,
    };
    let previous = match previous {
        Some(previous) => {
            let previous = MasterKey::from_base64(previous.expose_secret());
            Some(previous.context("PIERHEAD_MASTER_KEY_PREVIOUS")?)
        }
        None => of_file(&data_dir.join("master.key.previous"), false)?,
    };
    Ok(match previous {
        Some(previous) => key.instead_of(previous),
        None => key,
    })
}

/// A key's file that nobody else may read.
fn of_file(path: &Path, make: bool) -> Result<Option<MasterKey>> {
    if !path.exists() {
        if !make {
            return Ok(None);
        }
        let mut bytes = [0; 32];
        Host.fill(&mut bytes);
        // Made whole under another name: a crash must not leave half a key.
        let beside = path.with_extension("key.new");
        let mut file = fs_err::OpenOptions::new();
        file.write(true).create(true).truncate(true);
        file.options_mut().mode(0o600);
        let mut file = file.open(&beside)?;
        file.write_all(BASE64.encode(bytes).as_bytes())?;
        file.sync_all()?;
        fs_err::rename(&beside, path)?;
    }
    let mode = fs_err::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "{} may be read by others (mode {mode:o}): run `chmod 600` on it, and exchange the key if somebody did",
            path.display()
        );
    }
    let text = fs_err::read_to_string(path)?;
    MasterKey::from_base64(&text).with_context(|| format!("{} is damaged", path.display())).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(of_file(&path, false).unwrap().is_none());
        master_key(None, None, folder.path()).unwrap();
        let made = fs_err::read_to_string(&path).unwrap();
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        master_key(None, None, folder.path()).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), made);

        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = master_key(None, None, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("may be read by others (mode 640)"), "{refused}");
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        fs_err::write(&path, "short").unwrap();
        assert!(master_key(None, None, folder.path()).is_err());
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "short", "never made anew over another one");
    }
}
