//! The certificates on disk: what an ingress serves by when it starts and the control plane is away.
//!
//! There are keys in it, so only its owner can read it. It is written beside the old one and takes its place in one step; what is torn
//! or changed is not used, and the control plane sends everything again.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use fs_err::os::unix::fs::OpenOptionsExt as _;
use pierhead_model::digest::Digest;
use pierhead_wire::certificate::Certificate;

const FORMAT: &str = "pierhead-certificates-1";

/// Where the copy is, and what belongs into it.
#[derive(Debug)]
pub(crate) struct CertificateCopy {
    path: PathBuf,
    /// By name.
    certificates: BTreeMap<String, Arc<Certificate>>,
    is_behind: bool,
}

impl CertificateCopy {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, certificates: BTreeMap::new(), is_behind: false }
    }

    /// Notes what was told.
    pub(crate) fn remember(&mut self, whole: bool, certificates: &[Certificate], removals: &[String]) {
        if whole {
            self.certificates.clear();
        }
        for name in removals {
            self.certificates.remove(name);
        }
        for certificate in certificates {
            let shared = Arc::new(certificate.clone());
            let names = certificate.names.iter().map(|name| (name.clone(), Arc::clone(&shared)));
            self.certificates.extend(names);
        }
        self.is_behind = true;
    }

    /// What has to be written, once for each change.
    pub(crate) fn take_due(&mut self) -> Option<(PathBuf, Vec<Certificate>)> {
        if !std::mem::take(&mut self.is_behind) {
            return None;
        }
        let mut by_key: BTreeMap<(&str, &str), Certificate> = BTreeMap::new();
        for (name, certificate) in &self.certificates {
            let key = (certificate.chain.as_str(), certificate.key.expose());
            let kept = by_key
                .entry(key)
                .or_insert_with(|| Certificate { names: Vec::new(), ..Certificate::clone(certificate) });
            kept.names.push(name.clone());
        }
        Some((self.path.clone(), by_key.into_values().collect()))
    }

    /// The copy, if it can be used. Blocks.
    pub(crate) fn read(&self) -> Option<Vec<Certificate>> {
        let bytes = match fs_err::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::error!(%error, "the copy of the certificates cannot be read");
                return None;
            }
        };
        let found = parse(&bytes);
        if found.is_none() {
            tracing::error!(path = %self.path.display(), "the copy of the certificates is not used: it was torn or changed");
        }
        found
    }
}

fn parse(bytes: &[u8]) -> Option<Vec<Certificate>> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (heading, body) = bytes.split_at(end);
    let body = body.get(1..)?;
    let digest = std::str::from_utf8(heading).ok()?.strip_prefix(FORMAT)?.strip_prefix(' ')?;
    if digest != Digest::of(body).to_string() {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// Keeps them; they are on the disk when this returns. Blocks.
pub(crate) fn write(path: &std::path::Path, certificates: &[Certificate]) -> io::Result<()> {
    let body = serde_json::to_vec(certificates)?;
    let new = path.with_extension("new");
    let mut options = fs_err::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(format!("{FORMAT} {}\n", Digest::of(&body)).as_bytes())?;
    file.write_all(&body)?;
    file.sync_all()?;
    fs_err::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use pierhead_wire::certificate::PrivateKey;
    use proptest::prelude::*;

    use super::*;

    fn certificate(names: &[&str], version: &str) -> Certificate {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Certificate { names, chain: version.to_owned(), key: PrivateKey::new(format!("key of {version}")) }
    }

    #[test]
    fn what_was_told_is_what_is_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificates");
        let mut copy = CertificateCopy::new(path.clone());
        assert_eq!((copy.read(), copy.take_due().is_none()), (None, true));
        copy.remember(true, &[certificate(&["a.test", "b.test"], "1"), certificate(&["c.test"], "2")], &[]);
        copy.remember(false, &[certificate(&["b.test"], "3")], &["c.test".to_owned()]);
        let (to, due) = copy.take_due().unwrap();
        write(&to, &due).unwrap();
        assert!(copy.take_due().is_none(), "once");
        let kept = copy.read().unwrap();
        assert_eq!(kept, [certificate(&["a.test"], "1"), certificate(&["b.test"], "3")]);
        assert_eq!(fs_err::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    proptest! {
        #[test]
        fn one_changed_byte_is_noticed(at in 0_usize..400, flip in 1_u8..=255) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("certificates");
            write(&path, &[certificate(&["a.test"], "1")]).unwrap();
            let mut bytes = fs_err::read(&path).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= flip;
            fs_err::write(&path, bytes).unwrap();
            prop_assert_eq!(CertificateCopy::new(path).read(), None);
        }
    }
}
