//! How a project's repository is entered: kept sealed, opened for whoever is about to talk to the repository.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pierhead_model::git_access::{GitAccess, GitCredential, GitSecret};
use pierhead_model::id::ProjectId;
use pierhead_store::StoredGitCredential;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::forge::{link, tokens};

pub(crate) const TOKEN: &str = "token";
pub(crate) const KEY: &str = "key";

/// How a project's repository is entered, in the clear. `trusted`: what is fetched was not written by strangers.
pub(crate) async fn of_project(core: &Core, project: &ProjectId, trusted: bool) -> Result<GitAccess, Error> {
    let stored = core.store.source_access(project).await.stored()?;
    let mut credential = stored.credential.map(|it| open(core, project, it)).transpose()?;
    if let Some(usable) = link::usable_of(core, project).await?
        && let Some(token) = tokens::readable(core, &usable).await?
    {
        credential = Some(token);
    }
    Ok(GitAccess { credential, host_keys: stored.host_keys, submodules: trusted })
}

fn open(core: &Core, project: &ProjectId, stored: StoredGitCredential) -> Result<GitCredential, Error> {
    let opened = core.key.open(&place(project, &stored.kind), &stored.sealed).map_err(Error::internal)?;
    let opened = opened.expose_secret().to_owned();
    let secret = match stored.kind.as_str() {
        KEY => GitSecret::Key { private_key: opened },
        _ => GitSecret::Token { username: stored.username.unwrap_or_default(), token: opened },
    };
    Ok(GitCredential { authority: stored.authority, secret })
}

pub(crate) fn seal(
    core: &Core,
    project: &ProjectId,
    kind: &str,
    secret: &SecretString,
) -> Result<String, Error> {
    core.key.seal(&place(project, kind), secret.expose_secret(), &*core.outside).map_err(Error::internal)
}

fn place(project: &ProjectId, kind: &str) -> String {
    format!("source_access/{project}/{kind}")
}

/// A pair of keys for ssh.
pub(crate) struct DeployKey {
    pub(crate) private: SecretString,
    /// One line, as it is pasted into a server's settings.
    pub(crate) public: String,
}

const ALGORITHM: &[u8] = b"ssh-ed25519";

impl DeployKey {
    /// A new Ed25519 pair. `comment` is a plain word.
    pub(crate) fn generate(core: &Core, comment: &str) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        core.outside.fill(seed.as_mut_slice());
        let mut check = [0; 4];
        core.outside.fill(&mut check);
        Self::from_seed(&seed, check, comment)
    }

    /// In the format of `PROTOCOL.key` of OpenSSH, without a passphrase: it is sealed as a whole.
    fn from_seed(seed: &[u8; 32], check: [u8; 4], comment: &str) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(Error::internal)?;
        let half = pair.public_key().as_ref();
        let public = [field(ALGORITHM), field(half)].concat();
        let mut secret = Zeroizing::new([check, check].concat());
        secret.extend(field(ALGORITHM));
        secret.extend(field(half));
        secret.extend(Zeroizing::new(field(&Zeroizing::new([seed, half].concat()))).iter());
        secret.extend(field(comment.as_bytes()));
        let padding = (8 - secret.len() % 8) % 8;
        secret.extend((1..=8_u8).take(padding));
        let mut whole = Zeroizing::new(b"openssh-key-v1\0".to_vec());
        for part in [&b"none"[..], b"none", b""] {
            whole.extend(field(part));
        }
        whole.extend(1_u32.to_be_bytes());
        whole.extend(field(&public));
        whole.extend(Zeroizing::new(field(&secret)).iter());
        let mut text = Zeroizing::new(String::from("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
        let encoded = Zeroizing::new(BASE64.encode(&*whole));
        for line in encoded.as_bytes().chunks(70) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END OPENSSH PRIVATE KEY-----\n");
        let public = format!("ssh-ed25519 {} {comment}", BASE64.encode(public));
        Ok(Self { private: SecretString::from(text.as_str()), public })
    }
}

/// Bytes with their length before them.
fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&length[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OpenSSH itself reads the private half, and finds the public one in it.
    #[test]
    fn a_deploy_key_is_one_that_openssh_reads() {
        use std::os::unix::fs::PermissionsExt as _;

        for seed in [[7; 32], [255; 32]] {
            let key = DeployKey::from_seed(&seed, [1, 2, 3, 4], "pierhead-shop").unwrap();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("key");
            fs_err::write(&file, key.private.expose_secret()).unwrap();
            fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            let read =
                std::process::Command::new("ssh-keygen").args(["-y", "-f"]).arg(&file).output().unwrap();
            assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
            assert_eq!(String::from_utf8(read.stdout).unwrap().trim(), key.public);
        }
    }
}
