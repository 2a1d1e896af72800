//! Data keys: what seals values. They are in the database, wrapped by the master key, and in the clear in memory only.
//!
//! Each value is sealed with a key derived from the newest data key and the value's place. To exchange the master key, the
//! server is started with the new one and, beside it, the one before: every data key is wrapped by the new one as well, a new
//! data key is made for what is sealed from then on, and only then is forgotten what the old one wrapped. Whenever that is cut,
//! each data key is still there under one of the two, and the next start goes on.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use pierhead_store::{Store, WrappedKey};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use super::{MasterKey, SealError, cipher};
use crate::error::{Error, StoreResult as _};
use crate::outside::Outside;

const FORMAT: &str = "v2";
/// Sealed by the master key itself, before there were data keys.
const OLD_FORMAT: &str = "v1";
/// Of an installation that has values of the old format: the master key that it had then.
const OLD_KEY: u32 = 0;

/// Opens and seals everything.
pub(crate) struct Keyring {
    /// By their number.
    keys: BTreeMap<u32, SecretBox<[u8; 32]>>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

impl Keyring {
    /// Opens the data keys, makes the first, and carries an exchange of the master key to its end. `first_start` is of an
    /// installation that has nothing yet.
    pub(crate) async fn load(
        store: &Store,
        master: MasterKey,
        first_start: bool,
        outside: &dyn Outside,
    ) -> Result<Self, Error> {
        let mut ring = Self { keys: BTreeMap::new() };
        let stored = store.data_keys().await.stored()?;
        let name = master.name();
        let wrapped_by =
            |master: &str, id: u32| stored.iter().find(|key| key.id == id && key.master == master);
        for id in stored.iter().map(|key| key.id) {
            if ring.keys.contains_key(&id) {
                continue;
            }
            let candidates = [Some(&master), master.previous.as_deref()].into_iter().flatten();
            let mut found = candidates.filter_map(|key| Some((key, wrapped_by(&key.name(), id)?)));
            let (key, wrapped) = found.next().ok_or_else(|| wrong(&stored, &name))?;
            let opened = key.unwrap_key(id, &wrapped.wrapped).map_err(Error::internal)?;
            ring.keys.insert(id, opened);
        }
        if stored.is_empty() {
            if !first_start {
                ring.add(store, &master, OLD_KEY, *master.bytes(), outside).await?;
            }
            ring.make(store, &master, outside).await?;
            return Ok(ring);
        }
        if stored.iter().all(|key| key.master == name) {
            return Ok(ring);
        }
        let lacking: Vec<u32> =
            ring.keys.keys().copied().filter(|id| wrapped_by(&name, *id).is_none()).collect();
        let newest_is_old = ring
            .keys
            .keys()
            .next_back()
            .is_some_and(|newest| stored.iter().any(|key| key.id == *newest && key.master != name));
        for id in lacking {
            if let Some(bytes) = ring.keys.get(&id).map(|key| *key.expose_secret()) {
                ring.add(store, &master, id, bytes, outside).await?;
                pierhead_model::crash_point!("control.data_key_wrapped_again");
            }
        }
        if newest_is_old {
            ring.make(store, &master, outside).await?;
        }
        pierhead_model::crash_point!("control.master_key_exchanged");
        store.data_keys_keep_only(&name).await.stored()?;
        tracing::info!(master = name, "the master key was exchanged: the one before opens nothing any more");
        Ok(ring)
    }

    /// A new one, for what is sealed from now on.
    async fn make(&mut self, store: &Store, master: &MasterKey, outside: &dyn Outside) -> Result<(), Error> {
        let id = self.keys.keys().next_back().map_or(1, |newest| newest + 1);
        let mut bytes = [0; 32];
        outside.fill(&mut bytes);
        self.add(store, master, id, bytes, outside).await
    }

    async fn add(
        &mut self,
        store: &Store,
        master: &MasterKey,
        id: u32,
        bytes: [u8; 32],
        outside: &dyn Outside,
    ) -> Result<(), Error> {
        let wrapped = master.wrap(id, &bytes, outside).map_err(Error::internal)?;
        let key = WrappedKey { id, master: master.name(), wrapped, created_at: outside.now() };
        store.data_key_add(&key).await.stored()?;
        self.keys.insert(id, SecretBox::new(Box::new(bytes)));
        Ok(())
    }

