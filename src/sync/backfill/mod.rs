//! Sync: `BenchlingBackfill`s. One replica at a time works at one, by a claim in its status; each call that AWS accepted is in the status before
//! the next one is made, so that whoever goes on repeats one call at most.

mod held;
mod keeper;
mod resolve;
mod status;
mod worker;

pub use worker::Worker;
