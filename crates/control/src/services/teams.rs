//! Teams and who is in them.

use std::sync::Arc;

use pierhead_model::Timestamp;
use pierhead_model::access::Role;
use pierhead_model::id::{TeamId, UserId};
use pierhead_model::name::TeamName;
use pierhead_store::{Member, StoreError, Team};
use serde_json::json;

use super::auth::Principal;
use super::page::{Page, PageRequest};
use crate::access::policy::{
    self, DELETE_MEMBERS, DELETE_TEAM, GIVE_AWAY, READ_MEMBERS, READ_TEAM, WRITE_MEMBERS, WRITE_TEAM,
    shortened,
};
use crate::core::Core;
use crate::error::{Error, StoreResult as _};
use crate::outside::random_bits;

#[derive(Debug)]
pub struct Teams(pub(crate) Arc<Core>);

#[derive(Debug, Clone)]
pub struct TeamView {
    pub id: TeamId,
    pub name: TeamName,
    /// Of who asks; `None` for an administrator who is not in it.
    pub role: Option<Role>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct MemberView {
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
}

impl Teams {
    /// By name: one's own, to administrators all.
    pub async fn list(&self, principal: &Principal, page: &PageRequest) -> Result<Page<TeamView>, Error> {
        let (limit, list) = (page.limit()?, "teams");
        let after: Option<String> = page.after(list)?;
        let visible = principal.visibility();
        let found = self.0.store.team_list(after.as_deref(), limit as u64 + 1, &visible).await.stored()?;
        let page = Page::cut(found, limit, list, |team| team.name.to_string())?;
        let memberships = self.0.store.memberships(&principal.user).await.stored()?;
        let items = page.items.into_iter().map(|team| view(team, &memberships)).collect();
        Ok(Page { items, next_cursor: page.next_cursor })
    }

    pub async fn get(&self, principal: &Principal, team: &str) -> Result<TeamView, Error> {
        let team = policy::team(&self.0, principal, team, READ_TEAM).await?;
        self.view(principal, team).await
    }

    /// Whoever makes a team owns it.
    pub async fn create(&self, principal: &Principal, name: &str) -> Result<TeamView, Error> {
        let name = TeamName::parse(name).map_err(|error| Error::invalid("/name", error))?;
        let now = self.0.outside.now();
        let team = Team {
            id: TeamId::new(now, random_bits(&*self.0.outside)),
            name,
            created_by: principal.email.clone(),
            created_at: now,
        };
        let deed = principal.does(&self.0, "team.create", (&team.id, &team.name));
        let unit = self.0.store.begin().await.stored()?;
        unit.team_create(&team, &principal.user).await.asked_for("team", &team.name)?;
        deed.after(json!({ "name": team.name, "owner": principal.email })).commit(unit).await?;
        self.view(principal, team).await
    }

    pub async fn rename(&self, principal: &Principal, team: &str, name: &str) -> Result<TeamView, Error> {
        let before = policy::team(&self.0, principal, team, WRITE_TEAM).await?;
        let name = TeamName::parse(name).map_err(|error| Error::invalid("/name", error))?;
        let deed = principal.does(&self.0, "team.rename", (&before.id, &before.name));
        let unit = self.0.store.begin().await.stored()?;
        unit.team_rename(&before.id, &name).await.asked_for("team", &name)?;
        deed.before(json!({ "name": before.name })).after(json!({ "name": name })).commit(unit).await?;
        self.view(principal, Team { name, ..before }).await
    }

    /// Its projects must belong to somebody else first.
    pub async fn delete(&self, principal: &Principal, team: &str) -> Result<(), Error> {
        let team = policy::team(&self.0, principal, team, DELETE_TEAM).await?;
        let deed = principal.does(&self.0, "team.delete", (&team.id, &team.name));
        let unit = self.0.store.begin().await.stored()?;
        match unit.team_delete(&team.id).await {
            Err(StoreError::Conflict { .. }) => {
                let detail =
                    format!("Projects belong to the team {}: transfer or delete them first.", team.name);
                Err(Error::Conflict { detail })
            }
            done => {
                done.asked_for("team", &team.name)?;
                deed.before(json!({ "name": team.name })).commit(unit).await
            }
        }
    }

    /// By address.
    pub async fn members(&self, principal: &Principal, team: &str) -> Result<Vec<MemberView>, Error> {
        let team = policy::team(&self.0, principal, team, READ_MEMBERS).await?;
        let members = self.0.store.member_list(&team.id).await.stored()?;
        Ok(members.into_iter().map(member_view).collect())
    }

