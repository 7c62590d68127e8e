//! Sync: the database. Looks at the table, makes what may be made, writes a batch in one transaction, and says what an error means.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::{Client, Config, NoTls, config::SslMode, error::SqlState};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::sync::{
    entity::Row,
    poison::{Poison, PoisonReason, Trouble, TroubleReason},
    table::{Seen, Table},
};

/// How to reach the database. The password leaves this type only towards the server.
#[derive(Clone, Debug)]
pub struct Address {
    pub host: String,
    pub port: u16,
    pub database: String,
    pub user: String,
    pub password: SecretString,
    /// `None`: without TLS.
    pub tls: Option<Trust>,
}

/// Whose certificates are trusted: these PEM texts, or the system's.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    pub ca: Option<String>,
}

const CONNECT: Duration = Duration::from_secs(10);
/// What takes longer is given up by the server, and by us a little later.
const STATEMENT: Duration = Duration::from_secs(30);
/// Two writers may take rows in another order than the index's; the loser tries again.
const TRIES: u32 = 4;

pub struct Database {
    client: Client,
    table: Table,
    place: String,
}

/// Why a batch was not written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unwritten {
    /// One of the rows cannot be written; the others could.
    Rows(String),
    Trouble(Trouble),
}

impl Database {
    pub async fn open(address: &Address, table: &Table) -> Result<Self, Trouble> {
        let place = format!("{}:{}/{}", address.host, address.port, address.database);
        let mut config = Config::new();
        config
            .host(&address.host)
            .port(address.port)
            .dbname(&address.database)
            .user(&address.user)
            .password(address.password.expose_secret())
            .connect_timeout(CONNECT)
            .application_name("tributary-sync")
            .options(format!("-c statement_timeout={} -c lock_timeout=10000", STATEMENT.as_millis()))
            .keepalives_idle(Duration::from_secs(30));
        let connecting = async {
            match &address.tls {
                None => {
                    config.ssl_mode(SslMode::Disable);
                    let (client, connection) = config.connect(NoTls).await.map_err(|error| trouble(&error, &place))?;
                    tokio::spawn(async move { drop(connection.await) });
                    Ok(client)
                }
                Some(trust) => {
                    config.ssl_mode(SslMode::Require);
                    let tls = MakeRustlsConnect::new(client_config(trust)?);
                    let (client, connection) = config.connect(tls).await.map_err(|error| trouble(&error, &place))?;
                    tokio::spawn(async move { drop(connection.await) });
                    Ok(client)
                }
            }
        };
        let client = tokio::time::timeout(CONNECT * 2, connecting).await.unwrap_or_else(|_| {
            Err(Trouble::new(TroubleReason::DatabaseUnavailable, format!("{place} does not answer. It is tried again by itself")))
        })?;
        let database = Self { client, table: table.clone(), place };
        database.prepare().await?;
        Ok(database)
    }

    pub fn closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Sees to the table: it is as it must be afterwards, or the error says what is missing and the SQL that makes it.
    async fn prepare(&self) -> Result<(), Trouble> {
        let table = &self.table;
        let seen = self.seen().await?;
        if let Some(misfits) = seen.as_ref().map(|seen| table.misfits(seen)).filter(|misfits| !misfits.is_empty()) {
            return Err(Trouble::new(
                TroubleReason::TableNotUsable,
                format!(
                    "table {} has columns of another type: {}. Texts need text or varchar, times timestamptz. Correct them, or name others in spec.postgres.table.columns",
                    table.path(),
                    misfits.join(", ")
                ),
            ));
        }
        let plan = table.plan(seen.as_ref());
        if plan.is_empty() {
            return Ok(());
        }
        if !table.manage {
            let (reason, what) = match seen {
                None => (TroubleReason::TableNotFound, "is not there, or the user may not see it"),
                Some(_) => (TroubleReason::TableNotUsable, "lacks columns or the unique index"),
            };
            let message = format!(
                "table {} of {} {what}, and spec.postgres.table.manage is false. Have its owner run: {}",
                table.path(),
                self.place,
                plan.join("; ")
            );
            return Err(Trouble::new(reason, message));
        }
        for statement in plan {
            tracing::info!(database = %self.place, %statement, "the table is made to fit");
            self.client.batch_execute(&statement).await.map_err(|error| {
                let mut trouble = trouble(&error, &self.place);
                if error.code() == Some(&SqlState::UNIQUE_VIOLATION) {
                    trouble = Trouble::new(
                        TroubleReason::TableNotUsable,
                        format!(
                            "table {} has several rows of one entity, so it cannot have its unique index. Delete all but one of each, such as those with the lower synced_entity_id",
                            table.path()
                        ),
                    );
                }
                trouble.message = format!("{} (while running: {statement})", trouble.message);
                trouble
            })?;
        }
        Ok(())
    }

