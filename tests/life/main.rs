//! The life of an object, end to end: the operator with the chart's own rights, a real API server, a strict AWS stand-in and the
//! journal in front of it.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test life`; each test has a namespace, an `AwsAccount` and an AWS account id of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod archives;
mod backbone;
mod backfill;
mod binary;
mod boundaries;
mod bus_policy;
mod identity;
mod order;
mod policies;
mod put_events;
mod replays;
mod silence;
mod sqs;
mod words;