    /// Seals `plain` for its place.
    pub(crate) fn seal(&self, place: &str, plain: &str, outside: &dyn Outside) -> Result<String, SealError> {
        let (id, key) = self.keys.iter().next_back().ok_or(SealError::Key)?;
        let key = derived(key.expose_secret(), "value", place);
        let sealed = cipher::seal(&key, &bound(*id, place), plain.as_bytes(), outside)?;
        Ok(format!("{FORMAT}:{id}:{sealed}"))
    }

    /// Opens what was sealed for the same place.
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let (format, rest) = sealed.split_once(':').ok_or(SealError::Format)?;
        let plain = match format {
            OLD_FORMAT => {
                let key = self.keys.get(&OLD_KEY).ok_or(SealError::Tampered)?;
                cipher::open(key.expose_secret(), place, rest)?
            }
            FORMAT => {
                let (id, body) = rest.split_once(':').ok_or(SealError::Format)?;
                let id: u32 = id.parse().map_err(|_| SealError::Format)?;
                let key = self.keys.get(&id).ok_or(SealError::Tampered)?;
                cipher::open(&derived(key.expose_secret(), "value", place), &bound(id, place), body)?
            }
            _ => return Err(SealError::Format),
        };
        String::from_utf8(plain.expose_secret().to_vec()).map(Into::into).map_err(|_| SealError::Tampered)
    }

    /// A key of its own for a place, in base64: the same one each time, and no way back to ours. It outlives an exchange of the
    /// master key, since it comes from the oldest data key.
    pub(crate) fn derive(&self, place: &str) -> String {
        let oldest = self.keys.values().next().map(|key| *key.expose_secret()).unwrap_or_default();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &oldest);
        let derived = hmac::sign(&key, format!("pierhead derived key: {place}").as_bytes());
        base64::engine::general_purpose::STANDARD.encode(derived)
    }
}

/// HKDF's expansion (RFC 5869), one block of it: a key of 32 bytes for one place.
fn derived(key: &[u8; 32], purpose: &str, place: &str) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let mut bytes = [0; 32];
    let tag = hmac::sign(&key, format!("pierhead {purpose} key: {place}\u{1}").as_bytes());
    bytes.iter_mut().zip(tag.as_ref()).for_each(|(byte, from)| *byte = *from);
    bytes
}

fn bound(id: u32, place: &str) -> String {
    format!("{FORMAT}:{id}:{place}")
}

