//! What is told of deployments to the services that have their repositories.
//!
//! A row says what a deployment came to and what was told of it, not what to send: whoever was away is told where things are
//! now, once, and nothing is told in the wrong order.

use pierhead_model::Timestamp;
use pierhead_model::deployment::State;
use pierhead_model::id::{DeploymentId, ProjectId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::events::NewEvent;
use crate::source_links::link;
use crate::{Store, StoreError, document};

/// What is to be told of one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    pub deployment: DeploymentId,
    pub project: ProjectId,
    pub state: State,
    pub told: Option<State>,
    /// The control plane's own document: what is known of the deployment when it is gone.
    pub context: Option<String>,
    /// The deployment, as the service names it.
    pub remote: Option<String>,
    pub attempts: u32,
    pub next_at: Option<Timestamp>,
    pub answer: Option<String>,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackTried {
    pub told: Option<State>,
    pub attempts: u32,
    pub next_at: Option<Timestamp>,
    pub answer: Option<String>,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feedback")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub deployment_id: String,
        pub project_id: String,
        pub state: String,
        pub told: Option<String>,
        pub context: Option<String>,
        pub remote: Option<String>,
        pub attempts: i64,
        pub next_at: Option<i64>,
        pub answer: Option<String>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod comment {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "feedback_comments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub pull: i64,
        pub comment: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading what is told of deployments";
const WRITING: &str = "writing what is told of a deployment";

/// Writes down that there is something to tell, in the transaction of what happened. Only where somebody is told.
pub(crate) async fn enqueue(
    transaction: &impl ConnectionTrait,
    new: &NewEvent<'_>,
) -> Result<(), StoreError> {
    let linked = link::Entity::find_by_id(new.project_id.to_string()).one(transaction).await;
    if linked.map_err(|error| StoreError::from_db(READING, error))?.is_none() {
        return Ok(());
    }
    let at = new.at.as_millisecond();
    let row = row::ActiveModel {
        deployment_id: Set(new.deployment.to_string()),
        project_id: Set(new.project_id.to_string()),
        state: Set(new.to.to_string()),
        told: Set(None),
        context: Set(None),
        remote: Set(None),
        attempts: Set(0),
        next_at: Set(Some(at)),
        answer: Set(None),
        created_at: Set(at),
    };
    let changed = [row::Column::State, row::Column::Attempts, row::Column::NextAt];
    let again = OnConflict::column(row::Column::DeploymentId).update_columns(changed).to_owned();
    let done = row::Entity::insert(row).on_conflict(again).exec_without_returning(transaction).await;
    done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
}

impl Store {
    /// What is due, the longest overdue first.
    pub async fn feedback_due(&self, now: Timestamp, limit: u64) -> Result<Vec<Feedback>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::NextAt.lte(now.as_millisecond()))
            .order_by_asc(row::Column::NextAt)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(into_feedback).collect()
    }

    /// When the next one is due.
    pub async fn feedback_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let found = row::Entity::find()
            .filter(row::Column::NextAt.is_not_null())
            .order_by_asc(row::Column::NextAt)
            .one(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        found.and_then(|row| row.next_at).map(document::time).transpose()
    }

    /// The newest first.
    pub async fn feedback_of(&self, project: &ProjectId, limit: u64) -> Result<Vec<Feedback>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .order_by_desc(row::Column::CreatedAt)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(into_feedback).collect()
    }

    /// What is known of the deployment, for when it is gone.
    pub async fn feedback_context(&self, of: &DeploymentId, context: &str) -> Result<(), StoreError> {
        let done = this(of).col_expr(row::Column::Context, Expr::value(context)).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// The deployment, as the service names it.
    pub async fn feedback_remote(&self, of: &DeploymentId, remote: &str) -> Result<(), StoreError> {
        let done = this(of).col_expr(row::Column::Remote, Expr::value(remote)).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// An attempt has ended. What happened to the deployment meanwhile stays due.
    pub async fn feedback_tried(&self, tried: &Feedback, came_to: &FeedbackTried) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(WRITING, error);
        this(&tried.deployment)
            .col_expr(row::Column::Told, Expr::value(came_to.told.map(|state| state.to_string())))
            .col_expr(row::Column::Answer, Expr::value(came_to.answer.clone()))
            .exec(&self.db)
            .await
            .map_err(error)?;
        let done = this(&tried.deployment)
            .filter(row::Column::State.eq(tried.state.to_string()))
            .col_expr(row::Column::Attempts, Expr::value(i64::from(came_to.attempts)))
            .col_expr(row::Column::NextAt, Expr::value(came_to.next_at.map(Timestamp::as_millisecond)))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(error)
    }

    /// Forgets what was told before, and is not tried any more.
    pub async fn feedback_prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::CreatedAt.lt(before.as_millisecond()))
            .filter(row::Column::NextAt.is_null())
            // What is live will be replaced, and that is told too.
            .filter(row::Column::State.ne(State::Production.to_string()))
            .exec(&self.db)
            .await;
        done.map(|done| done.rows_affected).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// The comment below a pull request.
    pub async fn feedback_comment(
        &self,
        project: &ProjectId,
        pull: u64,
    ) -> Result<Option<String>, StoreError> {
        let key = (project.to_string(), i64::try_from(pull).unwrap_or(i64::MAX));
        let found = comment::Entity::find_by_id(key).one(&self.db).await;
        Ok(found.map_err(|error| StoreError::from_db(READING, error))?.map(|row| row.comment))
    }

    pub async fn feedback_comment_put(
        &self,
        project: &ProjectId,
        pull: u64,
        id: &str,
    ) -> Result<(), StoreError> {
        let row = comment::ActiveModel {
            project_id: Set(project.to_string()),
            pull: Set(i64::try_from(pull).unwrap_or(i64::MAX)),
            comment: Set(id.to_owned()),
        };
        let replace = OnConflict::columns([comment::Column::ProjectId, comment::Column::Pull])
            .update_column(comment::Column::Comment)
            .to_owned();
        let done = comment::Entity::insert(row).on_conflict(replace).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Everything that was told, or would be, of a project.
    pub async fn feedback_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("forgetting what was told of deployments", error);
        let of_project = row::Column::ProjectId.eq(project.to_string());
        row::Entity::delete_many().filter(of_project).exec(&self.db).await.map_err(error)?;
        let of_project = comment::Column::ProjectId.eq(project.to_string());
        comment::Entity::delete_many().filter(of_project).exec(&self.db).await.map(drop).map_err(error)
    }
}

fn this(of: &DeploymentId) -> sea_orm::UpdateMany<row::Entity> {
    row::Entity::update_many().filter(row::Column::DeploymentId.eq(of.to_string()))
}

fn into_feedback(row: row::Model) -> Result<Feedback, StoreError> {
    let state = |text: &str| text.parse::<State>().map_err(|error| StoreError::corrupt("state", error));
    Ok(Feedback {
        deployment: document::parse("deployment", &row.deployment_id)?,
        project: document::parse("project", &row.project_id)?,
        state: state(&row.state)?,
        told: row.told.as_deref().map(state).transpose()?,
        context: row.context,
        remote: row.remote,
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        next_at: row.next_at.map(document::time).transpose()?,
        answer: row.answer,
    })
}
