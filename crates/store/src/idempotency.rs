//! Idempotency keys: the same request twice is carried out once.

use pierhead_model::Timestamp;
use pierhead_model::digest::Digest;
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::{Store, StoreError};

/// How long a key is kept.
const KEPT_MS: i64 = 24 * 3600 * 1000;

/// What a request with a key has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nobody was here before: carry it out, then finish.
    Fresh,
    /// It was carried out: give this answer again.
    Replay { status: u16, body: String },
    /// It is being carried out right now.
    InProgress,
    /// The key was used for another request.
    OtherRequest,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "idempotency")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub principal: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: String,
        pub fingerprint: String,
        pub status: Option<i64>,
        pub body: Option<String>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl Store {
    pub async fn idempotency_begin(
        &self,
        principal: &str,
        key: &str,
        fingerprint: &Digest,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        let error = |error| StoreError::from_db("noting an idempotency key", error);
        let too_old = row::Column::CreatedAt.lt(now.as_millisecond() - KEPT_MS);
        row::Entity::delete_many().filter(too_old).exec(&self.db).await.map_err(error)?;
        let new = row::ActiveModel {
            principal: Set(principal.to_owned()),
            key: Set(key.to_owned()),
            fingerprint: Set(fingerprint.to_hex()),
            status: Set(None),
            body: Set(None),
            created_at: Set(now.as_millisecond()),
        };
        let inserted = row::Entity::insert(new)
            .on_conflict(
                OnConflict::columns([row::Column::Principal, row::Column::Key]).do_nothing().to_owned(),
            )
            .exec_without_returning(&self.db)
            .await
            .map_err(error)?;
        if inserted == 1 {
            return Ok(Begun::Fresh);
        }
        let id = (principal.to_owned(), key.to_owned());
        let Some(found) = row::Entity::find_by_id(id).one(&self.db).await.map_err(error)? else {
            return Ok(Begun::InProgress);
        };
        if found.fingerprint != fingerprint.to_hex() {
            return Ok(Begun::OtherRequest);
        }
        match (found.status, found.body) {
            (Some(status), Some(body)) => {
                Ok(Begun::Replay { status: u16::try_from(status).unwrap_or(200), body })
            }
            _ => Ok(Begun::InProgress),
        }
    }

    pub async fn idempotency_finish(
        &self,
        principal: &str,
        key: &str,
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::Status, Expr::value(i64::from(status)))
            .col_expr(row::Column::Body, Expr::value(body))
            .filter(row::Column::Principal.eq(principal))
            .filter(row::Column::Key.eq(key))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("finishing an idempotency key", error))
    }

    /// The request was not carried out: the key may be used again.
    pub async fn idempotency_abandon(&self, principal: &str, key: &str) -> Result<(), StoreError> {
        let done = row::Entity::delete_by_id((principal.to_owned(), key.to_owned())).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("releasing an idempotency key", error))
    }
}
