//! `BenchlingBackfill`s. A claim in the status lets one replica run a backfill at a time. Each call that AWS accepted is in the status
//! before the next call, so that a replica that takes over repeats one call at most.

mod checkpoint_store;
mod claim;
mod progress;
mod refused;
mod resolve;
mod worker;

pub(crate) use worker::BackfillWorker;
