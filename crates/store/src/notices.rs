//! Who is told of what happens, and what was told.
//!
//! What is to be told is written in the transaction of what it tells, so nothing is forgotten and nothing told that did not
//! happen. It is sent at least once; its id lets the receiver see that it has it already.

use std::collections::BTreeSet;

use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use pierhead_model::notice::{Notice, NoticeFormat, NoticeKind};
use pierhead_model::pipeline::name::CatalogueName;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::events::NewEvent;
use crate::{Store, StoreError, document};

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeEndpoint {
    pub project: ProjectId,
    pub name: CatalogueName,
    pub format: NoticeFormat,
    /// Sealed.
    pub url: String,
    pub host: String,
    /// Sealed.
    pub secret: Option<String>,
    pub events: BTreeSet<NoticeKind>,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// Something that is told to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNotice {
    pub project: ProjectId,
    pub endpoint: CatalogueName,
    pub id: String,
    pub notice: Notice,
    pub body: Option<String>,
    pub state: NoticeState,
    pub attempts: u32,
    pub next_at: Option<Timestamp>,
    pub answer: Option<String>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum NoticeState {
    Pending,
    Delivered,
    /// Given up.
    Failed,
}

mod endpoint {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notice_endpoints")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub format: String,
        pub url: String,
        pub host: String,
        pub secret: Option<String>,
        pub events: String,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "notices")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub endpoint: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub notice: String,
        pub body: Option<String>,
        pub state: String,
        pub attempts: i64,
        pub next_at: Option<i64>,
        pub answer: Option<String>,
        pub created_at: i64,
        pub ended_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const READING: &str = "reading the notifications";
const WRITING: &str = "writing a notification";

/// Writes down who is to be told of an event, in its transaction.
pub(crate) async fn enqueue(
    transaction: &impl ConnectionTrait,
    new: &NewEvent<'_>,
) -> Result<(), StoreError> {
    let Some(kind) = NoticeKind::of(new.to) else { return Ok(()) };
    let of_project = endpoint::Column::ProjectId.eq(new.project_id.to_string());
    let told = endpoint::Entity::find().filter(of_project).all(transaction).await;
    for told in told.map_err(|error| StoreError::from_db(READING, error))? {
        let told = into_endpoint(told)?;
        if told.events.contains(&kind) {
            let notice = Notice {
                kind,
                at: new.at,
                project: new.project.clone(),
                deployment: Some(new.deployment.clone()),
                slot: Some(new.slot.clone()),
                failure: new.failure.cloned(),
            };
            // A deployment comes into each of these states once.
            let id = format!("{}-{kind}", new.deployment);
            insert(transaction, &told, &id, &notice).await?;
        }
    }
    Ok(())
}

async fn insert(
    db: &impl ConnectionTrait,
    to: &NoticeEndpoint,
    id: &str,
    notice: &Notice,
) -> Result<(), StoreError> {
    let row = row::ActiveModel {
        project_id: Set(to.project.to_string()),
        endpoint: Set(to.name.to_string()),
        id: Set(id.to_owned()),
        notice: Set(document::write("notice", notice)?),
        body: Set(None),
        state: Set(NoticeState::Pending.to_string()),
        attempts: Set(0),
        next_at: Set(Some(notice.at.as_millisecond())),
        answer: Set(None),
        created_at: Set(notice.at.as_millisecond()),
        ended_at: Set(None),
    };
    let same = [row::Column::ProjectId, row::Column::Endpoint, row::Column::Id];
    let done = row::Entity::insert(row)
        .on_conflict(OnConflict::columns(same).do_nothing().to_owned())
        .exec_without_returning(db)
        .await;
    done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
}

impl Store {
    /// Taken when the project has one of that name.
    pub async fn notice_endpoint_create(&self, new: &NoticeEndpoint) -> Result<(), StoreError> {
        let row = endpoint::ActiveModel {
            project_id: Set(new.project.to_string()),
            name: Set(new.name.to_string()),
            format: Set(new.format.to_string()),
            url: Set(new.url.clone()),
            host: Set(new.host.clone()),
            secret: Set(new.secret.clone()),
            events: Set(document::write("events", &new.events)?),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let done = endpoint::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("notification", error))
    }

    /// By name.
    pub async fn notice_endpoints(&self, project: &ProjectId) -> Result<Vec<NoticeEndpoint>, StoreError> {
        let rows = endpoint::Entity::find()
            .filter(endpoint::Column::ProjectId.eq(project.to_string()))
            .order_by_asc(endpoint::Column::Name)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(into_endpoint).collect()
    }

    pub async fn notice_endpoint(
        &self,
        project: &ProjectId,
        name: &CatalogueName,
    ) -> Result<Option<NoticeEndpoint>, StoreError> {
        let found = endpoint::Entity::find_by_id((project.to_string(), name.to_string())).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(into_endpoint).transpose()
    }

    /// With all that was told there. False when there is none.
    pub async fn notice_endpoint_delete(
        &self,
        project: &ProjectId,
        name: &CatalogueName,
    ) -> Result<bool, StoreError> {
        let error = |error| StoreError::from_db("deleting a notification", error);
        row::Entity::delete_many()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .filter(row::Column::Endpoint.eq(name.as_str()))
            .exec(&self.db)
            .await
            .map_err(error)?;
        let key = (project.to_string(), name.to_string());
        let done = endpoint::Entity::delete_by_id(key).exec(&self.db).await.map_err(error)?;
        Ok(done.rows_affected == 1)
    }

    /// Something is to be told to one of them, beside what happens by itself.
    pub async fn notice_add(&self, to: &NoticeEndpoint, id: &str, notice: &Notice) -> Result<(), StoreError> {
        insert(&self.db, to, id, notice).await
    }

    /// The newest first.
    pub async fn notices_of(
        &self,
        project: &ProjectId,
        name: &CatalogueName,
        limit: u64,
    ) -> Result<Vec<StoredNotice>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .filter(row::Column::Endpoint.eq(name.as_str()))
            .order_by_desc(row::Column::CreatedAt)
            .order_by_desc(row::Column::Id)
            .limit(limit)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(into_notice).collect()
    }

    /// What is due, at most one for each endpoint: one that does not answer holds up nobody else. The longest overdue first.
    pub async fn notices_due(&self, now: Timestamp, limit: u64) -> Result<Vec<StoredNotice>, StoreError> {
        let error = |error| StoreError::from_db(READING, error);
        let first: Vec<(String, String, i64)> = row::Entity::find()
            .select_only()
            .column(row::Column::ProjectId)
            .column(row::Column::Endpoint)
            .column_as(row::Column::NextAt.min(), "first")
            .filter(row::Column::NextAt.lte(now.as_millisecond()))
            .group_by(row::Column::ProjectId)
            .group_by(row::Column::Endpoint)
            .order_by_asc(row::Column::NextAt.min())
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await
            .map_err(error)?;
        let mut due = Vec::with_capacity(first.len());
        for (project, endpoint, at) in first {
            let found = row::Entity::find()
                .filter(row::Column::ProjectId.eq(project))
                .filter(row::Column::Endpoint.eq(endpoint))
                .filter(row::Column::NextAt.eq(at))
                .order_by_asc(row::Column::CreatedAt)
                .one(&self.db)
                .await
                .map_err(error)?;
            due.extend(found.map(into_notice).transpose()?);
        }
        Ok(due)
    }

    /// When the next one is due.
    pub async fn notices_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let found = row::Entity::find()
            .filter(row::Column::NextAt.is_not_null())
            .order_by_asc(row::Column::NextAt)
            .one(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        found.and_then(|row| row.next_at).map(document::time).transpose()
    }

    /// What is sent from now on, also after a restart.
    pub async fn notice_compose(&self, notice: &StoredNotice, body: &str) -> Result<(), StoreError> {
        let done = this(notice).col_expr(row::Column::Body, Expr::value(body)).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// An attempt has ended.
    pub async fn notice_tried(
        &self,
        notice: &StoredNotice,
        (state, answer): (NoticeState, &str),
        (now, next): (Timestamp, Option<Timestamp>),
    ) -> Result<(), StoreError> {
        let ended = (state != NoticeState::Pending).then(|| now.as_millisecond());
        let done = this(notice)
            .col_expr(row::Column::State, Expr::value(state.to_string()))
            .col_expr(row::Column::Attempts, Expr::col(row::Column::Attempts).add(1))
            .col_expr(row::Column::Answer, Expr::value(answer))
            .col_expr(row::Column::NextAt, Expr::value(next.map(Timestamp::as_millisecond)))
            .col_expr(row::Column::EndedAt, Expr::value(ended))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Sends it again, with the same id. False when there is none.
    pub async fn notice_replay(
        &self,
        project: &ProjectId,
        name: &CatalogueName,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = row::Entity::update_many()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .filter(row::Column::Endpoint.eq(name.as_str()))
            .filter(row::Column::Id.eq(id))
            .col_expr(row::Column::State, Expr::value(NoticeState::Pending.to_string()))
            .col_expr(row::Column::Attempts, Expr::value(0_i64))
            .col_expr(row::Column::NextAt, Expr::value(now.as_millisecond()))
            .col_expr(row::Column::EndedAt, Expr::value(None::<i64>))
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db(WRITING, error))?;
        Ok(done.rows_affected == 1)
    }

    /// Forgets what was told before, and is not tried any more.
    pub async fn notices_prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::CreatedAt.lt(before.as_millisecond()))
            .filter(row::Column::NextAt.is_null())
            .exec(&self.db)
            .await;
        done.map(|done| done.rows_affected)
            .map_err(|error| StoreError::from_db("forgetting old notifications", error))
    }

    pub(crate) async fn notices_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("deleting a project's notifications", error);
        let of_project = row::Column::ProjectId.eq(project.to_string());
        row::Entity::delete_many().filter(of_project).exec(&self.db).await.map_err(error)?;
        let of_project = endpoint::Column::ProjectId.eq(project.to_string());
        endpoint::Entity::delete_many().filter(of_project).exec(&self.db).await.map(drop).map_err(error)
    }
}

