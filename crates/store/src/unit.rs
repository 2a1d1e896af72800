//! Several writes that happen together or not at all.

use std::ops::Deref;
use std::sync::Arc;

use crate::db::Db;
use crate::{Store, StoreError};

/// A store whose writes are one transaction. Without [`Unit::commit`] nothing of it has happened.
///
/// On SQLite it is the only writer while it is there: nothing that waits for somebody else may be done inside.
#[derive(Debug)]
pub struct Unit {
    inside: Store,
    outside: Store,
}

impl Store {
    /// Begins a transaction.
    pub async fn begin(&self) -> Result<Unit, StoreError> {
        let transaction = self.db.begin().await;
        let transaction =
            transaction.map_err(|error| StoreError::from_db("beginning a transaction", error))?;
        let inside = Self { db: Db::Transaction(Arc::new(transaction)), ..self.clone() };
        Ok(Unit { inside, outside: self.clone() })
    }
}

impl Unit {
    pub async fn commit(self) -> Result<(), StoreError> {
        let Self { inside, outside } = self;
        let Db::Transaction(transaction) = inside.db else {
            return Err(StoreError::Conflict { what: "transaction" });
        };
        // Held by a store that was cloned out of this one: then it is still writing.
        let transaction =
            Arc::try_unwrap(transaction).map_err(|_| StoreError::Conflict { what: "transaction" })?;
        let done = transaction.commit().await;
        done.map_err(|error| StoreError::from_db("committing a transaction", error))?;
        // Readers that were woken inside of the transaction found nothing yet.
        outside.events.send_modify(|count| *count += 1);
        Ok(())
    }
}

impl Deref for Unit {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.inside
    }
}
