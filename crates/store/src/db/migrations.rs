//! Migrations: plain SQL files that both databases understand, applied in order, each once.
//!
//! Two control planes may start together: on PostgreSQL an advisory lock lets one go first; on SQLite the migration runs in
//! an immediate transaction.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement, TransactionTrait};

use super::connect::write_options;

/// Any constant; it only has to be the same in every version.
const LOCK: i64 = 0x70_6865_6164;

const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_foundation", include_str!("schema/0001_foundation.sql")),
    ("0002_nodes", include_str!("schema/0002_nodes.sql")),
    ("0003_node_links", include_str!("schema/0003_node_links.sql")),
    ("0004_pipelines", include_str!("schema/0004_pipelines.sql")),
    ("0005_lifetimes", include_str!("schema/0005_lifetimes.sql")),
    ("0006_access", include_str!("schema/0006_access.sql")),
    ("0007_sources", include_str!("schema/0007_sources.sql")),
    ("0009_variable_scopes", include_str!("schema/0009_variable_scopes.sql")),
    ("0010_identities", include_str!("schema/0010_identities.sql")),
    ("0011_source_access", include_str!("schema/0011_source_access.sql")),
    ("0012_domains", include_str!("schema/0012_domains.sql")),
    ("0016_rotated_tokens", include_str!("schema/0016_rotated_tokens.sql")),
    ("0017_uploads", include_str!("schema/0017_uploads.sql")),
    ("0019_data_keys", include_str!("schema/0019_data_keys.sql")),
    ("0020_letters", include_str!("schema/0020_letters.sql")),
    ("0021_notices", include_str!("schema/0021_notices.sql")),
    ("0022_certificates", include_str!("schema/0022_certificates.sql")),
    ("0023_device_logins", include_str!("schema/0023_device_logins.sql")),
    ("0024_source_links", include_str!("schema/0024_source_links.sql")),
    ("0025_feedback", include_str!("schema/0025_feedback.sql")),
    ("0026_visitors", include_str!("schema/0026_visitors.sql")),
    ("0027_edge_caches", include_str!("schema/0027_edge_caches.sql")),
    ("0028_shares", include_str!("schema/0028_shares.sql")),
    ("0029_hook_removals", include_str!("schema/0029_hook_removals.sql")),
    ("0031_ingresses", include_str!("schema/0031_ingresses.sql")),
    ("0033_metrics", include_str!("schema/0033_metrics.sql")),
];

pub(super) async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = db.begin_with_options(write_options()).await?;
    let backend = transaction.get_database_backend();
    if backend == DbBackend::Postgres {
        transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    }
    transaction
        .execute_unprepared("CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY)")
        .await?;
    for (name, sql) in MIGRATIONS.iter().copied() {
        let done = Statement::from_sql_and_values(
            backend,
            match backend {
                DbBackend::Postgres => "SELECT name FROM schema_migrations WHERE name = $1",
                _ => "SELECT name FROM schema_migrations WHERE name = ?",
            },
            [name.into()],
        );
        if transaction.query_one_raw(done).await?.is_some() {
            continue;
        }
        transaction.execute_unprepared(&dialect(sql, backend)).await?;
        transaction
            .execute_unprepared(&format!("INSERT INTO schema_migrations (name) VALUES ('{name}')"))
            .await?;
        pierhead_model::crash_point!("store.migrate.before_commit");
    }
    transaction.commit().await
}

fn dialect(sql: &str, backend: DbBackend) -> String {
    let sequence = match backend {
        DbBackend::Postgres => "BIGSERIAL PRIMARY KEY",
        _ => "INTEGER PRIMARY KEY AUTOINCREMENT",
    };
    // Rows that are read in the order of their key lie in it, where a database can do that.
    let clustered = if backend == DbBackend::Postgres { "" } else { "WITHOUT ROWID" };
    sql.replace("{sequence}", sequence).replace("{clustered}", clustered)
}
