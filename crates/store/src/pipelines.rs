//! The versions of projects' pipelines. A version is written once and never changed.

use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use pierhead_model::pipeline::Pipeline;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::error::lost_a_race;
use crate::{Store, StoreError, document};

#[derive(Debug, Clone, PartialEq)]
pub struct PipelineVersion {
    pub project: ProjectId,
    /// Counted from 1 in each project.
    pub number: u64,
    pub pipeline: Pipeline,
    /// Whether it asks for what only an admin may give. Who saved it was one.
    pub elevated: bool,
    /// What was changed, in the words of who did.
    pub message: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// A version that somebody wants to save.
#[derive(Debug, Clone, PartialEq)]
pub struct NewPipelineVersion {
    pub project: ProjectId,
    pub pipeline: Pipeline,
    pub elevated: bool,
    pub message: Option<String>,
    pub created_by: String,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "pipeline_versions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i64,
        pub body: String,
        pub elevated: bool,
        pub message: Option<String>,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_version(self) -> Result<PipelineVersion, StoreError> {
            Ok(PipelineVersion {
                project: document::parse("project", &self.project_id)?,
                number: u64::try_from(self.number).unwrap_or_default(),
                pipeline: document::read("pipeline", &self.body)?,
                elevated: self.elevated,
                message: self.message,
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

const READING: &str = "reading a pipeline";
const SAVING: &str = "saving a pipeline";

impl Store {
    /// Saves a new version, the next in number. The same as the latest is that version: nothing is written.
    ///
    /// A conflict when `expected` is not the latest number any more (0 for none), or somebody saved at the same moment.
    pub async fn pipeline_save(
        &self,
        new: &NewPipelineVersion,
        expected: Option<u64>,
        now: Timestamp,
    ) -> Result<PipelineVersion, StoreError> {
        let conflict = StoreError::Conflict { what: "pipeline" };
        let error = |error: DbErr| match StoreError::from_db(SAVING, error) {
            StoreError::Taken { .. } => StoreError::Conflict { what: "pipeline" },
            error => error,
        };
        let transaction = self.db.begin().await.map_err(error)?;
        let latest = latest(&new.project).one(&transaction).await.map_err(error)?;
        let latest = latest.map(row::Model::into_version).transpose()?;
        let number = latest.as_ref().map_or(0, |latest| latest.number);
        if expected.is_some_and(|expected| expected != number) {
            return Err(conflict);
        }
        if let Some(latest) =
            latest.filter(|latest| latest.pipeline == new.pipeline && latest.elevated == new.elevated)
        {
            return Ok(latest);
        }
        let row = row::Model {
            project_id: new.project.to_string(),
            number: i64::try_from(number + 1).unwrap_or(i64::MAX),
            body: document::write("pipeline", &new.pipeline)?,
            elevated: new.elevated,
            message: new.message.clone(),
            created_by: new.created_by.clone(),
            created_at: now.as_millisecond(),
        };
        let active = row::ActiveModel {
            project_id: Set(row.project_id.clone()),
            number: Set(row.number),
            body: Set(row.body.clone()),
            elevated: Set(row.elevated),
            message: Set(row.message.clone()),
            created_by: Set(row.created_by.clone()),
            created_at: Set(row.created_at),
        };
        row::Entity::insert(active).exec_without_returning(&transaction).await.map_err(error)?;
        match transaction.commit().await {
            Err(lost) if lost_a_race(&lost) => Err(conflict),
            done => done.map_err(error).and_then(|()| row.into_version()),
        }
    }

    /// The one that new deployments run.
    pub async fn pipeline_latest(&self, project: &ProjectId) -> Result<Option<PipelineVersion>, StoreError> {
        let found = latest(project).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_version).transpose()
    }

    pub async fn pipeline_get(
        &self,
        project: &ProjectId,
        number: u64,
    ) -> Result<Option<PipelineVersion>, StoreError> {
        let Ok(number) = i64::try_from(number) else { return Ok(None) };
        let found = row::Entity::find_by_id((project.to_string(), number)).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_version).transpose()
    }

    /// The newest first, those before `before`; at most `limit`.
    pub async fn pipeline_list(
        &self,
        project: &ProjectId,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<PipelineVersion>, StoreError> {
        let mut query = latest(project).limit(limit);
        if let Some(before) = before {
            query = query.filter(row::Column::Number.lt(i64::try_from(before).unwrap_or(i64::MAX)));
        }
        let rows = query.all(&self.db).await.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_version).collect()
    }

    pub(crate) async fn pipelines_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting pipelines", error))
    }
}

fn latest(project: &ProjectId) -> Select<row::Entity> {
    row::Entity::find()
        .filter(row::Column::ProjectId.eq(project.to_string()))
        .order_by_desc(row::Column::Number)
}
