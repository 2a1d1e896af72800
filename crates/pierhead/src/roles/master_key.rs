//! Where the master key is: in a setting, in a file, or in Vault; and which one follows it.

use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use pierhead_control::{MasterKey, MasterKeySource, Outside as _, Successor, VaultTransit};
use secrecy::{ExposeSecret as _, SecretString};

use super::host::Host;
use crate::settings::{MasterKeySettings, Vault};

/// In the data directory.
const OWN: &str = "master.key";
const PREVIOUS: &str = "master.key.previous";

/// The key that the settings name, or the one in the data directory, where it is made when it is missing; and the one before,
/// when it is being exchanged.
pub(crate) fn load(settings: &MasterKeySettings, data_dir: &Path) -> Result<MasterKey> {
    let of_setting = |key: &Option<SecretString>, name: &'static str| {
        let key = key.as_ref().map(|key| MasterKey::from_base64(key.expose_secret()));
        key.transpose().context(name)
    };
    let given = of_setting(&settings.key, "PIERHEAD_MASTER_KEY")?;
    let before = match of_setting(&settings.previous, "PIERHEAD_MASTER_KEY_PREVIOUS")? {
        Some(before) => Some(before),
        None => of_file(&data_dir.join(PREVIOUS))?,
    };
    let in_vault = settings.vault.as_ref().map(in_vault).transpose()?;
    let keeps = settings.vault.as_ref().is_some_and(|vault| vault.keeps_the_key);
    let (key, previous, keeper) = match in_vault {
        Some(key) if keeps => {
            // Whatever key there was here before Vault was set up.
            let before = match given {
                Some(given) => Some(given),
                None => before.or(of_file(&data_dir.join(OWN))?),
            };
            (key, before, Keeper::Vault)
        }
        in_vault => {
            let keeper = match (&given, &settings.file) {
                (Some(_), Some(file)) => Keeper::File { file: file.clone(), data_dir: data_dir.to_owned() },
                (Some(_), None) => Keeper::Setting,
                (None, _) => Keeper::Own { data_dir: data_dir.to_owned() },
            };
            let key = match given {
                Some(given) => given,
                None => own(data_dir)?,
            };
            (key, in_vault.or(before), keeper)
        }
    };
    let key = match previous {
        Some(previous) => key.instead_of(previous),
        None => key,
    };
    Ok(key.kept_in(Arc::new(keeper)))
}

fn in_vault(vault: &Vault) -> Result<MasterKey> {
    let bundle = vault.ca_bundle.as_ref().map(fs_err::read).transpose().context("vault.ca_bundle")?;
    let (token, file) = (vault.token.clone(), vault.token_file.clone());
    let token = Box::new(move || match &file {
        // Read each time: whoever renews it writes it there.
        Some(file) => match fs_err::read_to_string(file) {
            Ok(token) => Ok(token.trim_end_matches(['\n', '\r']).to_owned().into()),
            Err(error) => Err(format!("Vault's token cannot be read: {error}")),
        },
        None => Ok(token.clone()),
    });
    let key = (vault.mount.clone(), vault.key.clone());
    let transit = VaultTransit::new(vault.address.clone(), key, token, bundle.as_deref())?;
    Ok(MasterKey::in_vault(transit))
}

/// Who has the key, and so the next one.
#[derive(Debug)]
enum Keeper {
    /// The data directory: it makes the next one.
    Own {
        data_dir: PathBuf,
    },
    /// A file of somebody who puts the next one there.
    File {
        file: PathBuf,
        data_dir: PathBuf,
    },
    /// What a running server does not read again.
    Setting,
    Vault,
}

impl MasterKeySource for Keeper {
    fn successor(&self, current: &MasterKey) -> Result<Successor, String> {
        let told = |error: anyhow::Error| format!("The next master key cannot be taken: {error:#}");
        match self {
            Self::Own { data_dir } => own_successor(data_dir, current).map_err(told),
            Self::File { file, data_dir } => {
                let next = of_file(file).and_then(|key| key.context("it is gone"));
                let next = next.with_context(|| file.display().to_string()).map_err(told)?;
                if next.name() == current.name() {
                    return Err(format!(
                        "{} still holds the key that is in use: put the new one there (`openssl rand -base64 32`) and ask again.",
                        file.display()
                    ));
                }
                keep(&data_dir.join(PREVIOUS), current).map_err(told)?;
                Ok(Successor::Other(next))
            }
            Self::Setting => Err("The master key is in PIERHEAD_MASTER_KEY, which a running server does not read again: restart it with the new one there and the old one in PIERHEAD_MASTER_KEY_PREVIOUS; or keep it in a file (--master-key-file).".to_owned()),
            Self::Vault => Ok(Successor::SameKey),
        }
    }
}

