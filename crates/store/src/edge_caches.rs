//! What caches before the ingresses were told last.

use std::collections::HashMap;

use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::{Store, StoreError};

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "edge_caches")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub host: String,
        pub shown: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Rows of one statement: databases bound how many values there may be.
const AT_ONCE: usize = 200;

impl Store {
    /// What was shown by each hostname when caches were last told to forget it.
    pub async fn edge_caches(&self) -> Result<HashMap<String, String>, StoreError> {
        let rows = row::Entity::find().all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db("reading what caches hold", error))?;
        Ok(rows.into_iter().map(|row| (row.host, row.shown)).collect())
    }

    /// Caches hold nothing older than this of these hostnames.
    pub async fn edge_caches_put(&self, shown: &[(String, String)]) -> Result<(), StoreError> {
        let again = OnConflict::column(row::Column::Host).update_column(row::Column::Shown).to_owned();
        for some in shown.chunks(AT_ONCE) {
            let rows = some
                .iter()
                .map(|(host, shown)| row::ActiveModel { host: Set(host.clone()), shown: Set(shown.clone()) });
            let done = row::Entity::insert_many(rows)
                .on_conflict(again.clone())
                .exec_without_returning(&self.db)
                .await;
            done.map_err(|error| StoreError::from_db("writing what caches hold", error))?;
        }
        Ok(())
    }

    /// Caches hold nothing of these hostnames.
    pub async fn edge_caches_forget(&self, hosts: &[String]) -> Result<(), StoreError> {
        for some in hosts.chunks(AT_ONCE) {
            let gone = row::Entity::delete_many().filter(row::Column::Host.is_in(some));
            let done = gone.exec(&self.db).await;
            done.map_err(|error| StoreError::from_db("writing what caches hold", error))?;
        }
        Ok(())
    }
}
