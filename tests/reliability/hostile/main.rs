//! Hostile objects: specs mutated from the CRD schemas, transitions between them, objects that bypass the schema, and the parsers alone.
//!
//! Run by `tests/bed/bed.py run -- cargo test --test hostile`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    unreachable_pub
)]

mod fixture;
mod invalid_values;
mod mutated_specs;
mod mutations;
mod outcome;
mod parsers;
mod schema_bypass;
mod seed_specs;
