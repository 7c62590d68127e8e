//! The webhook gateway end to end: webhooks signed by a stand-in for Benchling, the gateway with the rights of the chart, a strict AWS stand-in
//! and the journal of its calls. Benchling's own SDK verifies the same webhooks.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test gateway`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, unreachable_pub)]

mod app;
mod benchling_sdk;
mod chart;
mod configured_rule;
mod crash;
mod delivery;
mod fixture;
mod signing_keys;
mod untrusted_requests;
