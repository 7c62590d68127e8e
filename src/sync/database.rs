//! The database: prepares the table, and writes a batch in one transaction.

use std::{collections::BTreeMap, future::Future, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use tokio_postgres::{Client, Config, NoTls, config::SslMode, error::SqlState};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::sync::{
    database_error::{Fault, KnownNames, cause_of, connect_error, fault_of, no_connection, sync_error},
    entity::Row,
    error::{SyncError, SyncErrorReason},
    table::{ExistingTable, Table},
    tls::{Trust, client_config},
};

pub(crate) use crate::sync::database_error::rejected;

/// How to connect to the database. The password is sent to that server only.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: SecretString,
    /// Defaults to a connection without TLS.
    pub(crate) tls: Option<Trust>,
    /// What the time of a failed connection reveals.
    pub(crate) failures: FailureTime,
}

/// What the time of a failed connection may reveal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureTime {
    /// Nothing: a refused connection takes as long as one that gets no answer. For hosts that the administrator did not name one by one,
    /// so that sinks do not show which hosts and ports of a network exist.
    Equal,
    /// Whatever it is. For a host that the administrator named.
    Own,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The server cancels a longer statement; the client gives up a little later.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the client waits for a statement.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(35);
/// How often a transaction is attempted that another writer conflicts with.
pub(crate) const ATTEMPTS: u32 = 4;

pub(crate) struct Database {
    client: Client,
    table: Table,
    /// `host:port/database`, for messages.
    pub(crate) place: String,
    /// The names that messages may contain.
    known: KnownNames,
}

/// Why a batch was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WriteError {
    /// The error can be that of a single row.
    Rows {
        /// Whether a row that fails alone will always fail.
        permanent: bool,
        /// The error as that of the row, without its contents.
        cause: String,
        /// The error as that of the whole table.
        error: SyncError,
    },
    /// The database cannot be written to at all.
    Failed(SyncError),
}

impl Database {
    /// Connects and prepares the table.
    ///
    /// # Errors
    /// The database does not answer or rejects the user, or the table cannot be used.
    pub(crate) async fn open(address: &Address, table: &Table) -> Result<Self, SyncError> {
        let place = format!("{}:{}/{}", address.host, address.port, address.database);
        let deadline = Instant::now() + CONNECT_TIMEOUT * 2;
        let connecting = tokio::time::timeout_at(deadline, connect(address, &place)).await;
        let client = match connecting.unwrap_or_else(|_| Err(no_connection(&place, "no answer in time"))) {
            Ok(client) => client,
            Err(error) => {
                if address.failures == FailureTime::Equal && error.reason == SyncErrorReason::DatabaseUnavailable {
                    tokio::time::sleep_until(deadline).await;
                }
                return Err(error);
            }
        };
        let mut database = Self { client, table: table.clone(), place, known: KnownNames::new() };
        database.prepare().await?;
        database.known = database.names().await?;
        Ok(database)
    }

    pub(crate) fn closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Creates what the table lacks, if `spec.postgres.table.manage` allows it.
    ///
    /// # Errors
    /// What the table lacks, with the SQL that creates it.
    async fn prepare(&self) -> Result<(), SyncError> {
        let table = &self.table;
        let existing = self.existing_table().await?;
        let misfits = existing.as_ref().map(|existing| table.misfits(existing)).unwrap_or_default();
        if !misfits.is_empty() {
            let message = format!(
                "table {} has columns of the wrong type: {}. Text columns need text or varchar, time columns need timestamptz. Change the \
                 columns, or set other names in spec.postgres.table.columns.",
                table.path(),
                misfits.join(", ")
            );
            return Err(SyncError::new(SyncErrorReason::TableNotUsable, message));
        }
        let plan = table.plan(existing.as_ref());
        if plan.is_empty() {
            return Ok(());
        }
        if !table.manage {
            let (reason, what) = match existing {
                None => (SyncErrorReason::TableNotFound, "does not exist or is not visible to the user"),
                Some(_) => (SyncErrorReason::TableNotUsable, "lacks columns or the unique index"),
            };
            let (path, place, statements) = (table.path(), &self.place, plan.join("; "));
            let message =
                format!("table {path} of {place} {what}, and spec.postgres.table.manage is false. Ask its owner to run: {statements}");
            return Err(SyncError::new(reason, message));
        }
        for statement in plan {
            tracing::info!(database = %self.place, %statement, "updating the table");
            let done = self.in_time(self.client.batch_execute(&statement)).await?;
            done.map_err(|error| self.prepare_error(&error, &statement))?;
        }
        Ok(())
    }

    /// Waits for an answer of the server.
    ///
    /// # Errors
    /// The server does not answer in time.
    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, SyncError> {
        tokio::time::timeout(CLIENT_TIMEOUT, answer).await.map_err(|_| {
            let (place, seconds) = (&self.place, CLIENT_TIMEOUT.as_secs());
            let message = format!("{place} did not complete a statement within {seconds} s. It is retried automatically.");
            SyncError::new(SyncErrorReason::DatabaseUnavailable, message)
        })
    }

