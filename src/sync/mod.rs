//! Sync: entities of Benchling into a table of PostgreSQL. `tributary sync` takes the messages of `EventSink.postgres`' queues, reads the entities
//! that they speak of, and writes their newest versions. It works `BenchlingBackfill`s off as well.
//!
//! One direction: receive -> parse -> read by bulk-get -> one transaction -> delete the messages. A message leaves the queue only after the commit.

pub mod backfill;
pub mod batch;
pub mod budget;
pub mod database;
pub mod entity;
pub mod kinds;
pub mod message;
pub mod poison;
pub mod reader;
pub mod report;
pub mod resolve;
pub mod runner;
pub mod table;
pub mod work;
pub mod worker;
