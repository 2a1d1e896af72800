//! Who may visit what a project shows: its rules, and the passwords that open it.

use std::collections::HashMap;

use pierhead_model::Timestamp;
use pierhead_model::id::ProjectId;
use pierhead_model::visitors::VisitorRules;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

/// Something that lets a visitor in.
#[derive(Clone, PartialEq, Eq)]
pub struct VisitorPassword {
    pub project: ProjectId,
    pub name: String,
    /// In the PHC format.
    pub hash: String,
    pub created_by: String,
    pub created_at: Timestamp,
}

impl std::fmt::Debug for VisitorPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { project, name, .. } = self;
        f.debug_struct("VisitorPassword")
            .field("project", project)
            .field("name", name)
            .finish_non_exhaustive()
    }
}

mod rules {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "visitor_rules")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        pub rules: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod password {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "visitor_passwords")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub hash: String,
        pub created_by: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_password(self) -> Result<VisitorPassword, StoreError> {
            Ok(VisitorPassword {
                project: document::parse("visitors", &self.project_id)?,
                name: self.name,
                hash: self.hash,
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

const READING: &str = "reading who may visit";
const WRITING: &str = "writing who may visit";

impl Store {
    /// Those of every project that says something of its visitors.
    pub async fn visitor_rules_all(&self) -> Result<HashMap<ProjectId, VisitorRules>, StoreError> {
        let rows = rules::Entity::find().all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        let read = |row: rules::Model| {
            Ok((document::parse("visitors", &row.project_id)?, document::read("visitor rules", &row.rules)?))
        };
        rows.into_iter().map(read).collect()
    }

    /// What a project says, or the defaults.
    pub async fn visitor_rules(&self, project: &ProjectId) -> Result<VisitorRules, StoreError> {
        let found = rules::Entity::find_by_id(project.to_string()).one(&self.db).await;
        match found.map_err(|error| StoreError::from_db(READING, error))? {
            Some(row) => document::read("visitor rules", &row.rules),
            None => Ok(VisitorRules::default()),
        }
    }

    pub async fn visitor_rules_put(
        &self,
        project: &ProjectId,
        rules: &VisitorRules,
    ) -> Result<(), StoreError> {
        let row = rules::ActiveModel {
            project_id: Set(project.to_string()),
            rules: Set(document::write("visitor rules", rules)?),
        };
        let again =
            OnConflict::column(rules::Column::ProjectId).update_column(rules::Column::Rules).to_owned();
        let done = rules::Entity::insert(row).on_conflict(again).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Those of every project.
    pub async fn visitor_passwords_all(&self) -> Result<Vec<VisitorPassword>, StoreError> {
        let rows = password::Entity::find().all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(password::Model::into_password).collect()
    }

    /// By name.
    pub async fn visitor_passwords(&self, project: &ProjectId) -> Result<Vec<VisitorPassword>, StoreError> {
        let of_it = password::Entity::find().filter(password::Column::ProjectId.eq(project.to_string()));
        let rows = of_it.order_by_asc(password::Column::Name).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(password::Model::into_password).collect()
    }

    /// Takes the place of one of the same name.
    pub async fn visitor_password_put(&self, new: &VisitorPassword) -> Result<(), StoreError> {
        let row = password::ActiveModel {
            project_id: Set(new.project.to_string()),
            name: Set(new.name.clone()),
            hash: Set(new.hash.clone()),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let again = OnConflict::columns([password::Column::ProjectId, password::Column::Name])
            .update_columns([
                password::Column::Hash,
                password::Column::CreatedBy,
                password::Column::CreatedAt,
            ])
            .to_owned();
        let done = password::Entity::insert(row).on_conflict(again).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// False when there is none.
    pub async fn visitor_password_delete(&self, project: &ProjectId, name: &str) -> Result<bool, StoreError> {
        let key = (project.to_string(), name.to_owned());
        let done = password::Entity::delete_by_id(key).exec(&self.db).await;
        done.map(|done| done.rows_affected > 0).map_err(|error| StoreError::from_db(WRITING, error))
    }

    pub(crate) async fn visitors_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("deleting who may visit", error);
        let of_it = password::Column::ProjectId.eq(project.to_string());
        password::Entity::delete_many().filter(of_it).exec(&self.db).await.map_err(error)?;
        rules::Entity::delete_by_id(project.to_string()).exec(&self.db).await.map_err(error)?;
        Ok(())
    }
}
