//! Users, their sessions and their API tokens. Secrets come in hashed and never go out.

use pierhead_model::Timestamp;
use pierhead_model::id::{TokenId, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::{Store, StoreError, document, install};

/// What somebody is on this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum InstanceRole {
    Admin,
    User,
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    /// Lower case.
    pub email: String,
    pub name: String,
    /// Empty for who has no password: see [`User::password`].
    pub password_hash: String,
    pub role: InstanceRole,
    pub created_at: Timestamp,
    /// Since when they may not sign in.
    pub disabled_at: Option<Timestamp>,
    /// Since when it is known that the address is theirs.
    pub verified_at: Option<Timestamp>,
}

impl User {
    /// The hash of their password, if they have one: who signs in with an account elsewhere need not.
    pub fn password(&self) -> Option<String> {
        Some(self.password_hash.clone()).filter(|hash| !hash.is_empty())
    }
}

/// One sign-in on one device: a family of refresh tokens of which the newest is valid.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: TokenId,
    pub user: UserId,
    pub token_hash: String,
    /// The token before the newest one, and when it was exchanged.
    pub previous: Option<(String, Timestamp)>,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub id: TokenId,
    pub user: UserId,
    pub name: String,
    pub hash: String,
    /// As the control plane writes them.
    pub scopes: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

pub(crate) mod user {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub email: String,
        pub name: String,
        pub password_hash: String,
        pub role: String,
        pub created_at: i64,
        pub disabled_at: Option<i64>,
        pub verified_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_user(self) -> Result<User, StoreError> {
            Ok(User {
                id: document::parse("user", &self.id)?,
                email: self.email,
                name: self.name,
                password_hash: self.password_hash,
                role: self.role.parse().map_err(|error| StoreError::corrupt("role", error))?,
                created_at: document::time(self.created_at)?,
                disabled_at: self.disabled_at.map(document::time).transpose()?,
                verified_at: self.verified_at.map(document::time).transpose()?,
            })
        }
    }
}

mod session {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: String,
        pub token_hash: String,
        pub previous_hash: Option<String>,
        pub rotated_at: Option<i64>,
        pub expires_at: i64,
        pub revoked_at: Option<i64>,
        pub ip: Option<String>,
        pub user_agent: Option<String>,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_session(self) -> Result<Session, StoreError> {
            let previous = match (self.previous_hash, self.rotated_at) {
                (Some(hash), Some(at)) => Some((hash, document::time(at)?)),
                _ => None,
            };
            Ok(Session {
                id: document::parse("session", &self.id)?,
                user: document::parse("user", &self.user_id)?,
                token_hash: self.token_hash,
                previous,
                expires_at: document::time(self.expires_at)?,
                revoked_at: self.revoked_at.map(document::time).transpose()?,
                ip: self.ip,
                user_agent: self.user_agent,
                created_at: document::time(self.created_at)?,
            })
        }
    }
}

mod rotated {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "rotated_tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub hash: String,
        pub session_id: String,
        pub rotated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

mod token {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokens")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub user_id: String,
        pub name: String,
        pub hash: String,
        pub scopes: String,
        pub created_at: i64,
        pub expires_at: Option<i64>,
        pub last_used_at: Option<i64>,
        pub revoked_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_token(self) -> Result<Token, StoreError> {
            Ok(Token {
                id: document::parse("token", &self.id)?,
                user: document::parse("user", &self.user_id)?,
                name: self.name,
                hash: self.hash,
                scopes: self.scopes,
                created_at: document::time(self.created_at)?,
                expires_at: self.expires_at.map(document::time).transpose()?,
                last_used_at: self.last_used_at.map(document::time).transpose()?,
                revoked_at: self.revoked_at.map(document::time).transpose()?,
            })
        }
    }
}