    async fn seen(&self) -> Result<Option<Seen>, Trouble> {
        const COLUMNS: &str = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a \
            WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped";
        const UNIQUE: &str = "SELECT EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] \
            WHERE i.indrelid = to_regclass($1::text) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND a.attname = $2::text)";
        let path = self.table.path();
        let rows = self.client.query(COLUMNS, &[&path]).await.map_err(|error| trouble(&error, &self.place))?;
        let columns: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        if columns.is_empty() {
            return Ok(None);
        }
        let row = self.client.query_one(UNIQUE, &[&path, &self.table.columns.id]).await.map_err(|error| trouble(&error, &self.place))?;
        Ok(Some(Seen { columns, unique: row.get(0) }))
    }

    /// Writes the rows, all or none. `read_at`: RFC 3339, from before they were asked for. Answers the ids of the rows that were older or not there.
    pub async fn upsert(&mut self, rows: &[Row], read_at: &str) -> Result<Vec<String>, Unwritten> {
        let mut tries = 1;
        loop {
            let writing = tokio::time::timeout(STATEMENT + Duration::from_secs(5), self.transaction(rows, read_at)).await;
            let Ok(written) = writing else {
                return Err(Unwritten::Trouble(Trouble::new(
                    TroubleReason::DatabaseUnavailable,
                    format!("{} did not take a batch within {} s. It is tried again by itself", self.place, STATEMENT.as_secs()),
                )));
            };
            let Err(error) = written else { return Ok(written.unwrap_or_default()) };
            let code = error.code().map_or("", SqlState::code);
            if matches!(code, "40001" | "40P01" | "55P03") && tries < TRIES {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50 + fastrand::u64(..100))).await;
                continue;
            }
            // Data exceptions, violated constraints, a row that is too large for an index.
            if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") {
                return Err(Unwritten::Rows(said(&error)));
            }
            return Err(Unwritten::Trouble(trouble(&error, &self.place)));
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

/// The poison of a row that was written alone, and refused.
pub fn rejected(said: &str, table: &Table) -> Poison {
    Poison::new(
        PoisonReason::RowRejected,
        format!("table {} refuses the row: {said}. Widen the column or correct the entity, and move the message back", table.path()),
    )
}

fn client_config(trust: &Trust) -> Result<ClientConfig, Trouble> {
    let wrong = |what: String| Trouble::new(TroubleReason::DatabaseTlsFailed, what);
    let mut roots = RootCertStore::empty();
    match &trust.ca {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let added = certificate.map_err(|error| error.to_string()).and_then(|c| roots.add(c).map_err(|error| error.to_string()));
                added.map_err(|error| {
                    wrong(format!("the certificates in spec.postgres.database.tls.caSecretRef cannot be read: {error}"))
                })?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(wrong(
            "no certificate authority is there to trust. Name the database's in spec.postgres.database.tls.caSecretRef, as PEM".into(),
        ));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| wrong(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// What the server said, without the row's contents: its detail and hint quote them.
fn said(error: &tokio_postgres::Error) -> String {
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

fn trouble(error: &tokio_postgres::Error, place: &str) -> Trouble {
    use TroubleReason as R;
    let what = said(error);
    let code = error.code().map_or("", SqlState::code);
    let (reason, next) = match code {
        "28P01" | "28000" => (
            R::DatabaseRefused,
            "Correct spec.postgres.database.user, or the password in its Secret; pg_hba.conf of the server must let it in",
        ),
        "3D000" => (R::DatabaseNotFound, "Create the database, or correct spec.postgres.database.name"),
        "42501" => (
            R::DatabaseRefused,
            "Grant the user INSERT, UPDATE and SELECT on the table; and CREATE on the schema, or have its owner make the table",
        ),
        "53100" => (R::DatabaseFull, "Make room on the database's disk; messages wait in the queue meanwhile"),
        "42P01" | "3F000" => (R::TableNotFound, "Create the schema, or correct spec.postgres.table; it is looked at again by itself"),
        "25006" => (R::DatabaseUnavailable, "The server takes no writes, as a replica does: name the primary. It is tried again by itself"),
        _ if code.starts_with("42") => (R::TableNotUsable, "Correct the table, or spec.postgres.table.columns"),
        _ if code.is_empty() && is_tls(error) => (
            R::DatabaseTlsFailed,
            "Name the database's certificate authority in spec.postgres.database.tls.caSecretRef, and its host as the certificate does",
        ),
        _ => (R::DatabaseUnavailable, "It is tried again by itself; messages wait in the queue meanwhile"),
    };
    Trouble::new(reason, format!("{place}: {}. {next}", what.trim_end_matches('.')))
}

fn is_tls(error: &tokio_postgres::Error) -> bool {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
    ["certificate", "TLS", "tls", "handshake"].iter().any(|word| text.contains(word))
}
