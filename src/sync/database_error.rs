//! What errors of PostgreSQL mean for a sink. Messages never quote the contents of a row.

use tokio_postgres::error::SqlState;

use crate::sync::{
    error::{SyncError, SyncErrorReason},
    table::Table,
    unprocessable::{Unprocessable, UnprocessableReason},
};

/// Returns the reason of a row that the database rejects even when it is written alone.
pub(crate) fn rejected(cause: &str, table: &Table) -> Unprocessable {
    Unprocessable::new(
        UnprocessableReason::RowRejected,
        format!(
            "table {} rejects the row: {cause}. Widen the column or correct the entity, then move the message back to the queue.",
            table.path()
        ),
    )
}

/// Returns the server's message without detail and hint, which quote the row's contents.
pub(crate) fn message_of(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| innermost(error), |db| format!("{} ({})", db.message(), db.code().code()))
        .chars()
        .take(300)
        .collect()
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Returns the error of a statement or connection, with the next step.
pub(crate) fn sync_error(error: &tokio_postgres::Error, place: &str) -> SyncError {
    use SyncErrorReason as R;
    let cause = message_of(error);
    let code = error.code().map_or("", SqlState::code);
    let (reason, next) = match code {
        "28P01" | "28000" => {
            (R::DatabaseRefused, "Correct spec.postgres.database.user, the password in its Secret, or pg_hba.conf of the server")
        }
        "3D000" => (R::DatabaseNotFound, "Create the database, or correct spec.postgres.database.name"),
        "42501" => (
            R::DatabaseRefused,
            "Grant the user INSERT, UPDATE and SELECT on the table, and CREATE on the schema unless its owner creates the table",
        ),
        "53100" => (R::DatabaseFull, "Free disk space on the database server; messages stay in the queue"),
        "42P01" | "3F000" => {
            (R::TableNotFound, "Create the schema, or correct spec.postgres.table; the table is checked again automatically")
        }
        "25006" => (
            R::DatabaseUnavailable,
            "The server is read-only: set spec.postgres.database.host to the primary. The connection is retried automatically",
        ),
        _ if code.starts_with("42") => (R::TableNotUsable, "Correct the table, or spec.postgres.table.columns"),
        _ if code.is_empty() && is_tls(error) => (
            R::DatabaseTlsFailed,
            "Add the database's certificate authority to the Secret in spec.postgres.database.tls.caSecretRef, and use a host name that its certificate contains",
        ),
        _ => (R::DatabaseUnavailable, "The connection is retried automatically; messages stay in the queue"),
    };
    SyncError::new(reason, format!("{place}: {}. {next}.", cause.trim_end_matches('.')))
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    ["certificate", "TLS", "tls", "handshake"].iter().any(|word| text.contains(word))
}
