//! Signing in with an account elsewhere, and linking one: there and back.

use std::sync::Arc;

use pierhead_model::id::{IdentityId, UserId};
use pierhead_store::{Answer, Identity, InstanceRole, User};
use serde_json::json;

use super::auth::{Auth, BrowserSession, Client, Principal, Via};
use super::sign_up::{self, SignUp};
use crate::access::address;
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;
use crate::sign_in::decide::{Account, Known, Verdict, decide};
use crate::sign_in::flow::{self, Flow};
use crate::sign_in::web::{Failed, Web};
use crate::sign_in::{Person, Provider, Refusal};

#[derive(Debug)]
pub struct SignIn {
    core: Arc<Core>,
    web: Web,
    providers: Vec<Provider>,
}

/// What a sign-in page offers.
#[derive(Debug, Clone)]
pub struct SignInOptions {
    pub providers: Vec<ProviderView>,
    pub sign_up: SignUp,
    /// Whether letters can be sent.
    pub has_mail: bool,
}

#[derive(Debug, Clone)]
pub struct ProviderView {
    pub name: String,
    pub label: String,
}

/// Where the browser goes, and what it keeps until it is back.
#[derive(Debug)]
pub struct Begun {
    pub url: String,
    pub cookie: String,
    pub lifetime_s: i64,
}

/// What a provider sent the browser back with.
#[derive(Debug, Clone, Default)]
pub struct Answered {
    pub code: Option<String>,
    pub state: Option<String>,
    pub error: Option<String>,
    pub issuer: Option<String>,
}

/// Somebody is signed in, or has linked.
#[derive(Debug)]
pub struct Finished {
    pub return_to: String,
    /// `None` when they only linked: they are signed in already.
    pub session: Option<BrowserSession>,
}

impl SignIn {
    pub(crate) fn new(core: Arc<Core>, web: Web) -> Self {
        let providers = core.access.providers.iter().cloned().map(Provider::new).collect();
        Self { core, web, providers }
    }

    pub async fn options(&self) -> Result<SignInOptions, Error> {
        let view =
            |it: &Provider| ProviderView { name: it.options.name.clone(), label: it.options.label.clone() };
        Ok(SignInOptions {
            providers: self.providers.iter().map(view).collect(),
            sign_up: sign_up::policy(&self.core).await?,
            has_mail: self.core.access.mailer.is_some(),
        })
    }

    /// Begins a sign-in, or, for who is signed in, a link.
    pub async fn begin(
        &self,
        provider: &str,
        return_to: Option<&str>,
        link: Option<&Principal>,
    ) -> Result<Begun, Error> {
        let found = self.provider(provider)?;
        let link = link.map(|principal| principal.user.clone());
        let flow = Flow::new(provider, return_to, link, &*self.core.outside)?;
        let address = found.address(&self.web, &flow, &self.redirect(found), self.core.outside.now()).await;
        let url = address.map_err(|failed| {
            tracing::warn!(provider, %failed, "a provider cannot be used to sign in");
            let detail =
                format!("{} cannot be used at the moment: the server's log says why.", found.options.label);
            Error::Unavailable { detail }
        })?;
        Ok(Begun { url: url.into(), cookie: flow.sealed(&self.core)?, lifetime_s: flow::LIFETIME_S })
    }

