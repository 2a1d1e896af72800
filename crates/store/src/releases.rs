//! Releases: what was built, by its digest.

use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::id::ProjectId;
use pierhead_model::plan::BuildPlan;
use pierhead_model::release::Release;
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::{Store, StoreError, document};

pub(crate) mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "releases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: String,
        pub project_id: String,
        pub body: String,
        pub plan: Option<String>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Store {
    /// Remembers a release; one that is known already stays as it is.
    pub async fn release_store(
        &self,
        project: &ProjectId,
        release: &Release,
        plan: Option<&BuildPlan>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            digest: Set(release.digest().to_hex()),
            project_id: Set(project.to_string()),
            body: Set(document::write("release", release)?),
            plan: Set(plan.map(|plan| document::write("plan", plan)).transpose()?),
            created_at: Set(now.as_millisecond()),
        };
        let done = row::Entity::insert(row)
            .on_conflict(OnConflict::column(row::Column::Digest).do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("storing a release", error))
    }

    pub async fn release_get(&self, digest: &Digest) -> Result<Option<Release>, StoreError> {
        let found = row::Entity::find_by_id(digest.to_hex()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading a release", error))?;
        found.map(|row| document::read("release", &row.body)).transpose()
    }

    pub(crate) async fn releases_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting the releases", error))
    }
}
