//! Grants: what teams may do with projects and environments that are not theirs.

use pierhead_model::Timestamp;
use pierhead_model::access::{Scope, Scopes, Tie};
use pierhead_model::id::{EnvironmentId, GrantId, ProjectId, TeamId, UserId};
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{OnConflict, SimpleExpr};

use crate::visibility::teams;
use crate::{Environment, Project, ProjectOwner, Store, StoreError, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    pub team: TeamId,
    pub on: GrantOn,
    /// Always with `read`.
    pub scopes: Scopes,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// What is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantOn {
    Project(ProjectId),
    Environment(EnvironmentId),
}

impl GrantOn {
    fn columns(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Project(project) => (Some(project.to_string()), None),
            Self::Environment(environment) => (None, Some(environment.to_string())),
        }
    }

    fn condition(&self) -> SimpleExpr {
        match self {
            Self::Project(project) => row::Column::ProjectId.eq(project.to_string()),
            Self::Environment(environment) => row::Column::EnvironmentId.eq(environment.to_string()),
        }
    }
}

pub(crate) mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "grants")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub team_id: String,
        pub project_id: Option<String>,
        pub environment_id: Option<String>,
        pub may_write: bool,
        pub may_delete: bool,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn scopes(&self) -> Scopes {
            let write = if self.may_write { Scopes::NONE.with(Scope::Write) } else { Scopes::NONE };
            let delete = if self.may_delete { write.with(Scope::Delete) } else { write };
            delete.with(Scope::Read)
        }

        pub(super) fn into_grant(self) -> Result<Grant, StoreError> {
            let on = match (&self.project_id, &self.environment_id) {
                (Some(project), _) => GrantOn::Project(document::parse("project", project)?),
                (None, Some(environment)) => {
                    GrantOn::Environment(document::parse("environment", environment)?)
                }
                (None, None) => return Err(StoreError::NotFound { what: "granted thing" }),
            };
            Ok(Grant {
                id: document::parse("grant", &self.id)?,
                team: document::parse("team", &self.team_id)?,
                on,
                scopes: self.scopes(),
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

const READING: &str = "reading the grants";

impl Store {
    /// A team has one grant on a thing: a second one replaces the scopes of the first.
    pub async fn grant_put(&self, new: &Grant) -> Result<Grant, StoreError> {
        let error = |error| StoreError::from_db("storing a grant", error);
        let (project_id, environment_id) = new.on.columns();
        let of_thing = match new.on {
            GrantOn::Project(_) => row::Column::ProjectId,
            GrantOn::Environment(_) => row::Column::EnvironmentId,
        };
        let row = row::ActiveModel {
            id: Set(new.id.to_string()),
            team_id: Set(new.team.to_string()),
            project_id: Set(project_id),
            environment_id: Set(environment_id),
            may_write: Set(new.scopes.include(Scope::Write)),
            may_delete: Set(new.scopes.include(Scope::Delete)),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let same = OnConflict::columns([row::Column::TeamId, of_thing])
            .update_columns([row::Column::MayWrite, row::Column::MayDelete])
            .to_owned();
        row::Entity::insert(row).on_conflict(same).exec_without_returning(&self.db).await.map_err(error)?;
        let found = row::Entity::find()
            .filter(row::Column::TeamId.eq(new.team.to_string()))
            .filter(new.on.condition())
            .one(&self.db)
            .await
            .map_err(error)?;
        found.ok_or(StoreError::NotFound { what: "grant" })?.into_grant()
    }

    pub async fn grant_get(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        let found = row::Entity::find_by_id(id.to_string()).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_grant).transpose()
    }

    /// The grants on a thing.
    pub async fn grants_on(&self, on: &GrantOn) -> Result<Vec<Grant>, StoreError> {
        let rows = row::Entity::find().filter(on.condition()).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_grant).collect()
    }

    pub async fn grant_delete(&self, id: &GrantId) -> Result<(), StoreError> {
        let done = row::Entity::delete_by_id(id.to_string()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a grant", error))
    }

    pub(crate) async fn grants_of_project_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        self.grants_delete(row::Column::ProjectId.eq(project.to_string())).await
    }

    pub(crate) async fn grants_of_team_delete(&self, team: &TeamId) -> Result<(), StoreError> {
        self.grants_delete(row::Column::TeamId.eq(team.to_string())).await
    }

    async fn grants_delete(&self, which: SimpleExpr) -> Result<(), StoreError> {
        let done = row::Entity::delete_many().filter(which).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting the grants", error))
    }

    /// Why somebody has rights on a project.
    pub async fn project_ties(&self, project: &Project, user: &UserId) -> Result<Vec<Tie>, StoreError> {
        let mut ties = self.granted_ties(&GrantOn::Project(project.id.clone()), user).await?;
        match &project.owner {
            Some(ProjectOwner::User(owner)) if owner == user => ties.push(Tie::Owner),
            Some(ProjectOwner::Team(team)) => {
                let memberships = self.memberships(user).await?;
                let of_team = memberships.into_iter().filter(|(id, _)| id == team);
                ties.extend(of_team.map(|(_, role)| Tie::Member(role)));
            }
            Some(ProjectOwner::User(_)) | None => {}
        }
        Ok(ties)
    }

    /// Why somebody has rights on an environment.
    pub async fn environment_ties(
        &self,
        environment: &Environment,
        user: &UserId,
    ) -> Result<Vec<Tie>, StoreError> {
        let mut ties = self.granted_ties(&GrantOn::Environment(environment.id.clone()), user).await?;
        ties.extend(environment.open.then_some(Tie::Open));
        Ok(ties)
    }

    async fn granted_ties(&self, on: &GrantOn, user: &UserId) -> Result<Vec<Tie>, StoreError> {
        let rows = row::Entity::find()
            .filter(on.condition())
            .filter(row::Column::TeamId.in_subquery(teams(user)))
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let memberships = self.memberships(user).await?;
        let tie = |row: &row::Model| {
            let membership = memberships.iter().find(|(team, _)| team.as_ref() == row.team_id)?;
            Some(Tie::Granted { role: membership.1, scopes: row.scopes() })
        };
        Ok(rows.iter().filter_map(tie).collect())
    }
}
