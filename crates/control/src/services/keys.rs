//! The keys that secrets are sealed with: which there are, and exchanging them while everything runs.

use std::sync::Arc;

use pierhead_model::Timestamp;
use serde_json::json;

use super::auth::Principal;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Keys(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct KeysView {
    /// The name of the master key: it tells keys apart, and nothing of them.
    pub master: String,
    /// Oldest first; the last one seals what is stored from now on.
    pub data_keys: Vec<DataKeyView>,
}

#[derive(Debug, Clone)]
pub struct DataKeyView {
    pub id: u32,
    pub created_at: Timestamp,
}

impl Keys {
    pub async fn show(&self, principal: &Principal) -> Result<KeysView, Error> {
        principal.require_admin()?;
        self.view().await
    }

    /// Wraps every data key with the master key that follows, and adds a new data key. Nothing is stopped for it; a call that was
    /// cut is made again.
    pub async fn rotate(&self, principal: &Principal) -> Result<KeysView, Error> {
        principal.require_admin()?;
        let (core, principal) = (Arc::clone(&self.0), principal.clone());
        // To its end, also when whoever asked does not wait for it.
        let done = tokio::spawn(async move {
            let finish = async |old: &str, new: &str| {
                let deed = principal.does(&core, "keys.rotate", (&new, &new));
                let unit = core.store.begin().await.stored()?;
                unit.data_keys_keep_only(new).await.stored()?;
                deed.before(json!({ "master": old })).after(json!({ "master": new })).commit(unit).await
            };
            core.key.exchange(&core.store, &*core.outside, finish).await
        });
        done.await.map_err(Error::internal)??;
        self.view().await
    }

    async fn view(&self) -> Result<KeysView, Error> {
        let mut data_keys: Vec<DataKeyView> = Vec::new();
        for key in self.0.store.data_keys().await.stored()? {
            // Twice while they are exchanged.
            if data_keys.last().is_none_or(|last| last.id != key.id) {
                data_keys.push(DataKeyView { id: key.id, created_at: key.created_at });
            }
        }
        Ok(KeysView { master: self.0.key.master().await, data_keys })
    }
}