    fn prepare_error(&self, error: &tokio_postgres::Error, statement: &str) -> SyncError {
        let mut sync_error = sync_error(error, &self.place, &self.known);
        if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
            let message = format!(
                "table {} has several rows of the same entity, so the unique index cannot be created. Delete all but one row per entity, \
                 such as those with the lower synced_entity_id.",
                self.table.path()
            );
            sync_error = SyncError::new(SyncErrorReason::TableNotUsable, message);
        }
        sync_error.message = format!("{} (statement: {statement})", sync_error.message);
        sync_error
    }

    async fn existing_table(&self) -> Result<Option<ExistingTable>, SyncError> {
        const COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a \
            WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped";
        const UNIQUE: &str = "SELECT EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
            WHERE i.indrelid = to_regclass($1::text) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND a.attname = $2::text)";
        let path = self.table.path();
        let rows =
            self.in_time(self.client.query(COLUMNS, &[&path])).await?.map_err(|error| sync_error(&error, &self.place, &self.known))?;
        let columns: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        if columns.is_empty() {
            return Ok(None);
        }
        let row = self.in_time(self.client.query_one(UNIQUE, &[&path, &self.table.columns.id])).await?;
        let row = row.map_err(|error| sync_error(&error, &self.place, &self.known))?;
        Ok(Some(ExistingTable { columns, unique: row.get(0) }))
    }

    /// Returns the names of the table and of its constraints.
    async fn names(&self) -> Result<KnownNames, SyncError> {
        const NAMES: &str = "SELECT relname::text FROM pg_class WHERE oid = to_regclass($1::text) \
            UNION SELECT conname::text FROM pg_constraint WHERE conrelid = to_regclass($1::text) \
            UNION SELECT i.relname::text FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = to_regclass($1::text)";
        let rows = self.in_time(self.client.query(NAMES, &[&self.table.path()])).await?;
        Ok(rows.map_err(|error| sync_error(&error, &self.place, &self.known))?.iter().map(|row| row.get(0)).collect())
    }

    /// Writes all rows in one transaction, or none. Returns the ids of the rows that were new or older.
    ///
    /// `read_at` is the time (RFC 3339) before the entities were requested. A conflict with another writer is retried up to `attempts` times.
    ///
    /// # Errors
    /// See [`WriteError`].
    pub(crate) async fn upsert(&mut self, rows: &[Row], read_at: &str, attempts: u32) -> Result<Vec<String>, WriteError> {
        let mut attempt = 1;
        loop {
            let writing = tokio::time::timeout(CLIENT_TIMEOUT, self.transaction(rows, read_at)).await;
            let Ok(written) = writing else {
                let (place, seconds) = (&self.place, CLIENT_TIMEOUT.as_secs());
                let message = format!("{place} did not commit a batch within {seconds} s. The batch is retried automatically.");
                return Err(WriteError::Failed(SyncError::new(SyncErrorReason::DatabaseUnavailable, message)));
            };
            let error = match written {
                Ok(ids) => return Ok(ids),
                Err(error) => error,
            };
            let code = error.code().map_or("", SqlState::code);
            // Serialization failures, deadlocks and lock timeouts: two writers may lock rows in different orders.
            if matches!(code, "40001" | "40P01" | "55P03") && attempt < attempts {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(50 + fastrand::u64(..100))).await;
                continue;
            }
            let (cause, sync_error) = (cause_of(&error, &self.known), sync_error(&error, &self.place, &self.known));
            return Err(match fault_of(code) {
                Fault::Connection => WriteError::Failed(sync_error),
                Fault::Row => WriteError::Rows { permanent: true, cause, error: sync_error },
                Fault::State => WriteError::Rows { permanent: false, cause, error: sync_error },
            });
        }
    }

    /// Checks that the table can be written to, by a statement without rows: the server checks names, privileges and locks, and runs
    /// triggers of statements, but no trigger, type, constraint or policy of a row.
    ///
    /// # Errors
    /// The table cannot be written to, whatever the row.
    pub(crate) async fn check_writable(&mut self) -> Result<(), SyncError> {
        match self.upsert(&[], "1970-01-01T00:00:00Z", 1).await {
            Ok(_) => Ok(()),
            Err(WriteError::Failed(error) | WriteError::Rows { error, .. }) => Err(error),
        }
    }

    async fn transaction(&mut self, rows: &[Row], read_at: &str) -> Result<Vec<String>, tokio_postgres::Error> {
        let statement = self.table.upsert();
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let values: Vec<Option<&str>> = rows.iter().map(|row| row.value.as_deref()).collect();
        let schemas: Vec<Option<&str>> = rows.iter().map(|row| row.schema.as_deref()).collect();
        let archived: Vec<Option<&str>> = rows.iter().map(|row| row.archived.as_deref()).collect();
        let modified: Vec<String> = rows.iter().map(|row| row.modified_at.to_string()).collect();
        let read: Vec<&str> = rows.iter().map(|_| read_at).collect();
        let transaction = self.client.transaction().await?;
        let written = transaction.query(&statement, &[&ids, &names, &values, &schemas, &archived, &modified, &read]).await?;
        transaction.commit().await?;
        Ok(written.iter().map(|row| row.get(0)).collect())
    }
}