    /// Takes what somebody came back with. `cookie` is what [`Self::begin`] gave to the browser, `caller` who is signed in there.
    pub async fn finish(
        &self,
        auth: &Auth,
        provider: &str,
        answered: &Answered,
        cookie: Option<&str>,
        caller: Option<&Principal>,
        client: Client,
    ) -> Result<Result<Finished, Refusal>, Error> {
        let Ok(found) = self.provider(provider) else { return Ok(Err(Refusal::Expired)) };
        let state = answered.state.as_deref().unwrap_or_default();
        let Some(flow) = cookie.and_then(|cookie| Flow::of_answer(&self.core, cookie, provider, state))
        else {
            return Ok(Err(Refusal::Expired));
        };
        // Who began to link must still be who is signed in.
        if flow.link.is_some() && flow.link.as_ref() != caller.map(|caller| &caller.user) {
            return Ok(Err(Refusal::Expired));
        }
        let person = match self.person(found, answered, &flow).await {
            Ok(person) => person,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.decided(auth, found, person, &flow, caller, client).await
    }

    async fn person(&self, provider: &Provider, answered: &Answered, flow: &Flow) -> Result<Person, Refusal> {
        let failed = |failed: Failed| {
            tracing::warn!(provider = provider.options.name, %failed, "a sign-in was not taken");
            Refusal::ProviderFailed
        };
        if let Some(error) = &answered.error {
            if error == "access_denied" {
                return Err(Refusal::Denied);
            }
            let error: String = error.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
            return Err(failed(Failed(format!("the provider answered with the error `{error}`"))));
        }
        let code = answered.code.as_deref().filter(|code| !code.is_empty() && code.len() <= 4096);
        let code = code.ok_or_else(|| failed(Failed("the provider sent no code".to_owned())))?;
        let (redirect, now) = (self.redirect(provider), self.core.outside.now());
        let person = provider.person(&self.web, code, answered.issuer.as_deref(), flow, &redirect, now).await;
        person.map_err(failed)
    }

    async fn decided(
        &self,
        auth: &Auth,
        provider: &Provider,
        person: Person,
        flow: &Flow,
        caller: Option<&Principal>,
        client: Client,
    ) -> Result<Result<Finished, Refusal>, Error> {
        let (store, now) = (&self.core.store, self.core.outside.now());
        let identity = store.identity_by_subject(&person.issuer, &person.subject).await.stored()?;
        let linked = match &identity {
            Some(identity) => store.user_get(&identity.user).await.stored()?,
            None => None,
        };
        let by_address = match &person.email {
            Some(email) if person.is_verified => store.user_by_email(email).await.stored()?,
            _ => None,
        };
        let may_join = match &person.email {
            Some(email) if person.is_verified => self.may_join(email).await?,
            _ => false,
        };
        let verdict = decide(Known {
            linking: flow.link.as_ref(),
            linked: linked.as_ref().map(account),
            is_verified: person.is_verified,
            by_address: by_address.as_ref().map(account),
            may_join,
        });
        let user = match verdict {
            Verdict::Refuse(refusal) => return Ok(Err(refusal)),
            Verdict::SignIn(id) => {
                if let Some(identity) = &identity {
                    store.identity_used(&identity.id, now).await.stored()?;
                }
                self.user(&id).await?
            }
            Verdict::Link(id) => {
                let user = self.user(&id).await?;
                self.link(provider, &person, &user, caller, &client).await?;
                user
            }
            Verdict::Join => self.join(provider, &person, &client).await?,
        };
        let session = match flow.link {
            Some(_) => None,
            None => Some(auth.open_browser_session(&user, client).await?),
        };
        Ok(Ok(Finished { return_to: flow.return_to.clone(), session }))
    }

    /// Whether an account may be made for an address that is verified.
    async fn may_join(&self, email: &str) -> Result<bool, Error> {
        if sign_up::policy(&self.core).await? == SignUp::Open {
            return Ok(true);
        }
        let now = self.core.outside.now();
        for invitation in self.core.store.invitations_to(email).await.stored()? {
            if invitation.expires_at > now && sign_up::admits(&self.core, &invitation).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn link(
        &self,
        provider: &Provider,
        person: &Person,
        user: &User,
        caller: Option<&Principal>,
        client: &Client,
    ) -> Result<(), Error> {
        let identity = self.identity(provider, person, &user.id);
        let principal = match caller {
            Some(caller) if caller.user == user.id => caller.clone(),
            _ => Principal::new(user, Via::Identity(identity.id.clone()), client.ip),
        };
        let unit = self.core.store.begin().await.stored()?;
        unit.identity_create(&identity).await.asked_for("identity", &provider.options.label)?;
        let deed = principal.does(&self.core, "identity.create", (&identity.id, &identity.provider));
        deed.after(json!({ "email": identity.email })).commit(unit).await
    }

    /// Makes an account without a password. Invitations into teams wait for an answer; one into the installation has it.
    async fn join(&self, provider: &Provider, person: &Person, client: &Client) -> Result<User, Error> {
        let now = self.core.outside.now();
        let email =
            person.email.clone().ok_or_else(|| Error::Internal("an account needs an address".into()))?;
        let name = address::name(person.name.as_deref(), &email).or_else(|_| address::name(None, &email))?;
        let user = User {
            id: UserId::new(now, random_bits(&*self.core.outside)),
            name,
            email,
            password_hash: String::new(),
            role: InstanceRole::User,
            created_at: now,
            disabled_at: None,
            verified_at: Some(now),
        };
        let identity = self.identity(provider, person, &user.id);
        let principal = Principal::new(&user, Via::Identity(identity.id.clone()), client.ip);
        let unit = self.core.store.begin().await.stored()?;
        for invitation in unit.invitations_to(&user.email).await.stored()? {
            if invitation.team.is_none() && invitation.expires_at > now {
                unit.invitation_answer(&invitation.id, Answer::Accepted, now).await.stored()?;
            }
        }
        unit.user_create(&user).await.asked_for("account", &user.email)?;
        unit.identity_create(&identity).await.asked_for("identity", &provider.options.label)?;
        let deed = principal.does(&self.core, "account.create", (&user.id, &user.email));
        deed.after(json!({ "email": user.email, "provider": identity.provider })).commit(unit).await?;
        Ok(user)
    }

    fn identity(&self, provider: &Provider, person: &Person, user: &UserId) -> Identity {
        let now = self.core.outside.now();
        Identity {
            id: IdentityId::new(now, random_bits(&*self.core.outside)),
            user: user.clone(),
            provider: provider.options.name.clone(),
            issuer: person.issuer.clone(),
            subject: person.subject.clone(),
            email: person.email.clone(),
            created_at: now,
            last_used_at: now,
        }
    }

    async fn user(&self, id: &UserId) -> Result<User, Error> {
        let found = self.core.store.user_get(id).await.stored()?;
        found.ok_or_else(|| Error::not_found("account", id))
    }

    fn provider(&self, name: &str) -> Result<&Provider, Error> {
        let found = self.providers.iter().find(|provider| provider.options.name == name);
        found.ok_or_else(|| Error::not_found("provider", crate::access::policy::shortened(name)))
    }

    /// Where a provider sends browsers back to: what has to be registered there.
    fn redirect(&self, provider: &Provider) -> String {
        format!("{}/api/v1/auth/callback/{}", self.core.access.console_url, provider.options.name)
    }
}

const fn account(user: &User) -> Account<'_> {
    Account { id: &user.id, is_verified: user.verified_at.is_some(), is_disabled: user.disabled_at.is_some() }
}
