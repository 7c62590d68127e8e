//! The gateway end to end: webhooks that a stand-in for Benchling signs, the gateway with the chart's own rights, a real API server, a strict
//! AWS stand-in and its journal. Benchling's own SDK judges beside it.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test gateway`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

mod apps;
mod delivery;
mod hostile;
mod keys;
mod kill;
mod sdk;
mod stage;
