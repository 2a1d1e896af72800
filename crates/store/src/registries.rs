//! Registries, and the credentials for them.

use pierhead_model::Timestamp;
use pierhead_model::pipeline::name::CatalogueName;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

/// An OCI registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRegistry {
    pub name: CatalogueName,
    /// As images name it: `ghcr.io`. Unique, so an image says by itself which credentials it needs.
    pub host: String,
    pub plain_http: bool,
    /// Hosts other than its own that may get the credentials for a token.
    pub token_servers: Vec<String>,
    pub credentials: Option<StoredCredentials>,
    /// Counts the changes.
    pub version: u64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCredentials {
    pub username: String,
    /// Sealed.
    pub password: String,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "registries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub host: String,
        pub plain_http: bool,
        pub token_servers: String,
        pub username: Option<String>,
        pub password: Option<String>,
        pub version: i64,
        pub created_at: i64,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_registry(self) -> Result<StoredRegistry, StoreError> {
            let credentials = self.username.zip(self.password);
            Ok(StoredRegistry {
                name: document::parse("registry", &self.name)?,
                host: self.host,
                plain_http: self.plain_http,
                token_servers: document::read("token servers", &self.token_servers)?,
                credentials: credentials.map(|(username, password)| StoredCredentials { username, password }),
                version: u64::try_from(self.version).unwrap_or_default(),
                created_at: document::time(self.created_at)?,
                updated_at: document::time(self.updated_at)?,
            })
        }

        pub(super) fn active(of: &StoredRegistry) -> Result<ActiveModel, StoreError> {
            let (username, password) = of.credentials.clone().map(|it| (it.username, it.password)).unzip();
            Ok(ActiveModel {
                name: Set(of.name.to_string()),
                host: Set(of.host.clone()),
                plain_http: Set(of.plain_http),
                token_servers: Set(document::write("token servers", &of.token_servers)?),
                username: Set(username),
                password: Set(password),
                version: Set(i64::try_from(of.version).unwrap_or(i64::MAX)),
                created_at: Set(of.created_at.as_millisecond()),
                updated_at: Set(of.updated_at.as_millisecond()),
            })
        }
    }
}

const READING: &str = "reading the registries";

impl Store {
    /// Taken when there is one of that name or host.
    pub async fn registry_create(&self, new: &StoredRegistry) -> Result<(), StoreError> {
        let done = row::Entity::insert(row::Model::active(new)?).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("registry", error))
    }

    /// Made unless there is one of that name or host.
    pub async fn registry_ensure(&self, new: &StoredRegistry) -> Result<(), StoreError> {
        let done = row::Entity::insert(row::Model::active(new)?)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("registry", error))
    }

    pub async fn registry_get(&self, name: &CatalogueName) -> Result<Option<StoredRegistry>, StoreError> {
        let found = row::Entity::find_by_id(name.to_string()).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_registry).transpose()
    }

    /// The one that images of this host are in.
    pub async fn registry_by_host(&self, host: &str) -> Result<Option<StoredRegistry>, StoreError> {
        let found = row::Entity::find().filter(row::Column::Host.eq(host)).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_registry).transpose()
    }

    /// By name.
    pub async fn registry_list(&self) -> Result<Vec<StoredRegistry>, StoreError> {
        let rows = row::Entity::find().order_by_asc(row::Column::Name).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_registry).collect()
    }

    /// Replaces one; `changed.version` is the version it was read with. A conflict when it is not that any more.
    pub async fn registry_update(&self, changed: &StoredRegistry) -> Result<(), StoreError> {
        let expected = i64::try_from(changed.version).unwrap_or(i64::MAX);
        let mut row = row::Model::active(changed)?;
        row.version = Set(expected.saturating_add(1));
        let done = row::Entity::update_many()
            .set(row)
            .filter(row::Column::Name.eq(changed.name.as_str()))
            .filter(row::Column::Version.eq(expected))
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("registry", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::Conflict { what: "registry" }) }
    }

    pub async fn registry_delete(&self, name: &CatalogueName) -> Result<(), StoreError> {
        let done = row::Entity::delete_by_id(name.to_string()).exec(&self.db).await;
        let done = done.map_err(|error| StoreError::from_db("deleting a registry", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "registry" }) }
    }
}