async fn connect(address: &Address, place: &str) -> Result<Client, SyncError> {
    let mut config = Config::new();
    config
        .host(&address.host)
        .port(address.port)
        .dbname(&address.database)
        .user(&address.user)
        .password(address.password.expose_secret())
        .connect_timeout(CONNECT_TIMEOUT)
        .application_name("tributary-sync")
        .options(format!("-c statement_timeout={} -c lock_timeout=10000", STATEMENT_TIMEOUT.as_millis()))
        .keepalives_idle(Duration::from_secs(30));
    match &address.tls {
        None => {
            config.ssl_mode(SslMode::Disable);
            let (client, connection) = config.connect(NoTls).await.map_err(|error| connect_error(&error, place))?;
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        }
        Some(trust) => {
            config.ssl_mode(SslMode::Require);
            let tls = MakeRustlsConnect::new(client_config(trust)?);
            let (client, connection) = config.connect(tls).await.map_err(|error| connect_error(&error, place))?;
            tokio::spawn(async move { drop(connection.await) });
            Ok(client)
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// A server that accepts every login, and then answers no statement.
    async fn silent_server() -> Address {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut startup = [0; 1_024];
            let _ = stream.read(&mut startup).await.unwrap();
            // AuthenticationOk, ReadyForQuery (PostgreSQL documentation, "Message Formats").
            stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await.unwrap();
            let _ = stream.read(&mut startup).await.unwrap();
            // The statement is here: from now on time is not spent waiting.
            tokio::time::pause();
            std::future::pending::<()>().await;
        });
        let text = String::new;
        Address {
            host: "127.0.0.1".into(),
            port,
            database: text(),
            user: "u".into(),
            password: SecretString::from(text()),
            tls: None,
            failures: FailureTime::Own,
        }
    }

    #[tokio::test]
    async fn a_server_that_answers_no_statement_is_given_up() {
        let address = silent_server().await;
        let opened = tokio::time::timeout(CLIENT_TIMEOUT * 10, Database::open(&address, &Table::default())).await;
        let error = opened.expect("preparing the table ends").err().expect("it is an error");
        assert_eq!(error.reason, SyncErrorReason::DatabaseUnavailable, "{error}");
        assert!(error.message.contains("within 35 s"), "{error}");
    }

    #[tokio::test]
    async fn all_failed_connections_have_one_text() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let (silent_port, other_port) = (silent.local_addr().unwrap().port(), other.local_addr().unwrap().port());
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = other.accept().await.unwrap();
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let mut texts = std::collections::BTreeSet::new();
        for (host, port, tls) in [
            ("127.0.0.1", closed, None),
            ("127.0.0.1", closed, Some(Trust::default())),
            ("127.0.0.1", other_port, None),
            ("127.0.0.1", other_port, Some(Trust::default())),
            ("no-such-host.invalid", closed, None),
        ] {
            let text = String::new;
            let address = Address {
                host: host.into(),
                port,
                database: "d".into(),
                user: text(),
                password: SecretString::from(text()),
                tls,
                failures: FailureTime::Own,
            };
            let error = Database::open(&address, &Table::default()).await.err().expect("there is no database");
            assert_eq!(error.reason, SyncErrorReason::DatabaseUnavailable, "{error}");
            texts.insert(error.message.replace(&format!("{host}:{port}/d"), "PLACE"));
        }
        texts.insert(
            no_connection(&format!("127.0.0.1:{silent_port}/d"), "no answer in time")
                .message
                .replace(&format!("127.0.0.1:{silent_port}/d"), "PLACE"),
        );
        assert_eq!(texts.len(), 1, "{texts:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_connection_takes_equally_long_whatever_the_cause() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent_port = silent.local_addr().unwrap().port();
        let closed_port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let text = String::new;
        for (host, port) in [("127.0.0.1", closed_port), ("127.0.0.1", silent_port), ("not a host", 1)] {
            let (database, password) = ("d".into(), SecretString::from(text()));
            let address = Address { host: host.into(), port, database, user: text(), password, tls: None, failures: FailureTime::Equal };
            let started = Instant::now();
            let error = Database::open(&address, &Table::default()).await.err().expect("there is no database");
            assert_eq!(error.reason, SyncErrorReason::DatabaseUnavailable, "{error}");
            // Of the paused clock, which counts timers only.
            assert_eq!(started.elapsed().as_secs(), (CONNECT_TIMEOUT * 2).as_secs(), "{host}:{port}");
        }
    }
}
