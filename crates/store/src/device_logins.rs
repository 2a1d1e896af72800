//! Sign-ins of a command line that somebody confirms in a browser: short-lived, answered once, fetched once.

use pierhead_model::Timestamp;
use pierhead_model::id::UserId;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{Condition, Set};

use crate::{Store, StoreError, document};

/// One that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceLogin {
    pub device_hash: String,
    pub user_code: String,
    pub name: String,
    pub ip: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub polled_at: Option<Timestamp>,
    /// Who answered, and whether it was a yes.
    pub answer: Option<(UserId, bool)>,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "device_logins")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub device_hash: String,
        pub user_code: String,
        pub name: String,
        pub ip: Option<String>,
        pub created_at: i64,
        pub expires_at: i64,
        pub polled_at: Option<i64>,
        pub answered_by: Option<String>,
        pub approved: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

impl row::Model {
    fn into_login(self) -> Result<DeviceLogin, StoreError> {
        let answered_by = self.answered_by.map(|user| document::parse("user", &user)).transpose()?;
        Ok(DeviceLogin {
            device_hash: self.device_hash,
            user_code: self.user_code,
            name: self.name,
            ip: self.ip,
            created_at: document::time(self.created_at)?,
            expires_at: document::time(self.expires_at)?,
            polled_at: self.polled_at.map(document::time).transpose()?,
            answer: answered_by.map(|user| (user, self.approved)),
        })
    }
}

const READING: &str = "reading a sign-in by browser";
const WRITING: &str = "storing a sign-in by browser";

impl Store {
    /// `Taken` when the code is somebody else's at this moment. Those whose time is over go.
    pub async fn device_login_create(&self, login: &DeviceLogin) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db(WRITING, error);
        let over = row::Column::ExpiresAt.lte(login.created_at.as_millisecond());
        row::Entity::delete_many().filter(over).exec(&self.db).await.map_err(error)?;
        if self.device_login_by_code(&login.user_code, login.created_at).await?.is_some() {
            return Err(StoreError::Taken { what: "code" });
        }
        let row = row::ActiveModel {
            device_hash: Set(login.device_hash.clone()),
            user_code: Set(login.user_code.clone()),
            name: Set(login.name.clone()),
            ip: Set(login.ip.clone()),
            created_at: Set(login.created_at.as_millisecond()),
            expires_at: Set(login.expires_at.as_millisecond()),
            polled_at: Set(None),
            answered_by: Set(None),
            approved: Set(false),
        };
        row::Entity::insert(row).exec_without_returning(&self.db).await.map(drop).map_err(error)
    }

    /// By what the command line proves, while it is good.
    pub async fn device_login_by_device(
        &self,
        device_hash: &str,
        now: Timestamp,
    ) -> Result<Option<DeviceLogin>, StoreError> {
        self.device_login(row::Column::DeviceHash.eq(device_hash), now).await
    }

    /// By what the person types, while it is good.
    pub async fn device_login_by_code(
        &self,
        user_code: &str,
        now: Timestamp,
    ) -> Result<Option<DeviceLogin>, StoreError> {
        self.device_login(row::Column::UserCode.eq(user_code), now).await
    }

    async fn device_login(
        &self,
        which: SimpleExpr,
        now: Timestamp,
    ) -> Result<Option<DeviceLogin>, StoreError> {
        let good = Condition::all().add(which).add(row::Column::ExpiresAt.gt(now.as_millisecond()));
        let found = row::Entity::find().filter(good).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_login).transpose()
    }

    /// The command line has asked whether there is an answer.
    pub async fn device_login_polled(&self, device_hash: &str, now: Timestamp) -> Result<(), StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::PolledAt, Expr::value(now.as_millisecond()))
            .filter(row::Column::DeviceHash.eq(device_hash))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Somebody answers; `false` when it was answered already.
    pub async fn device_login_answer(
        &self,
        user_code: &str,
        user: &UserId,
        approved: bool,
    ) -> Result<bool, StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::AnsweredBy, Expr::value(user.to_string()))
            .col_expr(row::Column::Approved, Expr::value(approved))
            .filter(row::Column::UserCode.eq(user_code))
            .filter(row::Column::AnsweredBy.is_null())
            .exec(&self.db)
            .await;
        done.map(|done| done.rows_affected == 1).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// It is gone after this: of two who come at once, one gets `true`.
    pub async fn device_login_take(&self, device_hash: &str) -> Result<bool, StoreError> {
        let done = row::Entity::delete_by_id(device_hash.to_owned()).exec(&self.db).await;
        done.map(|done| done.rows_affected == 1).map_err(|error| StoreError::from_db(WRITING, error))
    }
}
