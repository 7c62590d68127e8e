//! Commands that read a cluster and AWS, as processes: a real API server, a strict AWS stand-in and the journal of its calls, which shows that
//! they write nothing.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test commands`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_pass_by_value, unreachable_pub)]

mod dlq;
mod doctor;
mod import;
mod json_output;
mod not_arrived;
mod plan;
mod trace;
mod tree;
mod ui;
