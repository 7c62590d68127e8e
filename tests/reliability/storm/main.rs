//! Storms: many objects are created, changed and deleted while AWS fails; probe objects show who is delayed. Rows F1 to F6 of the reliability
//! report.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test storm`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod journal_checks;
mod outages;
mod partial_answers;
mod probe_objects;
mod refused_calls;
mod scenario;
mod workload;
