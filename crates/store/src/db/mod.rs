//! The database: SQLite or PostgreSQL through one code path.

mod connect;
mod handle;
mod migrations;

pub(crate) use handle::Db;

use crate::error::StoreError;

/// Connects and brings the schema up to date.
pub(crate) async fn open(url: &str) -> Result<Db, StoreError> {
    let db = connect::connect(url)
        .await
        .map_err(|error| StoreError::from_db("connecting to the database", error))?;
    migrations::migrate(&db)
        .await
        .map_err(|error| StoreError::from_db("updating the database's schema", error))?;
    Ok(Db::Pool(db))
}
