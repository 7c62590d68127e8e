//! Benchling subscriptions end to end: partner event sources, the objects of a subscription, and the events that arrive.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test subscription`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod delivery;
mod event_source;
mod lifecycle;
mod replay;
mod tenants;
