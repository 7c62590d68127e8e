//! `tributary sync` end to end, as a process: Benchling's entities in tables of a real PostgreSQL, and backfills of events.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test sync`. With `TRIBUTARY_FORM=whole`, 10,000 webhooks go the whole way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc, unreachable_pub)]

mod backfill {
    mod delivery;
    mod failover;
    mod fixture;
    mod lifecycle;
    mod obstacles;
}
mod configuration;
mod dev_webhook {
    mod delivery;
    mod fixture;
}
mod rows;
mod sync_errors;
mod table;
mod traces;
mod unprocessable_messages;
mod webhook_to_row;
