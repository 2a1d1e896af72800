//! Data keys: what seals values. They are in the database, wrapped by the master key, and in the clear in memory only.
//!
//! Each value is sealed with a key derived from the newest data key and the value's place.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use parking_lot::RwLock;
use pierhead_store::{Store, WrappedKey};
use secrecy::{ExposeSecret as _, SecretBox, SecretString};

use super::exchange::{self, ExchangeError, Successor};
use super::{MasterKey, SealError, cipher};
use crate::error::{Error, StoreResult as _};
use crate::outside::Outside;

const FORMAT: &str = "v2";
/// Sealed by the master key itself, before there were data keys.
const OLD_FORMAT: &str = "v1";
/// Of an installation that has values of the old format: the master key that it had then.
const OLD_KEY: u32 = 0;
/// Between two questions to whoever keeps the master key, when it cannot be reached.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Opens and seals everything.
pub(crate) struct Keyring {
    /// By their number.
    keys: RwLock<BTreeMap<u32, SecretBox<[u8; 32]>>>,
    /// Held while it is exchanged.
    master: tokio::sync::Mutex<MasterKey>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.read().len())
    }
}

/// What a new start finds: something that was sealed, and its place.
pub(crate) type Sample<'s> = Option<(&'s str, &'s str)>;

impl Keyring {
    /// With one data key, for tests of what is derived from it.
    #[cfg(test)]
    pub(crate) fn of_one(key: [u8; 32]) -> Self {
        let keys = BTreeMap::from([(1, SecretBox::new(Box::new(key)))]);
        Self { keys: RwLock::new(keys), master: tokio::sync::Mutex::new(MasterKey::from_bytes(key)) }
    }

