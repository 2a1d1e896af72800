//! Invitations: into a team, or into the installation only. And making an account, which needs one.
//!
//! - The link holds a token of which only the hash is stored. It is shown once, to who invites, and only when there is no
//!   way to send it; a list of invitations never has it.
//! - It is bound to its address: another account cannot accept it. Who has the token has read the address's post, so the
//!   address counts as known then; who is known already may accept without the token.
//! - One answer counts, and after three days none does.

use std::sync::Arc;

use jiff::SignedDuration;
use pierhead_model::Timestamp;
use pierhead_model::access::Role;
use pierhead_model::id::{InvitationId, UserId};
use pierhead_model::name::TeamName;
use pierhead_store::{Answer, InstanceRole, Invitation, StoreError, Team, Unit, User};
use secrecy::SecretString;
use serde_json::json;

use super::auth::{Auth, BrowserSession, Client, Principal, Tokens, Via};
use super::sign_up;
use super::teams::Teams;
use crate::access::policy::{self, READ_MEMBERS, WRITE_MEMBERS, shortened};
use crate::access::secret_token::{self, TokenKind};
use crate::access::{address, password};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::mail::{self, Letter};
use crate::outside::random_bits;

/// How long a link is good.
const LIFETIME: SignedDuration = SignedDuration::from_hours(72);
const INVALID: Error =
    Error::Unauthenticated { detail: "The invitation is not valid any more: ask for another one." };

