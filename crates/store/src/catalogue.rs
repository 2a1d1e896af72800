//! What admins describe once for everybody's pipelines: services, plugins, templates. Each is a document with a name.

use pierhead_model::Timestamp;
use pierhead_model::pipeline::name::CatalogueName;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum CatalogueKind {
    Service,
    Plugin,
    Template,
}

impl CatalogueKind {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    pub kind: CatalogueKind,
    pub name: CatalogueName,
    /// What it is found by in a pipeline: a plugin's image, otherwise the name. Unique in its kind.
    pub lookup: String,
    /// A JSON document.
    pub body: String,
    /// Counts the changes.
    pub version: u64,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "catalogue")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub lookup: String,
        pub body: String,
        pub version: i64,
        pub created_by: String,
        pub created_at: i64,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_entry(self) -> Result<CatalogueEntry, StoreError> {
            Ok(CatalogueEntry {
                kind: self.kind.parse().map_err(|error| StoreError::corrupt("catalogue entry", error))?,
                name: document::parse("catalogue entry", &self.name)?,
                lookup: self.lookup,
                body: self.body,
                version: u64::try_from(self.version).unwrap_or_default(),
                created_by: self.created_by,
                created_at: document::time(self.created_at)?,
                updated_at: document::time(self.updated_at)?,
            })
        }
    }
}

const READING: &str = "reading the catalogue";

impl Store {
    /// Taken when there is one of that kind and name, or with that lookup.
    pub async fn catalogue_create(&self, new: &CatalogueEntry) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            kind: Set(new.kind.as_str().to_owned()),
            name: Set(new.name.to_string()),
            lookup: Set(new.lookup.clone()),
            body: Set(new.body.clone()),
            version: Set(1),
            created_by: Set(new.created_by.clone()),
            created_at: Set(new.created_at.as_millisecond()),
            updated_at: Set(new.updated_at.as_millisecond()),
        };
        let done = row::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("catalogue entry", error))
    }

    pub async fn catalogue_get(
        &self,
        kind: CatalogueKind,
        name: &CatalogueName,
    ) -> Result<Option<CatalogueEntry>, StoreError> {
        let key = (kind.as_str().to_owned(), name.to_string());
        let found = row::Entity::find_by_id(key).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_entry).transpose()
    }

    /// By name.
    pub async fn catalogue_list(&self, kind: CatalogueKind) -> Result<Vec<CatalogueEntry>, StoreError> {
        let query = row::Entity::find().filter(row::Column::Kind.eq(kind.as_str()));
        let rows = query.order_by_asc(row::Column::Name).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_entry).collect()
    }

    /// Replaces what an entry says; `changed.version` is the version it was read with. A conflict when it is not that any
    /// more.
    pub async fn catalogue_update(&self, changed: &CatalogueEntry) -> Result<(), StoreError> {
        let expected = i64::try_from(changed.version).unwrap_or(i64::MAX);
        let done = row::Entity::update_many()
            .col_expr(row::Column::Lookup, Expr::value(changed.lookup.clone()))
            .col_expr(row::Column::Body, Expr::value(changed.body.clone()))
            .col_expr(row::Column::Version, Expr::value(expected.saturating_add(1)))
            .col_expr(row::Column::UpdatedAt, Expr::value(changed.updated_at.as_millisecond()))
            .filter(row::Column::Kind.eq(changed.kind.as_str()))
            .filter(row::Column::Name.eq(changed.name.as_str()))
            .filter(row::Column::Version.eq(expected))
            .exec(&self.db)
            .await
            .map_err(|error| StoreError::from_db("catalogue entry", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::Conflict { what: "catalogue entry" }) }
    }

    pub async fn catalogue_delete(
        &self,
        kind: CatalogueKind,
        name: &CatalogueName,
    ) -> Result<(), StoreError> {
        let key = (kind.as_str().to_owned(), name.to_string());
        let done = row::Entity::delete_by_id(key).exec(&self.db).await;
        let done = done.map_err(|error| StoreError::from_db("deleting a catalogue entry", error))?;
        if done.rows_affected == 1 { Ok(()) } else { Err(StoreError::NotFound { what: "catalogue entry" }) }
    }
}
