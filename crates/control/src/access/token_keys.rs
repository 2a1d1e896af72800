//! The keys that access tokens are signed with: kept sealed in the database, one signs, the one before still verifies.
//!
//! A token names its key. A name that is not known here is looked for in the database once more, because another control plane
//! may have made it; nothing else is ever done with the name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::SignedDuration;
use pierhead_model::Timestamp;
use secrecy::{ExposeSecret as _, SecretBox};
use serde::{Deserialize, Serialize};

use super::access_token::LIFETIME_S;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

pub(crate) const SETTING: &str = "access_token_keys";
pub(crate) const PLACE: &str = "settings/access_token_keys";

/// One key.
#[derive(Debug)]
pub(crate) struct TokenKey {
    pub(crate) id: String,
    pub(crate) secret: SecretBox<[u8; 32]>,
    created_at: Timestamp,
}

#[cfg(test)]
impl TokenKey {
    pub(crate) fn for_test(id: &str, key: u8) -> Self {
        let secret = SecretBox::new(Box::new([key; 32]));
        Self { id: id.to_owned(), secret, created_at: Timestamp::UNIX_EPOCH }
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    id: String,
    key: String,
    created_at: Timestamp,
}

/// The newest first; made when there is none. A wrong master key shows here, before anything else is touched.
pub(crate) async fn load(core: &Core) -> Result<Vec<TokenKey>, Error> {
    let fresh = sealed(core, &[made(core)])?;
    let stored = core.store.setting_ensure(SETTING, &fresh).await.stored()?;
    opened(core, &stored)
}

/// A new key signs from now on. Those that only verify tokens whose time is over go.
pub(crate) async fn rotate(core: &Core) -> Result<Vec<TokenKey>, Error> {
    let mut keys = load(core).await?;
    let before = core.store.setting_get(SETTING).await.stored()?.unwrap_or_default();
    let now = core.outside.now();
    keys.insert(0, made(core));
    // A key signed until the next newer one was made, and its last token lives for a day after.
    let superseded: Vec<Timestamp> = keys.iter().map(|key| key.created_at).collect();
    let mut index = 0;
    keys.retain(|_| {
        let needed =
            index == 0 || now.duration_since(superseded[index - 1]) <= SignedDuration::from_secs(LIFETIME_S);
        index += 1;
        needed
    });
    let after = sealed(core, &keys)?;
    if !core.store.setting_replace(SETTING, &before, &after).await.stored()? {
        return Err(Error::Conflict {
            detail: "The keys were changed at the same moment: try again.".into(),
        });
    }
    Ok(keys)
}

fn made(core: &Core) -> TokenKey {
    let (mut id, mut key) = ([0; 9], [0; 32]);
    core.outside.fill(&mut id);
    core.outside.fill(&mut key);
    let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id);
    TokenKey { id, secret: SecretBox::new(Box::new(key)), created_at: core.outside.now() }
}

fn sealed(core: &Core, keys: &[TokenKey]) -> Result<String, Error> {
    let keys: Vec<Stored> = keys
        .iter()
        .map(|key| Stored {
            id: key.id.clone(),
            key: BASE64.encode(key.secret.expose_secret()),
            created_at: key.created_at,
        })
        .collect();
    let text = serde_json::to_string(&keys).map_err(Error::internal)?;
    core.key.seal(PLACE, &text, &*core.outside).map_err(Error::internal)
}

fn opened(core: &Core, sealed: &str) -> Result<Vec<TokenKey>, Error> {
    let text = core.key.open(PLACE, sealed).map_err(|_| Error::Unavailable {
        detail:
            "The master key does not fit this database: set PIERHEAD_MASTER_KEY to the one it was made with."
                .into(),
    })?;
    let keys: Vec<Stored> = serde_json::from_str(text.expose_secret()).map_err(Error::internal)?;
    let open = |stored: Stored| {
        let bytes = BASE64.decode(stored.key).map_err(Error::internal)?;
        let bytes: [u8; 32] =
            bytes.try_into().map_err(|_| Error::Internal("a stored token key has another length".into()))?;
        Ok(TokenKey { id: stored.id, secret: SecretBox::new(Box::new(bytes)), created_at: stored.created_at })
    };
    keys.into_iter().map(open).collect()
}