/// Makes the next key, or finds the one that an exchange which was cut made.
fn own_successor(data_dir: &Path, current: &MasterKey) -> Result<Successor> {
    let path = data_dir.join(OWN);
    let found = of_file(&path)?.with_context(|| format!("{} is gone", path.display()))?;
    if found.name() != current.name() {
        return Ok(Successor::Other(found));
    }
    // In this order: at every moment the two files hold every key that something may be wrapped by.
    keep(&data_dir.join(PREVIOUS), current)?;
    let next = fresh();
    keep(&path, &next)?;
    Ok(Successor::Other(next))
}

fn own(data_dir: &Path) -> Result<MasterKey> {
    let path = data_dir.join(OWN);
    if !path.exists() {
        keep(&path, &fresh())?;
    }
    of_file(&path)?.context("there is no master key")
}

fn fresh() -> MasterKey {
    let mut bytes = [0; 32];
    Host.fill(&mut bytes);
    MasterKey::from_bytes(bytes)
}

/// Made whole under another name: a crash must not leave half a key.
fn keep(path: &Path, key: &MasterKey) -> Result<()> {
    // What Vault keeps is not ours to write down.
    let Some(text) = key.to_base64() else { return Ok(()) };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut file = fs_err::OpenOptions::new();
    file.write(true).create(true).truncate(true);
    file.options_mut().mode(0o600);
    let mut file = file.open(&beside)?;
    file.write_all(text.expose_secret().as_bytes())?;
    file.sync_all()?;
    fs_err::rename(&beside, path)?;
    if let Some(folder) = path.parent() {
        fs_err::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// A key's file that nobody else may read; `None` when there is none.
fn of_file(path: &Path) -> Result<Option<MasterKey>> {
    if !path.exists() {
        return Ok(None);
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

    fn mode_of(path: &Path) -> u32 {
        fs_err::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(OWN);
        let settings = MasterKeySettings::default();
        assert!(of_file(&path).unwrap().is_none());
        load(&settings, folder.path()).unwrap();
        let made = fs_err::read_to_string(&path).unwrap();
        assert_eq!(mode_of(&path), 0o600);
        load(&settings, folder.path()).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), made);

        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let refused = load(&settings, folder.path()).unwrap_err().to_string();
        assert!(refused.contains("may be read by others (mode 640)"), "{refused}");
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        fs_err::write(&path, "short").unwrap();
        assert!(load(&settings, folder.path()).is_err());
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "short", "never made anew over another one");
    }

    #[test]
    fn the_data_directory_makes_the_next_key_once_and_keeps_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let current = load(&MasterKeySettings::default(), folder.path()).unwrap();
        let keeper = Keeper::Own { data_dir: folder.path().to_owned() };
        let next = |keeper: &Keeper| match keeper.successor(&current).unwrap() {
            Successor::Other(next) => next.name(),
            Successor::SameKey => panic!("it is another one"),
        };
        let first = next(&keeper);
        assert_ne!(first, current.name());
        assert_eq!(next(&keeper), first, "an exchange that was cut goes on with the same key");
        let previous = folder.path().join(PREVIOUS);
        assert_eq!(mode_of(&previous), 0o600);
        assert_eq!(of_file(&previous).unwrap().unwrap().name(), current.name());
    }

    #[test]
    fn a_file_of_somebody_else_is_read_anew_and_a_setting_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("theirs");
        let current = fresh();
        keep(&file, &current).unwrap();
        let keeper = Keeper::File { file: file.clone(), data_dir: folder.path().to_owned() };
        let refused = keeper.successor(&current).unwrap_err();
        assert!(refused.contains("still holds the key that is in use"), "{refused}");
        assert!(!folder.path().join(PREVIOUS).exists());
        let other = fresh();
        keep(&file, &other).unwrap();
        assert!(
            matches!(keeper.successor(&current), Ok(Successor::Other(next)) if next.name() == other.name())
        );
        assert!(folder.path().join(PREVIOUS).exists());
        fs_err::remove_file(&file).unwrap();
        assert!(keeper.successor(&other).unwrap_err().contains("it is gone"));
        assert!(Keeper::Setting.successor(&other).unwrap_err().contains("PIERHEAD_MASTER_KEY_PREVIOUS"));
    }
}
