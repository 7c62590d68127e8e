//! Entities of Benchling into real PostgreSQL: the operator makes the queue, the real binary of the worker works it off, the database is the judge.
//! And backfills, which the same binary works off: there the queue behind a rule is.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test sync`. With `TRIBUTARY_FORM=whole` 10,000 webhooks go over the whole path.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod backfills;
mod database;
mod path;
mod poison;
mod rows;
mod trouble;
