//! Files that a project's people handed over, by digest.

use std::collections::HashSet;

use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::id::ProjectId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QuerySelect, Set};

use crate::{Store, StoreError};

/// Digests that one question asks about: databases bound the number of values.
const AT_ONCE: usize = 500;

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "uploaded")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: String,
        pub uploaded_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Store {
    /// Notes that a project handed these over; they are stored already.
    pub async fn uploads_note(
        &self,
        project: &ProjectId,
        digests: &[Digest],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for digests in digests.chunks(AT_ONCE) {
            let rows = digests.iter().map(|digest| row::ActiveModel {
                project_id: Set(project.to_string()),
                digest: Set(digest.to_hex()),
                uploaded_at: Set(now.as_millisecond()),
            });
            let again = OnConflict::columns([row::Column::ProjectId, row::Column::Digest])
                .update_column(row::Column::UploadedAt)
                .to_owned();
            let done =
                row::Entity::insert_many(rows).on_conflict(again).exec_without_returning(&self.db).await;
            done.map_err(|error| StoreError::from_db("noting an upload", error))?;
        }
        Ok(())
    }

    /// Those of `digests` that a project did not hand over, or that are not stored any more.
    pub async fn uploads_missing(
        &self,
        project: &ProjectId,
        digests: &[Digest],
    ) -> Result<Vec<Digest>, StoreError> {
        let mut missing = Vec::new();
        for digests in digests.chunks(AT_ONCE) {
            let known: Vec<String> = row::Entity::find()
                .select_only()
                .column(row::Column::Digest)
                .filter(row::Column::ProjectId.eq(project.to_string()))
                .filter(row::Column::Digest.is_in(digests.iter().map(|digest| digest.to_hex())))
                .into_tuple()
                .all(&self.db)
                .await
                .map_err(|error| StoreError::from_db("reading the uploads", error))?;
            let known: HashSet<String> = known.into_iter().collect();
            let (there, gone): (Vec<Digest>, Vec<Digest>) =
                digests.iter().partition(|digest| known.contains(&digest.to_hex()));
            missing.extend(gone);
            missing.extend(self.blobs().missing(&there).await?);
        }
        Ok(missing)
    }

    pub(crate) async fn uploads_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("forgetting a project's uploads", error))
    }
}
