//! Webhooks at services that are to be taken away there. They outlive their project and its link.

use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, Set};

use crate::source_links::SourceLink;
use crate::{Store, StoreError, document};

/// A webhook that nobody needs any more, and what is needed to take it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRemoval {
    /// The token was sealed for it; it may be gone.
    pub project: ProjectId,
    /// As the service calls it.
    pub hook: String,
    /// `github`, `gitlab`, `gitea`.
    pub provider: String,
    pub api_url: String,
    /// As the service names it.
    pub repository: String,
    pub repository_id: u64,
    /// Sealed.
    pub token: String,
    /// How often it was tried.
    pub attempts: u32,
    pub next_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "hook_removals")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub hook: String,
        pub provider: String,
        pub api_url: String,
        pub repository: String,
        pub repository_id: i64,
        pub token: String,
        pub attempts: i64,
        pub next_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_removal(self) -> Result<HookRemoval, StoreError> {
            Ok(HookRemoval {
                project: document::parse("project", &self.project_id)?,
                hook: self.hook,
                provider: self.provider,
                api_url: self.api_url,
                repository: self.repository,
                repository_id: u64::try_from(self.repository_id).unwrap_or_default(),
                token: self.token,
                attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
                next_at: document::time(self.next_at)?,
            })
        }
    }
}

const WRITING: &str = "noting a webhook that is to be taken away";

impl Store {
    /// The webhook of this link is to be taken away from `at` on. A link without one of its own asks for nothing; neither does a
    /// second time.
    pub async fn hook_removal_put(&self, link: &SourceLink, at: Timestamp) -> Result<(), StoreError> {
        let (Some(hook), Some(token)) = (&link.hook, &link.token) else { return Ok(()) };
        let row = row::ActiveModel {
            project_id: Set(link.project.to_string()),
            hook: Set(hook.clone()),
            provider: Set(link.provider.clone()),
            api_url: Set(link.api_url.clone()),
            repository: Set(link.repository.clone()),
            repository_id: Set(i64::try_from(link.repository_id).unwrap_or(i64::MAX)),
            token: Set(token.clone()),
            attempts: Set(0),
            next_at: Set(at.as_millisecond()),
        };
        let same = OnConflict::columns([row::Column::ProjectId, row::Column::Hook]).do_nothing().to_owned();
        let done = row::Entity::insert(row).on_conflict(same).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// The one whose time comes first, whether or not it has come.
    pub async fn hook_removal_next(&self) -> Result<Option<HookRemoval>, StoreError> {
        let query = row::Entity::find().order_by_asc(row::Column::NextAt).order_by_asc(row::Column::Hook);
        let found = query.one(&self.db).await;
        let reading = |error| StoreError::from_db("reading which webhooks are to be taken away", error);
        found.map_err(reading)?.map(row::Model::into_removal).transpose()
    }

    /// It was tried `attempts` times, and is tried again at `next_at`.
    pub async fn hook_removal_tried(
        &self,
        removal: &HookRemoval,
        attempts: u32,
        next_at: Timestamp,
    ) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::Attempts, Expr::value(i64::from(attempts)))
            .col_expr(row::Column::NextAt, Expr::value(next_at.as_millisecond()))
            .filter(row::Column::ProjectId.eq(removal.project.to_string()))
            .filter(row::Column::Hook.eq(removal.hook.clone()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// It is gone, or was given up.
    pub async fn hook_removal_delete(&self, removal: &HookRemoval) -> Result<(), StoreError> {
        let key = (removal.project.to_string(), removal.hook.clone());
        let done = row::Entity::delete_by_id(key).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }
}
