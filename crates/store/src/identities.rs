//! Accounts elsewhere that somebody signs in with.

use pierhead_model::Timestamp;
use pierhead_model::id::{IdentityId, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, Set};

use crate::{Store, StoreError, document};

/// One account elsewhere. Who it is there are the issuer and the subject; one is linked to one account here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub id: IdentityId,
    pub user: UserId,
    /// The name of the provider here.
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    /// The address there, when it was linked.
    pub email: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "identities")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: String,
        pub provider: String,
        pub issuer: String,
        pub subject: String,
        pub email: Option<String>,
        pub created_at: i64,
        pub last_used_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_identity(self) -> Result<Identity, StoreError> {
            Ok(Identity {
                id: document::parse("identity", &self.id)?,
                user: document::parse("user", &self.user_id)?,
                provider: self.provider,
                issuer: self.issuer,
                subject: self.subject,
                email: self.email,
                created_at: document::time(self.created_at)?,
                last_used_at: document::time(self.last_used_at)?,
            })
        }
    }
}

const READING: &str = "reading the identities";

impl Store {
    /// Taken when it is linked to an account already, whoever was first.
    pub async fn identity_create(&self, new: &Identity) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            id: Set(new.id.to_string()),
            user_id: Set(new.user.to_string()),
            provider: Set(new.provider.clone()),
            issuer: Set(new.issuer.clone()),
            subject: Set(new.subject.clone()),
            email: Set(new.email.clone()),
            created_at: Set(new.created_at.as_millisecond()),
            last_used_at: Set(new.last_used_at.as_millisecond()),
        };
        let done = row::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("identity", error))
    }

    pub async fn identity_by_subject(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<Identity>, StoreError> {
        let query = row::Entity::find()
            .filter(row::Column::Issuer.eq(issuer))
            .filter(row::Column::Subject.eq(subject));
        let found = query.one(&self.db).await.map_err(|error| StoreError::from_db(READING, error))?;
        found.map(row::Model::into_identity).transpose()
    }

    /// Oldest first.
    pub async fn identities_of(&self, user: &UserId) -> Result<Vec<Identity>, StoreError> {
        let rows = row::Entity::find()
            .filter(row::Column::UserId.eq(user.to_string()))
            .order_by_asc(row::Column::Id)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_identity).collect()
    }

    pub async fn identity_used(&self, id: &IdentityId, now: Timestamp) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::LastUsedAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::Id.eq(id.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("noting a sign-in", error))
    }

    /// `false` when there is no such identity of this user.
    pub async fn identity_delete(&self, user: &UserId, id: &IdentityId) -> Result<bool, StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::Id.eq(id.to_string()))
            .filter(row::Column::UserId.eq(user.to_string()))
            .exec(&self.db)
            .await;
        Ok(done.map_err(|error| StoreError::from_db("deleting an identity", error))?.rows_affected == 1)
    }
}