fn this(notice: &StoredNotice) -> sea_orm::UpdateMany<row::Entity> {
    row::Entity::update_many()
        .filter(row::Column::ProjectId.eq(notice.project.to_string()))
        .filter(row::Column::Endpoint.eq(notice.endpoint.as_str()))
        .filter(row::Column::Id.eq(&notice.id))
}

fn into_endpoint(row: endpoint::Model) -> Result<NoticeEndpoint, StoreError> {
    Ok(NoticeEndpoint {
        project: document::parse("project", &row.project_id)?,
        name: document::parse("name", &row.name)?,
        format: row.format.parse().map_err(|error| StoreError::corrupt("format", error))?,
        url: row.url,
        host: row.host,
        secret: row.secret,
        events: document::read("events", &row.events)?,
        created_by: row.created_by,
        created_at: document::time(row.created_at)?,
    })
}

fn into_notice(row: row::Model) -> Result<StoredNotice, StoreError> {
    Ok(StoredNotice {
        project: document::parse("project", &row.project_id)?,
        endpoint: document::parse("name", &row.endpoint)?,
        id: row.id,
        notice: document::read("notice", &row.notice)?,
        body: row.body,
        state: row.state.parse().map_err(|error| StoreError::corrupt("state", error))?,
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        next_at: row.next_at.map(document::time).transpose()?,
        answer: row.answer,
        created_at: document::time(row.created_at)?,
        ended_at: row.ended_at.map(document::time).transpose()?,
    })
}
