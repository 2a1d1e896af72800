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
use pierhead_store::{Answer, InstanceRole, Invitation, StoreError, Team, User};
use secrecy::SecretString;
use serde_json::json;

use super::auth::{Auth, Client, Principal, Tokens, Via};
use super::teams::Teams;
use crate::access::policy::{self, READ_MEMBERS, WRITE_MEMBERS, shortened};
use crate::access::secret_token::{self, TokenKind};
use crate::access::{address, password};
use crate::core::{Core, SignUp};
use crate::error::{Error, StoreResult as _};
use crate::mail::Letter;
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
        let team_name = team.map(|team| &team.name);
        deed.after(json!({ "team": team_name, "role": role })).commit(unit).await?;
        self.sent(invitation, token).await
    }

    /// Another link and three more days; the earlier link is worthless.
    pub async fn resend(&self, principal: &Principal, team: &str, id: &str) -> Result<Invited, Error> {
        let found = self.find_of_team(principal, team, id).await?;
        let (token, token_hash) = secret_token::generate(TokenKind::Invitation, &*self.0.outside);
        let expires_at = self.0.outside.now() + LIFETIME;
        let deed = principal.does(&self.0, "invitation.resend", (&found.id, &found.email));
        let unit = self.0.store.begin().await.stored()?;
        unit.invitation_renew(&found.id, &token_hash, expires_at).await.stored()?;
        deed.commit(unit).await?;
        self.sent(Invitation { expires_at, ..found }, token).await
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

    /// Asks for an account, where everybody may. Nobody learns whether the address has one.
    pub async fn sign_up(&self, email: &str) -> Result<(), Error> {
        let (SignUp::Open, Some(mailer)) = (self.0.access.sign_up, &self.0.access.mailer) else {
            let required = "an invitation: not everybody may make an account here";
            return Err(Error::Forbidden { required: required.into() });
        };
        let email = address::parse(email).map_err(|detail| Error::invalid("/email", detail))?;
        let text = if self.0.store.user_by_email(&email).await.stored()?.is_some() {
            format!(
                "Somebody, hopefully you, asked for an account with this address.\nYou have one: sign in at {}/console/login\n",
                self.0.access.console_url
            )
        } else {
            let token = self.self_invited(&email).await?;
            format!(
                "Somebody, hopefully you, asked for an account with this address.\nGo on here within three days: {}\n",
                self.link(&token)
            )
        };
        let letter = Letter { to: email, subject: "Your Pierhead account".to_owned(), text };
        if let Err(error) = mailer.send(letter).await {
            tracing::warn!(%error, "a letter for a sign-up was not sent");
        }
        Ok(())
    }

    async fn self_invited(&self, email: &str) -> Result<String, Error> {
        let now = self.0.outside.now();
        let (token, token_hash) = secret_token::generate(TokenKind::Invitation, &*self.0.outside);
        let open = self.0.store.invitations_of_installation().await.stored()?;
        let unit = self.0.store.begin().await.stored()?;
        for old in open.iter().filter(|old| old.email == email) {
            unit.invitation_answer(&old.id, Answer::Withdrawn, now).await.stored()?;
        }
        let invitation = Invitation {
            id: InvitationId::new(now, random_bits(&*self.0.outside)),
            team: None,
            email: email.to_owned(),
            role: Role::Viewer,
            token_hash,
            invited_by: email.to_owned(),
            created_at: now,
            expires_at: now + LIFETIME,
            answer: None,
        };
        unit.invitation_create(&invitation).await.stored()?;
        unit.commit().await.stored()?;
        Ok(token)
    }

    /// Makes the account of who was invited, and signs in.
    pub async fn create_account(
        &self,
        auth: &Auth,
        new: NewAccount,
        client: Client,
    ) -> Result<Tokens, Error> {
        use secrecy::ExposeSecret as _;

        let found = self.by_token(new.token.expose_secret()).await?;
        if self.0.access.sign_up == SignUp::Closed {
            let required = "somebody to make your account: this installation takes no sign-ups";
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
        auth.open_session(&user, client).await
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

    async fn sent(&self, invitation: Invitation, token: String) -> Result<Invited, Error> {
        let link = self.link(&token);
        let view = self.view(invitation).await?;
        let Some(mailer) = &self.0.access.mailer else {
            return Ok(Invited { invitation: view, link: Some(link) });
        };
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
        match mailer.send(letter).await {
            Ok(()) => Ok(Invited { invitation: view, link: None }),
            Err(error) => {
                tracing::warn!(%error, invitation = %view.id, "the letter of an invitation was not sent");
                Ok(Invited { invitation: view, link: Some(link) })
            }
        }
    }

    async fn views(&self, invitations: Vec<Invitation>) -> Result<Vec<InvitationView>, Error> {
        let mut views = Vec::with_capacity(invitations.len());
        for invitation in invitations {
            views.push(self.view(invitation).await?);
        }
        Ok(views)
    }

    async fn view(&self, invitation: Invitation) -> Result<InvitationView, Error> {
        let team = match &invitation.team {
            Some(team) => self.0.store.team_get(team).await.stored()?.map(|team| team.name),
            None => None,
        };
        let Invitation { id, email, role, invited_by, created_at, expires_at, .. } = invitation;
        let expired = expires_at <= self.0.outside.now();
        Ok(InvitationView { id, team, email, role, invited_by, created_at, expires_at, expired })
    }
}

/// Somebody answered at the same moment.
fn answered(error: StoreError) -> Result<(), Error> {
    match error {
        StoreError::Conflict { .. } => Err(INVALID),
        error => Err(error).stored(),
    }
}
