//! A master key in Vault: its transit engine wraps data keys, and the key itself never leaves it.
//!
//! Asked when the server starts and when keys are exchanged, not for every secret: a Vault that is down stops neither deployments
//! nor sign-ins. Only `encrypt`, `decrypt` and `rewrap` of one key are used, so that a token needs rights for nothing else.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::{Value, json};
use url::{Host, Url};

use super::SealError;
use super::master::WrapError;
use crate::error::Error;

const CONNECT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(15);
/// A wrapped key has some hundred bytes.
const MAX_ANSWER: usize = 64 << 10;

/// Reads the token anew each time: whoever renews it changes a file. An error is a sentence for people.
pub type VaultToken = Box<dyn Fn() -> Result<SecretString, String> + Send + Sync>;

/// One key of a transit engine.
pub struct VaultTransit {
    http: reqwest::Client,
    address: Url,
    mount: String,
    key: String,
    token: VaultToken,
}

impl fmt::Debug for VaultTransit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VaultTransit({} at {})", self.name(), self.address)
    }
}

impl VaultTransit {
    /// `mount`: where the engine is mounted, usually `transit`. `ca_bundle`: PEM certificates of authorities to trust beside the
    /// system's.
    pub fn new(
        address: Url,
        (mount, key): (String, String),
        token: VaultToken,
        ca_bundle: Option<&[u8]>,
    ) -> Result<Self, Error> {
        if address.scheme() != "https" && !is_this_machine(&address) {
            tracing::warn!(%address, "Vault is asked without encryption: who is on the way sees its token and every data key");
        }
        let mut http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("pierhead/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE);
        if let Some(bundle) = ca_bundle {
            http =
                http.tls_certs_merge(reqwest::Certificate::from_pem_bundle(bundle).map_err(Error::internal)?);
        }
        Ok(Self { http: http.build().map_err(Error::internal)?, address, mount, key, token })
    }

    /// Without the address: Vault may move.
    pub(super) fn name(&self) -> String {
        format!("vault:{}/{}", self.mount, self.key)
    }

    /// The place is part of what is encrypted: `rewrap` knows no associated data.
    pub(super) async fn wrap(&self, place: &str, key: &[u8; 32]) -> Result<String, WrapError> {
        let plain = SecretSlice::from([bound(place).as_bytes(), key].concat());
        let body = json!({ "plaintext": BASE64.encode(plain.expose_secret()) });
        self.ask("encrypt", &body, "ciphertext").await.map(|text| text.expose_secret().to_owned())
    }

    pub(super) async fn unwrap_key(&self, place: &str, wrapped: &str) -> Result<SecretSlice<u8>, WrapError> {
        let plain = self.ask("decrypt", &json!({ "ciphertext": wrapped }), "plaintext").await?;
        let plain = BASE64.decode(plain.expose_secret()).map_err(|_| SealError::Format)?;
        let plain = SecretSlice::from(plain);
        let key = plain.expose_secret().strip_prefix(bound(place).as_bytes()).ok_or(SealError::Tampered)?;
        Ok(key.to_vec().into())
    }

    /// Under the key's newest version, without the data key leaving Vault.
    pub(super) async fn rewrap(&self, wrapped: &str) -> Result<String, WrapError> {
        let rewrapped = self.ask("rewrap", &json!({ "ciphertext": wrapped }), "ciphertext").await?;
        Ok(rewrapped.expose_secret().to_owned())
    }

    async fn ask(&self, what: &str, body: &Value, wanted: &str) -> Result<SecretString, WrapError> {
        let unreachable = |why: String| WrapError::Unreachable(format!("Vault at {} {why}", self.address));
        let token = (self.token)().map_err(WrapError::Refused)?;
        let mut url = self.address.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(self.mount.split('/')).extend([what, &self.key]);
        }
        let request = self
            .http
            .post(url)
            .header("x-vault-token", token.expose_secret())
            .header("x-vault-request", "true");
        let mut answer = request.json(body).send().await.map_err(|error| {
            let why = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
            unreachable(format!("{why}: {}", cause(error.without_url())))
        })?;
        let mut bytes = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= MAX_ANSWER => bytes.extend_from_slice(&chunk),
                Ok(Some(_)) => return Err(unreachable("answers more than a key has".to_owned())),
                Ok(None) => break,
                Err(error) => {
                    return Err(unreachable(format!("stopped answering: {}", cause(error.without_url()))));
                }
            }
        }
        let status = answer.status();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if !status.is_success() {
            let said = sentence(&answer);
            // A sealed Vault answers 503, a standby 429 or 473.
            return Err(if status.is_server_error() || matches!(status.as_u16(), 429 | 472 | 473) {
                unreachable(format!("cannot {what} now ({status}{said})"))
            } else {
                WrapError::Refused(self.refusal(what, status, &said))
            });
        }
        let text = answer["data"][wanted].as_str();
        let text =
            text.ok_or_else(|| unreachable(format!("answers to `{what}` without `{wanted}`: is it Vault?")))?;
        Ok(text.to_owned().into())
    }

    fn refusal(&self, what: &str, status: StatusCode, said: &str) -> String {
        let Self { address, mount, key, .. } = self;
        let remedy = match status {
            StatusCode::FORBIDDEN => {
                format!(
                    "give it a token that may update {mount}/encrypt/{key}, {mount}/decrypt/{key} and {mount}/rewrap/{key}"
                )
            }
            StatusCode::NOT_FOUND => format!("enable the transit engine at {mount}/, and make its key {key}"),
            _ => format!("look at the key {key} of the transit engine at {mount}/"),
        };
        format!("Vault at {address} refuses to {what} ({status}{said}): {remedy}")
    }
}

