//! Environments.

use pierhead_model::Timestamp;
use pierhead_model::hostname::Hostname;
use pierhead_model::id::EnvironmentId;
use pierhead_model::name::EnvironmentName;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, Visibility, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub id: EnvironmentId,
    pub name: EnvironmentName,
    pub base_domain: Hostname,
    /// Of its slots, in seconds: 0 for ever, `None` when nothing is said.
    pub lifetime_s: Option<u32>,
    /// Whether everybody who is signed in may deploy there; otherwise only teams that are granted it.
    pub open: bool,
    pub created_at: Timestamp,
}

pub(crate) mod environment {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "environments")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub base_domain: String,
        pub lifetime_s: Option<i64>,
        pub created_at: i64,
        pub open_to_all: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(crate) fn into_environment(self) -> Result<Environment, StoreError> {
            Ok(Environment {
                id: document::parse("environment", &self.id)?,
                name: document::parse("environment", &self.name)?,
                base_domain: document::parse("base domain", &self.base_domain)?,
                lifetime_s: document::seconds(self.lifetime_s),
                open: self.open_to_all,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

impl Store {
    /// The environment of that name, made if it is missing, with this base domain from now on.
    pub async fn environment_ensure(&self, new: &Environment) -> Result<Environment, StoreError> {
        let error = |error| StoreError::from_db("environment", error);
        let row = environment::ActiveModel {
            id: Set(new.id.to_string()),
            name: Set(new.name.to_string()),
            base_domain: Set(new.base_domain.to_string()),
            lifetime_s: Set(new.lifetime_s.map(i64::from)),
            open_to_all: Set(new.open),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let update = OnConflict::column(environment::Column::Name)
            .update_column(environment::Column::BaseDomain)
            .to_owned();
        environment::Entity::insert(row)
            .on_conflict(update)
            .exec_without_returning(&self.db)
            .await
            .map_err(error)?;
        let found = self.environment_by_name(&new.name).await?;
        found.ok_or(StoreError::NotFound { what: "environment" })
    }

    /// Taken when the name is.
    pub async fn environment_create(&self, new: &Environment) -> Result<(), StoreError> {
        let row = environment::ActiveModel {
            id: Set(new.id.to_string()),
            name: Set(new.name.to_string()),
            base_domain: Set(new.base_domain.to_string()),
            created_at: Set(new.created_at.as_millisecond()),
            lifetime_s: Set(new.lifetime_s.map(i64::from)),
            open_to_all: Set(new.open),
        };
        let done = environment::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("environment", error))
    }

    /// Whether everybody may deploy there from now on.
    pub async fn environment_open(&self, id: &EnvironmentId, open: bool) -> Result<(), StoreError> {
        let done = environment::Entity::update_many()
            .col_expr(environment::Column::OpenToAll, Expr::value(open))
            .filter(environment::Column::Id.eq(id.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("changing an environment", error))
    }

    /// How long slots live from now on.
    pub async fn environment_lifetime(
        &self,
        id: &EnvironmentId,
        lifetime_s: Option<u32>,
    ) -> Result<(), StoreError> {
        let done = environment::Entity::update_many()
            .col_expr(environment::Column::LifetimeS, Expr::value(lifetime_s.map(i64::from)))
            .filter(environment::Column::Id.eq(id.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("changing an environment", error))
    }

    pub async fn environment_by_name(
        &self,
        name: &EnvironmentName,
    ) -> Result<Option<Environment>, StoreError> {
        let found = environment::Entity::find()
            .filter(environment::Column::Name.eq(name.as_str()))
            .one(&self.db)
            .await;
        let found = found.map_err(|error| StoreError::from_db("reading an environment", error))?;
        found.map(environment::Model::into_environment).transpose()
    }

    /// By name.
    pub async fn environment_list(&self) -> Result<Vec<Environment>, StoreError> {
        self.environment_list_visible(&Visibility::All).await
    }

    /// By name, those that are visible.
    pub async fn environment_list_visible(
        &self,
        visible: &Visibility,
    ) -> Result<Vec<Environment>, StoreError> {
        let rows = environment::Entity::find()
            .filter(visible.environments())
            .order_by_asc(environment::Column::Name)
            .all(&self.db)
            .await;
        let rows = rows.map_err(|error| StoreError::from_db("reading the environments", error))?;
        rows.into_iter().map(environment::Model::into_environment).collect()
    }
}
