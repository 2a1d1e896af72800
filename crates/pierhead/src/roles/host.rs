//! The real time, real chance, and the master key's file.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
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

/// The key from the setting, or from the data directory, where it is made when it is missing.
pub(crate) fn master_key(setting: Option<&SecretString>, data_dir: &Path) -> Result<MasterKey> {
    if let Some(setting) = setting {
        return MasterKey::from_base64(setting.expose_secret()).context("PIERHEAD_MASTER_KEY");
    }
    let path = data_dir.join("master.key");
    if !path.exists() {
        let mut bytes = [0; 32];
        Host.fill(&mut bytes);
        // Made whole under another name: a crash must not leave half a key.
        let beside = data_dir.join("master.key.new");
        let mut file = fs_err::OpenOptions::new();
        file.write(true).create(true).truncate(true);
        file.options_mut().mode(0o600);
        let mut file = file.open(&beside)?;
        file.write_all(BASE64.encode(bytes).as_bytes())?;
        file.sync_all()?;
        fs_err::rename(&beside, &path)?;
    }
    let text = fs_err::read_to_string(&path)?;
    MasterKey::from_base64(&text).with_context(|| format!("{} is damaged", path.display()))
}
