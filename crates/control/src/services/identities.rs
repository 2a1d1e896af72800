//! The accounts elsewhere that somebody signs in with: which there are, and letting go of one.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::id::IdentityId;
use pierhead_store::Identity;

use super::auth::Principal;
use crate::access::policy::shortened;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Identities(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct IdentityView {
    pub id: IdentityId,
    pub provider: String,
    /// On the provider's button; its name where it is not set up any more.
    pub label: String,
    pub email: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

impl Identities {
    /// One's own, oldest first.
    pub async fn list(&self, principal: &Principal) -> Result<Vec<IdentityView>, Error> {
        let found = self.0.store.identities_of(&principal.user).await.stored()?;
        Ok(found.into_iter().map(|identity| self.view(identity)).collect())
    }

    /// It signs nobody in any more. The last way in stays.
    pub async fn unlink(&self, principal: &Principal, id: &str) -> Result<(), Error> {
        let not_found = || Error::not_found("identity", shortened(id));
        let parsed: IdentityId = id.parse().map_err(|_| not_found())?;
        let unit = self.0.store.begin().await.stored()?;
        let own = unit.identities_of(&principal.user).await.stored()?;
        let found = own.iter().find(|identity| identity.id == parsed).ok_or_else(not_found)?;
        let user = unit.user_get(&principal.user).await.stored()?.ok_or_else(not_found)?;
        if own.len() == 1 && user.password().is_none() {
            let detail =
                "It is the only way in: set a password first (\"Forgot your password?\" sends a link).";
            return Err(Error::Conflict { detail: detail.into() });
        }
        unit.identity_delete(&principal.user, &parsed).await.stored()?;
        let deed = principal.does(&self.0, "identity.delete", (&found.id, &found.provider));
        deed.before(serde_json::json!({ "email": found.email })).commit(unit).await
    }

    fn view(&self, identity: Identity) -> IdentityView {
        let Identity { id, provider, email, created_at, last_used_at, .. } = identity;
        let options = self.0.access.providers.iter().find(|it| it.name == provider);
        let label = options.map_or_else(|| provider.clone(), |it| it.label.clone());
        IdentityView { id, provider, label, email, created_at, last_used_at }
    }
}
