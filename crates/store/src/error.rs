//! What can go wrong when remembering, in variants that a caller can act on.

use pierhead_model::deployment::IllegalTransition;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no {what} like that")]
    NotFound { what: &'static str },
    /// Somebody else wrote first; read again.
    #[error("the {what} was changed by somebody else")]
    Conflict { what: &'static str },
    #[error("the {what} exists already")]
    Taken { what: &'static str },
    /// A newer control plane has taken over: this one must stop writing.
    #[error("a newer control plane (epoch {newest}) has taken over from this one (epoch {mine})")]
    Fenced { mine: u64, newest: u64 },
    #[error("the lifecycle does not allow this")]
    Illegal(#[source] IllegalTransition),
    /// It may work later.
    #[error("{doing} is not possible at the moment")]
    Unavailable {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the disk is full while {doing}; free some space")]
    OutOfSpace { doing: &'static str },
    #[error("the stored {what} cannot be read; it was written by another version or damaged")]
    Corrupt {
        what: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub const fn retryable(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Unavailable { .. } => true,
            Self::NotFound { .. }
            | Self::Taken { .. }
            | Self::Fenced { .. }
            | Self::Illegal(_)
            | Self::OutOfSpace { .. }
            | Self::Corrupt { .. } => false,
        }
    }

    pub(crate) fn from_db(doing: &'static str, error: DbErr) -> Self {
        if is_disk_full(&error) {
            return Self::OutOfSpace { doing };
        }
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::Taken { what: doing },
            _ => Self::Unavailable { doing, source: Box::new(error) },
        }
    }

    pub(crate) fn corrupt(
        what: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Corrupt { what, source: Box::new(source) }
    }

    pub(crate) fn from_io(doing: &'static str, error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull => Self::OutOfSpace { doing },
            _ => Self::Unavailable { doing, source: Box::new(error) },
        }
    }
}

/// SQLite's SQLITE_FULL (13) and PostgreSQL's `disk_full` (53100).
fn is_disk_full(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| code == "13" || code == "53100")
}

/// Whether a whole transaction may simply be tried again: it lost a race that the database itself noticed.
pub(crate) fn lost_a_race(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    // SQLite: SQLITE_BUSY and its extended codes; PostgreSQL: serialization failure, deadlock.
    const CODES: [&str; 5] = ["5", "261", "517", "40001", "40P01"];
    error
        .as_database_error()
        .and_then(|error| error.code())
        .is_some_and(|code| CODES.contains(&code.as_ref()))
}