    /// Opens the data keys, makes the first, and carries an exchange of the master key to its end. `sample` is something that was
    /// sealed, `None` in an installation that has nothing yet.
    ///
    /// When whoever keeps the master key cannot be reached, it waits: nothing can be done without it.
    pub(crate) async fn load(
        store: &Store,
        master: MasterKey,
        sample: Sample<'_>,
        outside: &dyn Outside,
    ) -> Result<Self, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            match Self::try_load(store, &master, sample, outside).await {
                Err(error) if error.is_unreachable() => {
                    tracing::warn!("{error}; the start waits for it and asks again in {} s", pause.as_secs());
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                loaded => return loaded.map_err(Error::from),
            }
        }
    }

    async fn try_load(
        store: &Store,
        master: &MasterKey,
        sample: Sample<'_>,
        outside: &dyn Outside,
    ) -> Result<Self, ExchangeError> {
        let ring = Self { keys: RwLock::default(), master: tokio::sync::Mutex::new(master.clone()) };
        let stored = store.data_keys().await.stored()?;
        let name = master.name();
        if stored.is_empty() {
            if let Some(sample) = sample {
                let old = before_data_keys(master, sample)?;
                ring.add(store, master, OLD_KEY, old, outside).await?;
            }
            ring.make(store, master, outside).await?;
            return Ok(ring);
        }
        let wrapped_by =
            |master: &str, id: u32| stored.iter().find(|key| key.id == id && key.master == master);
        for id in stored.iter().map(|key| key.id) {
            if ring.has(id) {
                continue;
            }
            let candidates = [Some(master), master.previous()].into_iter().flatten();
            let mut found = candidates.filter_map(|key| Some((key, wrapped_by(&key.name(), id)?)));
            let (key, wrapped) = found.next().ok_or_else(|| wrong(&stored, &name))?;
            let opened = key.unwrap_key(id, &wrapped.wrapped).await?;
            ring.keys.write().insert(id, opened);
        }
        if stored.iter().any(|key| key.master != name) {
            exchange::carry_over(&ring, store, master, outside).await?;
            store.data_keys_keep_only(&name).await.stored()?;
            tracing::info!(
                master = name,
                "the master key was exchanged: the one before opens nothing any more"
            );
        }
        Ok(ring)
    }

    /// Exchanges the master key for the one that follows it, without a restart; values stay open all the time. `finish` forgets
    /// what the old one wrapped (the names of the old and of the new one are its arguments).
    pub(crate) async fn exchange(
        &self,
        store: &Store,
        outside: &dyn Outside,
        finish: impl AsyncFnOnce(&str, &str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Ok(mut master) = self.master.try_lock() else {
            return Err(Error::Conflict { detail: "The keys are being exchanged at this moment.".into() });
        };
        let Some(source) = master.source().cloned() else {
            return Err(Error::Conflict { detail: "The master key is exchanged by a restart only.".into() });
        };
        let (asked, current) = (source.clone(), master.clone());
        let successor = tokio::task::spawn_blocking(move || asked.successor(&current)).await;
        let successor = successor.map_err(Error::internal)?.map_err(|detail| Error::Conflict { detail })?;
        match successor {
            Successor::SameKey => {
                exchange::renew(self, store, &master, outside).await?;
                finish(&master.name(), &master.name()).await
            }
            Successor::Other(next) => {
                exchange::carry_over(self, store, &next, outside).await?;
                finish(&master.name(), &next.name()).await?;
                *master = next.kept_in(source);
                Ok(())
            }
        }
    }

    /// The master key's name. It waits while that is exchanged.
    pub(crate) async fn master(&self) -> String {
        self.master.lock().await.name()
    }

    fn has(&self, id: u32) -> bool {
        self.keys.read().contains_key(&id)
    }

    /// Every data key, oldest first.
    pub(super) fn all(&self) -> Vec<(u32, SecretBox<[u8; 32]>)> {
        let keys = self.keys.read();
        keys.iter().map(|(id, key)| (*id, SecretBox::new(Box::new(*key.expose_secret())))).collect()
    }

    pub(super) fn newest(&self) -> Option<u32> {
        self.keys.read().keys().next_back().copied()
    }

    /// A new one, for what is sealed from now on.
    pub(super) async fn make(
        &self,
        store: &Store,
        master: &MasterKey,
        outside: &dyn Outside,
    ) -> Result<(), ExchangeError> {
        let id = self.newest().map_or(1, |newest| newest + 1);
        let mut bytes = [0; 32];
        outside.fill(&mut bytes);
        self.add(store, master, id, bytes, outside).await
    }

    async fn add(
        &self,
        store: &Store,
        master: &MasterKey,
        id: u32,
        bytes: [u8; 32],
        outside: &dyn Outside,
    ) -> Result<(), ExchangeError> {
        let wrapped = master.wrap(id, &bytes, outside).await?;
        let key = WrappedKey { id, master: master.name(), wrapped, created_at: outside.now() };
        store.data_key_put(&key).await.stored()?;
        // Only now: nothing is sealed with a key that is not stored.
        self.keys.write().insert(id, SecretBox::new(Box::new(bytes)));
        Ok(())
    }

    /// Seals `plain` for its place.
    pub(crate) fn seal(&self, place: &str, plain: &str, outside: &dyn Outside) -> Result<String, SealError> {
        let keys = self.keys.read();
        let (id, key) = keys.iter().next_back().ok_or(SealError::Key)?;
        let key = derived(key.expose_secret(), "value", place);
        let sealed = cipher::seal(&key, &bound(*id, place), plain.as_bytes(), outside)?;
        Ok(format!("{FORMAT}:{id}:{sealed}"))
    }

    /// Opens what was sealed for the same place.
    pub(crate) fn open(&self, place: &str, sealed: &str) -> Result<SecretString, SealError> {
        let keys = self.keys.read();
        let (format, rest) = sealed.split_once(':').ok_or(SealError::Format)?;
        let plain = match format {
            OLD_FORMAT => {
                let key = keys.get(&OLD_KEY).ok_or(SealError::Tampered)?;
                cipher::open(key.expose_secret(), place, rest)?
            }
            FORMAT => {
                let (id, body) = rest.split_once(':').ok_or(SealError::Format)?;
                let id: u32 = id.parse().map_err(|_| SealError::Format)?;
                let key = keys.get(&id).ok_or(SealError::Tampered)?;
                cipher::open(&derived(key.expose_secret(), "value", place), &bound(id, place), body)?
            }
            _ => return Err(SealError::Format),
        };
        String::from_utf8(plain.expose_secret().to_vec()).map(Into::into).map_err(|_| SealError::Tampered)
    }

    /// A key of its own for a place, in base64: the same one each time, and no way back to ours. It outlives an exchange of the
    /// master key, since it comes from the oldest data key.
    pub(crate) fn derive(&self, place: &str) -> String {
        let keys = self.keys.read();
        let oldest = keys.values().next().map(|key| *key.expose_secret()).unwrap_or_default();
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

/// The master key that sealed everything before there were data keys: this one, or the one before.
fn before_data_keys(master: &MasterKey, (place, sealed): (&str, &str)) -> Result<[u8; 32], Error> {
    let body = sealed.strip_prefix(OLD_FORMAT).and_then(|rest| rest.strip_prefix(':'));
    let fits = |key: &&[u8; 32]| body.is_some_and(|body| cipher::open(key, place, body).is_ok());
    let mut candidates = [Some(master), master.previous()].into_iter().flatten().filter_map(MasterKey::bytes);
    candidates.find(fits).copied().ok_or_else(|| wrong(&[], &master.name()))
}

fn wrong(stored: &[WrappedKey], given: &str) -> Error {
    let mut known: Vec<&str> = stored.iter().map(|key| key.master.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let known = if known.is_empty() { "another one".to_owned() } else { known.join(" and ") };
    Error::Unavailable {
        detail: format!(
            "The master key does not fit this database: it was made with {known}, and given is {given}. Set PIERHEAD_MASTER_KEY to the one it was made with; to exchange it, set PIERHEAD_MASTER_KEY_PREVIOUS to that one as well."
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
        Keyring::load(store, master, None, &Fixed::default()).await
    }

    fn key_of(ring: &Keyring, id: u32) -> [u8; 32] {
        *ring.keys.read()[&id].expose_secret()
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
        let stranger = Keyring::load(&other, master(2), None, &elsewhere).await.unwrap();
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
                let bytes = key_of(&old, 1);
                let wrapped = master(2).wrap(1, &bytes, &outside).await.unwrap();
                let created_at = outside.now();
                let again = WrappedKey { id: 1, master: master(2).name(), wrapped, created_at };
                store.data_key_put(&again).await.unwrap();
            }
            if cut_after >= 2 {
                let wrapped = master(2).wrap(2, &[9; 32], &outside).await.unwrap();
                let created_at = outside.now();
                let new = WrappedKey { id: 2, master: master(2).name(), wrapped, created_at };
                store.data_key_put(&new).await.unwrap();
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
        let bytes = key_of(&load(&store, master(1)).await.unwrap(), 1);
        let wrapped = master(2).wrap(1, &bytes, &outside).await.unwrap();
        let again = WrappedKey { id: 1, master: master(2).name(), wrapped, created_at: outside.now() };
        store.data_key_put(&again).await.unwrap();
        let back = load(&store, master(1)).await.unwrap();
        assert_eq!(back.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        assert!(load(&store, master(2)).await.is_err(), "it was gone back to");
    }

    #[tokio::test]
    async fn values_from_before_there_were_data_keys_still_open() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let own = *master(1).bytes().unwrap();
        let sealed = format!("v1:{}", cipher::seal(&own, "a", b"hunter2", &Fixed::default()).unwrap());
        let sample = Some(("a", sealed.as_str()));
        let refused =
            Keyring::load(&store, master(2), sample, &Fixed::default()).await.unwrap_err().to_string();
        assert!(refused.contains("does not fit this database"), "{refused}");
        assert!(store.data_keys().await.unwrap().is_empty());
        let ring = Keyring::load(&store, master(1), sample, &Fixed::default()).await.unwrap();
        assert_eq!(ring.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        let exchanged = load(&store, master(2).instead_of(master(1))).await.unwrap();
        assert_eq!(exchanged.open("a", &sealed).unwrap().expose_secret(), "hunter2");
        assert_eq!(exchanged.derive("run"), ring.derive("run"));
    }
}
