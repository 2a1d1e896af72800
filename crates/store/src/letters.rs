//! Letters on their way: the outbox.

use pierhead_model::Timestamp;
use pierhead_model::id::LetterId;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect, Set};

use crate::{Store, StoreError, document};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLetter {
    pub id: LetterId,
    pub recipient: String,
    /// Subject and text, as the control plane sealed them; empty once it was given up.
    pub sealed: String,
    pub created_at: Timestamp,
    pub next_at: Timestamp,
    pub tries: u32,
    pub last_error: Option<String>,
    pub given_up_at: Option<Timestamp>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterCounts {
    pub waiting: u64,
    pub given_up: u64,
}

mod row {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "letters")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub recipient: String,
        pub sealed: String,
        pub created_at: i64,
        pub next_at: i64,
        pub tries: i64,
        pub last_error: Option<String>,
        pub given_up_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}

    impl Model {
        pub(super) fn into_letter(self) -> Result<StoredLetter, StoreError> {
            Ok(StoredLetter {
                id: document::parse("letter", &self.id)?,
                recipient: self.recipient,
                sealed: self.sealed,
                created_at: document::time(self.created_at)?,
                next_at: document::time(self.next_at)?,
                tries: u32::try_from(self.tries).unwrap_or(u32::MAX),
                last_error: self.last_error,
                given_up_at: self.given_up_at.map(document::time).transpose()?,
            })
        }
    }
}

const READING: &str = "reading the letters";
const WRITING: &str = "changing a letter";

impl Store {
    pub async fn letter_create(&self, new: &StoredLetter) -> Result<(), StoreError> {
        let row = row::ActiveModel {
            id: Set(new.id.to_string()),
            recipient: Set(new.recipient.clone()),
            sealed: Set(new.sealed.clone()),
            created_at: Set(new.created_at.as_millisecond()),
            next_at: Set(new.next_at.as_millisecond()),
            tries: Set(i64::from(new.tries)),
            last_error: Set(None),
            given_up_at: Set(None),
        };
        let done = row::Entity::insert(row).exec_without_returning(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db("letter", error))
    }

    /// The one that has waited longest for its time, whether or not that has come.
    pub async fn letter_next(&self) -> Result<Option<StoredLetter>, StoreError> {
        let query = row::Entity::find().filter(row::Column::GivenUpAt.is_null());
        let found = query.order_by_asc(row::Column::NextAt).order_by_asc(row::Column::Id).one(&self.db).await;
        found.map_err(|error| StoreError::from_db(READING, error))?.map(row::Model::into_letter).transpose()
    }

    /// Takes a letter to send it: nobody else tries before `next_at`. `false` when somebody else was faster.
    pub async fn letter_claim(&self, letter: &StoredLetter, next_at: Timestamp) -> Result<bool, StoreError> {
        let done = row::Entity::update_many()
            .col_expr(row::Column::NextAt, Expr::value(next_at.as_millisecond()))
            .col_expr(row::Column::Tries, Expr::value(i64::from(letter.tries) + 1))
            .filter(row::Column::Id.eq(letter.id.to_string()))
            .filter(row::Column::NextAt.eq(letter.next_at.as_millisecond()))
            .filter(row::Column::GivenUpAt.is_null())
            .exec(&self.db)
            .await;
        Ok(done.map_err(|error| StoreError::from_db(WRITING, error))?.rows_affected == 1)
    }

    /// It was not taken, and why. With `given_up_at` nobody tries any more, and what it says is gone.
    pub async fn letter_failed(
        &self,
        id: &LetterId,
        error: &str,
        next_at: Timestamp,
        given_up_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let mut update = row::Entity::update_many()
            .col_expr(row::Column::LastError, Expr::value(error))
            .col_expr(row::Column::NextAt, Expr::value(next_at.as_millisecond()))
            .filter(row::Column::Id.eq(id.to_string()));
        if let Some(at) = given_up_at {
            update = update
                .col_expr(row::Column::GivenUpAt, Expr::value(at.as_millisecond()))
                .col_expr(row::Column::Sealed, Expr::value(""));
        }
        let done = update.exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// It was taken.
    pub async fn letter_delete(&self, id: &LetterId) -> Result<(), StoreError> {
        let done = row::Entity::delete_by_id(id.to_string()).exec(&self.db).await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    /// Forgets those that were given up before `before`.
    pub async fn letters_forget(&self, before: Timestamp) -> Result<(), StoreError> {
        let done = row::Entity::delete_many()
            .filter(row::Column::GivenUpAt.lt(before.as_millisecond()))
            .exec(&self.db)
            .await;
        done.map(drop).map_err(|error| StoreError::from_db(WRITING, error))
    }

    pub async fn letter_counts(&self) -> Result<LetterCounts, StoreError> {
        let count = async |given_up: bool| {
            let column = row::Column::GivenUpAt;
            let which = if given_up { column.is_not_null() } else { column.is_null() };
            let counted = row::Entity::find().filter(which).count(&self.db).await;
            counted.map_err(|error| StoreError::from_db(READING, error))
        };
        Ok(LetterCounts { waiting: count(false).await?, given_up: count(true).await? })
    }

    /// Those that were refused at least once, the newest first; at most `limit`.
    pub async fn letters_in_trouble(&self, limit: u64) -> Result<Vec<StoredLetter>, StoreError> {
        let query = row::Entity::find().filter(row::Column::LastError.is_not_null());
        let rows = query.order_by_desc(row::Column::Id).limit(limit).all(&self.db).await;
        let rows = rows.map_err(|error| StoreError::from_db(READING, error))?;
        rows.into_iter().map(row::Model::into_letter).collect()
    }
}
