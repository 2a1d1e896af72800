//! Ingresses on machines of their own: named, let in by a token, sent away.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::id::IngressId;
use pierhead_store::Ingress;
use pierhead_wire::link::token::IngressToken;
use serde_json::json;
use zeroize::Zeroizing;

use super::auth::Principal;
use super::environments::NodeProblem;
use crate::access::policy::shortened;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::links::ingress_key_place;
use crate::links::state::LinkProblem;
use crate::outside::random_bits;

/// Names appear in commands and logs.
const NAME_LENGTH: usize = 63;

#[derive(Debug)]
pub struct Ingresses(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct IngressView {
    pub id: IngressId,
    pub name: String,
    /// `pending`, `online`, `offline` or `untrusted`.
    pub status: &'static str,
    /// Why it is not online.
    pub problem: Option<NodeProblem>,
    /// Whether it answers by the newest table, when it is online.
    pub current: Option<bool>,
    /// Of the certificate that is trusted.
    pub thumbprint: Option<Digest>,
    /// Of the certificate that is shown instead and waits for approval.
    pub shown_thumbprint: Option<Digest>,
    pub release: Option<String>,
    pub online_since: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// An ingress whose token is shown this once.
#[derive(Debug)]
pub struct IngressAdded {
    pub ingress: IngressView,
    pub token: Zeroizing<String>,
}

impl Ingresses {
    pub async fn list(&self, principal: &Principal) -> Result<Vec<IngressView>, Error> {
        principal.require_admin()?;
        let all = self.0.store.ingress_list().await.stored()?;
        Ok(all.into_iter().map(|ingress| self.view(ingress)).collect())
    }

    pub async fn get(&self, principal: &Principal, id_or_name: &str) -> Result<IngressView, Error> {
        principal.require_admin()?;
        Ok(self.view(self.find(id_or_name).await?))
    }

    /// Expects an ingress of that name. Its token is shown this once.
    pub async fn add(&self, principal: &Principal, name: String) -> Result<IngressAdded, Error> {
        principal.require_admin()?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > NAME_LENGTH || !name.chars().all(good) {
            let detail = format!("An ingress's name has 1 to {NAME_LENGTH} characters of a–z, 0–9 and `-`.");
            return Err(Error::invalid("/name", detail));
        }
        let now = self.0.outside.now();
        let id = IngressId::new(now, random_bits(&*self.0.outside));
        let (token, token_key) = self.new_token(&id)?;
        let ingress = Ingress {
            id,
            name,
            token_key: Some(token_key),
            thumbprint: None,
            first_online_at: None,
            created_at: now,
        };
        let unit = self.0.store.begin().await.stored()?;
        unit.ingress_create(&ingress).await.asked_for("ingress", &ingress.name)?;
        principal.does(&self.0, "ingress.create", (&ingress.id, &ingress.name)).commit(unit).await?;
        Ok(IngressAdded { ingress: self.view(ingress), token })
    }

    /// It is not spoken to any more. What it was told last it serves until it is stopped.
    pub async fn remove(&self, principal: &Principal, id_or_name: &str) -> Result<(), Error> {
        principal.require_admin()?;
        let found = self.find(id_or_name).await?;
        let unit = self.0.store.begin().await.stored()?;
        unit.ingress_remove(&found.id).await.asked_for("ingress", &found.name)?;
        principal.does(&self.0, "ingress.delete", (&found.id, &found.name)).commit(unit).await?;
        self.0.guests.disconnect(&found.id);
        Ok(())
    }

    /// A new token, shown this once. The old one is dead at once.
    pub async fn rotate_token(&self, principal: &Principal, id_or_name: &str) -> Result<IngressAdded, Error> {
        principal.require_admin()?;
        let found = self.find(id_or_name).await?;
        let (token, token_key) = self.new_token(&found.id)?;
        let unit = self.0.store.begin().await.stored()?;
        unit.ingress_token(&found.id, Some(token_key)).await.asked_for("ingress", &found.name)?;
        principal.does(&self.0, "ingress.rotate_token", (&found.id, &found.name)).commit(unit).await?;
        self.0.guests.disconnect(&found.id);
        Ok(IngressAdded { ingress: self.get(principal, found.id.as_ref()).await?, token })
    }

    /// No token proves it any more: it is disconnected until it gets a new one.
    pub async fn revoke_token(&self, principal: &Principal, id_or_name: &str) -> Result<IngressView, Error> {
        principal.require_admin()?;
        let found = self.find(id_or_name).await?;
        let unit = self.0.store.begin().await.stored()?;
        unit.ingress_token(&found.id, None).await.asked_for("ingress", &found.name)?;
        principal.does(&self.0, "ingress.revoke_token", (&found.id, &found.name)).commit(unit).await?;
        self.0.guests.disconnect(&found.id);
        self.get(principal, found.id.as_ref()).await
    }

    /// Trusts the certificate that it shows now. It must be the one that the administrator has seen.
    pub async fn approve_certificate(
        &self,
        principal: &Principal,
        id_or_name: &str,
        thumbprint: Digest,
    ) -> Result<IngressView, Error> {
        principal.require_admin()?;
        let found = self.find(id_or_name).await?;
        let shown = self.0.guests.problem(&found.id).and_then(|state| state.shown);
        if shown != Some(thumbprint) {
            let detail = match shown {
                Some(shown) => format!(
                    "The ingress shows the certificate {shown} now: compare it with the one that `pierhead ingress` printed, and approve that one."
                ),
                None => "The ingress shows no certificate that waits for approval.".to_owned(),
            };
            return Err(Error::Conflict { detail });
        }
        let deed = principal.does(&self.0, "ingress.approve_certificate", (&found.id, &found.name));
        let unit = self.0.store.begin().await.stored()?;
        unit.ingress_trust(&found.id, thumbprint, false).await.asked_for("ingress", &found.name)?;
        let told = |thumbprint: Option<Digest>| json!({ "thumbprint": thumbprint.map(|it| it.to_hex()) });
        deed.before(told(found.thumbprint)).after(told(Some(thumbprint))).commit(unit).await?;
        self.0.guests.disconnect(&found.id);
        self.get(principal, found.id.as_ref()).await
    }

    async fn find(&self, id_or_name: &str) -> Result<Ingress, Error> {
        let found = self.0.store.ingress_find(id_or_name).await.stored()?;
        found.ok_or_else(|| Error::not_found("ingress", shortened(id_or_name)))
    }

    /// The text to show, and what is stored of it.
    fn new_token(&self, id: &IngressId) -> Result<(Zeroizing<String>, String), Error> {
        let mut secret = Zeroizing::new([0; 32]);
        self.0.outside.fill(&mut *secret);
        let token = IngressToken::new(id.clone(), *secret);
        let (place, key) = (ingress_key_place(id), token.key().expose_hex());
        let sealed = self.0.key.seal(&place, &key, &*self.0.outside).map_err(Error::internal)?;
        Ok((token.expose(), sealed))
    }

    fn view(&self, ingress: Ingress) -> IngressView {
        let connected = self.0.guests.connected(&ingress.id);
        let state = self.0.guests.problem(&ingress.id).filter(|_| connected.is_none());
        let status = match (&connected, state.as_ref().map(|state| state.problem)) {
            (Some(_), _) => "online",
            (None, Some(LinkProblem::Untrusted)) => "untrusted",
            (None, _) if ingress.first_online_at.is_none() => "pending",
            (None, _) => "offline",
        };
        let problem = match (&ingress.token_key, &state) {
            (None, _) => Some(NodeProblem {
                code: LinkProblem::Revoked.as_str(),
                detail: "its token was revoked: rotate it to get a new one".to_owned(),
            }),
            (Some(_), Some(state)) => {
                Some(NodeProblem { code: state.problem.as_str(), detail: state.detail.clone() })
            }
            (Some(_), None) => None,
        };
        IngressView {
            status,
            problem,
            current: self.0.ingresses.is_current(&ingress.id).filter(|_| connected.is_some()),
            thumbprint: ingress.thumbprint,
            shown_thumbprint: state.and_then(|state| state.shown),
            release: connected.as_ref().map(|guest| guest.release.clone()),
            online_since: connected.map(|guest| guest.since),
            created_at: ingress.created_at,
            id: ingress.id,
            name: ingress.name,
        }
    }
}
