//! Projects and their slots.

use std::collections::HashMap;
use std::time::Duration;

use pierhead_model::Timestamp;
use pierhead_model::id::{DeploymentId, EnvironmentId, ProjectId, SlotId, TeamId, UserId};
use pierhead_model::name::{ProjectName, SlotName};
use pierhead_model::project::ProjectSettings;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{OnConflict, Query};
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::deployments::row as deployment;
use crate::{FiguresOf, Store, StoreError, Visibility, document};

#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    pub id: ProjectId,
    pub name: ProjectName,
    pub settings: ProjectSettings,
    /// Counts the changes of the settings.
    pub version: u64,
    /// Counts the changes of the variables.
    pub variables_version: u64,
    /// `None` when who made it has no account any more: then only admins see it.
    pub owner: Option<ProjectOwner>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub deleting_at: Option<Timestamp>,
}

/// Whose a project is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectOwner {
    User(UserId),
    Team(TeamId),
}

impl ProjectOwner {
    /// For the two columns.
    fn columns(owner: Option<&Self>) -> (Option<String>, Option<String>) {
        match owner {
            Some(Self::User(user)) => (Some(user.to_string()), None),
            Some(Self::Team(team)) => (None, Some(team.to_string())),
            None => (None, None),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub id: SlotId,
    pub project: ProjectId,
    pub environment: EnvironmentId,
    pub name: SlotName,
    /// Its own, in seconds: 0 for ever, `None` when nothing is said.
    pub lifetime_s: Option<u32>,
    /// When it is deleted unless it is needed again; `None` for never.
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub deleting_at: Option<Timestamp>,
}

pub(crate) mod project {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "projects")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub settings: String,
        pub source_key: Option<String>,
        pub repository: Option<String>,
        pub version: i64,
        pub variables_version: i64,
        pub created_by: String,
        pub created_at: i64,
        pub deleting_at: Option<i64>,
        pub owner_user_id: Option<String>,
        pub owner_team_id: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_project(self) -> Result<Project, StoreError> {
            let owner = match (self.owner_user_id, self.owner_team_id) {
                (Some(user), _) => Some(ProjectOwner::User(document::parse("owner", &user)?)),
                (None, Some(team)) => Some(ProjectOwner::Team(document::parse("owner", &team)?)),
                (None, None) => None,
            };
            Ok(Project {
                owner,
                id: document::parse("project", &self.id)?,
                name: document::parse("project", &self.name)?,
                settings: document::read("project settings", &self.settings)?,
                version: u64::try_from(self.version).unwrap_or_default(),
                variables_version: u64::try_from(self.variables_version).unwrap_or_default(),
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
                deleting_at: self.deleting_at.map(document::time).transpose()?,
            })
        }
    }
}

pub(crate) mod slot {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "slots")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub project_id: String,
        pub environment_id: String,
        pub name: String,
        pub next_number: i64,
        pub lifetime_s: Option<i64>,
        pub expires_at: Option<i64>,
        pub created_at: i64,
        pub deleting_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_slot(self) -> Result<Slot, StoreError> {
            Ok(Slot {
                id: document::parse("slot", &self.id)?,
                project: document::parse("project", &self.project_id)?,
                environment: document::parse("environment", &self.environment_id)?,
                name: document::parse("slot", &self.name)?,
                lifetime_s: document::seconds(self.lifetime_s),
                expires_at: self.expires_at.map(document::time).transpose()?,
                created_at: document::time(self.created_at)?,
                deleting_at: self.deleting_at.map(document::time).transpose()?,
            })
        }
    }
}

/// Repository, branch and folder in one text: two projects with the same are built from the same files.
fn source_key(settings: &ProjectSettings) -> Option<String> {
    let source = settings.source.as_ref()?;
    let branch = source.branch.as_ref().map_or("", |branch| branch.as_str());
    Some(format!("{}\n{branch}\n{}", source.repository, source.root_directory))
}

/// What a webhook finds the project by.
fn repository(settings: &ProjectSettings) -> Option<String> {
    settings.source.as_ref().map(|source| source.repository.place())
}

const READING: &str = "reading a project";

