//! Isolation of tenants: no field reaches what belongs to another tenant, and no error shows a secret.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test isolation`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod attempts;
mod bus_edits;
mod cross_tenant;
mod edits;
mod edits_table;
mod schema_fields;
mod secret_leaks;
