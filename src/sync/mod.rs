//! `tributary sync`: writes Benchling entities into PostgreSQL tables, and runs `BenchlingBackfill`s.
//!
//! The worker of an `EventSink.postgres` consumes the sink's queue, reads the entities that the messages name, and writes their newest
//! versions. One direction: receive -> parse -> read by bulk-get -> one transaction -> delete the messages. A message is deleted only
//! after the commit.

mod app;
mod backfill;
mod batch;
mod config;
mod configured;
mod context;
mod database;
mod database_error;
mod dead_letter;
mod entity;
mod error;
mod local;
mod message;
mod metrics;
mod process;
mod queue;
mod read;
mod readiness;
mod resolve;
mod runner;
mod secrets;
mod sink_context;
mod spans;
mod spec;
mod status;
mod table;
mod tenant_clients;
mod tls;
mod unprocessable;
mod view;
mod worker;

pub(crate) use app::tenant_of;
pub(crate) use config::WorkerConfig;
pub(crate) use context::{SyncContext, SyncOptions};
pub(crate) use database::{Address, FailureTime};
pub(crate) use entity::Row;
pub(crate) use error::SyncError;
pub(crate) use local::{LocalSink, LocalSinkSettings, Outcome};
pub(crate) use runner::Runner;
pub(crate) use tenant_clients::TenantClients;
pub(crate) use tls::Trust;
pub(crate) use unprocessable::Unprocessable;
