//! Certificates that somebody puts into a folder: read at the start, and again when a file has changed.
//!
//! A certificate is two files: `NAME.pem` with the chain, the certificate itself first, and `NAME.key` beside it. The hostnames are
//! those that the certificate says. What cannot be used is said in the log, and does not keep the others from being used; what was
//! good and cannot be read any more is served on until the next start.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use pierhead_control::CertifiedNames;
use pierhead_ingress::Certificates;
use pierhead_wire::certificate::{Certificate, PrivateKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::task::JoinHandle;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(10);

/// When each file was changed last.
type Seen = BTreeMap<PathBuf, SystemTime>;

/// Hands over what the folder holds, and goes on doing so until it is aborted. `names` is told for whom there are certificates.
pub(crate) fn follow(folder: PathBuf, certificates: Certificates, names: CertifiedNames) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut seen = None;
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let (place, before) = (folder.clone(), seen.clone());
            let looked = tokio::task::spawn_blocking(move || look(&place, before.as_ref())).await;
            match looked.map_err(Into::into).and_then(|looked| looked) {
                Ok(None) => {}
                Ok(Some((now, found))) => {
                    tracing::info!(certificates = found.len(), folder = %folder.display(), "read the certificates");
                    names.add(found.iter().flat_map(|certificate| certificate.names.iter().cloned()));
                    certificates.add(found);
                    seen = Some(now);
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(error, folder = %folder.display(), "the certificates cannot be read");
                }
            }
        }
    })
}

/// Everything that can be used, if anything has changed.
fn look(folder: &Path, seen: Option<&Seen>) -> Result<Option<(Seen, Vec<Certificate>)>> {
    let mut now = Seen::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "pem" || extension == "key") {
            now.insert(path.clone(), fs_err::metadata(&path)?.modified()?);
        }
    }
    if seen == Some(&now) {
        return Ok(None);
    }
    let mut found = Vec::new();
    for chain in now.keys().filter(|path| path.extension().is_some_and(|extension| extension == "pem")) {
        match read(chain) {
            Ok(certificate) => found.push(certificate),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, file = %chain.display(), "a certificate cannot be used");
            }
        }
    }
    Ok(Some((now, found)))
}

fn read(path: &Path) -> Result<Certificate> {
    let chain = fs_err::read_to_string(path)?;
    let key = fs_err::read_to_string(path.with_extension("key"))
        .context("its key is expected beside it, with the extension `key`")?;
    let first = CertificateDer::from_pem_slice(chain.as_bytes()).context("it is not a certificate in PEM")?;
    let parsed = webpki::EndEntityCert::try_from(&first).context("it is not a certificate of a server")?;
    let names: Vec<String> = parsed.valid_dns_names().map(str::to_ascii_lowercase).collect();
    if names.is_empty() {
        bail!("it names no host: a subject alternative name is needed");
    }
    Ok(Certificate { names, chain, key: PrivateKey::new(key) })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn put(folder: &Path, file: &str, names: &[&str]) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        fs_err::write(folder.join(format!("{file}.pem")), made.pem()).unwrap();
        fs_err::write(folder.join(format!("{file}.key")), key.serialize_pem()).unwrap();
    }

    #[test]
    fn pairs_are_read_by_the_names_they_say_and_only_when_something_changed() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "one", &["Shop.example.com", "*.example.com"]);
        put(folder.path(), "two", &["example.org"]);
        fs_err::write(folder.path().join("broken.pem"), "nothing").unwrap();
        fs_err::write(folder.path().join("broken.key"), "nothing").unwrap();
        put(folder.path(), "alone", &["a.test"]);
        fs_err::remove_file(folder.path().join("alone.key")).unwrap();
        let (seen, found) = look(folder.path(), None).unwrap().unwrap();
        let names: Vec<_> = found.iter().map(|certificate| certificate.names.join(" ")).collect();
        assert_eq!(names, ["shop.example.com *.example.com", "example.org"]);
        assert!(!format!("{found:?}").contains("PRIVATE KEY"));
        assert!(look(folder.path(), Some(&seen)).unwrap().is_none());
        put(folder.path(), "three", &["b.test"]);
        assert_eq!(look(folder.path(), Some(&seen)).unwrap().unwrap().1.len(), 3);
        assert!(look(&folder.path().join("absent"), None).is_err());
    }
}
