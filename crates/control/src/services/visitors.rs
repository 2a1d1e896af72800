//! Who may visit what a project shows, and how somebody is let in.
//!
//! An ingress asks nobody: it is told what opens each hostname. Here somebody who is signed in, and may see the project, gets what
//! opens: a browser a ticket for its way back, a program a pass.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::hostname::Hostname;
use pierhead_model::visitors::{Access, LONGEST_NAME, MOST_PASSWORDS, VisitorRules, is_password_name};
use pierhead_store::{Project, VisitorPassword};
use pierhead_wire::pass::{ENTRANCE, PassKey, STAY_S, TICKET_S, Use};
use secrecy::SecretString;
use serde_json::json;

use super::auth::{Auth, Principal};
use crate::access::password;
use crate::access::policy::{self, READ_PROJECT, WRITE_PROJECT, shortened};
use crate::core::Core;
use crate::edge::visiting;
use crate::error::{Error, FieldProblem, StoreResult as _};

#[derive(Debug)]
pub struct Visitors(pub(crate) Arc<Core>);

/// What a project says of its visitors.
#[derive(Debug, Clone)]
pub struct VisitorsView {
    pub rules: VisitorRules,
    pub passwords: Vec<VisitorPasswordView>,
}

/// A password, but for the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitorPasswordView {
    pub name: String,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// What lets a program in.
#[derive(Debug, Clone)]
pub struct VisitorPass {
    pub host: Hostname,
    pub pass: SecretString,
    pub expires_at: Timestamp,
}

impl Visitors {
    pub async fn get(&self, principal: &Principal, project: &str) -> Result<VisitorsView, Error> {
        let project = policy::project(&self.0, principal, project, READ_PROJECT).await?;
        self.view(&project).await
    }

    /// Says who may visit from now on, and how often.
    pub async fn put(
        &self,
        principal: &Principal,
        project: &str,
        rules: &VisitorRules,
    ) -> Result<VisitorsView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let problems: Vec<FieldProblem> =
            rules.problems().into_iter().map(|(at, why)| FieldProblem::new(at, why)).collect();
        if !problems.is_empty() {
            return Err(Error::Validation(problems));
        }
        let before = self.0.store.visitor_rules(&project.id).await.stored()?;
        let told = |rules: &VisitorRules| serde_json::to_value(rules).map_err(Error::internal);
        let deed = principal.does_to(&self.0, "project.visitors_update", &project);
        let deed = deed.before(told(&before)?).after(told(rules)?);
        let unit = self.0.store.begin().await.stored()?;
        unit.visitor_rules_put(&project.id, rules).await.stored()?;
        deed.commit(unit).await?;
        self.0.signals.routes.raise();
        self.view(&project).await
    }

    /// Makes a password, or takes the place of the one of that name.
    pub async fn put_password(
        &self,
        principal: &Principal,
        auth: &Auth,
        (project, name): (&str, &str),
        text: SecretString,
    ) -> Result<VisitorPasswordView, Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        if !is_password_name(name) {
            let detail = format!("must have 1 to {LONGEST_NAME} letters, digits and `.`, `_`, `-`, `@`");
            return Err(Error::invalid("/name", detail));
        }
        password::check(&text)?;
        let known = self.0.store.visitor_passwords(&project.id).await.stored()?;
        if known.len() >= MOST_PASSWORDS && !known.iter().any(|known| known.name == name) {
            let detail = format!("A project has at most {MOST_PASSWORDS} passwords: delete one first.");
            return Err(Error::Conflict { detail });
        }
        let new = VisitorPassword {
            project: project.id.clone(),
            name: name.to_owned(),
            hash: auth.hash(text).await?,
            created_by: principal.email.clone(),
            created_at: self.0.outside.now(),
        };
        let deed = principal.does_to(&self.0, "project.visitor_password_put", &project);
        let unit = self.0.store.begin().await.stored()?;
        unit.visitor_password_put(&new).await.stored()?;
        deed.after(json!({ "name": name })).commit(unit).await?;
        self.0.signals.routes.raise();
        Ok(shown(new))
    }

    pub async fn delete_password(
        &self,
        principal: &Principal,
        project: &str,
        name: &str,
    ) -> Result<(), Error> {
        let project = policy::project(&self.0, principal, project, WRITE_PROJECT).await?;
        let deed = principal.does_to(&self.0, "project.visitor_password_delete", &project);
        let unit = self.0.store.begin().await.stored()?;
        if !unit.visitor_password_delete(&project.id, name).await.stored()? {
            return Err(Error::not_found("visitors' password", shortened(name)));
        }
        deed.after(json!({ "name": name })).commit(unit).await?;
        self.0.signals.routes.raise();
        Ok(())
    }

    /// A pass with which a program may visit a protected hostname for a while.
    pub async fn pass(&self, principal: &Principal, host: &str) -> Result<VisitorPass, Error> {
        let (host, key) = self.door(principal, host).await?;
        let until = self.0.outside.now().as_second() + STAY_S;
        let pass = self.issued(&key, Use::Bearer, until);
        let expires_at = Timestamp::from_second(until).map_err(Error::internal)?;
        Ok(VisitorPass { host, pass: pass.into(), expires_at })
    }

    /// Where a browser goes that may visit a protected hostname: back, with a ticket. Nothing of the address is the visitor's to
    /// say but the path.
    pub async fn way_in(&self, principal: &Principal, host: &str, path: &str) -> Result<String, Error> {
        let (host, key) = self.door(principal, host).await?;
        let ticket = self.issued(&key, Use::Ticket, self.0.outside.now().as_second() + TICKET_S);
        let to: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        // A form writes a blank as `+`, which is a plus in a path.
        let to = to.replace('+', "%20");
        Ok(format!("{}{ENTRANCE}?ticket={ticket}&to={to}", self.0.public.url(&host)))
    }

    fn issued(&self, key: &PassKey, used_as: Use, until: i64) -> String {
        let mut nonce = [0; 16];
        self.0.outside.fill(&mut nonce);
        key.issue(used_as, until, &nonce)
    }

    /// A protected hostname of a project that one may see, and its key.
    async fn door(&self, principal: &Principal, host: &str) -> Result<(Hostname, PassKey), Error> {
        let hidden = || Error::not_found("protected hostname", shortened(host));
        let parsed = Hostname::parse(host).map_err(|_| hidden())?;
        let (project, access) = self.0.ingresses.guarded(&parsed).ok_or_else(hidden)?;
        if access == Access::Public {
            return Err(hidden());
        }
        let project = policy::project(&self.0, principal, project.as_str(), READ_PROJECT).await;
        let project = project.map_err(|error| match error {
            Error::NotFound { .. } => hidden(),
            error => error,
        })?;
        let key = visiting::pass_key(&self.0.key, &project.id, &parsed);
        let key = key.ok_or_else(|| Error::Internal("a key for passes cannot be made".into()))?;
        Ok((parsed, key))
    }

    async fn view(&self, project: &Project) -> Result<VisitorsView, Error> {
        let rules = self.0.store.visitor_rules(&project.id).await.stored()?;
        let passwords = self.0.store.visitor_passwords(&project.id).await.stored()?;
        Ok(VisitorsView { rules, passwords: passwords.into_iter().map(shown).collect() })
    }
}

fn shown(password: VisitorPassword) -> VisitorPasswordView {
    let VisitorPassword { name, created_by, created_at, .. } = password;
    VisitorPasswordView { name, created_by, created_at }
}
