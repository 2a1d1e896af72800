//! The database: SQLite or PostgreSQL through one code path.

mod connect;
mod migrations;

pub(crate) use connect::write_options;
use sea_orm::DatabaseConnection;

use crate::error::StoreError;

/// Connects and brings the schema up to date.
pub(crate) async fn open(url: &str) -> Result<DatabaseConnection, StoreError> {
    let db = connect::connect(url)
        .await
        .map_err(|error| StoreError::from_db("connecting to the database", error))?;
    migrations::migrate(&db)
        .await
        .map_err(|error| StoreError::from_db("updating the database's schema", error))?;
    Ok(db)
}
