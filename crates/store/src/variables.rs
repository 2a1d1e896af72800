//! A project's variables, wherever they hold.

use pierhead_model::Timestamp;
use pierhead_model::id::{EnvironmentId, ProjectId};
use pierhead_model::name::SlotName;
use pierhead_model::variable::{Exposure, SlotPattern, VariableKey, VariableScope};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, Set};

use crate::projects::project;
use crate::{Store, StoreError, document};

/// A variable as it is stored: the value of a secret is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVariable {
    pub scope: VariableScope,
    pub key: VariableKey,
    pub value: String,
    pub secret: bool,
    pub exposure: Exposure,
    pub updated_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "variables")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: String,
        /// Empty for all.
        #[sea_orm(primary_key, auto_increment = false)]
        pub environment_id: String,
        /// Empty for all.
        #[sea_orm(primary_key, auto_increment = false)]
        pub slot: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub value: String,
        pub secret: bool,
        pub exposure: String,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The two columns that say where a variable holds.
fn columns(scope: &VariableScope) -> (String, String) {
    match scope {
        VariableScope::Project => (String::new(), String::new()),
        VariableScope::Environment(environment) => (environment.to_string(), String::new()),
        VariableScope::Slot(environment, slot) => (environment.to_string(), slot.as_str().to_owned()),
    }
}

fn scope_of(row: &row::Model) -> Result<VariableScope, StoreError> {
    if row.environment_id.is_empty() {
        return Ok(VariableScope::Project);
    }
    let environment = document::parse("environment", &row.environment_id)?;
    if row.slot.is_empty() {
        return Ok(VariableScope::Environment(environment));
    }
    let pattern = SlotPattern::parse(&row.slot)
        .map_err(|error| StoreError::Corrupt { what: "slot of a variable", source: Box::new(error) })?;
    Ok(VariableScope::Slot(environment, pattern))
}

fn within(project: &ProjectId, scope: &VariableScope) -> sea_orm::Condition {
    let (environment, slot) = columns(scope);
    sea_orm::Condition::all()
        .add(row::Column::ProjectId.eq(project.to_string()))
        .add(row::Column::EnvironmentId.eq(environment))
        .add(row::Column::Slot.eq(slot))
}

impl Store {
    /// All of them, by key.
    pub async fn variables_get(&self, project: &ProjectId) -> Result<Vec<StoredVariable>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .order_by_asc(row::Column::Key)
            .order_by_asc(row::Column::EnvironmentId)
            .order_by_asc(row::Column::Slot)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the variables", error))?;
        let read = |row: row::Model| {
            Ok(StoredVariable {
                scope: scope_of(&row)?,
                key: document::parse("variable", &row.key)?,
                value: row.value,
                secret: row.secret,
                exposure: document::read("exposure", &row.exposure)?,
                updated_at: document::time(row.updated_at)?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Replaces all variables of one scope; a conflict when `expected` is not the version any more, which counts the changes of
    /// all scopes. Returns the new version.
    pub async fn variables_replace(
        &self,
        project: &ProjectId,
        scope: &VariableScope,
        variables: &[StoredVariable],
        expected: u64,
    ) -> Result<u64, StoreError> {
        let error = |error| StoreError::from_db("storing the variables", error);
        let transaction = self.db.begin().await.map_err(error)?;
        let expected = i64::try_from(expected).unwrap_or(i64::MAX);
        let claimed = project::Entity::update_many()
            .col_expr(project::Column::VariablesVersion, Expr::value(expected + 1))
            .filter(project::Column::Id.eq(project.to_string()))
            .filter(project::Column::VariablesVersion.eq(expected))
            .exec(&transaction)
            .await
            .map_err(error)?;
        if claimed.rows_affected != 1 {
            return Err(StoreError::Conflict { what: "variables" });
        }
        row::Entity::delete_many().filter(within(project, scope)).exec(&transaction).await.map_err(error)?;
        let (environment_id, slot) = columns(scope);
        for variable in variables {
            let row = row::ActiveModel {
                project_id: Set(project.to_string()),
                environment_id: Set(environment_id.clone()),
                slot: Set(slot.clone()),
                key: Set(variable.key.as_str().to_owned()),
                value: Set(variable.value.clone()),
                secret: Set(variable.secret),
                exposure: Set(document::write("exposure", &variable.exposure)?),
                updated_at: Set(variable.updated_at.as_millisecond()),
            };
            row::Entity::insert(row).exec_without_returning(&transaction).await.map_err(error)?;
        }
        transaction.commit().await.map_err(error)?;
        Ok(u64::try_from(expected + 1).unwrap_or_default())
    }

    pub(crate) async fn variables_delete(&self, project: &ProjectId) -> Result<(), StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::ProjectId.eq(project.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting the variables", error))
    }

    /// Those of one slot go with it; those of a pattern stay for the others.
    pub(crate) async fn variables_of_slot_delete(
        &self,
        project: &ProjectId,
        environment: &EnvironmentId,
        slot: &SlotName,
    ) -> Result<(), StoreError> {
        let scope = VariableScope::Slot(environment.clone(), slot.into());
        let done = row::Entity::delete_many().filter(within(project, &scope)).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("deleting a slot's variables", error))
    }
}
