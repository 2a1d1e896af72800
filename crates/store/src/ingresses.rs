//! Ingresses on machines of their own: by what they are known.

use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use pierhead_model::id::IngressId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Condition;
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    pub id: IngressId,
    pub name: String,
    /// What the token is proved with, sealed. `None` when it was revoked.
    pub token_key: Option<String>,
    /// Of the certificate that is trusted.
    pub thumbprint: Option<Digest>,
    pub first_online_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "ingresses")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub name: String,
        pub token_key: Option<String>,
        pub thumbprint: Option<String>,
        pub first_online_at: Option<i64>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_ingress(self) -> Result<Ingress, StoreError> {
            let thumbprint = |text: String| {
                text.parse::<Digest>().map_err(|error| StoreError::corrupt("thumbprint", error))
            };
            Ok(Ingress {
                id: document::parse("ingress", &self.id)?,
                name: self.name,
                token_key: self.token_key,
                thumbprint: self.thumbprint.map(thumbprint).transpose()?,
                first_online_at: self.first_online_at.map(document::time).transpose()?,
                created_at: document::time(self.created_at)?,
            })
        }
    }

    impl From<&Ingress> for ActiveModel {
        fn from(ingress: &Ingress) -> Self {
            Self {
                id: Set(ingress.id.to_string()),
                name: Set(ingress.name.clone()),
                token_key: Set(ingress.token_key.clone()),
                thumbprint: Set(ingress.thumbprint.map(|it| it.to_string())),
                first_online_at: Set(ingress.first_online_at.map(Timestamp::as_millisecond)),
                created_at: Set(ingress.created_at.as_millisecond()),
            }
        }
    }
}

const READING: &str = "reading the ingresses";
const CHANGING: &str = "changing an ingress";

impl Store {
    /// A new ingress. `Taken` when there is one of that name.
    pub async fn ingress_create(&self, new: &Ingress) -> Result<(), StoreError> {
        let done = row::Entity::insert(row::ActiveModel::from(new)).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("ingress", error))
    }

    /// The ingress of that id or name.
    pub async fn ingress_find(&self, id_or_name: &str) -> Result<Option<Ingress>, StoreError> {
        let either =
            Condition::any().add(row::Column::Id.eq(id_or_name)).add(row::Column::Name.eq(id_or_name));
        let found = row::Entity::find().filter(either).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db(READING, error))?;
        found.map(row::Model::into_ingress).transpose()
    }

    /// By name.
    pub async fn ingress_list(&self) -> Result<Vec<Ingress>, StoreError> {
        let rows = row::Entity::find().order_by_asc(row::Column::Name).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_ingress).collect()
    }

    /// From now on this key proves its token, or none does.
    pub async fn ingress_token(&self, id: &IngressId, token_key: Option<String>) -> Result<(), StoreError> {
        let change = row::Entity::update_many().col_expr(row::Column::TokenKey, Expr::value(token_key));
        let done = change.filter(row::Column::Id.eq(id.to_string())).exec(&self.db).await;
        let done = done.map_err(|error| StoreError::from_db(CHANGING, error))?;
        if done.rows_affected == 0 { Err(StoreError::NotFound { what: "ingress" }) } else { Ok(()) }
    }

    /// Trusts a certificate. With `first`, only when none is trusted yet; says whether this one is now.
    pub async fn ingress_trust(
        &self,
        id: &IngressId,
        thumbprint: Digest,
        first: bool,
    ) -> Result<bool, StoreError> {
        let mut change = row::Entity::update_many()
            .col_expr(row::Column::Thumbprint, Expr::value(thumbprint.to_string()))
            .filter(row::Column::Id.eq(id.to_string()));
        if first {
            change = change.filter(row::Column::Thumbprint.is_null());
        }
        let done = change.exec(&self.db).await.map_err(|error| StoreError::from_db(CHANGING, error))?;
        if done.rows_affected > 0 {
            return Ok(true);
        }
        let found = self.ingress_find(id.as_ref()).await?;
        Ok(found.is_some_and(|ingress| ingress.thumbprint == Some(thumbprint)))
    }

    /// It was online, at least once.
    pub async fn ingress_seen(&self, id: &IngressId, now: Timestamp) -> Result<(), StoreError> {
        let change = row::Entity::update_many()
            .col_expr(row::Column::FirstOnlineAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::Id.eq(id.to_string()))
            .filter(row::Column::FirstOnlineAt.is_null());
        change.exec(&self.db).await.map(drop).map_err(|error| StoreError::from_db(CHANGING, error))
    }

    pub async fn ingress_remove(&self, id: &IngressId) -> Result<(), StoreError> {
        let done = row::Entity::delete_by_id(id.to_string()).exec(&self.db).await;
        let done = done.map_err(|error| StoreError::from_db("removing an ingress", error))?;
        if done.rows_affected == 0 { Err(StoreError::NotFound { what: "ingress" }) } else { Ok(()) }
    }
}