impl Store {
    /// Taken when the address has an account.
    pub async fn user_create(&self, new: &User) -> Result<(), StoreError> {
        let row = user_row(new);
        let done = user::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("account", error))
    }

    /// Creates the first user; `false` when there is one already, whoever was first.
    pub async fn user_create_first(&self, new: &User) -> Result<bool, StoreError> {
        // The e-mail is unique but two set-ups with two addresses are not: the setting is what only one can have.
        let mark = self.setting_ensure("first_user", new.id.as_ref()).await?;
        if mark != new.id.as_ref() {
            return Ok(false);
        }
        self.user_create(new).await?;
        Ok(true)
    }

    pub async fn user_count(&self) -> Result<u64, StoreError> {
        user::Entity::find()
            .count(&self.db)
            .await
            .map_err(|error| StoreError::from_db("counting users", error))
    }

    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let found = user::Entity::find().filter(user::Column::Email.eq(email)).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading an account", error))?;
        found.map(user::Model::into_user).transpose()
    }

    pub async fn user_get(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let found = user::Entity::find_by_id(id.to_string()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading an account", error))?;
        found.map(user::Model::into_user).transpose()
    }

    /// By address, those after `after`; at most `limit`.
    pub async fn user_list(&self, after: Option<&str>, limit: u64) -> Result<Vec<User>, StoreError> {
        let mut query = user::Entity::find().order_by_asc(user::Column::Email).limit(limit);
        if let Some(after) = after {
            query = query.filter(user::Column::Email.gt(after));
        }
        let rows = query.all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db("reading the accounts", error))?;
        rows.into_iter().map(user::Model::into_user).collect()
    }

    /// Changes what somebody is here. A conflict when nobody would be left who administers it.
    pub async fn user_change(
        &self,
        id: &UserId,
        role: InstanceRole,
        disabled_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let error = |error| StoreError::from_db("changing an account", error);
        let transaction = self.db.begin().await.map_err(error)?;
        // One at a time: two admins who disable each other must not both succeed.
        install::row::Entity::find_by_id(1).lock_exclusive().one(&transaction).await.map_err(error)?;
        let done = user::Entity::update_many()
            .col_expr(user::Column::Role, Expr::value(role.to_string()))
            .col_expr(user::Column::DisabledAt, Expr::value(disabled_at.map(Timestamp::as_millisecond)))
            .filter(user::Column::Id.eq(id.to_string()))
            .exec(&transaction)
            .await
            .map_err(error)?;
        if done.rows_affected != 1 {
            return Err(StoreError::NotFound { what: "account" });
        }
        let admins = user::Entity::find()
            .filter(user::Column::Role.eq(InstanceRole::Admin.to_string()))
            .filter(user::Column::DisabledAt.is_null())
            .count(&transaction)
            .await
            .map_err(error)?;
        if admins == 0 {
            return Err(StoreError::Conflict { what: "last administrator" });
        }
        transaction.commit().await.map_err(error)
    }

    /// The address is known to be theirs from now on.
    pub async fn user_verified(&self, id: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let done = user::Entity::update_many()
            .col_expr(user::Column::VerifiedAt, Expr::value(now.as_millisecond()))
            .filter(user::Column::Id.eq(id.to_string()))
            .filter(user::Column::VerifiedAt.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("changing an account", error))
    }

    pub async fn user_password(&self, id: &UserId, hash: &str) -> Result<(), StoreError> {
        let done = user::Entity::update_many()
            .col_expr(user::Column::PasswordHash, Expr::value(hash))
            .filter(user::Column::Id.eq(id.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("changing a password", error))
    }

    /// The sign-ins that are still good, newest first.
    pub async fn session_list(&self, user: &UserId, now: Timestamp) -> Result<Vec<Session>, StoreError> {
        let rows = session::Entity::find()
            .filter(session::Column::UserId.eq(user.to_string()))
            .filter(session::Column::RevokedAt.is_null())
            .filter(session::Column::ExpiresAt.gt(now.as_millisecond()))
            .order_by_desc(session::Column::Id)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the sessions", error))?;
        rows.into_iter().map(session::Model::into_session).collect()
    }

    pub async fn session_create(&self, new: &Session) -> Result<(), StoreError> {
        let row = session::ActiveModel {
            id: Set(new.id.to_string()),
            user_id: Set(new.user.to_string()),
            token_hash: Set(new.token_hash.clone()),
            previous_hash: Set(None),
            rotated_at: Set(None),
            expires_at: Set(new.expires_at.as_millisecond()),
            revoked_at: Set(None),
            ip: Set(new.ip.clone()),
            user_agent: Set(new.user_agent.clone()),
            created_at: Set(new.created_at.as_millisecond()),
        };
        let done = session::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("session", error))
    }

    pub async fn session_get(&self, id: &TokenId) -> Result<Option<Session>, StoreError> {
        let found = session::Entity::find_by_id(id.to_string()).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading a session", error))?;
        found.map(session::Model::into_session).transpose()
    }

    /// The session that a refresh token belongs to, be it the newest or any that was exchanged before.
    pub async fn session_by_token(&self, hash: &str) -> Result<Option<Session>, StoreError> {
        let error = |error| StoreError::from_db("reading a session", error);
        let newest = session::Column::TokenHash.eq(hash);
        let found = match session::Entity::find().filter(newest).one(&self.db).await.map_err(error)? {
            Some(found) => Some(found),
            None => match rotated::Entity::find_by_id(hash).one(&self.db).await.map_err(error)? {
                Some(old) => {
                    session::Entity::find_by_id(old.session_id).one(&self.db).await.map_err(error)?
                }
                None => None,
            },
        };
        found.map(session::Model::into_session).transpose()
    }

    /// Replaces the newest token `old` by `new`; `false` when `old` is not the newest any more.
    pub async fn session_rotate(
        &self,
        id: &TokenId,
        old: &str,
        new: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let error = |error| StoreError::from_db("rotating a token", error);
        let transaction = self.db.begin().await.map_err(error)?;
        let done = session::Entity::update_many()
            .col_expr(session::Column::TokenHash, Expr::value(new))
            .col_expr(session::Column::PreviousHash, Expr::value(old))
            .col_expr(session::Column::RotatedAt, Expr::value(now.as_millisecond()))
            .col_expr(session::Column::ExpiresAt, Expr::value(expires_at.as_millisecond()))
            .filter(session::Column::Id.eq(id.to_string()))
            .filter(session::Column::TokenHash.eq(old))
            .filter(session::Column::RevokedAt.is_null())
            .exec(&transaction)
            .await
            .map_err(error)?;
        if done.rows_affected != 1 {
            return Ok(false);
        }
        let row = rotated::ActiveModel {
            hash: Set(old.to_owned()),
            session_id: Set(id.to_string()),
            rotated_at: Set(now.as_millisecond()),
        };
        rotated::Entity::insert(row).exec_without_returning(&transaction).await.map_err(error)?;
        transaction.commit().await.map_err(error)?;
        Ok(true)
    }

    /// Forgets exchanged refresh tokens from before a moment; says how many.
    pub async fn rotated_tokens_forget(&self, before: Timestamp) -> Result<u64, StoreError> {
        let done = rotated::Entity::delete_many()
            .filter(rotated::Column::RotatedAt.lt(before.as_millisecond()))
            .exec(&self.db)
            .await;
        let done = done.map_err(|error| StoreError::from_db("forgetting exchanged tokens", error))?;
        Ok(done.rows_affected)
    }

    /// It was used: from now on it ends later.
    pub async fn session_extend(&self, id: &TokenId, expires_at: Timestamp) -> Result<(), StoreError> {
        let done = session::Entity::update_many()
            .col_expr(session::Column::ExpiresAt, Expr::value(expires_at.as_millisecond()))
            .filter(session::Column::Id.eq(id.to_string()))
            .filter(session::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("extending a session", error))
    }

    pub async fn session_revoke(&self, id: &TokenId, now: Timestamp) -> Result<(), StoreError> {
        let done = session::Entity::update_many()
            .col_expr(session::Column::RevokedAt, Expr::value(now.as_millisecond()))
            .filter(session::Column::Id.eq(id.to_string()))
            .filter(session::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("ending a session", error))
    }

    pub async fn sessions_revoke_all(&self, user: &UserId, now: Timestamp) -> Result<(), StoreError> {
        let done = session::Entity::update_many()
            .col_expr(session::Column::RevokedAt, Expr::value(now.as_millisecond()))
            .filter(session::Column::UserId.eq(user.to_string()))
            .filter(session::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("ending the sessions", error))
    }

    pub async fn token_create(&self, new: &Token) -> Result<(), StoreError> {
        let row = token::ActiveModel {
            id: Set(new.id.to_string()),
            user_id: Set(new.user.to_string()),
            name: Set(new.name.clone()),
            hash: Set(new.hash.clone()),
            scopes: Set(new.scopes.clone()),
            created_at: Set(new.created_at.as_millisecond()),
            expires_at: Set(new.expires_at.map(Timestamp::as_millisecond)),
            last_used_at: Set(None),
            revoked_at: Set(None),
        };
        let done = token::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("token", error))
    }

    pub async fn token_by_hash(&self, hash: &str) -> Result<Option<Token>, StoreError> {
        let found = token::Entity::find().filter(token::Column::Hash.eq(hash)).one(&self.db).await;
        let found = found.map_err(|error| StoreError::from_db("reading a token", error))?;
        found.map(token::Model::into_token).transpose()
    }

    /// Newest first.
    pub async fn token_list(&self, user: &UserId) -> Result<Vec<Token>, StoreError> {
        let rows = token::Entity::find()
            .filter(token::Column::UserId.eq(user.to_string()))
            .filter(token::Column::RevokedAt.is_null())
            .order_by_desc(token::Column::Id)
            .all(&self.db)
            .await
            .map_err(|error| StoreError::from_db("reading the tokens", error))?;
        rows.into_iter().map(token::Model::into_token).collect()
    }

    /// `false` when there is no such token of this user.
    pub async fn token_revoke(
        &self,
        user: &UserId,
        id: &TokenId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = token::Entity::update_many()
            .col_expr(token::Column::RevokedAt, Expr::value(now.as_millisecond()))
            .filter(token::Column::Id.eq(id.to_string()))
            .filter(token::Column::UserId.eq(user.to_string()))
            .filter(token::Column::RevokedAt.is_null())
            .exec(&self.db)
            .await;
        Ok(done.map_err(|error| StoreError::from_db("revoking a token", error))?.rows_affected == 1)
    }

    pub async fn token_used(&self, id: &TokenId, now: Timestamp) -> Result<(), StoreError> {
        let done = token::Entity::update_many()
            .col_expr(token::Column::LastUsedAt, Expr::value(now.as_millisecond()))
            .filter(token::Column::Id.eq(id.to_string()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db("noting a token's use", error))
    }
}

fn user_row(user: &User) -> user::ActiveModel {
    user::ActiveModel {
        id: Set(user.id.to_string()),
        email: Set(user.email.clone()),
        name: Set(user.name.clone()),
        password_hash: Set(user.password_hash.clone()),
        role: Set(user.role.to_string()),
        created_at: Set(user.created_at.as_millisecond()),
        disabled_at: Set(user.disabled_at.map(Timestamp::as_millisecond)),
        verified_at: Set(user.verified_at.map(Timestamp::as_millisecond)),
    }
}
