//! Teams and who is in them. A team always has an owner.

use pierhead_model::Timestamp;
use pierhead_model::access::Role;
use pierhead_model::id::{TeamId, UserId};
use pierhead_model::name::TeamName;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::access::user;
use crate::visibility::teams;
use crate::{Store, StoreError, Visibility, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Team {
    pub id: TeamId,
    pub name: TeamName,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// Somebody in a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Since when.
    pub created_at: Timestamp,
}

pub(crate) mod team {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "teams")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_team(self) -> Result<Team, StoreError> {
            Ok(Team {
                id: document::parse("team", &self.id)?,
                name: document::parse("team", &self.name)?,
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

pub(crate) mod member {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "team_members")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub team_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: String,
        pub role: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading the teams";
const CHANGING: &str = "changing a team";

pub(crate) fn role(text: &str) -> Result<Role, StoreError> {
    text.parse().map_err(|error| StoreError::corrupt("role", error))
}

impl Store {
    /// With its first owner. Taken when the name is.
    pub async fn team_create(&self, new: &Team, owner: &UserId) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("team", error);
        let transaction = self.db.begin().await.map_err(error)?;
        let row = team::ActiveModel {
            id: Set(new.id.to_string()),
            name: Set(new.name.to_string()),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        team::Entity::insert(row).exec_without_returning(&transaction).await.map_err(error)?;
        member_put(&transaction, &new.id, owner, Role::Owner, new.created_at).await.map_err(error)?;
        transaction.commit().await.map_err(error)
    }

    pub async fn team_get(&self, id: &TeamId) -> Result<Option<Team>, StoreError> {
        let found = team::Entity::find_by_id(id.to_string()).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(team::Model::into_team).transpose()
    }

    pub async fn team_by_name(&self, name: &str) -> Result<Option<Team>, StoreError> {
        let found = team::Entity::find().filter(team::Column::Name.eq(name)).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(team::Model::into_team).transpose()
    }

    /// By name, those after `after` that are visible; at most `limit`.
    pub async fn team_list(
        &self,
        after: Option<&str>,
        limit: u64,
        visible: &Visibility,
    ) -> Result<Vec<Team>, StoreError> {
        let mut query = team::Entity::find().order_by_asc(team::Column::Name).limit(limit);
        if let Visibility::To(user) = visible {
            query = query.filter(team::Column::Id.in_subquery(teams(user)));
        }
        if let Some(after) = after {
            query = query.filter(team::Column::Name.gt(after));
        }
        let rows = query.all(&self.db).await.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(team::Model::into_team).collect()
    }

    /// Taken when the name is.
    pub async fn team_rename(&self, id: &TeamId, name: &TeamName) -> Result<(), StoreError> {
        let done = team::Entity::update_many()
            .col_expr(team::Column::Name, Expr::value(name.as_str()))
            .filter(team::Column::Id.eq(id.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("team", error))
    }

    /// Removes the team with its members, invitations and grants; a conflict when projects belong to it.
    pub async fn team_delete(&self, id: &TeamId) -> Result<(), StoreError> {
        let unit = self.begin().await?;
        lock(&unit, id).await?;
        if unit.projects_of_team(id).await? > 0 {
            return Err(StoreError::Conflict { what: "team" });
        }
        unit.grants_of_team_delete(id).await?;
        unit.invitations_of_team_delete(id).await?;
        let error = |error| StoreError::from_db("deleting a team", error);
        let of_it = member::Column::TeamId.eq(id.to_string());
        member::Entity::delete_many().filter(of_it).exec(&unit.db).await.map_err(error)?;
        team::Entity::delete_by_id(id.to_string()).exec(&unit.db).await.map_err(error)?;
        unit.commit().await
    }

    /// By address.
    pub async fn member_list(&self, id: &TeamId) -> Result<Vec<Member>, StoreError> {
        let error = |error| StoreError::from_db(READING, error);
        let of_it = member::Column::TeamId.eq(id.to_string());
        let members = member::Entity::find().filter(of_it).all(&self.db).await.map_err(error)?;
        let ids: Vec<&String> = members.iter().map(|member| &member.user_id).collect();
        let users =
            user::Entity::find().filter(user::Column::Id.is_in(ids)).all(&self.db).await.map_err(error)?;
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            let Some(user) = users.iter().find(|user| user.id == member.user_id) else { continue };
            found.push(Member {
                user: document::parse("user", &member.user_id)?,
                email: user.email.clone(),
                name: user.name.clone(),
                role: role(&member.role)?,
                created_at: document::time(member.created_at)?,
            });
        }
        found.sort_by(|a, b| a.email.cmp(&b.email));
        Ok(found)
    }

    /// The teams somebody is in, with their role there.
    pub async fn memberships(&self, user: &UserId) -> Result<Vec<(TeamId, Role)>, StoreError> {
        let of_them = member::Column::UserId.eq(user.to_string());
        let rows = member::Entity::find().filter(of_them).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.iter().map(|row| Ok((document::parse("team", &row.team_id)?, role(&row.role)?))).collect()
    }

    /// Somebody is in the team with this role from now on.
    pub async fn member_put(
        &self,
        team: &TeamId,
        user: &UserId,
        role: Role,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(CHANGING, error);
        let unit = self.begin().await?;
        lock(&unit, team).await?;
        member_put(&unit.db, team, user, role, now).await.map_err(error)?;
        keep_an_owner(&unit, team).await?;
        unit.commit().await
    }

    /// A conflict when nobody would own the team then.
    pub async fn member_remove(&self, team: &TeamId, user: &UserId) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(CHANGING, error);
        let unit = self.begin().await?;
        lock(&unit, team).await?;
        let id = (team.to_string(), user.to_string());
        let done = member::Entity::delete_by_id(id).exec(&unit.db).await.map_err(error)?;
        if done.rows_affected == 0 {
            return Err(StoreError::NotFound { what: "member" });
        }
        keep_an_owner(&unit, team).await?;
        unit.commit().await
    }
}

/// One change of a team at a time: two owners who remove each other must not both succeed.
async fn lock(store: &Store, team: &TeamId) -> Result<(), StoreError> {
    let found = team::Entity::find_by_id(team.to_string()).lock_exclusive().one(&store.db).await;
    let found = found.map_err(|error| StoreError::from_db(CHANGING, error))?;
    found.map(drop).ok_or(StoreError::NotFound { what: "team" })
}

async fn keep_an_owner(store: &Store, team: &TeamId) -> Result<(), StoreError> {
    let owners = member::Entity::find()
        .filter(member::Column::TeamId.eq(team.to_string()))
        .filter(member::Column::Role.eq(Role::Owner.to_string()))
        .count(&store.db)
        .await
        .map_err(|error| StoreError::from_db(CHANGING, error))?;
    if owners == 0 { Err(StoreError::Conflict { what: "last owner" }) } else { Ok(()) }
}

async fn member_put<C: ConnectionTrait>(
    db: &C,
    team: &TeamId,
    user: &UserId,
    role: Role,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = member::ActiveModel {
        team_id: Set(team.to_string()),
        user_id: Set(user.to_string()),
        role: Set(role.to_string()),
        created_at: Set(now.as_millisecond()),
    };
    let same = OnConflict::columns([member::Column::TeamId, member::Column::UserId])
        .update_column(member::Column::Role)
        .to_owned();
    member::Entity::insert(row).on_conflict(same).exec_without_returning(db).await.map(drop)
}