fn bound(place: &str) -> String {
    format!("pierhead {place}\0")
}

/// What Vault says of its errors, on one short line.
fn sentence(answer: &Value) -> String {
    let errors = answer["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let said = errors.collect::<Vec<_>>().join("; ").replace(['\n', '\t'], " ");
    let said: String = said.trim().chars().filter(|letter| !letter.is_control()).take(200).collect();
    if said.is_empty() { said } else { format!(": {said}") }
}

/// The innermost cause: the outer ones only say that there was one.
fn cause(error: reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn is_this_machine(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use pierhead_store::Store;
    use pierhead_testkit::Vault;

    use super::*;
    use crate::sealing::{Keyring, MasterKey, MasterKeySource, Successor};
    use crate::testing::Fixed;

    async fn store(folder: &std::path::Path) -> Store {
        let database_url = format!("sqlite://{}/store.db", folder.display());
        Store::open(&pierhead_store::Options { database_url, data_dir: folder.to_owned() }).await.unwrap()
    }

    fn key_at(vault: &Vault, key: &str, token: &Arc<Mutex<String>>) -> MasterKey {
        let token = Arc::clone(token);
        let token = Box::new(move || Ok(token.lock().clone().into()));
        let key = ("transit".to_owned(), key.to_owned());
        MasterKey::in_vault(VaultTransit::new(vault.url.parse().unwrap(), key, token, None).unwrap())
    }

    fn key_of(vault: &Vault) -> MasterKey {
        key_at(vault, Vault::KEY, &Arc::new(Mutex::new(vault.token())))
    }

    async fn load(store: &Store, master: MasterKey) -> Result<Keyring, Error> {
        Keyring::load(store, master, None, &Fixed::default()).await
    }

    async fn same_key(store: &Store, ring: &Keyring) -> Result<(), Error> {
        ring.exchange(store, &Fixed::default(), async |old, new| {
            assert_eq!(old, new);
            Ok(())
        })
        .await
    }

    #[derive(Debug)]
    struct NewerVersion;

    impl MasterKeySource for NewerVersion {
        fn successor(&self, _: &MasterKey) -> Result<Successor, String> {
            Ok(Successor::SameKey)
        }
    }

    #[tokio::test]
    async fn data_keys_are_wrapped_by_vault_and_it_is_not_asked_for_every_secret() {
        let (folder, vault) = (tempfile::tempdir().unwrap(), Vault::start().await);
        let store = store(folder.path()).await;
        let ring = load(&store, key_of(&vault)).await.unwrap();
        assert_eq!(ring.master().await, "vault:transit/pierhead");
        let sealed = ring.seal("a", "hunter2", &Fixed::default()).unwrap();
        let again = load(&store, key_of(&vault)).await.unwrap();
        for _ in 0..10 {
            assert_eq!(again.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        }
        assert_eq!(vault.asked(), ["encrypt", "decrypt"]);
        let stored = store.data_keys().await.unwrap();
        assert!(stored.iter().all(|key| key.wrapped.starts_with("vault:v1:")), "{stored:?}");

        // What another row holds does not open as this one's key.
        let moved = pierhead_store::WrappedKey { id: 2, ..stored[0].clone() };
        store.data_key_put(&moved).await.unwrap();
        assert!(load(&store, key_of(&vault)).await.is_err(), "a wrapped key that was moved");
    }

    #[tokio::test]
    async fn another_token_is_taken_from_where_it_is_renewed_and_a_refusal_says_what_to_do() {
        let (folder, vault) = (tempfile::tempdir().unwrap(), Vault::start().await);
        let store = store(folder.path()).await;
        let token = Arc::new(Mutex::new("hvs.expired".to_owned()));
        let refused = load(&store, key_at(&vault, Vault::KEY, &token)).await.unwrap_err().to_string();
        assert!(refused.contains("403 Forbidden: permission denied"), "{refused}");
        assert!(refused.contains("a token that may update transit/encrypt/pierhead"), "{refused}");
        assert!(!refused.contains("hvs."), "{refused}");
        let master = key_at(&vault, Vault::KEY, &token).kept_in(Arc::new(NewerVersion));
        *token.lock() = vault.token();
        let ring = load(&store, master).await.unwrap();
        vault.set_token("hvs.renewed");
        let refused = same_key(&store, &ring).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { .. }), "{refused:?}");
        *token.lock() = vault.token();
        same_key(&store, &ring).await.unwrap();

        let refused = load(&store, key_at(&vault, "other", &token)).await.unwrap_err().to_string();
        assert!(refused.contains("does not fit this database"), "{refused}");
        let empty = tempfile::tempdir().unwrap();
        let empty = self::store(empty.path()).await;
        let refused = load(&empty, key_at(&vault, "other", &token)).await.unwrap_err().to_string();
        assert!(refused.contains("400 Bad Request: encryption key not found"), "{refused}");
    }

    #[tokio::test]
    async fn a_start_waits_for_a_vault_that_is_away_or_sealed() {
        let (folder, mut vault) = (tempfile::tempdir().unwrap(), Vault::unstarted());
        let store = store(folder.path()).await;
        let starting = tokio::spawn({
            let (store, master) = (store.clone(), key_of(&vault));
            async move { load(&store, master).await.map(drop) }
        });
        vault.seal(true);
        vault.answer().await;
        assert!(!starting.is_finished());
        vault.seal(false);
        starting.await.unwrap().unwrap();
        assert_eq!(vault.asked(), ["encrypt"]);
    }

    #[tokio::test]
    async fn a_newer_version_of_the_key_wraps_everything_while_secrets_stay_open() {
        let (folder, vault) = (tempfile::tempdir().unwrap(), Vault::start().await);
        let store = store(folder.path()).await;
        let ring = load(&store, key_of(&vault).kept_in(Arc::new(NewerVersion))).await.unwrap();
        let sealed = ring.seal("a", "hunter2", &Fixed::default()).unwrap();
        vault.rotate();
        same_key(&store, &ring).await.unwrap();
        vault.retire();
        assert_eq!(ring.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        let newer = ring.seal("a", "hunter2", &Fixed::default()).unwrap();
        assert!(newer.starts_with("v2:2:"), "{newer}");
        let again = load(&store, key_of(&vault)).await.unwrap();
        for sealed in [&sealed, &newer] {
            assert_eq!(again.open("a", sealed).unwrap().expose_secret(), "hunter2");
        }
    }

    #[tokio::test]
    async fn a_key_of_this_machine_is_carried_into_vault_and_back() {
        let (folder, vault) = (tempfile::tempdir().unwrap(), Vault::start().await);
        let store = store(folder.path()).await;
        let (first, second) = (MasterKey::from_bytes([7; 32]), MasterKey::from_bytes([8; 32]));
        let ring = load(&store, first.clone()).await.unwrap();
        let sealed = ring.seal("a", "hunter2", &Fixed::default()).unwrap();
        let opens = async |master: MasterKey| {
            let ring = load(&store, master).await.unwrap();
            assert_eq!(ring.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        };
        opens(key_of(&vault).instead_of(first.clone())).await;
        assert!(load(&store, first).await.is_err(), "it opens nothing any more");
        opens(key_of(&vault)).await;
        opens(second.clone().instead_of(key_of(&vault))).await;
        opens(second).await;
    }
}
