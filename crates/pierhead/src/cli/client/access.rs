//! Teams, invitations, grants, accounts, sign-ins, the audit log.

use pierhead_model::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Client};
use crate::cli::error::Error;

#[derive(Debug, Deserialize)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) role: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Invitation {
    pub(crate) id: String,
    pub(crate) team: Option<String>,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) invited_by: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) link: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LinkedIdentity {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) email: Option<String>,
    pub(crate) last_used_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Keys {
    pub(crate) master: String,
    pub(crate) data_keys: Vec<DataKey>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DataKey {
    pub(crate) id: u32,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) team: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_by: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) disabled: bool,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) current: bool,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) last_used_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) at: Timestamp,
    pub(crate) actor: Actor,
    pub(crate) action: String,
    pub(crate) target: AuditTarget,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Actor {
    pub(crate) email: String,
    pub(crate) ip: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct AuditTarget {
    pub(crate) name: String,
}

/// What grants are on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum On<'a> {
    Project(&'a str),
    Environment(&'a str),
}

impl<'a> On<'a> {
    const fn path(self) -> [&'a str; 3] {
        match self {
            Self::Project(name) => ["projects", name, "grants"],
            Self::Environment(name) => ["environments", name, "grants"],
        }
    }
}

/// A link that is shown once.
#[derive(Debug, Deserialize)]
pub(crate) struct PasswordLink {
    pub(crate) link: Option<String>,
    pub(crate) expires_at: Timestamp,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SignUpPolicy {
    pub(crate) policy: String,
}

/// How letters are sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Mail {
    pub(crate) from: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) waiting: u64,
    pub(crate) given_up: u64,
    pub(crate) troubles: Vec<LetterInTrouble>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct LetterInTrouble {
    pub(crate) to: String,
    pub(crate) error: String,
}

impl Client<'_> {
    pub(crate) async fn teams(&self) -> Result<Answer<Vec<Team>>, Error> {
        self.list(self.request(Method::GET, &["teams"]), None).await
    }

    pub(crate) async fn team(&self, team: &str) -> Result<Answer<Team>, Error> {
        self.call(self.request(Method::GET, &["teams", team])).await
    }

    pub(crate) async fn team_create(&self, name: &str) -> Result<Answer<Team>, Error> {
        self.call(self.request(Method::POST, &["teams"]).body(&json!({ "name": name }))).await
    }

    pub(crate) async fn team_rename(&self, team: &str, name: &str) -> Result<Answer<Team>, Error> {
        self.call(self.request(Method::PATCH, &["teams", team]).body(&json!({ "name": name }))).await
    }

    pub(crate) async fn team_delete(&self, team: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["teams", team])).await.map(drop)
    }

    pub(crate) async fn team_transfer(&self, team: &str, to: &str) -> Result<Answer<Team>, Error> {
        let path = ["teams", team, "transfer"];
        self.call(self.request(Method::POST, &path).body(&json!({ "to": to }))).await
    }

    pub(crate) async fn members(&self, team: &str) -> Result<Answer<Vec<Member>>, Error> {
        self.list(self.request(Method::GET, &["teams", team, "members"]), None).await
    }

    pub(crate) async fn member_update(
        &self,
        team: &str,
        member: &str,
        role: &str,
    ) -> Result<Answer<Member>, Error> {
        let path = ["teams", team, "members", member];
        self.call(self.request(Method::PATCH, &path).body(&json!({ "role": role }))).await
    }

    pub(crate) async fn member_delete(&self, team: &str, member: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["teams", team, "members", member])).await.map(drop)
    }

    /// Of a team, or to oneself.
    pub(crate) async fn invitations(&self, team: Option<&str>) -> Result<Answer<Vec<Invitation>>, Error> {
        let request = match team {
            Some(team) => self.request(Method::GET, &["teams", team, "invitations"]),
            None => self.request(Method::GET, &["invitations"]),
        };
        self.list(request, None).await
    }

    pub(crate) async fn invite(
        &self,
        team: &str,
        email: &str,
        role: &str,
    ) -> Result<Answer<Invitation>, Error> {
        let path = ["teams", team, "invitations"];
        self.call(self.request(Method::POST, &path).body(&json!({ "email": email, "role": role }))).await
    }

    pub(crate) async fn invitation_resend(&self, team: &str, id: &str) -> Result<Answer<Invitation>, Error> {
        self.call(self.request(Method::POST, &["teams", team, "invitations", id, "resend"])).await
    }

    pub(crate) async fn invitation_delete(&self, team: &str, id: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["teams", team, "invitations", id])).await.map(drop)
    }

    /// `accept` or `decline`, by an id or by what the link holds.
    pub(crate) async fn invitation_answer(&self, answer: &str, body: &Value) -> Result<Value, Error> {
        self.call_raw(&self.request(Method::POST, &["invitations", answer]).body(body)).await
    }

    pub(crate) async fn grants(&self, on: On<'_>) -> Result<Answer<Vec<Grant>>, Error> {
        self.list(self.request(Method::GET, &on.path()), None).await
    }

    pub(crate) async fn grant_put(
        &self,
        on: On<'_>,
        team: &str,
        scopes: &[&str],
    ) -> Result<Answer<Grant>, Error> {
        let body = json!({ "team": team, "scopes": scopes });
        self.call(self.request(Method::PUT, &on.path()).body(&body)).await
    }

    pub(crate) async fn grant_delete(&self, on: On<'_>, id: &str) -> Result<(), Error> {
        let [kind, name, grants] = on.path();
        self.call_raw(&self.request(Method::DELETE, &[kind, name, grants, id])).await.map(drop)
    }

    pub(crate) async fn project_transfer(&self, project: &str, to: &str) -> Result<Value, Error> {
        let path = ["projects", project, "transfer"];
        self.call_raw(&self.request(Method::POST, &path).body(&json!({ "to": to }))).await
    }

    pub(crate) async fn users(&self) -> Result<Answer<Vec<User>>, Error> {
        self.list(self.request(Method::GET, &["users"]), None).await
    }

    pub(crate) async fn user_invite(&self, email: &str) -> Result<Answer<Invitation>, Error> {
        self.call(self.request(Method::POST, &["users"]).body(&json!({ "email": email }))).await
    }

    pub(crate) async fn user_password_link(&self, user: &str) -> Result<Answer<PasswordLink>, Error> {
        self.call(self.request(Method::POST, &["users", user, "password-reset"])).await
    }

    pub(crate) async fn sign_up_policy(&self) -> Result<Answer<SignUpPolicy>, Error> {
        self.call(self.request(Method::GET, &["settings", "sign-up"])).await
    }

    pub(crate) async fn sign_up_policy_put(&self, policy: &str) -> Result<Answer<SignUpPolicy>, Error> {
        let request = self.request(Method::PUT, &["settings", "sign-up"]);
        self.call(request.body(&json!({ "policy": policy }))).await
    }

    pub(crate) async fn mail(&self) -> Result<Answer<Mail>, Error> {
        self.call(self.request(Method::GET, &["settings", "mail"])).await
    }

    pub(crate) async fn mail_test(&self) -> Result<(), Error> {
        self.call_raw(&self.request(Method::POST, &["settings", "mail", "test"])).await.map(drop)
    }

    pub(crate) async fn keys(&self) -> Result<Answer<Keys>, Error> {
        self.call(self.request(Method::GET, &["keys"])).await
    }

    pub(crate) async fn keys_rotate(&self) -> Result<Answer<Keys>, Error> {
        self.call(self.request(Method::POST, &["keys", "rotate"])).await
    }

    pub(crate) async fn user_update(&self, user: &str, change: &Value) -> Result<Answer<User>, Error> {
        self.call(self.request(Method::PATCH, &["users", user]).body(change)).await
    }

    pub(crate) async fn identities(&self) -> Result<Answer<Vec<LinkedIdentity>>, Error> {
        self.list(self.request(Method::GET, &["me", "identities"]), None).await
    }

    pub(crate) async fn identity_unlink(&self, id: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["me", "identities", id])).await.map(drop)
    }

    pub(crate) async fn sessions(&self) -> Result<Answer<Vec<Session>>, Error> {
        self.list(self.request(Method::GET, &["sessions"]), None).await
    }

    pub(crate) async fn session_revoke(&self, id: &str) -> Result<(), Error> {
        self.call_raw(&self.request(Method::DELETE, &["sessions", id])).await.map(drop)
    }

    pub(crate) async fn audit(
        &self,
        filters: &[(&str, Option<&str>)],
        limit: Option<usize>,
    ) -> Result<Answer<Vec<AuditEntry>>, Error> {
        let request = self.request(Method::GET, &["audit"]);
        let request = filters.iter().fold(request, |request, (name, value)| request.query(name, *value));
        self.list(request, limit).await
    }
}
