//! Accounts: who may sign in here, as administrators see and change it; and one's own password.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::id::UserId;
use pierhead_store::{InstanceRole, StoreError, User};
use serde_json::json;

use super::auth::Principal;
use super::page::{Page, PageRequest};
use crate::access::policy::shortened;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};

#[derive(Debug)]
pub struct Accounts(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct AccountView {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub role: InstanceRole,
    pub disabled: bool,
    pub created_at: Timestamp,
}

/// What an administrator changes; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountChange {
    pub role: Option<InstanceRole>,
    pub disabled: Option<bool>,
}

impl Accounts {
    /// By address.
    pub async fn list(&self, principal: &Principal, page: &PageRequest) -> Result<Page<AccountView>, Error> {
        principal.require_admin()?;
        let (limit, list) = (page.limit()?, "accounts");
        let after: Option<String> = page.after(list)?;
        let found = self.0.store.user_list(after.as_deref(), limit as u64 + 1).await.stored()?;
        let page = Page::cut(found, limit, list, |user| user.email.clone())?;
        Ok(Page { items: page.items.into_iter().map(view).collect(), next_cursor: page.next_cursor })
    }

    pub async fn get(&self, principal: &Principal, who: &str) -> Result<AccountView, Error> {
        principal.require_admin()?;
        self.find(who).await.map(view)
    }

    /// Somebody always administers the installation. Who is disabled is signed out everywhere at once.
    pub async fn update(
        &self,
        principal: &Principal,
        who: &str,
        change: AccountChange,
    ) -> Result<AccountView, Error> {
        principal.require_admin()?;
        let before = self.find(who).await?;
        let now = self.0.outside.now();
        let role = change.role.unwrap_or(before.role);
        let disabled_at = match change.disabled {
            Some(true) => before.disabled_at.or(Some(now)),
            Some(false) => None,
            None => before.disabled_at,
        };
        let deed = principal.does(&self.0, "account.update", (&before.id, &before.email));
        let unit = self.0.store.begin().await.stored()?;
        match unit.user_change(&before.id, role, disabled_at).await {
            Err(StoreError::Conflict { .. }) => {
                let detail =
                    "Nobody would administer this installation then: make somebody else an admin first.";
                return Err(Error::Conflict { detail: detail.into() });
            }
            done => done.asked_for("account", &before.email)?,
        }
        if disabled_at.is_some() {
            unit.sessions_revoke_all(&before.id, now).await.stored()?;
            unit.password_resets_forget(&before.id).await.stored()?;
        }
        let told =
            |role: InstanceRole, disabled: bool| json!({ "role": role.to_string(), "disabled": disabled });
        deed.before(told(before.role, before.disabled_at.is_some()))
            .after(told(role, disabled_at.is_some()))
            .commit(unit)
            .await?;
        Ok(view(User { role, disabled_at, ..before }))
    }

    /// By address or id.
    async fn find(&self, who: &str) -> Result<User, Error> {
        let found = match who.parse::<UserId>() {
            Ok(id) => self.0.store.user_get(&id).await.stored()?,
            Err(_) => self.0.store.user_by_email(&who.to_lowercase()).await.stored()?,
        };
        found.ok_or_else(|| Error::not_found("account", shortened(who)))
    }
}

fn view(user: User) -> AccountView {
    let User { id, email, name, role, disabled_at, created_at, .. } = user;
    AccountView { id, email, name, role, disabled: disabled_at.is_some(), created_at }
}