    /// Gives a member another role. Nobody gives or takes a role that is mightier than their own.
    pub async fn set_role(
        &self,
        principal: &Principal,
        team: &str,
        member: &str,
        role: Role,
    ) -> Result<MemberView, Error> {
        let team = policy::team(&self.0, principal, team, WRITE_MEMBERS).await?;
        let found = self.member(&team, member).await?;
        self.may_give(principal, &team, found.role).await?;
        self.may_give(principal, &team, role).await?;
        let deed = principal.does(&self.0, "member.update", (&found.user, &found.email));
        let unit = self.0.store.begin().await.stored()?;
        unit.member_put(&team.id, &found.user, role, found.created_at).await.or_else(keeps_owner(&team))?;
        deed.before(json!({ "team": team.name, "role": found.role }))
            .after(json!({ "team": team.name, "role": role }))
            .commit(unit)
            .await?;
        Ok(MemberView { role, ..member_view(found) })
    }

    /// Removes a member. Everybody may leave; the last owner may not.
    pub async fn remove(&self, principal: &Principal, team: &str, member: &str) -> Result<(), Error> {
        let team = policy::team(&self.0, principal, team, READ_TEAM).await?;
        let found = self.member(&team, member).await?;
        if found.user != principal.user {
            policy::team(&self.0, principal, team.id.as_ref(), DELETE_MEMBERS).await?;
            self.may_give(principal, &team, found.role).await?;
        }
        let deed = principal.does(&self.0, "member.delete", (&found.user, &found.email));
        let unit = self.0.store.begin().await.stored()?;
        unit.member_remove(&team.id, &found.user).await.or_else(keeps_owner(&team))?;
        deed.before(json!({ "team": team.name, "role": found.role })).commit(unit).await
    }

    /// Makes a member the owner; who gives the team away is an admin of it afterwards.
    pub async fn transfer(&self, principal: &Principal, team: &str, to: &str) -> Result<TeamView, Error> {
        let team = policy::team(&self.0, principal, team, GIVE_AWAY).await?;
        let heir = self.member(&team, to).await.map_err(|error| match error {
            Error::NotFound { .. } => Error::invalid("/to", "is not in the team: invite them first"),
            error => error,
        })?;
        let deed = principal.does(&self.0, "team.transfer", (&team.id, &team.name));
        let unit = self.0.store.begin().await.stored()?;
        unit.member_put(&team.id, &heir.user, Role::Owner, heir.created_at).await.stored()?;
        let members = unit.member_list(&team.id).await.stored()?;
        for owner in members.iter().filter(|it| it.role == Role::Owner && it.user != heir.user) {
            unit.member_put(&team.id, &owner.user, Role::Admin, owner.created_at).await.stored()?;
        }
        let owners: Vec<&str> =
            members.iter().filter(|it| it.role == Role::Owner).map(|it| &*it.email).collect();
        deed.before(json!({ "owners": owners })).after(json!({ "owner": heir.email })).commit(unit).await?;
        self.view(principal, team).await
    }

    /// Refuses to give or to take what is mightier than who gives.
    pub(super) async fn may_give(&self, principal: &Principal, team: &Team, role: Role) -> Result<(), Error> {
        let memberships = self.0.store.memberships(&principal.user).await.stored()?;
        let own = memberships.into_iter().find(|(id, _)| *id == team.id).map(|(_, role)| role);
        if principal.is_admin() || own.is_some_and(|own| own.may_give(role)) {
            return Ok(());
        }
        Err(Error::Forbidden { required: format!("the role `{role}` in the team").into() })
    }

    /// By address or id.
    async fn member(&self, team: &Team, who: &str) -> Result<Member, Error> {
        let members = self.0.store.member_list(&team.id).await.stored()?;
        let wanted = who.to_lowercase();
        let found = members.into_iter().find(|it| it.email == wanted || it.user.as_ref() == who);
        found.ok_or_else(|| Error::not_found("member", shortened(who)))
    }

    async fn view(&self, principal: &Principal, team: Team) -> Result<TeamView, Error> {
        let memberships = self.0.store.memberships(&principal.user).await.stored()?;
        Ok(view(team, &memberships))
    }
}

fn keeps_owner(team: &Team) -> impl FnOnce(StoreError) -> Result<(), Error> {
    move |error| match error {
        StoreError::Conflict { .. } => Err(Error::Conflict {
            detail: format!("The team {} would have no owner: transfer it first.", team.name),
        }),
        error => Err(error).asked_for("team", &team.name),
    }
}

fn view(team: Team, memberships: &[(TeamId, Role)]) -> TeamView {
    let role = memberships.iter().find(|(id, _)| *id == team.id).map(|(_, role)| *role);
    TeamView { role, id: team.id, name: team.name, created_at: team.created_at }
}

fn member_view(member: Member) -> MemberView {
    let Member { user, email, name, role, created_at } = member;
    MemberView { user, email, name, role, created_at }
}
