//! Who may make an account: the policy of this installation, and asking for one where everybody may.

use std::sync::Arc;

use jiff::SignedDuration;
use pierhead_model::access::Role;
use pierhead_model::id::{InvitationId, UserId};
use pierhead_store::{Answer, InstanceRole, Invitation, StoreError, Unit, User};
use secrecy::SecretString;
use serde_json::json;

use super::auth::{Auth, Client, Principal, Via};
use crate::access::attempts::Attempts;
use crate::access::secret_token::{self, TokenKind};
use crate::access::{address, password};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::mail::{self, Letter};
use crate::outside::random_bits;

const SETTING: &str = "sign_up_policy";
/// How long the link of a letter is good.
const LIFETIME: SignedDuration = SignedDuration::from_hours(72);

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum SignUp {
    /// Who an administrator invites.
    #[default]
    Closed,
    /// Who anybody invites.
    #[strum(serialize = "invitation")]
    ByInvitation,
    /// Everybody.
    Open,
}

/// Who asks for an account.
#[derive(Debug)]
pub struct SignUpRequest {
    pub email: String,
    /// Needed where no letter can be sent: the account is made at once then.
    pub password: Option<SecretString>,
    pub name: Option<String>,
}

#[derive(Debug)]
pub struct SignUps {
    core: Arc<Core>,
    attempts: Attempts,
}

/// What is stored decides, at every question: another control plane may have changed it.
pub(crate) async fn policy(core: &Core) -> Result<SignUp, Error> {
    let stored = core.store.setting_get(SETTING).await.stored()?;
    // What a newer version stored is not known here: nobody comes in by it.
    Ok(stored.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// Whether an invitation gives an account to whom has none.
pub(crate) async fn admits(core: &Core, invitation: &Invitation) -> Result<bool, Error> {
    let by_themselves = invitation.invited_by == invitation.email;
    Ok(match policy(core).await? {
        SignUp::Open => true,
        SignUp::ByInvitation => !by_themselves,
        SignUp::Closed => {
            let inviter = core.store.user_by_email(&invitation.invited_by).await.stored()?;
            !by_themselves
                && inviter.is_some_and(|it| it.role == InstanceRole::Admin && it.disabled_at.is_none())
        }
    })
}

impl SignUps {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core, attempts: Attempts::default() }
    }

    pub async fn policy(&self) -> Result<SignUp, Error> {
        policy(&self.core).await
    }

    pub async fn set_policy(&self, principal: &Principal, to: SignUp) -> Result<SignUp, Error> {
        principal.require_admin()?;
        let unit = self.core.store.begin().await.stored()?;
        let before = unit.setting_get(SETTING).await.stored()?;
        unit.setting_delete(SETTING).await.stored()?;
        unit.setting_ensure(SETTING, &to.to_string()).await.stored()?;
        let deed = principal.does(&self.core, "sign_up_policy.update", (&SETTING, &"sign-up"));
        let before = before.and_then(|text| text.parse::<SignUp>().ok()).unwrap_or_default();
        deed.before(json!({ "policy": before.to_string() }))
            .after(json!({ "policy": to.to_string() }))
            .commit(unit)
            .await?;
        Ok(to)
    }

    /// Asks for an account, where everybody may. Nobody learns whether the address has one: the answer is the same, after the
    /// same work.
    pub async fn ask(&self, auth: &Auth, request: SignUpRequest, client: Client) -> Result<(), Error> {
        if self.policy().await? != SignUp::Open {
            let required = "an invitation: not everybody may make an account here";
            return Err(Error::Forbidden { required: required.into() });
        }
        let email = address::parse(&request.email).map_err(|detail| Error::invalid("/email", detail))?;
        let name = address::name(request.name.as_deref(), &email)?;
        self.attempts.count_visit(&email, client.ip, self.core.outside.now())?;
        if self.core.access.mailer.is_some() {
            return self.by_letter(&email).await;
        }
        let password = request.password.ok_or_else(|| Error::invalid("/password", "is needed"))?;
        password::check(&password)?;
        // Before anything is looked up: it is what takes time.
        let password_hash = auth.hash(password).await?;
        self.at_once(email, name, password_hash, &client).await
    }

    async fn by_letter(&self, email: &str) -> Result<(), Error> {
        let unit = self.core.store.begin().await.stored()?;
        let console = &self.core.access.console_url;
        let asked = "Somebody, hopefully you, asked for a Pierhead account with this address.";
        let text = if unit.user_by_email(email).await.stored()?.is_some() {
            format!("{asked}\nYou have one: sign in at {console}/console/login\n")
        } else {
            let token = self.invited_by_themselves(&unit, email).await?;
            // Behind the `#`, so that no server and no log on the way sees it.
            format!("{asked}\nGo on here within three days: {console}/console/invitation#{token}\n")
        };
        let letter = Letter { to: email.to_owned(), subject: "Your Pierhead account".to_owned(), text };
        mail::post(&self.core, &unit, letter).await?;
        unit.commit().await.stored()?;
        self.core.signals.letters.raise();
        Ok(())
    }

    async fn invited_by_themselves(&self, unit: &Unit, email: &str) -> Result<String, Error> {
        let now = self.core.outside.now();
        let (token, token_hash) = secret_token::generate(TokenKind::Invitation, &*self.core.outside);
        for old in unit.invitations_to(email).await.stored()? {
            if old.team.is_none() && old.invited_by == email {
                unit.invitation_answer(&old.id, Answer::Withdrawn, now).await.stored()?;
            }
        }
        let invitation = Invitation {
            id: InvitationId::new(now, random_bits(&*self.core.outside)),
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
        Ok(token)
    }

    /// Without letters nobody can prove an address: the account is there at once, and its address stays unproven.
    async fn at_once(
        &self,
        email: String,
        name: String,
        password_hash: String,
        client: &Client,
    ) -> Result<(), Error> {
        let now = self.core.outside.now();
        let user = User {
            id: UserId::new(now, random_bits(&*self.core.outside)),
            email,
            name,
            password_hash,
            role: InstanceRole::User,
            created_at: now,
            disabled_at: None,
            verified_at: None,
        };
        let principal = Principal::new(&user, Via::SignUp, client.ip);
        let unit = self.core.store.begin().await.stored()?;
        match unit.user_create(&user).await {
            // The owner notices nothing, and who asked learns nothing.
            Err(StoreError::Taken { .. }) => return Ok(()),
            done => done.stored()?,
        }
        let deed = principal.does(&self.core, "account.create", (&user.id, &user.email));
        deed.after(json!({ "email": user.email })).commit(unit).await
    }
}