#[derive(Debug)]
pub struct Invitations(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct InvitationView {
    pub id: InvitationId,
    /// `None` is into the installation only.
    pub team: Option<TeamName>,
    pub email: String,
    pub role: Role,
    pub invited_by: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub expired: bool,
}

/// An invitation that was just made.
#[derive(Debug, Clone)]
pub struct Invited {
    pub invitation: InvitationView,
    /// Shown this once, when it could not be sent.
    pub link: Option<String>,
}

/// Who wants an account.
#[derive(Debug)]
pub struct NewAccount {
    /// From an invitation, or from the letter of a sign-up.
    pub token: SecretString,
    pub name: Option<String>,
    pub password: SecretString,
}

impl Invitations {
    /// Those of a team that wait for an answer.
    pub async fn of_team(&self, principal: &Principal, team: &str) -> Result<Vec<InvitationView>, Error> {
        let team = policy::team(&self.0, principal, team, READ_MEMBERS).await?;
        self.views(self.0.store.invitations_of_team(&team.id).await.stored()?).await
    }

    pub async fn invite(
        &self,
        principal: &Principal,
        team: &str,
        email: &str,
        role: Role,
    ) -> Result<Invited, Error> {
        let team = policy::team(&self.0, principal, team, WRITE_MEMBERS).await?;
        Teams(Arc::clone(&self.0)).may_give(principal, &team, role).await?;
        let email = address::parse(email).map_err(|detail| Error::invalid("/email", detail))?;
        let members = self.0.store.member_list(&team.id).await.stored()?;
        if members.iter().any(|member| member.email == email) {
            return Err(Error::NameTaken { what: "member", name: email });
        }
        self.make(principal, Some(&team), email, role).await
    }

    /// Into the installation, without a team: for administrators.
    pub async fn invite_account(&self, principal: &Principal, email: &str) -> Result<Invited, Error> {
        principal.require_admin()?;
        let email = address::parse(email).map_err(|detail| Error::invalid("/email", detail))?;
        if self.0.store.user_by_email(&email).await.stored()?.is_some() {
            return Err(Error::NameTaken { what: "account", name: email });
        }
        self.make(principal, None, email, Role::Viewer).await
    }

    async fn make(
        &self,
        principal: &Principal,
        team: Option<&Team>,
        email: String,
        role: Role,
    ) -> Result<Invited, Error> {
        let now = self.0.outside.now();
        // One whose time is over does not stand in the way.
        let open = match team {
            Some(team) => self.0.store.invitations_of_team(&team.id).await.stored()?,
            None => self.0.store.invitations_of_installation().await.stored()?,
        };
        let (token, token_hash) = secret_token::generate(TokenKind::Invitation, &*self.0.outside);
        let invitation = Invitation {
            id: InvitationId::new(now, random_bits(&*self.0.outside)),
            team: team.map(|team| team.id.clone()),
            email,
            role,
            token_hash,
            invited_by: principal.email.clone(),
            created_at: now,
            expires_at: now + LIFETIME,
            answer: None,
        };
        let deed = principal.does(&self.0, "invitation.create", (&invitation.id, &invitation.email));
        let unit = self.0.store.begin().await.stored()?;
        for old in open.iter().filter(|old| old.email == invitation.email && old.expires_at <= now) {
            unit.invitation_answer(&old.id, Answer::Withdrawn, now).await.stored()?;
        }
        unit.invitation_create(&invitation).await.asked_for("invitation", &invitation.email)?;
        let team_name = team.map(|team| team.name.clone());
        let invited = self.written(&unit, invitation, team_name.clone(), &token).await?;
        deed.after(json!({ "team": team_name, "role": role })).commit(unit).await?;
        self.0.signals.letters.raise();
        Ok(invited)
    }

    /// Another link and three more days; the earlier link is worthless.
    pub async fn resend(&self, principal: &Principal, team: &str, id: &str) -> Result<Invited, Error> {
        let found = self.find_of_team(principal, team, id).await?;
        let (token, token_hash) = secret_token::generate(TokenKind::Invitation, &*self.0.outside);
        let expires_at = self.0.outside.now() + LIFETIME;
        let deed = principal.does(&self.0, "invitation.resend", (&found.id, &found.email));
        let unit = self.0.store.begin().await.stored()?;
        unit.invitation_renew(&found.id, &token_hash, expires_at).await.stored()?;
        let team = self.team_of(&found).await?;
        let invited = self.written(&unit, Invitation { expires_at, ..found }, team, &token).await?;
        deed.commit(unit).await?;
        self.0.signals.letters.raise();
        Ok(invited)
    }

    pub async fn withdraw(&self, principal: &Principal, team: &str, id: &str) -> Result<(), Error> {
        let found = self.find_of_team(principal, team, id).await?;
        let deed = principal.does(&self.0, "invitation.delete", (&found.id, &found.email));
        let unit = self.0.store.begin().await.stored()?;
        unit.invitation_answer(&found.id, Answer::Withdrawn, self.0.outside.now()).await.stored()?;
        deed.commit(unit).await
    }

    async fn find_of_team(&self, principal: &Principal, team: &str, id: &str) -> Result<Invitation, Error> {
        let team = policy::team(&self.0, principal, team, WRITE_MEMBERS).await?;
        let not_found = || Error::not_found("invitation", shortened(id));
        let parsed: InvitationId = id.parse().map_err(|_| not_found())?;
        let found = self.0.store.invitation_get(&parsed).await.stored()?;
        let found = found.filter(|it| it.answer.is_none() && it.team.as_ref() == Some(&team.id));
        found.ok_or_else(not_found)
    }

    /// Those to oneself. Only who is known to have the address is told.
    pub async fn mine(&self, principal: &Principal) -> Result<Vec<InvitationView>, Error> {
        if !self.is_known(principal).await? {
            return Ok(Vec::new());
        }
        let now = self.0.outside.now();
        let open = self.0.store.invitations_to(&principal.email).await.stored()?;
        let open = open.into_iter().filter(|it| it.team.is_some() && it.expires_at > now);
        self.views(open.collect()).await
    }

    /// What a link is about, for a page that asks for an answer.
    pub async fn show(&self, token: &str) -> Result<InvitationView, Error> {
        let found = self.by_token(token).await?;
        self.view(found).await
    }

    /// Joins the team.
    pub async fn accept(
        &self,
        principal: &Principal,
        id: Option<&str>,
        token: Option<&str>,
    ) -> Result<InvitationView, Error> {
        let found = self.to_me(principal, id, token).await?;
        let now = self.0.outside.now();
        let deed = principal.does(&self.0, "invitation.accept", (&found.id, &found.email));
        let unit = self.0.store.begin().await.stored()?;
        unit.invitation_answer(&found.id, Answer::Accepted, now).await.or_else(answered)?;
        if token.is_some() {
            unit.user_verified(&principal.user, now).await.stored()?;
        }
        if let Some(team) = &found.team {
            let memberships = unit.memberships(&principal.user).await.stored()?;
            // An invitation never makes somebody less than they are.
            if !memberships.iter().any(|(id, _)| id == team) {
                unit.member_put(team, &principal.user, found.role, now).await.asked_for("team", team)?;
            }
        }
        let view = self.view(found).await?;
        deed.after(json!({ "team": view.team, "role": view.role })).commit(unit).await?;
        Ok(view)
    }

    pub async fn decline(
        &self,
        principal: &Principal,
        id: Option<&str>,
        token: Option<&str>,
    ) -> Result<(), Error> {
        let found = self.to_me(principal, id, token).await?;
        let deed = principal.does(&self.0, "invitation.decline", (&found.id, &found.email));
        let unit = self.0.store.begin().await.stored()?;
        let now = self.0.outside.now();
        unit.invitation_answer(&found.id, Answer::Declined, now).await.or_else(answered)?;
        deed.commit(unit).await
    }

    async fn to_me(
        &self,
        principal: &Principal,
        id: Option<&str>,
        token: Option<&str>,
    ) -> Result<Invitation, Error> {
        let found = match (id, token) {
            (_, Some(token)) => self.by_token(token).await?,
            (Some(id), None) => {
                let not_found = || Error::not_found("invitation", shortened(id));
                let parsed: InvitationId = id.parse().map_err(|_| not_found())?;
                let found = self.0.store.invitation_get(&parsed).await.stored()?;
                let now = self.0.outside.now();
                let found = found.filter(|it| it.answer.is_none() && it.expires_at > now);
                let known = self.is_known(principal).await?;
                found.filter(|it| known && it.email == principal.email).ok_or_else(not_found)?
            }
            (None, None) => return Err(Error::invalid("/token", "is needed")),
        };
        if found.email != principal.email {
            let required = "to be signed in with the address that was invited";
            return Err(Error::Forbidden { required: required.into() });
        }
        Ok(found)
    }

    /// Makes the account of who was invited, and signs in a program.
    pub async fn create_account(
        &self,
        auth: &Auth,
        new: NewAccount,
        client: Client,
    ) -> Result<Tokens, Error> {
        let user = self.make_account(auth, new, &client).await?;
        auth.open_session(&user, client).await
    }

    /// The same for a browser.
    pub async fn create_account_browser(
        &self,
        auth: &Auth,
        new: NewAccount,
        client: Client,
    ) -> Result<BrowserSession, Error> {
        let user = self.make_account(auth, new, &client).await?;
        auth.open_browser_session(&user, client).await
    }

    async fn make_account(&self, auth: &Auth, new: NewAccount, client: &Client) -> Result<User, Error> {
        use secrecy::ExposeSecret as _;

        let found = self.by_token(new.token.expose_secret()).await?;
        if !sign_up::admits(&self.0, &found).await? {
            let required = "an invitation by an administrator: they decide who has an account here";
            return Err(Error::Forbidden { required: required.into() });
        }
        password::check(&new.password)?;
        if self.0.store.user_by_email(&found.email).await.stored()?.is_some() {
            let detail = "This address has an account: sign in, and accept the invitation then.";
            return Err(Error::Conflict { detail: detail.into() });
        }
        let now = self.0.outside.now();
        let user = User {
            id: UserId::new(now, random_bits(&*self.0.outside)),
            name: address::name(new.name.as_deref(), &found.email)?,
            email: found.email.clone(),
            password_hash: auth.hash(new.password).await?,
            role: InstanceRole::User,
            created_at: now,
            disabled_at: None,
            verified_at: Some(now),
        };
        let principal = Principal::new(&user, Via::Invitation(found.id.clone()), client.ip);
        let deed = principal.does(&self.0, "account.create", (&user.id, &user.email));
        let unit = self.0.store.begin().await.stored()?;
        unit.invitation_answer(&found.id, Answer::Accepted, now).await.or_else(answered)?;
        unit.user_create(&user).await.asked_for("account", &user.email)?;
        if let Some(team) = &found.team {
            unit.member_put(team, &user.id, found.role, now).await.asked_for("team", team)?;
        }
        deed.after(json!({ "email": user.email, "invited_by": found.invited_by })).commit(unit).await?;
        Ok(user)
    }

    async fn by_token(&self, token: &str) -> Result<Invitation, Error> {
        if !secret_token::is(TokenKind::Invitation, token) {
            return Err(INVALID);
        }
        let found = self.0.store.invitation_by_token(&secret_token::hash(token)).await.stored()?;
        let now = self.0.outside.now();
        found.filter(|it| it.answer.is_none() && it.expires_at > now).ok_or(INVALID)
    }

    async fn is_known(&self, principal: &Principal) -> Result<bool, Error> {
        let user = self.0.store.user_get(&principal.user).await.stored()?;
        Ok(user.is_some_and(|user| user.verified_at.is_some()))
    }

    fn link(&self, token: &str) -> String {
        // Behind the `#`, so that no server and no log on the way sees it.
        format!("{}/console/invitation#{token}", self.0.access.console_url)
    }

    /// The letter of an invitation goes in the same transaction; without a way to send it, its link is shown.
    async fn written(
        &self,
        unit: &Unit,
        invitation: Invitation,
        team: Option<TeamName>,
        token: &str,
    ) -> Result<Invited, Error> {
        let link = self.link(token);
        let view = self.viewed(invitation, team);
        if self.0.access.mailer.is_none() {
            return Ok(Invited { invitation: view, link: Some(link) });
        }
        let into =
            view.team.as_ref().map_or_else(|| "Pierhead".to_owned(), |team| format!("the team {team}"));
        let letter = Letter {
            to: view.email.clone(),
            subject: format!("You are invited to {into}"),
            text: format!(
                "{} invites you to {into}.\nAccept or decline within three days: {link}\n",
                view.invited_by
            ),
        };
        mail::post(&self.0, unit, letter).await?;
        Ok(Invited { invitation: view, link: None })
    }

    async fn views(&self, invitations: Vec<Invitation>) -> Result<Vec<InvitationView>, Error> {
        let mut views = Vec::with_capacity(invitations.len());
        for invitation in invitations {
            views.push(self.view(invitation).await?);
        }
        Ok(views)
    }

    async fn view(&self, invitation: Invitation) -> Result<InvitationView, Error> {
        let team = self.team_of(&invitation).await?;
        Ok(self.viewed(invitation, team))
    }

    async fn team_of(&self, invitation: &Invitation) -> Result<Option<TeamName>, Error> {
        match &invitation.team {
            Some(team) => Ok(self.0.store.team_get(team).await.stored()?.map(|team| team.name)),
            None => Ok(None),
        }
    }

    fn viewed(&self, invitation: Invitation, team: Option<TeamName>) -> InvitationView {
        let Invitation { id, email, role, invited_by, created_at, expires_at, .. } = invitation;
        let expired = expires_at <= self.0.outside.now();
        InvitationView { id, team, email, role, invited_by, created_at, expires_at, expired }
    }
}

/// Somebody answered at the same moment.
fn answered(error: StoreError) -> Result<(), Error> {
    match error {
        StoreError::Conflict { .. } => Err(INVALID),
        error => Err(error).stored(),
    }
}
