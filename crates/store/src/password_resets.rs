//! Links with which a password is set anew: one per account, good once.

use pierhead_model::Timestamp;
use pierhead_model::id::UserId;
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::{Store, StoreError, document};

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "password_resets")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub token_hash: String,
        pub user_id: String,
        pub created_at: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const WRITING: &str = "storing a password reset";

impl Store {
    /// An earlier link of the same account is worthless from now on.
    pub async fn password_reset_put(
        &self,
        user: &UserId,
        token_hash: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.password_resets_forget(user).await?;
        let row = row::ActiveModel {
            token_hash: Set(token_hash.to_owned()),
            user_id: Set(user.to_string()),
            created_at: Set(now.as_millisecond()),
            expires_at: Set(expires_at.as_millisecond()),
        };
        let done = row::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Whose link it is, while it is good. It is not any more after this: of two who come at once, one gets it.
    pub async fn password_reset_take(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let error = |error| StoreError::from_db("reading a password reset", error);
        let found = row::Entity::find_by_id(token_hash.to_owned()).one(&self.db).await.map_err(error)?;
        let Some(found) = found.filter(|row| row.expires_at > now.as_millisecond()) else { return Ok(None) };
        let deleted = row::Entity::delete_by_id(token_hash.to_owned()).exec(&self.db).await.map_err(error)?;
        if deleted.rows_affected != 1 {
            return Ok(None);
        }
        document::parse("user", &found.user_id).map(Some)
    }

    /// No link of this account is good any more.
    pub async fn password_resets_forget(&self, user: &UserId) -> Result<(), StoreError> {
        let done =
            row::Entity::delete_many().filter(row::Column::UserId.eq(user.to_string())).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }
}