fn wrong(stored: &[WrappedKey], given: &str) -> Error {
    let mut known: Vec<&str> = stored.iter().map(|key| key.master.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    Error::Unavailable {
        detail: format!(
            "The master key does not fit this database: it was made with {}, and given is {given}. Set PIERHEAD_MASTER_KEY to the one it was made with; to exchange it, set PIERHEAD_MASTER_KEY_PREVIOUS to that one as well.",
            known.join(" and ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixed;

    async fn store(folder: &std::path::Path) -> Store {
        let database_url = format!("sqlite://{}/store.db", folder.display());
        Store::open(&pierhead_store::Options { database_url, data_dir: folder.to_owned() }).await.unwrap()
    }

    fn master(first: u8) -> MasterKey {
        let mut bytes = [7; 32];
        bytes[0] = first;
        MasterKey::from_bytes(bytes)
    }

    async fn load(store: &Store, master: MasterKey) -> Result<Keyring, Error> {
        Keyring::load(store, master, true, &Fixed::default()).await
    }

    #[tokio::test]
    async fn opens_only_with_its_key_in_its_place_and_unchanged() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ring = load(&store(folder.path()).await, master(1)).await.unwrap();
        let sealed = ring.seal("variables/1", "hunter2", &Fixed::default()).unwrap();
        assert!(!sealed.contains("hunter2"));
        assert_eq!(ring.open("variables/1", &sealed).unwrap().expose_secret(), "hunter2");
        assert_eq!(ring.open("variables/2", &sealed).unwrap_err(), SealError::Tampered, "another place");
        let body = sealed.rfind(':').unwrap() + 2;
        let letter = if &sealed[body..=body] == "A" { "B" } else { "A" };
        let flipped = format!("{}{letter}{}", &sealed[..body], &sealed[body + 1..]);
        assert_eq!(ring.open("variables/1", &flipped).unwrap_err(), SealError::Tampered);
        for broken in [
            "",
            "v1:",
            "v2:",
            "v2:1:",
            "v3:AAAA",
            "v2:1:!!",
            "v2:1:AAAA",
            "v2:9:AAAA",
            &sealed[..sealed.len() - 4],
        ] {
            assert!(ring.open("variables/1", broken).is_err(), "{broken}");
        }
        let (elsewhere, mut burnt) = (Fixed::default(), [0; 64]);
        elsewhere.fill(&mut burnt);
        let other = store(other.path()).await;
        let stranger = Keyring::load(&other, master(2), true, &elsewhere).await.unwrap();
        assert_eq!(stranger.open("variables/1", &sealed).unwrap_err(), SealError::Tampered);
    }

    #[tokio::test]
    async fn the_wrong_master_key_is_refused_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        load(&store, master(1)).await.unwrap();
        let before = store.data_keys().await.unwrap();
        let refused = load(&store, master(2)).await.unwrap_err().to_string();
        assert!(refused.contains("does not fit this database"), "{refused}");
        let refused = load(&store, master(2).instead_of(master(3))).await.unwrap_err().to_string();
        assert!(refused.contains(&master(1).name()), "{refused}");
        assert_eq!(store.data_keys().await.unwrap(), before);
        assert!(before.iter().all(|key| !key.wrapped.contains("hunter2")));
    }

    #[tokio::test]
    async fn an_exchange_goes_on_wherever_it_was_cut() {
        for cut_after in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let store = store(folder.path()).await;
            let old = load(&store, master(1)).await.unwrap();
            let sealed = old.seal("a", "hunter2", &Fixed::default()).unwrap();
            let kept = old.derive("run");
            // What an attempt that was killed left: some keys wrapped again, perhaps the new one, nothing forgotten.
            let outside = Fixed::default();
            if cut_after >= 1 {
                let bytes = *old.keys[&1].expose_secret();
                let wrapped = master(2).wrap(1, &bytes, &outside).unwrap();
                let created_at = outside.now();
                let again = WrappedKey { id: 1, master: master(2).name(), wrapped, created_at };
                store.data_key_add(&again).await.unwrap();
            }
            if cut_after >= 2 {
                let wrapped = master(2).wrap(2, &[9; 32], &outside).unwrap();
                let created_at = outside.now();
                let new = WrappedKey { id: 2, master: master(2).name(), wrapped, created_at };
                store.data_key_add(&new).await.unwrap();
            }
            let ring = load(&store, master(2).instead_of(master(1))).await.unwrap();
            assert_eq!(ring.open("a", &sealed).unwrap().expose_secret(), "hunter2");
            assert_eq!(ring.derive("run"), kept);
            let resealed = ring.seal("a", "hunter2", &Fixed::default()).unwrap();
            assert!(resealed.starts_with("v2:2:"), "{resealed}: with a new data key");
            let keys = store.data_keys().await.unwrap();
            assert_eq!(keys.iter().map(|key| key.id).collect::<Vec<_>>(), [1, 2]);
            assert!(keys.iter().all(|key| key.master == master(2).name()));
            assert!(load(&store, master(1)).await.is_err(), "the old one opens nothing any more");
            let alone = load(&store, master(2)).await.unwrap();
            assert_eq!(alone.open("a", &resealed).unwrap().expose_secret(), "hunter2");
        }
    }

    #[tokio::test]
    async fn the_old_key_opens_until_the_exchange_is_done_and_may_be_gone_back_to() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let sealed = load(&store, master(1)).await.unwrap().seal("a", "hunter2", &Fixed::default()).unwrap();
        let outside = Fixed::default();
        let bytes = *load(&store, master(1)).await.unwrap().keys[&1].expose_secret();
        let wrapped = master(2).wrap(1, &bytes, &outside).unwrap();
        let again = WrappedKey { id: 1, master: master(2).name(), wrapped, created_at: outside.now() };
        store.data_key_add(&again).await.unwrap();
        let back = load(&store, master(1)).await.unwrap();
        assert_eq!(back.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        assert!(load(&store, master(2)).await.is_err(), "it was gone back to");
    }

    #[tokio::test]
    async fn values_from_before_there_were_data_keys_still_open() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let body = cipher::seal(master(1).bytes(), "a", b"hunter2", &Fixed::default()).unwrap();
        let ring = Keyring::load(&store, master(1), false, &Fixed::default()).await.unwrap();
        let sealed = format!("v1:{body}");
        assert_eq!(ring.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        let exchanged = load(&store, master(2).instead_of(master(1))).await.unwrap();
        assert_eq!(exchanged.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        assert_eq!(exchanged.derive("run"), ring.derive("run"));
    }
}