impl Store {
    /// Taken when the name is.
    pub async fn project_create(&self, new: &Project) -> Result<(), StoreError> {
        let (owner_user_id, owner_team_id) = ProjectOwner::columns(new.owner.as_ref());
        let row = project::ActiveModel {
            owner_user_id: Set(owner_user_id),
            owner_team_id: Set(owner_team_id),
            id: Set(new.id.to_string()),
            name: Set(new.name.to_string()),
            settings: Set(document::write("project settings", &new.settings)?),
            source_key: Set(source_key(&new.settings)),
            repository: Set(repository(&new.settings)),
            version: Set(1),
            variables_version: Set(1),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
            deleting_at: Set(None),
        };
        let done = project::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("project", error))
    }

    pub async fn project_by_name(&self, name: &str) -> Result<Option<Project>, StoreError> {
        let found = project::Entity::find().filter(project::Column::Name.eq(name)).one(&self.db).await;
        found
            .map_err(|error| StoreError::from_db(READING, error))?
            .map(project::Model::into_project)
            .transpose()
    }

    pub async fn project_get(&self, id: &ProjectId) -> Result<Option<Project>, StoreError> {
        let found = project::Entity::find_by_id(id.to_string()).one(&self.db).await;
        found
            .map_err(|error| StoreError::from_db(READING, error))?
            .map(project::Model::into_project)
            .transpose()
    }

    /// The oldest project that is built from the same repository, branch and folder.
    pub async fn project_by_source(
        &self,
        settings: &ProjectSettings,
        visible: &Visibility,
    ) -> Result<Option<Project>, StoreError> {
        let Some(key) = source_key(settings) else { return Ok(None) };
        let found = project::Entity::find()
            .filter(project::Column::SourceKey.eq(key))
            .filter(visible.projects())
            .filter(project::Column::DeletingAt.is_null())
            .order_by_asc(project::Column::CreatedAt)
            .order_by_asc(project::Column::Id)
            .one(&self.db)
            .await;
        found
            .map_err(|error| StoreError::from_db(READING, error))?
            .map(project::Model::into_project)
            .transpose()
    }

    /// Those that are built from a repository, by its place.
    pub async fn projects_of_repository(&self, places: &[String]) -> Result<Vec<Project>, StoreError> {
        let rows = project::Entity::find()
            .filter(project::Column::Repository.is_in(places))
            .filter(project::Column::DeletingAt.is_null())
            .order_by_asc(project::Column::Name)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(project::Model::into_project).collect()
    }

    /// How long the services of each project stay awake that nobody needs.
    pub async fn projects_sleep_after(&self) -> Result<HashMap<ProjectId, Duration>, StoreError> {
        let rows: Vec<(String, String)> = project::Entity::find()
            .select_only()
            .column(project::Column::Id)
            .column(project::Column::Settings)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the projects", error))?;
        let patience = |(id, settings): (String, String)| {
            let settings: ProjectSettings = document::read("project settings", &settings)?;
            Ok((document::parse("project", &id)?, Duration::from_secs(settings.sleep_after_s.into())))
        };
        rows.into_iter().map(patience).collect()
    }

    /// By name, those after `after` that are visible; at most `limit`.
    pub async fn project_list(
        &self,
        after: Option<&str>,
        search: Option<&str>,
        limit: u64,
        visible: &Visibility,
    ) -> Result<Vec<Project>, StoreError> {
        let mut query = project::Entity::find()
            .filter(visible.projects())
            .order_by_asc(project::Column::Name)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(project::Column::Name.gt(after));
        }
        if let Some(search) = search {
            query = query.filter(project::Column::Name.contains(search));
        }
        let rows =
            query.all(&self.db).await.map_err(|error| StoreError::from_db("reading the projects", error))?;
        rows.into_iter().map(project::Model::into_project).collect()
    }

    /// Replaces the settings; a conflict when `expected` is not the version any more.
    pub async fn project_update(
        &self,
        id: &ProjectId,
        settings: &ProjectSettings,
        expected: u64,
    ) -> Result<(), StoreError> {
        let done = project::Entity::update_many()
            .col_expr(project::Column::Settings, Expr::value(document::write("project settings", settings)?))
            .col_expr(project::Column::SourceKey, Expr::value(source_key(settings)))
            .col_expr(project::Column::Repository, Expr::value(repository(settings)))
            .col_expr(
                project::Column::Version,
                Expr::value(i64::try_from(expected).unwrap_or(i64::MAX).saturating_add(1)),
            )
            .filter(project::Column::Id.eq(id.to_string()))
            .filter(project::Column::Version.eq(i64::try_from(expected).unwrap_or(i64::MAX)))
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("changing a project", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::Conflict { what: "project" }) }
    }

    /// Gives the project to somebody else.
    pub async fn project_transfer(&self, id: &ProjectId, owner: &ProjectOwner) -> Result<(), StoreError> {
        let (user, team) = ProjectOwner::columns(Some(owner));
        let done = project::Entity::update_many()
            .col_expr(project::Column::OwnerUserId, Expr::value(user))
            .col_expr(project::Column::OwnerTeamId, Expr::value(team))
            .filter(project::Column::Id.eq(id.to_string()))
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("transferring a project", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "project" }) }
    }

    /// How many projects belong to a team.
    pub async fn projects_of_team(&self, team: &TeamId) -> Result<u64, StoreError> {
        project::Entity::find()
            .filter(project::Column::OwnerTeamId.eq(team.to_string()))
            .count(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))
    }

    /// Marks the project: no new deployments, and it will be torn down.
    pub async fn project_mark_deleting(&self, id: &ProjectId, now: Timestamp) -> Result<(), StoreError> {
        let done = project::Entity::update_many()
            .col_expr(project::Column::DeletingAt, Expr::value(now.as_millisecond()))
            .filter(project::Column::Id.eq(id.to_string()))
            .filter(project::Column::DeletingAt.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a project", error))
    }

    pub async fn projects_deleting(&self) -> Result<Vec<ProjectId>, StoreError> {
        let rows =
            project::Entity::find().filter(project::Column::DeletingAt.is_not_null()).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.iter().map(|row| document::parse("project", &row.id)).collect()
    }

    /// Removes the project's own rows; its slots must be gone.
    pub async fn project_delete(&self, id: &ProjectId) -> Result<(), StoreError> {
        self.variables_delete(id).await?;
        self.releases_delete(id).await?;
        self.pipelines_delete(id).await?;
        self.followed_delete(id).await?;
        self.hooks_delete(id).await?;
        self.notices_delete(id).await?;
        self.source_access_delete(id).await?;
        self.feedback_delete(id).await?;
        self.source_link_delete(id).await?;
        self.uploads_delete(id).await?;
        self.orders_delete(id).await?;
        self.certificates_delete(id).await?;
        self.domains_delete(id).await?;
        self.visitors_delete(id).await?;
        self.grants_of_project_delete(id).await?;
        let done = project::Entity::delete_by_id(id.to_string()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a project", error))
    }

    /// The slot of that name, made if it is missing.
    pub async fn slot_ensure(&self, new: &Slot) -> Result<Slot, StoreError> {
        let row = slot::ActiveModel {
            id: Set(new.id.to_string()),
            project_id: Set(new.project.to_string()),
            environment_id: Set(new.environment.to_string()),
            name: Set(new.name.to_string()),
            next_number: Set(1),
            lifetime_s: Set(new.lifetime_s.map(i64::from)),
            expires_at: Set(new.expires_at.map(Timestamp::as_millisecond)),
            created_at: Set(new.created_at.as_millisecond()),
            deleting_at: Set(None),
        };
        let same = [slot::Column::ProjectId, slot::Column::EnvironmentId, slot::Column::Name];
        slot::Entity::insert(row)
            .on_conflict(OnConflict::columns(same).do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await
            .map_err(|error| StoreError::from_db("slot", error))?;
        let slots = self.slots_of_project(&new.project).await?;
        let same = |slot: &Slot| slot.environment == new.environment && slot.name == new.name;
        slots.into_iter().find(same).ok_or(StoreError::NotFound { what: "slot" })
    }

    /// By name.
    pub async fn slots_of_project(&self, project: &ProjectId) -> Result<Vec<Slot>, StoreError> {
        let rows = slot::Entity::find()
            .filter(slot::Column::ProjectId.eq(project.to_string()))
            .order_by_asc(slot::Column::Name)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the slots", error))?;
        rows.into_iter().map(slot::Model::into_slot).collect()
    }

    /// Slots of this name, of any project, in an environment.
    pub async fn slots_named(
        &self,
        environment: &EnvironmentId,
        name: &SlotName,
    ) -> Result<Vec<Slot>, StoreError> {
        let rows = slot::Entity::find()
            .filter(slot::Column::EnvironmentId.eq(environment.to_string()))
            .filter(slot::Column::Name.eq(name.as_str()))
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the slots", error))?;
        rows.into_iter().map(slot::Model::into_slot).collect()
    }

    /// It was needed: from now on it expires at another time. With `lifetime_s`, that is its own from now on.
    ///
    /// A conflict when it is being deleted already.
    pub async fn slot_extend(
        &self,
        id: &SlotId,
        lifetime_s: Option<u32>,
        expires_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut change = slot::Entity::update_many()
            .col_expr(slot::Column::ExpiresAt, Expr::value(expires_at.map(Timestamp::as_millisecond)));
        if let Some(lifetime_s) = lifetime_s {
            change = change.col_expr(slot::Column::LifetimeS, Expr::value(i64::from(lifetime_s)));
        }
        let done = change
            .filter(slot::Column::Id.eq(id.to_string()))
            .filter(slot::Column::DeletingAt.is_null())
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("extending a slot", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::Conflict { what: "slot" }) }
    }

    /// Those that expire, the soonest first.
    pub async fn slots_expiring(&self, limit: u64) -> Result<Vec<Slot>, StoreError> {
        let rows = slot::Entity::find()
            .filter(slot::Column::ExpiresAt.is_not_null())
            .filter(slot::Column::DeletingAt.is_null())
            .order_by_asc(slot::Column::ExpiresAt)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the slots", error))?;
        rows.into_iter().map(slot::Model::into_slot).collect()
    }

    /// Those that expire, of these deployments. Asked for what was visited, of which most is in slots that never expire: so
    /// these are left out by the query, not afterwards.
    pub async fn slots_expiring_of(&self, deployments: &[DeploymentId]) -> Result<Vec<Slot>, StoreError> {
        let ids = deployments.iter().map(ToString::to_string);
        let of_them = Query::select()
            .column(deployment::Column::SlotId)
            .from(deployment::Entity)
            .cond_where(deployment::Column::Id.is_in(ids))
            .to_owned();
        let rows = slot::Entity::find()
            .filter(slot::Column::ExpiresAt.is_not_null())
            .filter(slot::Column::DeletingAt.is_null())
            .filter(slot::Column::Id.in_subquery(of_them))
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the slots", error))?;
        rows.into_iter().map(slot::Model::into_slot).collect()
    }

    /// Marks a slot that has expired by now. False when it was extended meanwhile.
    pub async fn slot_expire(&self, id: &SlotId, now: Timestamp) -> Result<bool, StoreError> {
        let done = slot::Entity::update_many()
            .col_expr(slot::Column::DeletingAt, Expr::value(now.as_millisecond()))
            .filter(slot::Column::Id.eq(id.to_string()))
            .filter(slot::Column::DeletingAt.is_null())
            .filter(slot::Column::ExpiresAt.lte(now.as_millisecond()))
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("deleting a slot", error))?;
        Ok(done.rows_affected == 1)
    }

    pub async fn slot_mark_deleting(&self, id: &SlotId, now: Timestamp) -> Result<(), StoreError> {
        let done = slot::Entity::update_many()
            .col_expr(slot::Column::DeletingAt, Expr::value(now.as_millisecond()))
            .filter(slot::Column::Id.eq(id.to_string()))
            .filter(slot::Column::DeletingAt.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a slot", error))
    }

    pub async fn slots_deleting(&self) -> Result<Vec<SlotId>, StoreError> {
        let rows = slot::Entity::find().filter(slot::Column::DeletingAt.is_not_null()).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db("reading the slots", error))?;
        rows.iter().map(|row| document::parse("slot", &row.id)).collect()
    }

    /// Removes the slot's row and its own variables; its deployments must be gone.
    pub async fn slot_delete(&self, id: &SlotId) -> Result<(), StoreError> {
        let row = slot::Entity::find_by_id(id.to_string()).one(&self.db).await;
        if let Some(row) = row.map_err(|error| StoreError::from_db("reading a slot", error))? {
            let slot = row.into_slot()?;
            self.variables_of_slot_delete(&slot.project, &slot.environment, &slot.name).await?;
        }
        self.figures_delete(&FiguresOf::Slot(id.clone())).await?;
        self.rests_delete(id).await?;
        let done = slot::Entity::delete_by_id(id.to_string()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a slot", error))
    }
}
