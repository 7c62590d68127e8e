//! What errors of PostgreSQL mean for a sink. Pure.
//!
//! Messages contain the SQLSTATE, and the name of the table or of a constraint of it. They never contain the server's own text: triggers and types quote
//! the contents of a row in it.

use std::{collections::BTreeSet, fmt::Write};

use tokio_postgres::error::{DbError, SqlState};

use crate::sync::{
    error::{SyncError, SyncErrorReason},
    table::Table,
    unprocessable::{Unprocessable, UnprocessableReason},
};

/// The names that a message may contain: those of the table and of its constraints, from the database's catalog. A trigger can set any
/// text as the name of a constraint or table, also the contents of a row.
pub(crate) type KnownNames = BTreeSet<String>;

/// Why a statement that writes rows failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection, the login or the database. No row can be written.
    Connection,
    /// A row that is written alone and has this error will always have it.
    Row,
    /// The state of the database, such as a lock or a full disk. A row can cause it too, as with a trigger that waits.
    State,
}

/// Returns the fault that the SQLSTATE stands for (PostgreSQL documentation, appendix A). An empty code stands for a lost connection.
pub(crate) fn fault_of(code: &str) -> Fault {
    match (code.get(..2).unwrap_or_default(), code) {
        ("" | "08" | "28" | "3D", _) | (_, "57P01" | "57P02" | "57P03" | "57P04" | "57P05") => Fault::Connection,
        ("25" | "40" | "53" | "55" | "57" | "58" | "XX", _) => Fault::State,
        // All others, also those of extensions: a trigger, a type or a policy can raise any of them for one row.
        _ => Fault::Row,
    }
}

/// Returns what a class of SQLSTATEs is called.
fn class_of(code: &str) -> &'static str {
    match code.get(..2).unwrap_or_default() {
        "08" => "connection exception",
        "22" => "invalid data",
        "23" => "constraint violation",
        "25" => "invalid transaction state",
        "28" => "login rejected",
        "3D" => "unknown database",
        "3F" => "unknown schema",
        "40" => "transaction rollback",
        "42" => "access rule or name",
        "53" => "insufficient resources",
        "54" => "limit exceeded",
        "55" => "object not in the required state",
        "57" => "operator intervention",
        "58" => "system error",
        "P0" => "raised by a trigger or function",
        "XX" => "internal error",
        _ => "other",
    }
}

/// Returns the reason of a row that the database rejects even when it is written alone.
pub(crate) fn rejected(cause: &str, table: &Table) -> Unprocessable {
    Unprocessable::new(
        UnprocessableReason::RowRejected,
        format!(
            "table {} rejects the row: {cause}. Correct the entity, or the table's columns, constraints, triggers or policies. Then move the \
             message back to the queue.",
            table.path()
        ),
    )
}

/// Returns the SQLSTATE with the name of its class, and the constraint or table that it is about, if that is known.
pub(crate) fn cause_of(error: &tokio_postgres::Error, known: &KnownNames) -> String {
    error.as_db_error().map_or_else(|| "the connection was lost".into(), |error| cause(error, known))
}

fn cause(error: &DbError, known: &KnownNames) -> String {
    let code: String = error.code().code().chars().filter(char::is_ascii_alphanumeric).take(5).collect();
    let mut text = format!("SQLSTATE {code} ({})", class_of(&code));
    for (what, name) in [("constraint", error.constraint()), ("table", error.table())] {
        if let Some(name) = name.filter(|name| known.contains(*name)) {
            let _ = write!(text, ", {what} {name}");
        }
    }
    text
}

/// Returns the error of a connection that was not established. One text for all causes: a sink must not report which ports of a network are
/// open. The log of sync has the cause.
pub(crate) fn no_connection(place: &str, cause: &str) -> SyncError {
    tracing::warn!(database = place, cause, "no connection to the database");
    SyncError::new(
        SyncErrorReason::DatabaseUnavailable,
        format!(
            "{place}: no TLS connection to a PostgreSQL server. Check host, port and tls in spec.postgres.database, and the network; the log \
             of sync has the cause. The connection is retried automatically; messages stay in the queue."
        ),
    )
}

/// Returns why a connection was not established, unless the server answered with an error of its own.
pub(crate) fn connect_error(error: &tokio_postgres::Error, place: &str) -> SyncError {
    if error.as_db_error().is_some() { sync_error(error, place, &KnownNames::new()) } else { no_connection(place, &innermost(error)) }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Returns the error of a statement or login, with the next step.
pub(crate) fn sync_error(error: &tokio_postgres::Error, place: &str, known: &KnownNames) -> SyncError {
    use SyncErrorReason as R;
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
        _ if fault_of(code) == Fault::Row => {
            (R::TableNotUsable, "Correct the triggers of the table; the table is checked again automatically")
        }
        _ => (R::DatabaseUnavailable, "The connection is retried automatically; messages stay in the queue"),
    };
    SyncError::new(reason, format!("{place}: {}. {next}.", cause_of(error, known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_connection_stops_all_rows() {
        for code in ["", "08006", "08P01", "28000", "28P01", "3D000", "57P01", "57P03", "57P05"] {
            assert_eq!(fault_of(code), Fault::Connection, "{code}");
        }
        for code in
            ["P0001", "P0004", "42501", "42P01", "22001", "23514", "54000", "0A000", "21000", "38000", "F0000", "HV000", "ZZ999", "44000"]
        {
            assert_eq!(fault_of(code), Fault::Row, "{code}");
        }
        for code in ["40001", "53100", "55P03", "57014", "58030", "XX000", "25006"] {
            assert_eq!(fault_of(code), Fault::State, "{code}");
        }
    }
}
